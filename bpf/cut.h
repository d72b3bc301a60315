/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * cut.h - outer fragments, and what goes through the neighbour table.  stage_copy holds a finished datagram
 * that is too big; a program can shorten a packet but not copy a part of it, so for each piece it hands a
 * clone to the stage device's other end, whose egress program, tap_cut, cuts the piece out and sends it on,
 * all within that call.  Only a program's verdict gives a packet to the neighbour table, and where
 * stage_copy runs there is no such verdict: so tap_cut does that, too.  struct cut is how they talk: one per CPU,
 * valid during the call.
 *
 * The other end, because the queue of the first one may be locked by this very CPU (stage.h).
 *
 * (The kernel's own fragmentation is out of reach: it would mean to let the copy
 * be routed by the host, through its firewall and NAT.)
 */
#ifndef FLOWTAP_CUT_H
#define FLOWTAP_CUT_H

#include "encap.h"

#define CUT_FRAG_HDR 8       /* IPv6 fragment header */
#define CUT_SHRINK_MAX 4088u /* adjust_room takes off 4095 bytes at once */

struct cut {
	__u32 ifindex; /* where the piece goes; 0: nothing is to be done */
	__u32 mark;    /* of what leaves */
	__u32 id;      /* identification, host order */
	__u32 chunk;   /* payload of all pieces but the last, a multiple of 8 */
	__u32 total;   /* payload of the datagram */
	__u32 piece;   /* which one, from 0 */
	__u32 done;    /* pieces the outgoing device took */
	__u8 family;
	__u8 park;  /* through the neighbour table, to `hop` */
	__u8 whole; /* not a piece but the datagram as it is */
	__u8 zero;
	struct bpf_redir_neigh hop;
};

struct cut_frag {
	__u8 next, zero;
	__be16 offset;
	__be32 id;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cut);
} ft_cut SEC(".maps");

static __always_inline struct cut *
cut_state(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&ft_cut, &zero);
}

/* Takes n bytes off behind the network header. */
static __always_inline int
cut_shrink(struct __sk_buff *skb, __u32 n)
{
	for (int i = 0; i < 17; i++) {
		__u32 step = n > CUT_SHRINK_MAX ? CUT_SHRINK_MAX : n;

		if (n == 0)
			return 0;
		if (bpf_skb_adjust_room(skb, -(__s32)step, BPF_ADJ_ROOM_NET, 0))
			return -1;
		n -= step;
	}
	return n != 0;
}

static __always_inline int
cut_write4(struct __sk_buff *skb, const struct cut *c, __u32 off, __u32 len)
{
	struct iphdr *ip = encap_headers(skb, sizeof *ip);

	if (!ip)
		return -1;
	ip->tot_len = bpf_htons((__u16)(sizeof *ip + len));
	ip->id = bpf_htons((__u16)c->id);
	ip->frag_off = bpf_htons((__u16)(off >> 3 | (off + len < c->total ? IP_MF : 0)));
	ip->check = 0;
	ip->check = encap_ipv4_sum(ip);
	return 0;
}

static __always_inline int
cut_write6(struct __sk_buff *skb, const struct cut *c, __u32 off, __u32 len)
{
	const __u32 head = sizeof(struct ipv6hdr) + sizeof(struct cut_frag);
	struct ipv6hdr *ip;
	struct cut_frag *f;

	/* What is behind the network header may lie elsewhere. */
	if (bpf_skb_pull_data(skb, ETH_HLEN + head))
		return -1;
	ip = encap_headers(skb, head);
	if (!ip)
		return -1;
	ip->payload_len = bpf_htons((__u16)(sizeof *f + len));
	ip->nexthdr = IPPROTO_FRAGMENT;
	f = (void *)(ip + 1);
	f->next = IPPROTO_UDP;
	f->zero = 0;
	f->offset = bpf_htons((__u16)(off | (off + len < c->total)));
	f->id = bpf_htonl(c->id);
	return 0;
}

/* Leaves in *skb only the piece, with its header. */
static __always_inline int
cut_piece(struct __sk_buff *skb, const struct cut *c)
{
	__u32 hlen = c->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	__u32 off = c->piece * c->chunk, len = c->chunk;

	if (off >= c->total)
		return -1;
	if (len > c->total - off)
		len = c->total - off;
	if (off + len < c->total && bpf_skb_change_tail(skb, ETH_HLEN + hlen + off + len, 0))
		return -1;
	if (c->family == 4)
		return cut_shrink(skb, off) || cut_write4(skb, c, off, len);
	if (off == 0) {
		if (bpf_skb_adjust_room(skb, CUT_FRAG_HDR, BPF_ADJ_ROOM_NET, 0))
			return -1;
	} else if (cut_shrink(skb, off - CUT_FRAG_HDR))
		return -1;
	return cut_write6(skb, c, off, len);
}

/* This clone becomes a piece and goes on.  The verdict on the clone. */
static __always_inline int
cut_and_send(struct __sk_buff *skb)
{
	struct cut *c = cut_state();

	if (!c || c->ifindex == 0 || (!c->whole && cut_piece(skb, c)))
		return TAP_DROP;
	skb->mark = c->mark;
	if (c->park) {
		c->done++;
		return (int)bpf_redirect_neigh(c->ifindex, &c->hop, sizeof c->hop, 0);
	}
	if (bpf_clone_redirect(skb, c->ifindex, 0) == 0)
		c->done++;
	return TAP_DROP;
}

#endif
