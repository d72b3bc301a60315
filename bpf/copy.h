/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* copy.h - the copies of a packet that matched: their order, and which way each of them takes. */
#ifndef FLOWTAP_COPY_H
#define FLOWTAP_COPY_H

#include "direct.h"
#include "match.h"

/*
 * Copies of one packet leave in the order in which their criteria were added.  The order in which they
 * were found depends on what others have under the same keys and masks, and would tell of it.
 */
#define ORDER_MAX 256 /* beyond it, which takes several agencies, they leave as they were found */

struct order {
	struct match_out *out;
	__u64 key;
	__u32 at;
	__u32 zero;
};

static __always_inline __u64
order_key(__u32 mark)
{
	__u32 crit = mark >> 1;
	const struct tap_crit *c = bpf_map_lookup_elem(&ft_crit, &crit);

	return c ? c->uid << 1 | (mark & 1) : 0;
}

static long
order_sink(__u32 i, struct order *o)
{
	__u32 to = o->at - 1, before;

	(void)i;
	/* The index itself is compared, also for 0, which wraps: what Linux 6.1 knows of a number it forgets
	 * when one is taken from it. */
	if (to >= ORDER_MAX - 1)
		return 1;
	before = o->out->mark[to];
	if (order_key(before) <= o->key)
		return 1;
	o->out->mark[to + 1] = before;
	o->at = to;
	return 0;
}

static long
order_step(__u32 i, struct order *o)
{
	__u32 at = i + 1, mark;

	if (at >= ORDER_MAX)
		return 1;
	mark = o->out->mark[at];
	o->key = order_key(mark);
	o->at = at;
	bpf_loop(at, order_sink, o, 0);
	if (o->at < ORDER_MAX)
		o->out->mark[o->at] = mark;
	return 0;
}

/* n: copies, more than one.  Not static, so that it is verified once. */
__noinline int
copy_order(__u32 n)
{
	const __u32 zero = 0;
	struct order o = {.out = bpf_map_lookup_elem(&ft_match, &zero)};

	if (o.out && n <= ORDER_MAX)
		bpf_loop(n - 1, order_step, &o, 0);
	return 0;
}

/* Through the stage device, by a queue that other CPUs leave alone.  What is refused here shows as the difference
 * between handed and arrived. */
static __always_inline void
copy_stage(struct match *w, __u32 mark)
{
	struct __sk_buff *skb = w->skb;
	__u32 old_mark = skb->mark, old_queue = skb->queue_mapping, queues = w->ctl->stage_queues;

	count_add(TAP_C_HANDED, w->segs);
	skb->mark = mark;
	skb->queue_mapping = queues ? (__u16)(bpf_get_smp_processor_id() % queues + 1) : 0;
	bpf_clone_redirect(skb, w->ctl->stage_ifindex, 0);
	skb->mark = old_mark;
	skb->queue_mapping = old_queue;
}

static long
copy_one(__u32 i, struct match *w)
{
	__u32 mark, inner;

	if (i >= TAP_COPIES_ALL)
		return 1;
	mark = w->out->mark[i];
	inner = w->pkt.end - w->pkt.l3_off;
	if (w->skb->gso_size)
		inner = w->skb->gso_size + match_train_headers(w->skb, &w->pkt);
	if (!direct_copy(w->skb, mark, inner, w->segs))
		copy_stage(w, mark);
	return 0;
}

static __noinline int
copy_all(struct match *w)
{
	if (w->n == 1)
		return (int)copy_one(0, w);
	copy_order(w->n);
	return (int)bpf_loop(w->n, copy_one, w, 0);
}

#endif
