/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Bloom words and the guard: three bits of one 64-bit word for each key, and for
 * each network in which a term can match.  Bits cannot be taken away, so that what was
 * removed leaves stale ones; from time to time the words are written anew in the other
 * area of the map and the area is switched by one store, and with the guard's which
 * masks it holds for.
 *
 * exports: bloom_ */
#include <string.h>

#include "tapset_int.h"

#define WORDS_MIN 512u   /* 4 KiB: stays in the first-level cache */
#define KEYS_PER_WORD 4u /* 16 bits a key: six false hits in a thousand */
#define STALE_MIN 64u

void
bloom_init(struct bloom *b, struct tap_ctl *ctl, uint64_t *word, uint32_t words)
{
	uint32_t area = words / 5 * 2;

	*b = (struct bloom){.ctl = ctl,
	    .word = word,
	    .keys = {.at = &ctl->bloom, .first = 0, .words = area},
	    .guard = {.at = &ctl->guard, .first = 2 * area, .words = area / 4}};
}

static uint32_t
words_of(uint64_t where)
{
	return (uint32_t)where + 1;
}

static uint32_t
words_for(const struct area *a, uint32_t keys)
{
	uint32_t n = WORDS_MIN < a->words ? WORDS_MIN : a->words;

	while (n < a->words && n < keys / KEYS_PER_WORD)
		n *= 2;
	return n < a->words ? n : a->words;
}

static void
set_bits(struct bloom *b, struct area *a, uint64_t where, uint64_t hash)
{
	uint64_t *w = &b->word[tap_bloom_word(where, hash)], bits = tap_bloom_bits(hash);

	if ((*w & bits) == bits)
		return;
	__atomic_store_n(w, *w | bits, __ATOMIC_RELEASE);
	a->keys++;
}

static bool
has_bits(const struct bloom *b, uint64_t where, uint64_t hash)
{
	uint64_t bits = tap_bloom_bits(hash);

	return (b->word[tap_bloom_word(where, hash)] & bits) == bits;
}

static void
guard_add(struct bloom *b, const struct side *s, uint32_t i, uint64_t where)
{
	enum mask_guard g = mask_guard(s, side_term(s, i)->mask);

	if (g != MASK_OPEN)
		set_bits(b, &b->guard, where, side_guard_hash(s, i, g == MASK_BY_DST));
}

void
bloom_add(struct bloom *b, const struct side *s, uint32_t i, uint64_t hash)
{
	set_bits(b, &b->keys, b->ctl->bloom, hash);
	if (s->guarded)
		guard_add(b, s, i, b->ctl->guard);
}

bool
bloom_has(const struct bloom *b, const struct side *s, uint32_t i)
{
	enum mask_guard g = mask_guard(s, side_term(s, i)->mask);

	if (!has_bits(b, b->ctl->bloom, side_hash(s, i)))
		return false;
	return !s->guarded || g == MASK_OPEN || has_bits(b, b->ctl->guard, side_guard_hash(s, i, g == MASK_BY_DST));
}

static uint32_t
terms(const struct side side[2])
{
	return side[0].terms.used + side[1].terms.used;
}

static bool
too_small(const struct area *a)
{
	uint32_t words = words_of(*a->at);

	return words < a->words && a->keys > words * KEYS_PER_WORD;
}

bool
bloom_wants_rebuild(const struct bloom *b, const struct side side[2], uint64_t now_ns)
{
	/* A reader that took the old areas' place from ctl must be gone before they are written. */
	if (now_ns - b->switched_ns < TAP_QUARANTINE_MS * 1000000ull)
		return false;
	if (side[0].guarded && (too_small(&b->guard) || b->guard.keys > 2 * b->guard.words * KEYS_PER_WORD))
		return true;
	return too_small(&b->keys) || b->removed > STALE_MIN + terms(side) / 2;
}

/* The other area, empty, with room for so many keys. */
static uint64_t
area_begin(struct bloom *b, struct area *a, uint32_t keys)
{
	uint32_t first = (uint32_t)(*a->at >> 32 & 0x7fffffff) == a->first ? a->first + a->words : a->first;
	uint32_t words = words_for(a, keys);

	memset(b->word + first, 0, words * sizeof *b->word);
	a->keys = 0;
	return (uint64_t)first << 32 | (words - 1);
}

static void
write_keys(struct bloom *b, const struct side *s, uint64_t where)
{
	for (uint32_t i = 1; i < s->terms.fresh; i++)
		if (side_term(s, i)->crit != 0)
			set_bits(b, &b->keys, where, side_hash(s, i));
}

static void
write_guard(struct bloom *b, const struct side *s, uint64_t where)
{
	for (uint32_t i = 1; i < s->terms.fresh; i++)
		if (side_term(s, i)->crit != 0)
			guard_add(b, s, i, where);
}

/* The masks as they will be in use with the guard, or without. */
static void
write_masks(struct side *s, bool guarded)
{
	struct tap_masks *now = mask_table(s, false), *then = mask_table(s, true);
	uint64_t all = now->open | now->src | now->dst;

	*then = (struct tap_masks){0};
	s->guarded = guarded;
	for (unsigned m = 0; m < TAP_MASKS_MAX; m++) {
		enum mask_guard g = guarded ? mask_guard(s, m) : MASK_OPEN;

		if (all >> m & 1)
			*(g == MASK_BY_SRC ? &then->src : g == MASK_BY_DST ? &then->dst : &then->open) |= 1ull << m;
	}
}

static void
guard_rebuild(struct bloom *b, struct side side[2])
{
	struct area *a = &b->guard;
	uint64_t where = area_begin(b, a, UINT32_MAX);
	bool worth;

	/* Counted in all the words there are; then in as many as that takes. */
	for (int f = 0; f < 2; f++)
		write_guard(b, &side[f], where);
	worth = a->keys <= a->words * KEYS_PER_WORD;
	if (worth && words_for(a, a->keys) < a->words) {
		where = area_begin(b, a, a->keys);
		for (int f = 0; f < 2; f++)
			write_guard(b, &side[f], where);
	}
	where |= ~*a->at & TAP_GUARD_SECOND;
	for (int f = 0; f < 2; f++)
		write_masks(&side[f], worth);
	STORE(a->at, where);
}

void
bloom_rebuild(struct bloom *b, struct side side[2], uint64_t now_ns)
{
	uint64_t where = area_begin(b, &b->keys, terms(side));

	for (int f = 0; f < 2; f++)
		write_keys(b, &side[f], where);
	STORE(b->keys.at, where);
	guard_rebuild(b, side);
	b->removed = 0;
	b->switched_ns = now_ns;
}
