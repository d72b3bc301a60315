/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * stage.h - the stage device: a pair of virtual Ethernet ends that nothing ever passes.  What is handed to the
 * first one is taken by a program on its way in: it becomes a datagram and leaves, within that call.  So no
 * interface, no queueing discipline and no softirq counts it, and nobody who may look at their figures learns that
 * there was a copy.
 *
 * A segment train has to be cut first, which only the kernel can: the end has a queueing discipline that does it
 * (src/flowtapd/stage.c), whose filter, tap_segment, takes each segment as soon as it is there; none is queued.
 * Where the kernel has no such discipline, or somebody took it or its filter away, the end, which can do nothing
 * by itself, gets the segments cut, and they pass it: the other end's program, tap_answer, takes them there.  Then
 * figures tell that there was a copy, but none is lost.
 * Without our programs what was handed over ends there, at the discipline or in the other end, where nobody
 * listens.
 */
#ifndef FLOWTAP_STAGE_H
#define FLOWTAP_STAGE_H

#include "send.h"

static __always_inline int
stage_encap(struct send *s)
{
	int lost = (int)encap_bare(s->skb), partial;

	if (lost)
		return lost;
	partial = partial_complete(s->skb);
	if (partial < 0)
		return TAP_C_LOST_ENCAP;
	s->partial = partial != 0;
	lost = (int)encap_wrap(s->skb, s->dest, 0); /* send_datagram numbers them */
	return lost == ENCAP_STAGE ? TAP_C_LOST_ENCAP : lost;
}

/* One packet as it was on the wire, on its whole way; what is left of it is the caller's to drop. */
static __noinline int
stage_copy(struct __sk_buff *skb)
{
	const __u32 zero = 0;
	struct send s = {.skb = skb, .crit = skb->mark >> 1};
	int lost = TAP_C_LOST_GONE_OUT;

	s.ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	if (!s.ctl)
		return 0;
	s.dest = encap_dest(skb->mark);
	if (s.dest)
		lost = stage_encap(&s);
	if (!s.dest || lost) {
		count_add((__u32)lost, 1);
		return 0;
	}
	count_add(TAP_C_ARRIVED, 1);
	encap_priority(skb);
	s.hlen = s.dest->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	s.len = skb->len - ETH_HLEN;
	lost = send_datagram(&s);
	if (lost)
		count_add((__u32)lost, 1);
	else
		send_counted(&s);
	return 0;
}

#endif
