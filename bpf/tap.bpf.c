/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * tap.bpf.c - the programs.  docs/architecture.md, section 3, tells the way a
 * copy takes through them.
 */
#include "match.h"
#include "send.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- tap_ingress: tcx ingress of a tapped interface ---- */

/*
 * Each CPU and lane has TAP_STAGE_QUEUES of the stage device's queues, each with a
 * receive ring of 256 frames, and goes on to the next after TAP_BURST frames: so that
 * the trains of one softirq round fit, and, since a ring is emptied 64 frames at a
 * time in the order in which the rings were filled, stay in order.
 *
 * An agency's copies are in one lane.  Whose copies are too many fills the rings of
 * that lane, and rings are emptied in turn: what others lose is not by that agency.
 */
#define TAP_BURST 48

static __always_inline __u16
ingress_queue(struct match_out *out, const struct tap_ctl *ctl, __u32 segs, __u32 mark)
{
	__u32 queues = ctl->stage_queues, crit = mark >> 1, queue, lane;
	const struct tap_crit *c = bpf_map_lookup_elem(&ft_crit, &crit);

	lane = c ? c->agency % TAP_STAGE_LANES : 0;
	if (out->burst[lane] + segs > TAP_BURST) {
		out->queue[lane]++;
		out->burst[lane] = 0;
	}
	out->burst[lane] += segs;
	if (queues == 0)
		return 0;
	queue = (bpf_get_smp_processor_id() * TAP_STAGE_LANES + lane) * TAP_STAGE_QUEUES;
	queue += out->queue[lane] % TAP_STAGE_QUEUES;
	return (__u16)(queue % queues + 1);
}

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
	__u32 at = o->at, before;

	(void)i;
	if (at == 0 || at >= ORDER_MAX)
		return 1;
	before = o->out->mark[at - 1];
	if (order_key(before) <= o->key)
		return 1;
	o->out->mark[at] = before;
	o->at = at - 1;
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

static __always_inline void
ingress_order(const struct match *w)
{
	struct order o = {.out = w->out};

	if (w->n > 1 && w->n <= ORDER_MAX)
		bpf_loop(w->n - 1, order_step, &o, 0);
}

static long
ingress_copy(__u32 i, struct match *w)
{
	if (i >= TAP_COPIES_MAX * TAP_SHARES)
		return 1;
	w->skb->mark = w->out->mark[i];
	w->skb->queue_mapping = ingress_queue(w->out, w->ctl, w->segs, w->out->mark[i]);
	/* What is refused here shows as the difference between handed and arrived. */
	bpf_clone_redirect(w->skb, w->ctl->stage_ifindex, 0);
	return 0;
}

SEC("tc")
int
tap_ingress(struct __sk_buff *skb)
{
	struct match w;
	__u32 mark, queue;

	if (!match_packet(skb, &w))
		return TAP_NEXT;
	ingress_order(&w);
	mark = skb->mark;
	queue = skb->queue_mapping;
	count_add(TAP_C_HANDED, (__u64)w.n * w.segs);
	bpf_loop(w.n, ingress_copy, &w, 0);
	skb->mark = mark;
	skb->queue_mapping = queue;
	return TAP_NEXT;
}

/* ---- tap_encap: tcx egress of ftap0 ---- */

static __always_inline __u32
train_length(const struct __sk_buff *skb)
{
	return skb->gso_size && skb->gso_segs ? skb->gso_segs : 1;
}

SEC("tc")
int
tap_encap(struct __sk_buff *skb)
{
	enum tap_counter lost;
	__u32 n;

	if (skb->mark == TAP_MARK_CUT)
		return cut_and_send(skb);
	n = train_length(skb);
	lost = encap_copy(skb);
	if (lost == 0)
		return TAP_NEXT;
	count_add(lost, n);
	return TAP_DROP;
}

/* ---- tap_send: tcx ingress of ftap1 ---- */

SEC("tc")
int
tap_send(struct __sk_buff *skb)
{
	const __u32 zero = 0;
	struct send s = {.skb = skb, .n = train_length(skb)};
	int verdict, lost = 0;

	s.ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	if (!s.ctl)
		return TAP_DROP;
	if (skb->mark & TAP_MARK_RAW) {
		/* Segments now: again, this time with an outer header. */
		skb->mark &= ~TAP_MARK_RAW;
		bpf_clone_redirect(skb, s.ctl->stage_ifindex, 0);
		return TAP_DROP;
	}
	count_add(TAP_C_ARRIVED, s.n);
	s.crit = skb->mark >> 1;
	s.dest = encap_dest(skb->mark);
	if (!s.dest) {
		count_add(TAP_C_LOST_GONE, s.n);
		return TAP_DROP;
	}
	s.hlen = s.dest->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	s.len = skb->gso_size ? skb->gso_size + s.hlen + sizeof(struct udphdr) : skb->len - ETH_HLEN;
	verdict = send_datagram(&s, &lost);
	if (lost)
		count_add(lost, s.n);
	else
		send_counted(&s);
	return verdict;
}

/* ---- tap_classify: never attached; tests run it by BPF_PROG_TEST_RUN ---- */

SEC("tc")
int
tap_classify(struct __sk_buff *skb)
{
	const __u32 zero = 0;
	struct tap_trace *t = bpf_map_lookup_elem(&ft_trace, &zero);
	struct match w;

	if (!t)
		return -1;
	t->n = 0;
	if (!match_packet(skb, &w))
		return 0;
	t->n = w.matched;
	for (__u32 i = 0; i < TAP_COPIES_MAX; i++) {
		if (i >= w.n)
			break;
		t->crit[i] = w.out->mark[i] >> 1;
	}
	return 0;
}
