/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * tap.bpf.c - the programs.  docs/architecture.md, section 3, tells the way a
 * copy takes through them.
 */
#include "copy.h"

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
	enum tap_counter lost = TAP_C_LOST_GONE_OUT;
	const struct tap_dest *d;
	__u32 n;

	if (skb->mark == TAP_MARK_CUT)
		return cut_and_send(skb);
	n = train_length(skb);
	d = encap_dest(skb->mark);
	if (d)
		lost = encap_copy(skb, d, 0); /* tap_send numbers them */
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
	encap_priority(skb);
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
