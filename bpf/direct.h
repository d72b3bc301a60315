/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * direct.h - the short way of a copy: from tap_ingress straight to the outgoing interface, whose egress
 * program, tap_out, adds the outer header.  It is taken where an interface's own driver, or the kernel on
 * its behalf, puts on the wire exactly what the packet says (enum tap_port_state); everything else, and
 * whatever is out of the ordinary (no next hop, too big, IPv6 trains), goes through the stage device.
 *
 * tap_out has to know our copy from all else that leaves there.  A mark would not do: others set marks.
 * So tap_ingress says in a word of this CPU that the next packet is its copy (struct direct), hands it
 * over, and takes the word back: the kernel runs tap_out within that very call.
 */
#ifndef FLOWTAP_DIRECT_H
#define FLOWTAP_DIRECT_H

#include "own.h"
#include "send.h"

#define DIRECT_STAGE ENCAP_STAGE /* not lost, but this one has to go through the stage device */
#define DIRECT_HOPS 1024         /* destinations whose way is known at a time, on one CPU */

/* The way to a destination, asked of the routing table once a tick of the kernel's clock (1 to 10 ms). */
struct direct_hop {
	__u64 tick;
	__u32 dest;    /* index; 0: none */
	__u32 ifindex; /* 0: not by this way */
	__u32 mtu;
	__u8 dmac[6], smac[6];
	__u32 port;  /* enum tap_port_state */
	__u32 local; /* as in struct tap_port */
	__u32 zero;
};

struct direct {
	__u32 dest; /* of the copy that is handed over just now; 0: none, or tap_out has it */
	__u32 lost; /* what tap_out says: 0, the counter, or DIRECT_STAGE */
	__u32 segs;
	__u32 zero;
	struct direct_hop hop; /* of that copy */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DIRECT_HOPS);
	__type(key, __u32);
	__type(value, struct direct_hop);
} ft_hop SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct direct);
} ft_direct SEC(".maps");

/* ---- the way ---- */

/* What is known of the interface; if nobody has looked at it yet, the dataplane will. */
static __always_inline void
direct_port(__u32 ifindex, struct direct_hop *h)
{
	struct tap_port wanted = {.state = TAP_PORT_WANTED}, *p = bpf_map_lookup_elem(&ft_port, &ifindex);

	h->port = 0;
	if (!p) {
		bpf_map_update_elem(&ft_port, &ifindex, &wanted, BPF_NOEXIST);
		return;
	}
	p->idle = 0;
	h->port = *(volatile __u32 *)&p->state;
	h->local = p->local;
}

/* The next hop must be known, and need no confirmation: that is send_resolved's business. */
static __always_inline int
direct_hop_known(struct tap_dest *d)
{
	__u64 now = bpf_ktime_get_ns();

	if (d->unresolved_since_ns)
		d->unresolved_since_ns = 0;
	if (d->probed_ns == 0)
		d->probed_ns = now;
	return now - d->probed_ns <= TAP_NEIGH_CHECK_NS;
}

static __noinline int
direct_find(struct __sk_buff *skb, struct tap_dest *d, struct direct_hop *h)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	struct bpf_fib_lookup f;

	h->ifindex = 0;
	if (!ctl)
		return 0;
	/* One byte fits everywhere: the answer is the MTU. */
	if (send_ask(skb, d, ctl->stage_ifindex, 1, &f) != BPF_FIB_LKUP_RET_SUCCESS || !direct_hop_known(d))
		return 0;
	direct_port(f.ifindex, h);
	if (h->port < TAP_PORT_READY)
		return 0;
	h->mtu = f.mtu_result;
	__builtin_memcpy(h->dmac, f.dmac, 6);
	__builtin_memcpy(h->smac, f.smac, 6);
	h->ifindex = f.ifindex;
	return 0;
}

static __always_inline struct direct_hop *
direct_way(struct __sk_buff *skb, __u32 dest, struct tap_dest *d)
{
	__u32 at = dest % DIRECT_HOPS;
	struct direct_hop *h = bpf_map_lookup_elem(&ft_hop, &at);
	__u64 tick = bpf_jiffies64();

	if (!h)
		return 0;
	if (h->dest != dest || h->tick != tick) {
		h->dest = dest;
		h->tick = tick;
		direct_find(skb, d, h);
	}
	return h->ifindex ? h : 0;
}

/* ---- tap_ingress's side ---- */

/* Whether the packet's own checksum is in place: its sender on this machine may have left it to the
 * outgoing interface.  Said by the interface it came in by; nothing said is no. */
static __always_inline int
direct_summed(struct __sk_buff *skb)
{
	return bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0 || bpf_csum_update(skb, 0) >= 0;
}

