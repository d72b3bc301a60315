/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which mask a term is found by.  Every mask costs each packet one Bloom word,
 * so that a term takes an existing mask with the same address bits while few
 * terms share its key, then a mask of its own, and when the table is full the
 * best coarser one.
 *
 * exports: mask_ */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "tapset_int.h"

#define CHAIN_SHORT 8  /* terms that share a key to save a mask */
#define MASKS_EXACT 48 /* from here on prefix lengths are rounded down */

static uint32_t
ones32(uint8_t plen)
{
	return plen == 0 ? 0 : htonl(~0u << (32 - plen));
}

static uint64_t
ones64(int plen)
{
	return plen <= 0 ? 0 : plen >= 64 ? ~0ull : htobe64(~0ull << (64 - plen));
}

static unsigned
masks_in_table(const struct side *s)
{
	return s->family == 4 ? s->ctl->nmask4 : s->ctl->nmask6;
}

struct tap_masks *
mask_table(const struct side *s, unsigned version)
{
	return s->family == 4 ? &s->ctl->masks4[version] : &s->ctl->masks6[version];
}

struct tap_masks *
mask_table_now(const struct side *s)
{
	return mask_table(s, (unsigned)TAP_VERSION(s->ctl->guard));
}

uint64_t
mask_all(const struct side *s)
{
	const struct tap_masks *t = mask_table_now(s);

	return t->open | t->src | t->dst;
}

bool
mask_used(const struct side *s, unsigned m)
{
	return mask_all(s) >> m & 1;
}

struct mask_shape
mask_shape_get(const struct side *s, unsigned m)
{
	return s->shape[m];
}

enum mask_guard
mask_guard(const struct side *s, unsigned m)
{
	const unsigned net = s->family == 4 ? TAP_GUARD4 : TAP_GUARD6;
	const struct mask_shape *a = &s->shape[m];

	if (a->src >= net && a->src >= a->dst)
		return MASK_BY_SRC;
	return a->dst >= net ? MASK_BY_DST : MASK_OPEN;
}

/* From the table. */
static struct mask_shape
shape_read(const struct side *s, unsigned m)
{
	if (s->family == 4) {
		const struct tap_mask4 *k = &s->ctl->mask4[m];

		return (struct mask_shape){.src = (uint8_t)__builtin_popcount(k->src_be),
		    .dst = (uint8_t)__builtin_popcount(k->dst_be),
		    .sport = k->sport_be != 0,
		    .dport = k->dport_be != 0,
		    .proto = k->proto != 0};
	}
	const struct tap_mask6 *k = &s->ctl->mask6[m];

	return (struct mask_shape){
	    .src = (uint8_t)(__builtin_popcountll(k->src_be[0]) + __builtin_popcountll(k->src_be[1])),
	    .dst = (uint8_t)(__builtin_popcountll(k->dst_be[0]) + __builtin_popcountll(k->dst_be[1])),
	    .sport = k->sport_be != 0,
	    .dport = k->dport_be != 0,
	    .proto = k->proto != 0};
}

static void
recount(struct side *s)
{
	uint64_t all = mask_all(s);

	STORE(s->family == 4 ? &s->ctl->nmask4 : &s->ctl->nmask6, all ? 64 - (uint32_t)__builtin_clzll(all) : 0);
}

/* Nothing is filed under an unused mask, so that its fields may be written in any order before its bit. */
static void
mask_write(struct side *s, unsigned m, struct mask_shape shape)
{
	uint16_t sport = shape.sport ? 0xffff : 0, dport = shape.dport ? 0xffff : 0;
	uint8_t proto = shape.proto ? 0xff : 0;
	struct tap_masks *t = mask_table_now(s);
	enum mask_guard g;
	__u64 *set;

	s->shape[m] = shape;
	if (s->family == 4)
		s->ctl->mask4[m] = (struct tap_mask4){ones32(shape.src), ones32(shape.dst), sport, dport, proto, {0}};
	else
		s->ctl->mask6[m] = (struct tap_mask6){{ones64(shape.src), ones64(shape.src - 64)},
		    {ones64(shape.dst), ones64(shape.dst - 64)}, sport, dport, proto, {0}};
	g = s->guarded ? mask_guard(s, m) : MASK_OPEN;
	set = g == MASK_BY_SRC ? &t->src : g == MASK_BY_DST ? &t->dst : &t->open;
	STORE(set, *set | 1ull << m);
	recount(s);
}

void
mask_unref(struct side *s, unsigned m)
{
	struct tap_masks *t = mask_table_now(s);

	if (--s->mask_refs[m] > 0)
		return;
	STORE(&t->open, t->open & ~(1ull << m));
	STORE(&t->src, t->src & ~(1ull << m));
	STORE(&t->dst, t->dst & ~(1ull << m));
	recount(s);
}

void
mask_read(struct side *s)
{
	for (unsigned m = 0; m < TAP_MASKS_MAX; m++)
		s->shape[m] = shape_read(s, m);
}

void
mask_recover(struct side *s)
{
	for (unsigned m = 0; m < TAP_MASKS_MAX; m++) {
		if (s->mask_refs[m] > 0)
			continue;
		s->mask_refs[m] = 1;
		mask_unref(s, m);
	}
}

static bool
shape_equal(struct mask_shape a, struct mask_shape b)
{
	return a.src == b.src && a.dst == b.dst && a.sport == b.sport && a.dport == b.dport && a.proto == b.proto;
}

