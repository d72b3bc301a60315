/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Bloom words and the guard: three bits of one 64-bit word for each key, and for
 * each network in which a term can match.  Bits cannot be taken away, so that what was
 * removed leaves stale ones; from time to time the words are written anew elsewhere in
 * the map and the place is switched by one store, and with the guard's which masks it
 * holds for.
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

bool
bloom_is_small(const struct bloom *b, const struct side side[2])
{
	uint32_t keys = words_of(b->ctl->bloom), guard = words_of(b->ctl->guard);

	if (keys < b->keys.words && b->keys.keys > keys * KEYS_PER_WORD)
		return true;
	/* At its full size it may be twice as full before it is off. */
	return side[0].guarded && b->guard.keys > guard * KEYS_PER_WORD * (guard < b->guard.words ? 1 : 2);
}

bool
bloom_is_stale(const struct bloom *b, const struct side side[2])
{
	return b->removed > STALE_MIN + terms(side) / 2 || words_for(&b->keys, terms(side)) < words_of(b->ctl->bloom);
}

static bool
overlap(uint64_t where, uint32_t first, uint32_t words)
{
	uint32_t begin = (uint32_t)(where >> 32 & 0x1fffffff);

	return begin < first + words && first < begin + words_of(where);
}

/* A place for so many words that nobody reads, nor did a while ago. */
static bool
area_find(const struct bloom *b, const struct area *a, uint32_t words, uint64_t now_ns, uint64_t *where)
{
	for (uint32_t first = a->first; first + words <= a->first + 2 * a->words; first += words) {
		bool free = !overlap(*a->at, first, words);

		for (int i = 0; i < TAP_VERSIONS && free; i++)
			if (b->past[i].used && now_ns - b->past[i].left_ns < TAP_QUARANTINE_MS * 1000000ull)
				free = !overlap(a == &b->keys ? b->past[i].keys : b->past[i].guard, first, words);
		if (!free)
			continue;
		*where = (uint64_t)first << 32 | (words - 1);
		return true;
	}
	return false;
}

static void
area_clear(struct bloom *b, struct area *a, uint64_t where)
{
	memset(b->word + (where >> 32), 0, words_of(where) * sizeof *b->word);
	a->keys = 0;
}

/* A version of the masks that nobody reads; TAP_VERSIONS: none. */
static unsigned
version_find(const struct bloom *b, uint64_t now_ns)
{
	unsigned now = (unsigned)TAP_VERSION(b->ctl->guard);

	for (unsigned v = 0; v < TAP_VERSIONS; v++)
		if (v != now && (!b->past[v].used || now_ns - b->past[v].left_ns >= TAP_QUARANTINE_MS * 1000000ull))
			return v;
	return TAP_VERSIONS;
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
write_masks(struct side *s, unsigned version, bool guarded)
{
	struct tap_masks *then = mask_table(s, version);
	uint64_t all = mask_all(s);

	*then = (struct tap_masks){0};
	s->guarded = guarded;
	for (unsigned m = 0; m < TAP_MASKS_MAX; m++) {
		enum mask_guard g = guarded ? mask_guard(s, m) : MASK_OPEN;

		if (all >> m & 1)
			*(g == MASK_BY_SRC ? &then->src : g == MASK_BY_DST ? &then->dst : &then->open) |= 1ull << m;
	}
}

/* As many words as the networks take, which only writing them tells.  *worth: there are enough. */
static bool
guard_write(struct bloom *b, const struct side side[2], uint32_t more, uint64_t now_ns, uint64_t *where, bool *worth)
{
	uint32_t words = words_for(&b->guard, 0);

	for (;;) {
		if (!area_find(b, &b->guard, words, now_ns, where))
			return false;
		area_clear(b, &b->guard, *where);
		for (int f = 0; f < 2; f++)
			write_guard(b, &side[f], *where);
		*worth = b->guard.keys <= words * KEYS_PER_WORD;
		if (words >=
		    words_for(&b->guard, b->guard.keys < UINT32_MAX / more ? b->guard.keys * more : UINT32_MAX))
			return true;
		words = words < b->guard.words / 4 ? words * 4 : b->guard.words;
	}
}

void
bloom_rebuild(struct bloom *b, struct side side[2], uint32_t more, uint64_t now_ns)
{
	unsigned version = version_find(b, now_ns), old = (unsigned)TAP_VERSION(b->ctl->guard);
	uint32_t networks = b->guard.keys;
	uint64_t keys, guard;
	bool worth;

	if (now_ns < b->wait_ns)
		return;
	if (version == TAP_VERSIONS ||
	    !area_find(b, &b->keys, words_for(&b->keys, terms(side) * more), now_ns, &keys) ||
	    !guard_write(b, side, more, now_ns, &guard, &worth)) {
		b->guard.keys = networks;
		b->wait_ns = now_ns + TAP_QUARANTINE_MS * 1000000ull / 4;
		return;
	}
	area_clear(b, &b->keys, keys);
	for (int f = 0; f < 2; f++)
		write_keys(b, &side[f], keys);
	b->past[old].keys = b->ctl->bloom;
	b->past[old].guard = b->ctl->guard;
	b->past[old].left_ns = now_ns;
	b->past[old].used = true;
	for (int f = 0; f < 2; f++)
		write_masks(&side[f], version, worth);
	STORE(&b->ctl->bloom, keys);
	STORE(&b->ctl->guard, guard | (uint64_t)version << 61);
	b->removed = 0;
}
