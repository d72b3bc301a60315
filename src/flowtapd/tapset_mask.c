/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which mask a term is found by.  Every mask costs each packet one Bloom word,
 * so that a term takes a mask that its agency has, with the same address bits, while few
 * terms share its key, then one that is new to the agency, and when it has as many as it
 * may have the best coarser one of its own.
 *
 * exports: mask_ */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "tapset_int.h"

#define CHAIN_SHORT 8 /* terms that share a key to save a mask */

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

/* A term on its way in. */
struct link {
	struct side *side;
	struct bloom *bloom;
	uint32_t term, agency;
	bool stored;    /* whatever it costs */
	uint32_t masks; /* as many may be the agency's */
	struct mask_shape want;
};

/* Of the chain that the slot heads, so many are the agency's. */
static uint32_t
chain_own(const struct side *s, uint32_t first, uint32_t agency)
{
	uint32_t own = 0;

	for (uint32_t i = first; i != 0; i = side_term(s, i)->next)
		own += side_agency(s, i) == agency;
	return own;
}

/* Links under mask m if fewer than limit of the agency's terms are under its key there: 0, -ENOSPC, -EMLINK, -ENOMEM.
 */
static int
try_mask(const struct link *l, unsigned m, unsigned limit)
{
	struct side *s = l->side;
	struct term_head *t = side_term(s, l->term);
	uint32_t n = 0, same, *slot, *at;
	struct key_of key = {.agency = l->agency, .mask = m};
	int r;

	t->mask = (uint8_t)m;
	key.hash = side_hash(s, l->term);
	/* Last in the chain, so that copies are found in their order, nearly, and need little sorting. */
	slot = &s->slot[tap_slot(s->slots, key.hash)];
	for (at = slot; *at != 0; at = &side_term(s, *at)->next)
		n++;
	same = cost_chain(s, *slot, &key);
	if (n >= TAP_CHAIN_MAX || same >= limit ||
	    (n >= TAP_CHAIN_AGENCY && chain_own(s, *slot, l->agency) >= TAP_CHAIN_AGENCY))
		return -ENOSPC;
	if (!l->stored && !cost_allows(s, l->agency, m, same + 1))
		return -EMLINK;
	if ((r = cost_reserve(s, l->agency, m)) < 0)
		return r;
	t->next = 0;
	/* The Bloom bits first: a reader finds the term only once they and the chain lead to it. */
	bloom_add(l->bloom, s, l->term, key.hash);
	STORE(at, l->term);
	s->mask_refs[m]++;
	cost_add(s, l->agency, m, same + 1);
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

static bool
is_own(const struct link *l, unsigned m)
{
	return cost_has_mask(l->side, l->agency, m);
}

/* A mask with the same address bits where the term has little company. */
static int
link_shared(const struct link *l)
{
	const struct side *s = l->side;

	if (l->want.src == 0 && l->want.dst == 0)
		return -ENOSPC; /* would have every packet look at every port */
	for (unsigned m = 0; m < masks_in_table(s); m++) {
		struct mask_shape have = mask_shape_get(s, m);
		int r;

		if (!is_own(l, m) || have.src != l->want.src || have.dst != l->want.dst || !shape_covers(have, l->want))
			continue;
		if ((r = try_mask(l, m, CHAIN_SHORT)) != -ENOSPC && r != -EMLINK)
			return r;
	}
	return -ENOSPC;
}

static unsigned
find_hole(const struct side *s)
{
	unsigned m = 0;

	while (m < TAP_MASKS_MAX && mask_used(s, m))
		m++;
	return m;
}

/* One that the agency has not yet, which may be there for another one. */
static int
link_new(const struct link *l)
{
	const struct mask_shape any = {0};
	struct side *s = l->side;
	struct mask_shape want = l->want;
	const unsigned step = s->family == 4 ? 8 : 16;
	uint32_t own = cost_masks(s, l->agency);
	unsigned hole;
	int m, r;

	if (own >= l->masks * 3 / 4) {
		want.src = (uint8_t)(want.src - want.src % step);
		want.dst = (uint8_t)(want.dst - want.dst % step);
		want.proto = want.sport = want.dport = false;
	}
	/* The last one is kept for the mask under which everything fits. */
	m = find_exact(s, any);
	if (own >= l->masks - 1 && (m < 0 || !is_own(l, (unsigned)m)))
		want = any;
	if ((m = find_exact(s, want)) >= 0)
		return try_mask(l, (unsigned)m, TAP_CHAIN_MAX);
	if ((hole = find_hole(s)) == TAP_MASKS_MAX)
		return -ENOSPC;
	mask_write(s, hole, want);
	r = try_mask(l, hole, TAP_CHAIN_MAX);
	if (r < 0) {
		s->mask_refs[hole]++;
		mask_unref(s, hole);
	}
	return r;
}

/* The finest coarser mask that has room: of the agency's, or of all. */
static int
link_coarser(const struct link *l, bool all)
{
	const struct side *s = l->side;
	int worst = -ENOSPC;

	for (int bits = shape_bits(l->want); bits >= 0; bits--) {
		for (unsigned m = 0; m < masks_in_table(s); m++) {
			struct mask_shape have = mask_shape_get(s, m);
			int r;

			if (!(all ? mask_used(s, m) : is_own(l, m)) || shape_bits(have) != bits ||
			    !shape_covers(have, l->want))
				continue;
			if ((r = try_mask(l, m, TAP_CHAIN_MAX)) != -ENOSPC && r != -EMLINK)
				return r;
			worst = r == -EMLINK ? r : worst;
		}
	}
	return worst;
}

static int
link_by_rule(const struct link *l)
{
	const struct side *s = l->side;
	int m = find_exact(s, l->want), r;

	if (m >= 0 && is_own(l, (unsigned)m))
		r = try_mask(l, (unsigned)m, TAP_CHAIN_MAX);
	else if ((r = link_shared(l)) == -ENOSPC)
		r = link_new(l);
	if ((r == -ENOSPC || r == -EMLINK) && ((m = link_coarser(l, false)) != -ENOSPC || r == -ENOSPC))
		r = m;
	return r == -ENOSPC && find_hole(s) == TAP_MASKS_MAX ? link_coarser(l, true) : r;
}

/* What it costs, and so whether it may be, depends on the agency's own terms alone, but for the last step: when the
 * masks of all agencies together have filled the table. */
int
mask_link(struct side *s, uint32_t i, struct bloom *b, bool stored)
{
	struct link l = {.side = s, .bloom = b, .term = i, .agency = side_agency(s, i), .masks = TAPSET_MASKS};
	int r;

	l.want = side_shape(s, i);
	r = link_by_rule(&l);
	if ((r != -ENOSPC && r != -EMLINK) || !stored)
		return r;
	l.stored = true;
	l.masks = TAP_MASKS_MAX;
	return link_by_rule(&l);
}
