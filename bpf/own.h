/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * own.h - traffic of the tap itself, which is never tapped: a copy that comes
 * back would be copied again, and our SSH carries the targets.  Asked only after
 * a match, so that other packets do not pay for it.
 */
#ifndef FLOWTAP_OWN_H
#define FLOWTAP_OWN_H

#include "parse.h"

#define OWN_AF_INET 2
#define OWN_AF_INET6 10

enum own_kind { OWN_UNKNOWN, OWN_NO, OWN_COPY, OWN_SSH };

static __always_inline void
own_key(const struct packet *p, struct tap_own *k)
{
	__builtin_memset(k, 0, sizeof *k);
	k->family = p->family;
	if (p->family == 4) {
		*(__be32 *)k->src = p->src4;
		*(__be32 *)k->dst = p->dst4;
	} else {
		__builtin_memcpy(k->src, p->src6, 16);
		__builtin_memcpy(k->dst, p->dst6, 16);
	}
}

/* A copy by its outer header; of a later fragment only the addresses are known. */
static __always_inline int
own_is_copy(const struct packet *p, const struct tap_ctl *ctl)
{
	struct tap_own k;
	__u32 bit;

	if (p->proto != IPPROTO_UDP)
		return 0;
	own_key(p, &k);
	if (!(p->flags & PKT_FRAG_LATER)) {
		if (!(p->flags & PKT_PORTS))
			return 0;
		k.sport_be = p->sport_be;
		k.dport_be = p->dport_be;
		bit = tap_own_bit(&k);
		if (!(ctl->own[bit / 64] >> (bit % 64) & 1))
			return 0;
	}
	return bpf_map_lookup_elem(&ft_own, &k) != 0;
}

/* The packet that an ICMP error quotes, without options or extension headers: ours have none
 * but the fragment header. */
static __always_inline int
own_quoted(struct __sk_buff *skb, const struct packet *p, struct packet *q)
{
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
	} ip;

	q->family = p->family;
	q->l3_off = p->l4_off + 8;
	if (p->family == 4) {
		if (bpf_skb_load_bytes(skb, q->l3_off, &ip.v4, sizeof ip.v4))
			return -1;
		q->src4 = ip.v4.saddr;
		q->dst4 = ip.v4.daddr;
		q->proto = ip.v4.protocol;
		q->l4_off = q->l3_off + sizeof ip.v4;
		if (ip.v4.frag_off & bpf_htons(IP_OFFSET))
			q->flags = PKT_FRAG_LATER;
	} else {
		if (bpf_skb_load_bytes(skb, q->l3_off, &ip.v6, sizeof ip.v6))
			return -1;
		__builtin_memcpy(q->src6, &ip.v6.saddr, 16);
		__builtin_memcpy(q->dst6, &ip.v6.daddr, 16);
		q->proto = ip.v6.nexthdr;
		q->l4_off = q->l3_off + sizeof ip.v6;
		if (q->proto == IPPROTO_FRAGMENT)
			parse_ext(skb, q);
	}
	if (!(q->flags & PKT_FRAG_LATER))
		parse_l4(skb, q);
	return 0;
}

static __always_inline int
own_is_error(const struct packet *p)
{
	if (!(p->flags & PKT_ICMP))
		return 0;
	if (p->family == 6)
		return p->itype >= 1 && p->itype <= 4;
	return p->itype == 3 || p->itype == 4 || p->itype == 5 || p->itype == 11 || p->itype == 12;
}

/* Whether the routing table has no way to forward the packet.  Asked from the stage device, where forwarding is
 * always on. */
static __always_inline int
own_is_unrouted(struct __sk_buff *skb, const struct packet *p, __u32 stage_ifindex)
{
	struct bpf_fib_lookup f = {.ifindex = stage_ifindex, .l4_protocol = IPPROTO_TCP};

	if (p->family == 4) {
		f.family = OWN_AF_INET;
		f.ipv4_src = p->src4;
		f.ipv4_dst = p->dst4;
	} else {
		f.family = OWN_AF_INET6;
		__builtin_memcpy(f.ipv6_src, p->src6, 16);
		__builtin_memcpy(f.ipv6_dst, p->dst6, 16);
	}
	return bpf_fib_lookup(skb, &f, sizeof f, 0) == BPF_FIB_LKUP_RET_NOT_FWDED;
}