/* inner: bytes of the packet, or of each segment of a train. */
static __always_inline int
direct_fits(struct __sk_buff *skb, const struct tap_dest *d, const struct direct_hop *h, __u32 inner)
{
	if (skb->gso_size && h->port != TAP_PORT_TRAINS)
		return 0;
	/* The outer checksum of IPv6 covers all that is inside, for each segment of a train. */
	if (d->family == 6 && (skb->gso_size || !direct_summed(skb)))
		return 0;
	return inner + (d->family == 4 ? ENCAP_IPV4_LEN : ENCAP_IPV6_LEN) <= h->mtu;
}

/* Where the interface has no program of ours any more, what just left was not encapsulated: at once no more. */
static __noinline int
direct_astray(struct direct_hop *h)
{
	__u32 ifindex = h->ifindex;
	struct tap_port *p = bpf_map_lookup_elem(&ft_port, &ifindex);

	h->ifindex = 0;
	if (p)
		p->state = TAP_PORT_WANTED;
	return 0;
}

static __always_inline void
direct_account(__u32 crit, struct tap_dest *d, __u32 lost, __u32 segs)
{
	struct tap_count *c = bpf_map_lookup_elem(&ft_count, &crit);
	struct tap_agency *a = bpf_map_lookup_elem(&ft_agency, &d->agency);

	if (lost) {
		/* As if it had been lost on its way into the stage device: then the sums in abi.h hold. */
		if (lost <= TAP_C_LOST_TOO_BIG)
			count_add(TAP_C_HANDED, segs);
		count_add(lost, segs);
		return;
	}
	count_add(TAP_C_COPIES_SENT, segs);
	if (c)
		__sync_fetch_and_add(&c->copies_sent, segs);
	if (a)
		__sync_fetch_and_add(&a->sent, segs);
}

/* Hands over a copy.  0, the counter that says why it is lost, or DIRECT_STAGE. */
static __always_inline int
direct_hand(struct __sk_buff *skb, struct direct *now, struct direct_hop *h, __u32 dest, __u32 segs)
{
	long rc;

	now->hop = *h;
	now->segs = segs;
	now->lost = TAP_C_LOST_TX;
	now->dest = dest;
	rc = bpf_clone_redirect(skb, h->ifindex, 0);
	if (now->dest) {
		now->dest = 0;
		direct_astray(h);
		return TAP_C_LOST_TX;
	}
	return rc == 0 || now->lost ? (int)now->lost : TAP_C_LOST_TX;
}

/* 0: this copy has to go through the stage device; 1: it is sent, or counted as lost. */
static __always_inline int
direct_copy(struct __sk_buff *skb, __u32 mark, __u32 inner, __u32 segs)
{
	const __u32 zero = 0;
	struct direct *now = bpf_map_lookup_elem(&ft_direct, &zero);
	__u32 crit = mark >> 1, dest;
	const struct tap_crit *c = bpf_map_lookup_elem(&ft_crit, &crit);
	struct direct_hop *h;
	struct tap_dest *d;
	int lost;

	if (!now || !c)
		return 0;
	dest = *(volatile const __u32 *)&c->dest[mark & 1];
	d = dest ? bpf_map_lookup_elem(&ft_dest, &dest) : 0;
	if (!d || !d->family)
		return 0;
	h = direct_way(skb, dest, d);
	if (!h || !direct_fits(skb, d, h, inner))
		return 0;
	lost = h->local && backlog_take(skb, d->agency, segs) ? TAP_C_LOST_TX : direct_hand(skb, now, h, dest, segs);
	if (lost == DIRECT_STAGE)
		return 0;
	direct_account(crit, d, (__u32)lost, segs);
	return 1;
}

/* ---- tap_out's side ---- */

static __always_inline int
direct_checksum6(struct __sk_buff *skb, const struct tap_dest *d)
{
	return send_checksum(skb, d, skb->len - ETH_HLEN, 0);
}

/* Our copy on its way into the outgoing interface's queue.  0 or the counter that says why it is lost. */
static __always_inline int
direct_out(struct __sk_buff *skb, struct direct *now, struct tap_dest *d)
{
	__u16 id = d->family == 4 ? (__u16)send_next_id(d, now->segs) : 0;
	int lost = (int)encap_bare(skb);

	if (!lost)
		lost = (int)encap_wrap(skb, d, id);
	if (lost)
		return lost;
	if (d->family == 6 && direct_checksum6(skb, d))
		return TAP_C_LOST_TX;
	return send_write_macs(skb, now->hop.dmac, now->hop.smac) ? TAP_C_LOST_TX : 0;
}

#endif
