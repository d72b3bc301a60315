/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * partial.h - completes a packet's own checksum.  A sender on this machine leaves it to the outgoing
 * interface (CHECKSUM_PARTIAL): the field holds the sum of the pseudo header, and the kernel remembers where the
 * sum begins and where it goes.  No helper completes it.  So it is computed here, and then the kernel has to forget
 * that it is due, else it would be added once more on the way: it does when the header in which the sum begins is
 * cut off (skb_postpull_rcsum), and what was cut off is then put back.
 */
#ifndef FLOWTAP_PARTIAL_H
#define FLOWTAP_PARTIAL_H

#include <bpf/bpf_core_read.h>

#include "parse.h"
#include "sum.h"

#define PARTIAL_CHECKSUM 3 /* CHECKSUM_PARTIAL of the kernel's skbuff.h */
#define PARTIAL_CUT 240    /* bytes behind the Ethernet header that are cut off for a moment */
#define PARTIAL_LEFT 64    /* what has to be left then: a network header */

/* The kernel's own, by the names of its type information; programs know it as struct __sk_buff. */
struct sk_buff___partial {
	unsigned char *head, *data;
	__u16 csum_start, csum_offset;
	__u8 ip_summed : 2;
} __attribute__((preserve_access_index));

/* Where the sum begins, and where it goes: offsets from the Ethernet header on. */
struct partial {
	__u32 start, at;
};

/* 1: the checksum is due. */
static __always_inline int
partial_find(struct __sk_buff *skb, struct partial *p)
{
	const struct sk_buff___partial *k = (const void *)skb;

	if (BPF_CORE_READ_BITFIELD_PROBED(k, ip_summed) != PARTIAL_CHECKSUM)
		return 0;
	p->start = BPF_CORE_READ(k, csum_start) - (__u32)(BPF_CORE_READ(k, data) - BPF_CORE_READ(k, head));
	p->at = p->start + BPF_CORE_READ(k, csum_offset);
	return 1;
}

static __always_inline int
partial_write(struct __sk_buff *skb, const struct partial *p)
{
	__u32 sum = 0;
	__be16 check;

	if (p->start > skb->len || sum_packet(skb, p->start, skb->len - p->start, &sum))
		return -1;
	check = sum_fold(sum);
	return (int)bpf_skb_store_bytes(skb, p->at, &check, sizeof check, 0);
}

static __always_inline int
partial_forget(struct __sk_buff *skb, __u32 len)
{
	struct sum_bytes *buf = sum_buffer();

	_Static_assert(PARTIAL_CUT <= sizeof *buf, "they are put aside there");
	if (!buf || bpf_skb_load_bytes(skb, ETH_HLEN, buf, PARTIAL_CUT) ||
	    bpf_skb_adjust_room(skb, -PARTIAL_CUT, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_adjust_room(skb, PARTIAL_CUT, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, buf, PARTIAL_CUT, 0))
		return -1;
	return (int)bpf_skb_change_tail(skb, len, 0);
}

/*
 * Of a packet without tags, and no train.  0: its checksum is in place, as far as anybody asked for one; 1: not, since
 * the packet is in a tunnel of a sender on this machine, of which the kernel forgets nothing; -1.
 */
static __noinline int
partial_complete(struct __sk_buff *skb)
{
	__u32 len = skb->len;
	struct partial p;

	if (!partial_find(skb, &p))
		return 0;
	/* Long enough for what is cut off, if it is a short one. */
	if (bpf_skb_change_tail(skb, len + PARTIAL_CUT + PARTIAL_LEFT, 0))
		return 1;
	if (p.start < ETH_HLEN || p.start >= ETH_HLEN + PARTIAL_CUT || partial_forget(skb, len))
		return -1;
	return partial_write(skb, &p);
}

/* For an interface that hands packets over as they are: the checksum is there, and the kernel believes that it is
 * still to come. */
static __noinline int
partial_fill(struct __sk_buff *skb)
{
	struct partial p;

	return partial_find(skb, &p) ? partial_write(skb, &p) : 0;
}

#endif
