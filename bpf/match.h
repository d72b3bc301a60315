/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * match.h - which active criteria name a packet.  hits.h says under which masks
 * there may be one, nearly always none; for those: the slot of the packet's key, then
 * its chain of terms, each compared field by field (abi.h, invariant 1).
 */
#ifndef FLOWTAP_MATCH_H
#define FLOWTAP_MATCH_H

#include "frag.h"
#include "hits.h"
#include "own.h"
#include "take.h"

/* One packet's way through the tables. */
struct match {
	struct packet pkt;
	struct __sk_buff *skb;
	const struct tap_ctl *ctl;
	struct match_out *out;
	__u64 hits;       /* masks to look under */
	__u64 bytes;      /* from the IP header on, as on the wire */
	__u32 segs;       /* datagrams on the wire: 1, or those of a segment train */
	__u32 term;       /* position in the chain */
	__u32 mask;       /* under which we look */
	__u32 matched;    /* criteria */
	__u32 due, n;     /* copies within the budgets, and those of them in out->mark */
	__u8 own;         /* enum own_kind */
	__u8 need_memory; /* the first of several fragments matched by what only it has */
	__u8 has_now;     /* out->now_ns is of this packet */
	__u8 zero;
};

/* Length of the headers that every segment of a train repeats. */
static __always_inline __u32
match_train_headers(struct __sk_buff *skb, const struct packet *p)
{
	__u32 len = p->l4_off - p->l3_off;
	__u8 doff;

	if (p->proto != IPPROTO_TCP)
		return len + 8;
	if (bpf_skb_load_bytes(skb, p->l4_off + 12, &doff, sizeof doff))
		return len + 20;
	return len + (doff >> 4) * 4;
}

/* What the packet was on the wire, and whether it is ours: once, at the first match. */
static __noinline int
match_begin(struct match *w)
{
	struct __sk_buff *skb = w->skb;
	__u32 headers, size;

	w->own = own_classify(skb, &w->pkt, w->ctl);
	w->out->packet++;
	w->bytes = w->pkt.end - w->pkt.l3_off;
	w->segs = 1;
	size = skb->gso_size;
	if (size == 0)
		return 0;
	headers = match_train_headers(skb, &w->pkt);
	w->segs = skb->gso_segs;
	/* A sender outside the kernel may leave the number out. */
	if (w->segs == 0 && w->bytes > headers)
		w->segs = ((__u32)w->bytes - headers + size - 1) / size;
	if (w->segs == 0)
		w->segs = 1;
	w->bytes += (__u64)(w->segs - 1) * headers;
	return 0;
}

/* The agency's copies of this packet; NULL: no such agency. */
static __always_inline struct match_share *
match_share(struct match *w, __u32 agency)
{
	struct match_share *s = bpf_map_lookup_elem(&ft_share, &agency);

	if (s && s->packet != w->out->packet) {
		s->packet = w->out->packet;
		s->n = 0;
	}
	return s;
}

/* Copies that still fit. */
static __always_inline __u32
match_room(const struct match *w, const struct match_share *s)
{
	__u32 own = s->n < TAP_COPIES_MAX ? TAP_COPIES_MAX - s->n : 0;
	__u32 all = w->n < TAP_COPIES_ALL ? TAP_COPIES_ALL - w->n : 0;

	return own < all ? own : all;
}

/* A copy is due: mark says whose and where to. */
static __always_inline void
match_due(struct match *w, struct match_share *s, __u32 mark)
{
	__u32 n = w->n;

	w->due++;
	if (s->n >= TAP_COPIES_MAX || n >= TAP_COPIES_ALL)
		return;
	s->n++;
	w->out->mark[n] = mark;
	w->n = n + 1;
}

/* The self-test's packets are for the self-test's criteria, and these for nobody else's packets. */
static __always_inline int
match_is_apart(const struct match *w, const struct tap_crit *c)
{
	return tap_test.ifindex &&
	       (w->skb->ifindex == tap_test.ifindex) != (*(volatile const __u32 *)&c->agency == tap_test.agency);
}

