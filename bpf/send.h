/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * send.h - from a finished outer datagram to the outgoing interface: UDP
 * checksum, route, next hop, pieces.
 *
 * Packets are sent with bpf_clone_redirect and our own reference is dropped: its
 * return code is the only exact word on what the device or its queue refused.
 */
#ifndef FLOWTAP_SEND_H
#define FLOWTAP_SEND_H

#include "backlog.h"
#include "cut.h"
#include "partial.h"

/* The kernel's own, by the names of its type information. */
struct sk_buff___send {
	unsigned int truesize;
} __attribute__((preserve_access_index));

/* The outer datagram in hand. */
struct send {
	struct __sk_buff *skb;
	struct tap_dest *dest;
	const struct tap_ctl *ctl;
	__u32 crit;
	__u32 len;     /* IP length */
	__u32 hlen;    /* IP header length */
	__u32 partial; /* what is inside has a checksum that is still to come */
	__u32 zero;
	struct bpf_fib_lookup fib;
};

/* Of what is still PARTIAL the rest adds up, once its own checksum is there, to what its field says of it now. */
static __always_inline int
send_sum_partial(struct __sk_buff *skb, __u32 off, __u32 *sum)
{
	struct partial p;
	__u16 field;

	if (!partial_find(skb, &p) || p.start < off || bpf_skb_load_bytes(skb, p.at, &field, sizeof field))
		return -1;
	*sum += (__u16)~field;
	return sum_packet(skb, off, p.start - off, sum);
}

/* The UDP checksum over the whole datagram, whose field is still 0.  partial: what is inside is completed later. */
static __noinline int
send_checksum(struct __sk_buff *skb, const struct tap_dest *d, __u32 len, int partial)
{
	__u32 hlen = d->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr), off = ETH_HLEN + hlen;
	struct {
		__be32 len;
		__be32 proto;
	} pseudo = {bpf_htonl(len - hlen), bpf_htonl(IPPROTO_UDP)};
	__u32 addr = d->family == 4 ? 4 : 16, sum;
	__be16 check;

	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)d->src, addr, 0);
	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)d->dst, addr, sum);
	sum = (__u32)bpf_csum_diff(0, 0, (__be32 *)&pseudo, sizeof pseudo, sum);
	if (partial ? send_sum_partial(skb, off, &sum) : sum_packet(skb, off, len - hlen, &sum))
		return -1;
	check = sum_fold(sum);
	return (int)bpf_skb_store_bytes(skb, ETH_HLEN + hlen + offsetof(struct udphdr, check), &check, sizeof check, 0);
}

/* The outer identification of a datagram, or the first of n that follow each other. */
static __noinline __u32
send_next_id(const struct tap_dest *d, __u32 n)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u32 place = d ? d->ids & (TAP_IDS - 1) : 0;
	struct tap_ids *ids = bpf_map_lookup_elem(&ft_ids, &place);

	if (!ctl || !ids)
		return 0;
	if (n <= 1)
		return tap_id(ctl->seed, place, __sync_fetch_and_add(&ids->datagrams, 1));
	return tap_id_block(
	    ctl->seed, place, __sync_fetch_and_add(&ids->blocks, (n + TAP_ID_BLOCK - 1) / TAP_ID_BLOCK));
}

/* Asks the routing table for the way of what came in at ifindex.  len: length to be sent, compared with the MTU. */
static __always_inline long
send_ask(struct __sk_buff *skb, const struct tap_dest *d, __u32 ifindex, __u32 len, struct bpf_fib_lookup *f)
{
	__builtin_memset(f, 0, sizeof *f);
	f->ifindex = ifindex;
	f->l4_protocol = IPPROTO_UDP;
	f->sport = d->sport_be;
	f->dport = d->dport_be;
	f->tot_len = (__u16)len;
	if (d->family == 4) {
		f->family = OWN_AF_INET;
		f->tos = encap_tos();
		f->ipv4_src = *(const __be32 *)d->src;
		f->ipv4_dst = *(const __be32 *)d->dst;
	} else {
		f->family = OWN_AF_INET6;
		f->flowinfo = bpf_htonl((__u32)encap_tos() << 20);
		__builtin_memcpy(f->ipv6_src, d->src, 16);
		__builtin_memcpy(f->ipv6_dst, d->dst, 16);
	}
	return bpf_fib_lookup(skb, f, sizeof *f, 0);
}

