/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * backlog.h - what leaves by a virtual interface may land in this CPU's own receive queue, in which packets wait that
 * are to be forwarded (veth whose other end has no ring of its own).  Copies, which are sent before their originals go
 * on, would fill it, and the originals would be dropped there.  So only so many copies may be in it; who comes then
 * is lost and counted.  Nothing tells a program how long that queue is.  But it is a queue: now and then a question
 * joins it, a packet to the stage device's other end with the mark TAP_MARK_CUT, and when its turn comes, tap_answer
 * knows that all that was sent before it is through.
 */
#ifndef FLOWTAP_BACKLOG_H
#define FLOWTAP_BACKLOG_H

#include "maps.h"

#define BACKLOG_LANES 4  /* agencies take turns in them: who has too many does not crowd out the others */
#define BACKLOG_MOST 480 /* of 1,000 places (netdev_max_backlog): most of the others are the originals', */
#define BACKLOG_EACH 160 /* but so many a lane has in any case */
#define BACKLOG_ASK 64   /* so many copies are worth a question */
#define BACKLOG_TICKS 10 /* of the kernel's clock: an answer that is not there by then was lost */

/* Of one CPU.  Numbers of packets, which wrap. */
struct backlog {
	__u32 sent[BACKLOG_LANES];
	__u32 asked[BACKLOG_LANES];   /* sent before the question */
	__u32 through[BACKLOG_LANES]; /* before the last one that was answered */
	__u32 waits;                  /* a question does */
	__u32 zero;
	__u64 tick; /* of it */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct backlog);
} ft_backlog SEC(".maps");

static __always_inline __u32
backlog_length(const struct backlog *b)
{
	__u32 n = 0;

#pragma unroll
	for (int i = 0; i < BACKLOG_LANES; i++)
		n += b->sent[i] - b->through[i];
	return n;
}

static __always_inline void
backlog_ask(struct __sk_buff *skb, struct backlog *b)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u32 mark = skb->mark;

	if (!ctl || b->waits)
		return;
	__builtin_memcpy(b->asked, b->sent, sizeof b->asked);
	b->waits = 1;
	b->tick = bpf_jiffies64();
	skb->mark = TAP_MARK_CUT;
	bpf_clone_redirect(skb, ctl->exit_ifindex, BPF_F_INGRESS);
	skb->mark = mark;
}

/* Room for n packets of that agency.  skb: any packet, of which a clone may become the question.  0; -1: there is
 * none. */
static __noinline int
backlog_take(struct __sk_buff *skb, __u32 agency, __u32 n)
{
	const __u32 zero = 0;
	struct backlog *b = bpf_map_lookup_elem(&ft_backlog, &zero);
	__u32 lane = agency % BACKLOG_LANES, length;

	if (!b)
		return 0;
	length = backlog_length(b);
	if (length + n > BACKLOG_MOST && b->sent[lane] - b->through[lane] + n > BACKLOG_EACH) {
		backlog_ask(skb, b);
		if (bpf_jiffies64() - b->tick < BACKLOG_TICKS)
			return -1;
		__builtin_memcpy(b->through, b->sent, sizeof b->through);
		b->waits = 0;
	}
	b->sent[lane] += n;
	if (length + n >= BACKLOG_ASK)
		backlog_ask(skb, b);
	return 0;
}

/* skb: the question, which joins the queue again if more was sent since. */
static __always_inline void
backlog_answered(struct __sk_buff *skb)
{
	const __u32 zero = 0;
	struct backlog *b = bpf_map_lookup_elem(&ft_backlog, &zero);

	if (!b || !b->waits)
		return;
	__builtin_memcpy(b->through, b->asked, sizeof b->through);
	b->waits = 0;
	if (backlog_length(b))
		backlog_ask(skb, b);
}

#endif