/* A term matched.  Nonzero: stop looking. */
static __always_inline int
match_found(struct match *w, __u32 crit, __u8 flags)
{
	const struct tap_crit *c = bpf_map_lookup_elem(&ft_crit, &crit);
	struct match_share *share;
	__u32 agency;
	int got;

	if (!c || *(volatile const __u32 *)&c->state != TAP_CRIT_ACTIVE || match_is_apart(w, c))
		return 0;
	if (!w->has_now) {
		w->out->now_ns = 0;
		w->has_now = 1;
	}
	if (!life_is_open(crit))
		return 0;
	if (w->own == OWN_UNKNOWN)
		match_begin(w);
	if (w->own != OWN_NO)
		return 1;
	agency = *(volatile const __u32 *)&c->agency;
	share = match_share(w, agency);
	if (!share)
		return 0;
	got = take_match(crit, w->segs, w->bytes, match_room(w, share));
	if (!(got & TAKE_MATCH))
		return 0;
	w->matched++;
	if (flags || w->pkt.proto != w->pkt.frag_proto)
		w->need_memory = 1;
	if (got & TAKE_FIRST)
		match_due(w, share, crit << 1);
	if (got & TAKE_SECOND)
		match_due(w, share, crit << 1 | 1);
	return 0;
}

/* Ports and ICMP are named alike in both kinds of term. */
#define MATCH_L4(t, p)                                                                                                 \
	((p)->proto >= (t)->proto_lo && (p)->proto <= (t)->proto_hi &&                                                 \
	    (!((t)->flags & TAP_TERM_PORTS) ||                                                                         \
		((p)->flags & PKT_PORTS && bpf_ntohs((p)->sport_be) >= (t)->sport_lo &&                                \
		    bpf_ntohs((p)->sport_be) <= (t)->sport_hi && bpf_ntohs((p)->dport_be) >= (t)->dport_lo &&          \
		    bpf_ntohs((p)->dport_be) <= (t)->dport_hi)) &&                                                     \
	    (!((t)->flags & TAP_TERM_ICMP) ||                                                                          \
		((p)->flags & PKT_ICMP && (p)->itype >= (t)->itype_lo && (p)->itype <= (t)->itype_hi &&                \
		    (p)->icode >= (t)->icode_lo && (p)->icode <= (t)->icode_hi)))

static __always_inline int
match_range4(const struct tap_term4 *t, const struct packet *p)
{
	__u32 src = bpf_ntohl(p->src4), dst = bpf_ntohl(p->dst4);

	return src >= t->src_lo && src <= t->src_hi && dst >= t->dst_lo && dst <= t->dst_hi && MATCH_L4(t, p);
}

static __always_inline int
match_in6(const __be64 *a, const __u64 *lo, const __u64 *hi)
{
	__u64 h = bpf_be64_to_cpu(a[0]), l = bpf_be64_to_cpu(a[1]);

	return (h > lo[0] || (h == lo[0] && l >= lo[1])) && (h < hi[0] || (h == hi[0] && l <= hi[1]));
}

static __always_inline int
match_range6(const struct tap_term6 *t, const struct packet *p)
{
	return match_in6(p->src6, t->src_lo, t->src_hi) && match_in6(p->dst6, t->dst_lo, t->dst_hi) && MATCH_L4(t, p);
}

static long
match_term4(__u32 i, struct match *w)
{
	const struct tap_term4 *t = bpf_map_lookup_elem(&ft_term4, &w->term);
	__u32 crit;

	(void)i;
	if (!t) {
		w->term = 0;
		return 1;
	}
	w->term = t->next;
	crit = *(volatile const __u32 *)&t->crit;
	if (crit && t->mask == w->mask && match_range4(t, &w->pkt) && match_found(w, crit, t->flags))
		w->term = 0;
	return w->term == 0;
}

static long
match_term6(__u32 i, struct match *w)
{
	const struct tap_term6 *t = bpf_map_lookup_elem(&ft_term6, &w->term);
	__u32 crit;

	(void)i;
	if (!t) {
		w->term = 0;
		return 1;
	}
	w->term = t->next;
	crit = *(volatile const __u32 *)&t->crit;
	if (crit && t->mask == w->mask && match_range6(t, &w->pkt) && match_found(w, crit, t->flags))
		w->term = 0;
	return w->term == 0;
}