/* enum tap_port_state of an interface, 0: nobody has looked at it. */
static __always_inline __u32
send_port(__u32 ifindex)
{
	const struct tap_port *p = bpf_map_lookup_elem(&ft_port, &ifindex);

	return p ? *(volatile const __u32 *)&p->state : 0;
}

/* Whether this machine has no room for what leaves there; an interface that nobody has looked at may be of that kind.
 */
static __always_inline int
send_is_full(struct send *s, __u32 mtu)
{
	__u32 ifindex = s->fib.ifindex, n = mtu ? s->len / mtu + 1 : 1;
	const struct tap_port *p = bpf_map_lookup_elem(&ft_port, &ifindex);

	return (!p || p->state == TAP_PORT_WANTED || p->local) && backlog_take(s->skb, s->dest->agency, n);
}

static __always_inline long
send_route(struct send *s, __u32 len)
{
	return send_ask(s->skb, s->dest, s->ctl->stage_ifindex, len, &s->fib);
}

static __always_inline void
send_hop(const struct send *s, struct bpf_redir_neigh *hop)
{
	__builtin_memset(hop, 0, sizeof *hop);
	hop->nh_family = s->fib.family;
	if (s->fib.family == OWN_AF_INET)
		hop->ipv4_nh = s->fib.ipv4_dst;
	else
		__builtin_memcpy(hop->ipv6_nh, s->fib.ipv6_dst, 16);
}

static __always_inline void
send_counted(struct send *s)
{
	struct tap_count *c = bpf_map_lookup_elem(&ft_count, &s->crit);
	/* Of the destination: the criterion may be deleted by now. */
	struct tap_agency *a = bpf_map_lookup_elem(&ft_agency, &s->dest->agency);

	count_add(TAP_C_COPIES_SENT, 1);
	if (c)
		__sync_fetch_and_add(&c->copies_sent, 1);
	if (a)
		__sync_fetch_and_add(&a->sent, 1);
}

struct send_pieces {
	struct __sk_buff *skb;
	struct cut *cut;
	__u32 exit_ifindex;
	__u32 zero;
};

static long
send_piece(__u32 i, struct send_pieces *p)
{
	p->cut->piece = i;
	p->skb->mark = TAP_MARK_CUT;
	/* The clone is consumed by the egress program, which says in cut->done how it went. */
	bpf_clone_redirect(p->skb, p->exit_ifindex, 0);
	return p->cut->done != i + 1;
}

/* Sends in pieces of at most mtu bytes.  All or nothing counts. */
static __noinline int
send_in_pieces(struct send *s, __u32 mtu, __u32 park)
{
	struct cut *c = cut_state();
	struct send_pieces p = {.skb = s->skb, .cut = c, .exit_ifindex = s->ctl->exit_ifindex};
	__u32 head = s->hlen + (s->dest->family == 6 ? CUT_FRAG_HDR : 0), n;

	if (!c || mtu < head + 8 || s->partial || send_checksum(s->skb, s->dest, s->len, 0))
		return TAP_C_LOST_FRAGMENT;
	c->ifindex = s->fib.ifindex;
	c->mark = 0;
	c->whole = 0;
	c->family = s->dest->family;
	c->chunk = (mtu - head) & ~7u;
	c->total = s->len - s->hlen;
	c->id = send_next_id(s->dest, 1);
	c->park = park != 0;
	c->done = 0;
	send_hop(s, &c->hop);
	n = (c->total + c->chunk - 1) / c->chunk;
	if (n > TAP_PIECES_MAX)
		return TAP_C_LOST_FRAGMENT;
	bpf_loop(n, send_piece, &p, 0);
	c->ifindex = 0;
	if (c->done != n)
		return TAP_C_LOST_FRAGMENT;
	count_add(TAP_C_INFO_FRAGMENTED, 1);
	return 0;
}

