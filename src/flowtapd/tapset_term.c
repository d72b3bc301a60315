/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terms of one family: written, keyed, chained.  The only place where the two
 * layouts of abi.h differ for us.
 *
 * exports: side_ */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "tapset_int.h"

#define WIPE_MAX 200000 /* terms overwritten in one go: some ten milliseconds */

static_assert(offsetof(struct tap_term4, proto_hi) == offsetof(struct tap_term6, proto_hi) &&
		  offsetof(struct tap_term4, proto_hi) == offsetof(struct term_head, proto_hi) &&
		  offsetof(struct tap_term4, crit) == offsetof(struct term_head, crit),
    "the heads of both terms are alike");

struct term_head *
side_term(const struct side *s, uint32_t i)
{
	return s->family == 4 ? (struct term_head *)&s->term4[i] : (struct term_head *)&s->term6[i];
}

static uint32_t
get32(const struct ip_addr *a)
{
	uint32_t v;

	memcpy(&v, a->b, sizeof v);
	return ntohl(v);
}

static void
get128(const struct ip_addr *a, uint64_t v[2])
{
	memcpy(v, a->b, 16);
	v[0] = be64toh(v[0]);
	v[1] = be64toh(v[1]);
}

/* The fields that both families name alike. */
#define FILL(t, f)                                                                                                     \
	do {                                                                                                           \
		(t)->flags = (f)->need;                                                                                \
		(t)->proto_lo = (f)->proto_lo;                                                                         \
		(t)->proto_hi = (f)->proto_hi;                                                                         \
		(t)->sport_lo = (f)->sport_lo;                                                                         \
		(t)->sport_hi = (f)->sport_hi;                                                                         \
		(t)->dport_lo = (f)->dport_lo;                                                                         \
		(t)->dport_hi = (f)->dport_hi;                                                                         \
		(t)->itype_lo = (f)->itype_lo;                                                                         \
		(t)->itype_hi = (f)->itype_hi;                                                                         \
		(t)->icode_lo = (f)->icode_lo;                                                                         \
		(t)->icode_hi = (f)->icode_hi;                                                                         \
	} while (0)

static struct tap_term4
term4_of(const struct filter_term *f)
{
	struct tap_term4 t = {.src_lo = get32(&f->src_lo),
	    .src_hi = get32(&f->src_hi),
	    .dst_lo = get32(&f->dst_lo),
	    .dst_hi = get32(&f->dst_hi)};

	FILL(&t, f);
	return t;
}

static struct tap_term6
term6_of(const struct filter_term *f)
{
	struct tap_term6 t = {0};
	uint64_t v[2];

	FILL(&t, f);
	get128(&f->src_lo, v);
	memcpy(t.src_lo, v, sizeof v);
	get128(&f->src_hi, v);
	memcpy(t.src_hi, v, sizeof v);
	get128(&f->dst_lo, v);
	memcpy(t.dst_lo, v, sizeof v);
	get128(&f->dst_hi, v);
	memcpy(t.dst_hi, v, sizeof v);
	return t;
}

void
side_term_fill(const struct side *s, uint32_t i, const struct filter_term *f)
{
	if (s->family == 4)
		s->term4[i] = term4_of(f);
	else
		s->term6[i] = term6_of(f);
}

bool
side_term_equal(const struct side *s, uint32_t i, const struct filter_term *f)
{
	const struct term_head *h = side_term(s, i);

	if (f->family != s->family)
		return false;
	if (s->family == 4) {
		struct tap_term4 t = term4_of(f);

		t.next = h->next;
		t.crit = h->crit;
		t.sibling = h->sibling;
		t.mask = h->mask;
		return memcmp(&t, &s->term4[i], sizeof t) == 0;
	}
	struct tap_term6 t = term6_of(f);

	t.next = h->next;
	t.crit = h->crit;
	t.sibling = h->sibling;
	t.mask = h->mask;
	return memcmp(&t, &s->term6[i], sizeof t) == 0;
}

static uint64_t
hash4(const struct side *s, const struct tap_term4 *t)
{
	const struct tap_mask4 *m = &s->ctl->mask4[t->mask];
	const struct tap_key4 k = {.src_be = htonl(t->src_lo) & m->src_be,
	    .dst_be = htonl(t->dst_lo) & m->dst_be,
	    .sport_be = htons(t->sport_lo) & m->sport_be,
	    .dport_be = htons(t->dport_lo) & m->dport_be,
	    .proto = t->proto_lo & m->proto,
	    .mask = t->mask};
	uint64_t w[2];

	memcpy(w, &k, sizeof w);
	return tap_hash4(s->ctl->seed, w[0], w[1]);
}

static uint64_t
hash6(const struct side *s, const struct tap_term6 *t)
{
	const struct tap_mask6 *m = &s->ctl->mask6[t->mask];
	const struct tap_key6 k = {
	    .src_be = {htobe64(t->src_lo[0]) & m->src_be[0], htobe64(t->src_lo[1]) & m->src_be[1]},
	    .dst_be = {htobe64(t->dst_lo[0]) & m->dst_be[0], htobe64(t->dst_lo[1]) & m->dst_be[1]},
	    .sport_be = htons(t->sport_lo) & m->sport_be,
	    .dport_be = htons(t->dport_lo) & m->dport_be,
	    .proto = t->proto_lo & m->proto,
	    .mask = t->mask};
	__u64 w[5];

	memcpy(w, &k, sizeof w);
	return tap_hash6(s->ctl->seed, w, w + 2, w[4]);
}