/* The chain of the slot; the mask's terms in it are the packet's. */
static __always_inline void
match_chain(struct match *w, const struct tap_slots *slots, __u32 at, long (*term)(__u32, struct match *))
{
	if (!slots)
		return;
	w->term = *(volatile const __u32 *)&slots->head[at % TAP_SLOTS];
	if (w->term == 0)
		return;
	bpf_loop(TAP_CHAIN_MAX, term, w, 0);
	if (w->term) /* longer than we look */
		count_add(TAP_C_INFO_CHAIN_LIMIT, 1);
}

static long
match_mask4(__u32 i, struct match *w)
{
	__u32 slot, at;

	if (i >= TAP_MASKS_MAX)
		return 1;
	if (!(w->hits >> i & 1))
		return 0;
	w->mask = i;
	slot = tap_slot(w->ctl->slots4, hits_key4(w->ctl, i, &w->pkt));
	at = slot / TAP_SLOTS;
	match_chain(w, bpf_map_lookup_elem(&ft_slot4, &at), slot, match_term4);
	return w->own > OWN_NO;
}

static long
match_mask6(__u32 i, struct match *w)
{
	__u32 slot, at;

	if (i >= TAP_MASKS_MAX)
		return 1;
	if (!(w->hits >> i & 1))
		return 0;
	w->mask = i;
	slot = tap_slot(w->ctl->slots6, hits_key6(w->ctl, i, &w->pkt));
	at = slot / TAP_SLOTS;
	match_chain(w, bpf_map_lookup_elem(&ft_slot6, &at), slot, match_term6);
	return w->own > OWN_NO;
}

static __always_inline void
match_count(const struct match *w)
{
	if (w->own == OWN_COPY)
		count_add(TAP_C_INFO_OWN_COPY, 1);
	if (w->own == OWN_SSH)
		count_add(TAP_C_INFO_OWN_SSH, 1);
	if (!w->matched)
		return;
	count_add(TAP_C_MATCHED, (__u64)w->matched * w->segs);
	count_add(TAP_C_COPIES_DUE, (__u64)w->due * w->segs);
	if (w->due > w->n)
		count_add(TAP_C_LOST_LIMIT, (__u64)(w->due - w->n) * w->segs);
}

/* What may match is looked at from the beginning; what is rare in a packet comes only here. */
static __always_inline int
match_look(struct __sk_buff *skb, const struct tap_ctl *ctl, __u64 hits, struct match *w)
{
	const __u32 zero = 0;

	__builtin_memset(w, 0, sizeof *w);
	w->ctl = ctl;
	w->skb = skb;
	w->hits = hits;
	w->out = bpf_map_lookup_elem(&ft_match, &zero);
	if (!w->out || parse_packet(skb, &w->pkt))
		return 0;
	if (w->pkt.flags & PKT_FRAG_LATER && (ctl->l4_terms || parse_is_ext(w->pkt.proto)))
		frag_recall(&w->pkt);
	if (w->pkt.flags & PKT_FRAG_FIRST && (ctl->l4_terms || parse_is_ext(w->pkt.frag_proto)))
		frag_forget(&w->pkt);
	if (hits == HITS_UNKNOWN)
		w->hits = hits_of(&w->pkt, ctl);
	if (!w->hits)
		return 0;
	if (w->pkt.family == 4)
		bpf_loop(ctl->nmask4, match_mask4, w, 0);
	else
		bpf_loop(ctl->nmask6, match_mask6, w, 0);
	if (w->own == OWN_UNKNOWN)
		return 0;
	if (w->need_memory && w->pkt.flags & PKT_FRAG_FIRST && w->pkt.flags & (PKT_PORTS | PKT_ICMP))
		frag_remember(&w->pkt);
	match_count(w);
	return w->matched != 0;
}

/* Nonzero: *w says which copies are due, in w->out->mark[0 .. w->n-1].  All is counted but the
 * handing over. */
static __always_inline int
match_packet(struct __sk_buff *skb, struct match *w)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u64 hits;

	if (!ctl)
		return 0;
	hits = hits_plain(skb, ctl);
	return hits ? match_look(skb, ctl, hits, w) : 0;
}

#endif