static __always_inline int
send_write_macs(struct __sk_buff *skb, const __u8 *dmac, const __u8 *smac)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return -1;
	__builtin_memcpy(eth->h_dest, dmac, 6);
	__builtin_memcpy(eth->h_source, smac, 6);
	return 0;
}

/* Each IPv4 datagram its own identification: it may be cut on its way. */
static __always_inline int
send_number(const struct send *s)
{
	struct iphdr *ip = encap_headers(s->skb, sizeof *ip);

	if (!ip)
		return -1;
	ip->id = bpf_htons((__u16)send_next_id(s->dest, 1));
	ip->check = 0;
	ip->check = encap_ipv4_sum(ip);
	return 0;
}

/* Next hop known: 0 or the counter that says why not. */
static __always_inline int
send_known(struct send *s, __u32 mtu)
{
	if (send_write_macs(s->skb, s->fib.dmac, s->fib.smac))
		return TAP_C_LOST_TX;
	if (mtu)
		return send_in_pieces(s, mtu, 0);
	s->skb->mark = 0;
	return bpf_clone_redirect(s->skb, s->fib.ifindex, 0) ? TAP_C_LOST_TX : 0;
}

/*
 * Whether a copy may wait for its next hop's address.  The kernel keeps about
 * 200 kB for one next hop and silently drops the oldest beyond that: so do we
 * count, and stop before.
 */
static __always_inline int
send_may_park(struct send *s, __u64 now)
{
	const struct sk_buff___send *k = (const void *)s->skb;
	__u32 memory = BPF_CORE_READ(k, truesize);
	struct tap_dest *d = s->dest;

	if (d->unresolved_since_ns == 0 || now - d->probed_ns > TAP_NEIGH_IDLE_NS) {
		d->unresolved_since_ns = now;
		d->parked_bytes = 0;
	}
	if (now - d->unresolved_since_ns > TAP_NEIGH_WAIT_NS || d->parked_bytes + memory > TAP_NEIGH_QUEUE)
		return 0;
	d->parked_bytes += memory;
	d->probed_ns = now;
	return 1;
}

/* A dead next hop is asked again now and then, for which it takes a packet. */
static __always_inline int
send_may_ask(struct tap_dest *d, __u64 now)
{
	if (now - d->probed_ns < TAP_NEIGH_ASK_NS)
		return 0;
	d->probed_ns = now;
	return 1;
}

/* Gives the datagram as it is to the neighbour table.  0 or the counter. */
static __noinline int
send_by_neighbour(struct send *s, __u32 mark)
{
	struct cut *c = cut_state();

	if (!c)
		return TAP_C_LOST_TX;
	c->ifindex = s->fib.ifindex;
	c->mark = mark;
	c->park = c->whole = 1;
	c->done = 0;
	send_hop(s, &c->hop);
	s->skb->mark = TAP_MARK_CUT;
	bpf_clone_redirect(s->skb, s->ctl->exit_ifindex, 0);
	c->ifindex = 0;
	return c->done ? 0 : TAP_C_LOST_TX;
}

/* Through the neighbour table, which asks for the address if need be. */
static __always_inline int
send_park(struct send *s, __u32 mtu)
{
	return mtu ? send_in_pieces(s, mtu, 1) : send_by_neighbour(s, 0);
}

static __always_inline int
send_unresolved(struct send *s, __u32 mtu, __u64 now)
{
	int lost;

	if (send_may_park(s, now)) {
		lost = send_park(s, mtu);
		if (!lost)
			count_add(TAP_C_INFO_NEIGH_PENDING, 1);
		return lost;
	}
	/* Counted as lost even if it is let through to ask. */
	if (send_may_ask(s->dest, now))
		send_park(s, mtu);
	return TAP_C_LOST_NO_NEIGHBOUR;
}

