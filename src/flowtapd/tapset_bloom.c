/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Bloom words: one 64-bit word a key, three bits of it.  Bits cannot be
 * taken away, so that a removed key leaves stale ones; from time to time the
 * words are written anew in the other area of the map and the area is switched
 * by one store.
 *
 * exports: bloom_ */
#include <string.h>

#include "tapset_int.h"

#define WORDS_MIN 512u   /* 4 KiB: stays in the first-level cache */
#define KEYS_PER_WORD 4u /* 16 bits a key: six false hits in a thousand */
#define STALE_MIN 64u

void
bloom_add(struct bloom *b, uint64_t hash)
{
	uint64_t *w = &b->word[tap_bloom_word(b->ctl->bloom, hash)];

	__atomic_fetch_or(w, tap_bloom_bits(hash), __ATOMIC_RELEASE);
	b->added++;
}

bool
bloom_has(const struct bloom *b, uint64_t hash)
{
	uint64_t bits = tap_bloom_bits(hash);

	return (b->word[tap_bloom_word(b->ctl->bloom, hash)] & bits) == bits;
}

static uint32_t
words_for(const struct bloom *b, uint32_t keys)
{
	uint32_t n = WORDS_MIN < b->area ? WORDS_MIN : b->area;

	while (n < b->area && n < keys / KEYS_PER_WORD)
		n *= 4;
	return n < b->area ? n : b->area;
}

bool
bloom_wants_rebuild(const struct bloom *b, uint32_t keys, uint64_t now_ns)
{
	uint32_t words = (uint32_t)b->ctl->bloom + 1;

	/* A reader that took the old area's place from ctl must be gone before it is written. */
	if (now_ns - b->switched_ns < TAP_QUARANTINE_MS * 1000000ull)
		return false;
	return (words < b->area && keys > words * KEYS_PER_WORD) || b->added - keys > STALE_MIN + keys / 2;
}

void
bloom_rebuild(struct bloom *b, const struct side side[2], uint64_t now_ns)
{
	uint32_t first = b->ctl->bloom >> 32 == 0 ? b->area : 0;
	uint32_t words = words_for(b, side[0].keys + side[1].keys);
	uint64_t where = (uint64_t)first << 32 | (words - 1);
	union term_key k;

	memset(b->word + first, 0, words * sizeof *b->word);
	b->added = side[0].keys + side[1].keys;
	for (int f = 0; f < 2; f++) {
		for (uint32_t i = 1; i < side[f].terms.fresh; i++) {
			if (side_term(&side[f], i)->crit == 0)
				continue;
			uint64_t h = side_key(&side[f], i, &k);

			b->word[tap_bloom_word(where, h)] |= tap_bloom_bits(h);
		}
	}
	STORE(&b->ctl->bloom, where);
	b->switched_ns = now_ns;
}