uint64_t
side_hash(const struct side *s, uint32_t i)
{
	return s->family == 4 ? hash4(s, &s->term4[i]) : hash6(s, &s->term6[i]);
}

uint64_t
side_guard_hash(const struct side *s, uint32_t i, bool dst)
{
	if (s->family == 4) {
		const struct tap_term4 *t = &s->term4[i];

		return tap_guard_hash(
		    s->ctl->seed, TAP_GUARD_SRC4 + dst, htonl(dst ? t->dst_lo : t->src_lo) & TAP_GUARD4_BE);
	}
	const struct tap_term6 *t = &s->term6[i];

	return tap_guard_hash(
	    s->ctl->seed, TAP_GUARD_SRC6 + dst, htobe64(dst ? t->dst_lo[0] : t->src_lo[0]) & TAP_GUARD6_BE);
}

/* Leading bits that lo and hi have in common. */
static uint8_t
common64(uint64_t lo, uint64_t hi)
{
	return (uint8_t)(lo == hi ? 64 : __builtin_clzll(lo ^ hi));
}

static uint8_t
common128(const uint64_t *lo, const uint64_t *hi)
{
	uint8_t n = common64(lo[0], hi[0]);

	return n < 64 ? n : (uint8_t)(n + common64(lo[1], hi[1]));
}

#define SHAPE_L4(t)                                                                                                    \
	.sport = (t)->flags & TAP_TERM_PORTS && (t)->sport_lo == (t)->sport_hi,                                        \
	.dport = (t)->flags & TAP_TERM_PORTS && (t)->dport_lo == (t)->dport_hi,                                        \
	.proto = (t)->proto_lo == (t)->proto_hi

struct mask_shape
side_shape(const struct side *s, uint32_t i)
{
	if (s->family == 4) {
		const struct tap_term4 *t = &s->term4[i];

		return (struct mask_shape){.src = (uint8_t)(common64(t->src_lo, t->src_hi) - 32),
		    .dst = (uint8_t)(common64(t->dst_lo, t->dst_hi) - 32),
		    SHAPE_L4(t)};
	}
	const struct tap_term6 *t = &s->term6[i];
	uint64_t lo[2], hi[2];
	struct mask_shape m = {SHAPE_L4(t)};

	memcpy(lo, t->src_lo, sizeof lo);
	memcpy(hi, t->src_hi, sizeof hi);
	m.src = common128(lo, hi);
	memcpy(lo, t->dst_lo, sizeof lo);
	memcpy(hi, t->dst_hi, sizeof hi);
	m.dst = common128(lo, hi);
	return m;
}

bool
side_key_covers(const struct side *s, uint32_t i)
{
	struct mask_shape tight = side_shape(s, i), m = mask_shape_get(s, side_term(s, i)->mask);

	return m.src <= tight.src && m.dst <= tight.dst && m.sport <= tight.sport && m.dport <= tight.dport &&
	       m.proto <= tight.proto;
}

uint32_t *
side_slot(const struct side *s, uint32_t i)
{
	return &s->slot[tap_slot(s->slots, side_hash(s, i))];
}

/* What leads to it: its slot, or the `next` before it.  NULL: nothing does. */
static uint32_t *
link_of(const struct side *s, uint32_t i)
{
	uint32_t *at = side_slot(s, i), n = 0;

	while (*at != i) {
		if (*at == 0 || *at >= s->terms.n || n++ >= TAP_CHAIN_MAX)
			return NULL;
		at = &side_term(s, *at)->next;
	}
	return at;
}

bool
side_linked(const struct side *s, uint32_t i)
{
	return link_of(s, i) != NULL;
}

uint32_t
side_agency(const struct side *s, uint32_t i)
{
	return s->crit[side_term(s, i)->crit].agency;
}

bool
side_has_room(const struct side *s, uint32_t agency, uint32_t n)
{
	uint64_t left = s->terms.n - 1 - s->terms.used;

	return (uint64_t)s->used[agency] + 2 * (uint64_t)n <= left;
}

void
side_unlink(struct side *s, uint32_t i, uint64_t now_ns)
{
	struct term_head *t = side_term(s, i);
	uint32_t *at = link_of(s, i);

	if (at != NULL) {
		const struct key_of k = {side_hash(s, i), side_agency(s, i), t->mask};

		cost_remove(s, k.agency, k.mask, cost_chain(s, *side_slot(s, i), &k));
	}
	STORE(&t->crit, 0);
	/* It keeps its own `next`: readers that came by it go on. */
	if (at != NULL)
		STORE(at, t->next);
	mask_unref(s, t->mask);
	if (t->flags != 0)
		STORE(&s->ctl->l4_terms, s->ctl->l4_terms - 1);
	pool_put(&s->terms, i, now_ns);
}

void
side_wipe(struct side *s, uint64_t now_ns)
{
	uint32_t i, n = 0;

	while (n++ < WIPE_MAX && (i = pool_wipe(&s->terms, now_ns)) != 0) {
		if (s->family == 4)
			s->term4[i] = (struct tap_term4){0};
		else
			s->term6[i] = (struct tap_term6){0};
	}
}