/*
 * The kernel confirms an old entry of the neighbour table only if a packet uses it, which ours don't.  A copy
 * would do, but nobody says whether the interface then took it.  So what is left of a copy that was sent goes
 * there, with a question for its end: the kernel asks the next hop, and tap_out, which knows the question by words
 * that nobody else can write, takes it away before it leaves.
 */
#define SEND_QUESTION_LEN 8
#define SEND_QUESTION_SHORT 200 /* bytes of the packet, if it can be so short: less memory while it waits */

static __always_inline __u64
send_question_words(const struct tap_ctl *ctl)
{
	return tap_mix(tap_mix(ctl->seed, TAP_MARK_QUESTION), ~ctl->seed);
}

static __always_inline void
send_question(struct send *s)
{
	__u64 words = send_question_words(s->ctl);

	if (s->skb->len > SEND_QUESTION_SHORT)
		bpf_skb_change_tail(s->skb, SEND_QUESTION_SHORT, 0);
	if (bpf_skb_store_bytes(s->skb, s->skb->len - SEND_QUESTION_LEN, &words, SEND_QUESTION_LEN, 0) == 0)
		send_by_neighbour(s, TAP_MARK_QUESTION);
}

/* Whether a packet that leaves is a question. */
static __noinline int
send_is_question(struct __sk_buff *skb)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u64 words = 0;

	return ctl && skb->len > SEND_QUESTION_LEN &&
	       bpf_skb_load_bytes(skb, skb->len - SEND_QUESTION_LEN, &words, sizeof words) == 0 &&
	       words == send_question_words(ctl);
}

static __always_inline int
send_resolved(struct send *s, __u32 mtu, __u64 now)
{
	struct tap_dest *d = s->dest;
	int due, lost;

	if (d->unresolved_since_ns)
		d->unresolved_since_ns = 0;
	if (d->probed_ns == 0)
		d->probed_ns = now;
	due = now - d->probed_ns > TAP_NEIGH_CHECK_NS;
	if (due)
		d->probed_ns = now;
	if (due && send_port(s->fib.ifindex) < TAP_PORT_STAGE) {
		count_add(TAP_C_INFO_NEIGH_PENDING, 1);
		return send_park(s, mtu);
	}
	lost = send_known(s, mtu);
	if (due)
		send_question(s);
	return lost;
}

/* Whatever checksums are missing.  An interface that takes copies directly has those inside completed. */
static __always_inline int
send_sums(struct send *s)
{
	int later = s->partial && send_port(s->fib.ifindex) >= TAP_PORT_READY;

	if (s->partial && !later && partial_fill(s->skb))
		return -1;
	return s->dest->family == 6 ? send_checksum(s->skb, s->dest, s->len, later) : 0;
}

/* The whole way of a datagram.  0 or the counter. */
static __always_inline int
send_datagram(struct send *s)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 mtu = 0;
	long rc;

	if (s->dest->family == 4 ? send_number(s) : 0)
		return TAP_C_LOST_TX;
	rc = send_route(s, s->len);
	if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		mtu = s->fib.mtu_result;
		rc = send_route(s, mtu);
	} else if (send_sums(s))
		return TAP_C_LOST_TX;
	/* A way back into the stage device is none, and its queue may be locked by this CPU. */
	if (s->fib.ifindex == s->ctl->stage_ifindex || s->fib.ifindex == s->ctl->exit_ifindex)
		return TAP_C_LOST_NO_ROUTE;
	if (send_is_full(s, mtu))
		return TAP_C_LOST_TX;
	if (rc == BPF_FIB_LKUP_RET_SUCCESS)
		return send_resolved(s, mtu, now);
	if (rc == BPF_FIB_LKUP_RET_NO_NEIGH)
		return send_unresolved(s, mtu, now);
	return TAP_C_LOST_NO_ROUTE;
}

#endif
