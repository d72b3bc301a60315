/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * tap.bpf.c - the programs.  docs/architecture.md, section 3, tells the way a
 * copy takes through them.
 */
#include "copy.h"
#include "stage.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- tap_ingress: tcx ingress of a tapped interface ---- */

SEC("tc")
int
tap_ingress(struct __sk_buff *skb)
{
	struct match w;

	if (match_packet(skb, &w))
		copy_all(&w);
	return TAP_NEXT;
}

/* ---- tap_out: tcx egress of interfaces that copies leave by, see direct.h ---- */

SEC("tc")
int
tap_out(struct __sk_buff *skb)
{
	const __u32 zero = 0;
	struct direct *now = bpf_map_lookup_elem(&ft_direct, &zero);
	struct tap_dest *d;
	__u32 dest;

	if (!now || now->dest == 0)
		return skb->mark == TAP_MARK_QUESTION && send_is_question(skb) ? TAP_DROP : TAP_NEXT;
	dest = now->dest;
	now->dest = 0;
	d = bpf_map_lookup_elem(&ft_dest, &dest);
	if (!d)
		return TAP_DROP;
	skb->mark = 0;
	encap_priority(skb);
	now->lost = (__u32)direct_out(skb, now, d);
	return now->lost ? TAP_DROP : TAP_NEXT;
}

/* ---- tap_stage: tcx egress of ftap0 ---- */

SEC("tc")
int
tap_stage(struct __sk_buff *skb)
{
	if (skb->gso_size)
		return TAP_NEXT; /* to the queueing discipline, which cuts it */
	stage_copy(skb);
	return TAP_DROP;
}

/* ---- tap_segment: filter of the queueing discipline of ftap0, see stage.h ---- */

SEC("tc")
int
tap_segment(struct __sk_buff *skb)
{
	if (!skb->gso_size)
		stage_copy(skb);
	return TAP_STOLEN;
}

/* ---- tap_cut: tcx egress of ftap1 ---- */

SEC("tc")
int
tap_cut(struct __sk_buff *skb)
{
	return skb->mark == TAP_MARK_CUT ? cut_and_send(skb) : TAP_DROP;
}

/* ---- tap_answer: tcx ingress of ftap1: answers to backlog.h, and segments that came all the way, see stage.h ---- */

SEC("tc")
int
tap_answer(struct __sk_buff *skb)
{
	if (skb->mark == TAP_MARK_CUT)
		backlog_answered(skb);
	else if (!skb->gso_size)
		stage_copy(skb);
	return TAP_DROP;
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
	t->n = t->copies = 0;
	if (!match_packet(skb, &w))
		return 0;
	t->n = w.matched;
	t->copies = w.n;
	for (__u32 i = 0; i < TAP_COPIES_MAX; i++) {
		if (i >= w.n)
			break;
		t->crit[i] = w.out->mark[i] >> 1;
	}
	return 0;
}