/* An error goes to whom the packet was from; else somebody else's traffic could pass for an error about ours. */
static __always_inline int
own_goes_back(const struct packet *p, const struct packet *q)
{
	if (p->family == 4)
		return p->dst4 == q->src4;
	return ((__u64 *)p->dst6)[0] == ((__u64 *)q->src6)[0] && ((__u64 *)p->dst6)[1] == ((__u64 *)q->src6)[1];
}

/* The quoted packet, for which the stack has no room. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} ft_quoted SEC(".maps");

__noinline int
own_error_quotes_copy(struct __sk_buff *skb, const struct packet *p)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	struct packet *q = bpf_map_lookup_elem(&ft_quoted, &zero);

	if (!ctl || !q || !p)
		return 0;
	__builtin_memset(q, 0, sizeof *q);
	q->end = skb->len;
	return own_quoted(skb, p, q) == 0 && own_goes_back(p, q) && own_is_copy(q, ctl);
}

/* Whether it is for one of this router's own addresses. */
static __always_inline int
own_is_local(const struct packet *p)
{
	struct tap_local k = {.family = p->family};

	if (p->family == 4)
		*(__be32 *)k.addr = p->dst4;
	else
		__builtin_memcpy(k.addr, p->dst6, 16);
	return bpf_map_lookup_elem(&ft_local, &k) != 0;
}

#define OWN_LISTEN 10 /* TCP_LISTEN of struct bpf_sock.state */

/* The state of this machine's socket for a TCP packet, as the kernel will find it: by the packet's own routing
 * instance.  0: there is none. */
static __always_inline __u32
own_socket(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_sock_tuple t = {};
	__u32 len = sizeof t.ipv4, state;
	struct bpf_sock *sk;

	if (p->family == 4) {
		t.ipv4.saddr = p->src4;
		t.ipv4.daddr = p->dst4;
		t.ipv4.sport = p->sport_be;
		t.ipv4.dport = p->dport_be;
	} else {
		__builtin_memcpy(t.ipv6.saddr, p->src6, 16);
		__builtin_memcpy(t.ipv6.daddr, p->dst6, 16);
		t.ipv6.sport = p->sport_be;
		t.ipv6.dport = p->dport_be;
		len = sizeof t.ipv6;
	}
	sk = bpf_skc_lookup_tcp(skb, &t, len, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	state = sk->state;
	bpf_sk_release(sk);
	return state;
}

/*
 * Whether a packet to our sshd's port is for our sshd: to an address of this router, and there is a socket.  An address
 * by which a whole network is this router's (a route of type local) is no interface's; of such a one the connection
 * tells, once there is one, and the routing table: a proxy that takes what is for others has such connections, too.
 */
__noinline int
own_is_ssh(struct __sk_buff *skb, const struct packet *p)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u32 state;

	if (!ctl || !p)
		return 0;
	state = own_socket(skb, p);
	if (!state)
		return 0;
	return own_is_local(p) || (state != OWN_LISTEN && own_is_unrouted(skb, p, ctl->stage_ifindex));
}

static __always_inline enum own_kind
own_classify(struct __sk_buff *skb, const struct packet *p, const struct tap_ctl *ctl)
{
	if (own_is_copy(p, ctl))
		return OWN_COPY;
	if (own_is_error(p) && own_error_quotes_copy(skb, p))
		return OWN_COPY;
	if (p->proto == IPPROTO_TCP && p->flags & PKT_PORTS && ctl->ssh_port &&
	    p->dport_be == bpf_htons(ctl->ssh_port) && own_is_ssh(skb, p))
		return OWN_SSH;
	return OWN_NO;
}

#endif