static bool
shape_covers(struct mask_shape coarse, struct mask_shape fine)
{
	return coarse.src <= fine.src && coarse.dst <= fine.dst && coarse.sport <= fine.sport &&
	       coarse.dport <= fine.dport && coarse.proto <= fine.proto;
}

static int
shape_bits(struct mask_shape a)
{
	return a.src + a.dst + 16 * a.sport + 16 * a.dport + 8 * a.proto;
}

/* ---- linking ---- */

/* Of the chain that the slot heads, so many are the agency's. */
static uint32_t
chain_own(const struct side *s, uint32_t first, uint32_t agency)
{
	uint32_t own = 0;

	for (uint32_t i = first; i != 0; i = side_term(s, i)->next)
		own += side_agency(s, i) == agency;
	return own;
}

/* Links under mask m if fewer than limit terms of that mask are there: 0, -ENOSPC. */
static int
try_mask(struct side *s, uint32_t i, unsigned m, unsigned limit, struct bloom *b)
{
	struct term_head *t = side_term(s, i);
	uint32_t n = 0, same = 0, *slot, *at;
	uint64_t hash;

	t->mask = (uint8_t)m;
	hash = side_hash(s, i);
	/* Last in the chain, so that copies are found in their order, nearly, and need little sorting. */
	slot = &s->slot[tap_slot(s->slots, hash)];
	for (at = slot; *at != 0; at = &side_term(s, *at)->next) {
		n++;
		same += side_term(s, *at)->mask == m;
	}
	if (n >= TAP_CHAIN_MAX || same >= limit ||
	    (n >= TAP_CHAIN_AGENCY && chain_own(s, *slot, side_agency(s, i)) >= TAP_CHAIN_AGENCY))
		return -ENOSPC;
	t->next = 0;
	/* The Bloom bits first: a reader finds the term only once they and the chain lead to it. */
	bloom_add(b, s, i, hash);
	STORE(at, i);
	s->mask_refs[m]++;
	if (t->flags != 0)
		STORE(&s->ctl->l4_terms, s->ctl->l4_terms + 1);
	return 0;
}

static int
find_exact(const struct side *s, struct mask_shape want)
{
	for (unsigned m = 0; m < masks_in_table(s); m++)
		if (mask_used(s, m) && shape_equal(mask_shape_get(s, m), want))
			return (int)m;
	return -1;
}

/* A mask with the same address bits where the term has little company. */
static int
link_shared(struct side *s, uint32_t i, struct mask_shape want, struct bloom *b)
{
	if (want.src == 0 && want.dst == 0)
		return -ENOSPC; /* would have every packet look at every port */
	for (unsigned m = 0; m < masks_in_table(s); m++) {
		struct mask_shape have = mask_shape_get(s, m);
		int r;

		if (!mask_used(s, m) || have.src != want.src || have.dst != want.dst || !shape_covers(have, want))
			continue;
		if ((r = try_mask(s, i, m, CHAIN_SHORT, b)) != -ENOSPC)
			return r;
	}
	return -ENOSPC;
}

/* A mask of its own, if there is room in the table. */
static int
link_new(struct side *s, uint32_t i, struct mask_shape want, struct bloom *b)
{
	const struct mask_shape any = {0};
	unsigned used = 0, hole = TAP_MASKS_MAX;
	int m, r;

	for (unsigned j = TAP_MASKS_MAX; j-- > 0;) {
		used += mask_used(s, j);
		if (!mask_used(s, j))
			hole = j;
	}
	if (used >= MASKS_EXACT) {
		unsigned step = s->family == 4 ? 8 : 16;

		want.src = (uint8_t)(want.src - want.src % step);
		want.dst = (uint8_t)(want.dst - want.dst % step);
		want.proto = want.sport = want.dport = false;
		if ((m = find_exact(s, want)) >= 0)
			return try_mask(s, i, (unsigned)m, TAP_CHAIN_MAX, b);
	}
	/* The last one is kept for the mask under which everything fits. */
	if (used >= TAP_MASKS_MAX - 1 && find_exact(s, any) < 0)
		want = any;
	if (hole == TAP_MASKS_MAX)
		return -ENOSPC;
	mask_write(s, hole, want);
	r = try_mask(s, i, hole, TAP_CHAIN_MAX, b);
	if (r < 0) {
		s->mask_refs[hole]++;
		mask_unref(s, hole);
	}
	return r;
}

/* The finest coarser mask that has room. */
static int
link_coarser(struct side *s, uint32_t i, struct mask_shape want, struct bloom *b)
{
	for (int bits = shape_bits(want); bits >= 0; bits--) {
		for (unsigned m = 0; m < masks_in_table(s); m++) {
			struct mask_shape have = mask_shape_get(s, m);
			int r;

			if (!mask_used(s, m) || shape_bits(have) != bits || !shape_covers(have, want))
				continue;
			if ((r = try_mask(s, i, m, TAP_CHAIN_MAX, b)) != -ENOSPC)
				return r;
		}
	}
	return -ENOSPC;
}

int
mask_link(struct side *s, uint32_t i, struct bloom *b)
{
	struct mask_shape want = side_shape(s, i);
	int m = find_exact(s, want), r = -ENOSPC;

	if (m >= 0)
		r = try_mask(s, i, (unsigned)m, TAP_CHAIN_MAX, b);
	if (r == -ENOSPC && m < 0)
		r = link_shared(s, i, want, b);
	if (r == -ENOSPC && m < 0)
		r = link_new(s, i, want, b);
	if (r == -ENOSPC)
		r = link_coarser(s, i, want, b);
	return r;
}
