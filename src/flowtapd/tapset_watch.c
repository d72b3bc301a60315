/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the tables hold what we put there and nothing else.  A few words of our own
 * for each criterion are compared with the tables again and again: a criterion or term
 * that is not ours, and one of ours that somebody changed, are found within a few seconds.
 * What is foreign is made harmless at once.
 *
 * exports: watch_ tapset_foreign */
#include <errno.h>
#include <string.h>

#include "tapset_int.h"

int
watch_init(struct watch *w, const struct tapset_tables *t, uint64_t seed)
{
	*w = (struct watch){.seed = seed};
	w->sum = calloc(t->ncrit, sizeof *w->sum);
	w->term[0] = calloc(t->nterm4 / 8 + 1, 1);
	w->term[1] = calloc(t->nterm6 / 8 + 1, 1);
	return w->sum && w->term[0] && w->term[1] ? 0 : -ENOMEM;
}

void
watch_fini(struct watch *w)
{
	free(TAKE_PTR(w->sum));
	free(TAKE_PTR(w->term[0]));
	free(TAKE_PTR(w->term[1]));
}

static void
mark(uint8_t *bits, uint32_t i, bool on)
{
	if (on)
		bits[i / 8] |= (uint8_t)(1u << (i % 8));
	else
		bits[i / 8] &= (uint8_t) ~(1u << (i % 8));
}

static bool
marked(const uint8_t *bits, uint32_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

static uint64_t
mix(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t v;

	for (; len >= sizeof v; b += sizeof v, len -= sizeof v) {
		memcpy(&v, b, sizeof v);
		h = tap_mix(h, v);
	}
	v = 0;
	memcpy(&v, b, len);
	return len ? tap_mix(h, v) : h;
}

/* All but the place in its chain. */
static uint64_t
mix_term(uint64_t h, const struct side *side, uint32_t i)
{
	const struct term_head *t = side_term(side, i);
	size_t size = side->family == 6 ? sizeof(struct tap_term6) : sizeof(struct tap_term4);

	return mix(h, (const uint8_t *)t + sizeof t->next, size - sizeof t->next);
}

/* The sum of a criterion with all that belongs to it; 0 never comes out.  A list that leads
 * astray ends by itself: no more than there can be. */
static uint64_t
sum_of(const struct tapset *s, uint32_t c)
{
	const struct tap_crit *k = &s->t.crit[c];
	uint64_t h = mix(s->watch.seed, k, sizeof *k);

	for (int f = 0; f < 2; f++) {
		const struct side *side = &s->side[f];
		uint32_t n = 0;

		for (uint32_t i = f ? k->first6 : k->first4; i != 0 && i < side->terms.n && n++ <= FILTER_TERMS_MAX;
		     i = side_term(side, i)->sibling)
			h = mix_term(h, side, i);
	}
	for (int j = 0; j < TAP_DESTS_PER_CRIT; j++) {
		const struct tap_dest *d = &s->t.dest[k->dest[j] < s->t.ndest ? k->dest[j] : 0];

		h = mix(h, d, offsetof(struct tap_dest, unresolved_since_ns));
		h = tap_mix(h, d->agency);
	}
	return h ? h : 1;
}

/* Whether the index leads to all its terms.  What hides one hides a target. */
static bool
is_found(const struct tapset *s, uint32_t c)
{
	const struct tap_crit *k = &s->t.crit[c];

	for (int f = 0; f < 2; f++) {
		const struct side *side = &s->side[f];

		for (uint32_t i = f ? k->first6 : k->first4; i != 0; i = side_term(side, i)->sibling)
			if (!mask_used(side, side_term(side, i)->mask) || !bloom_has(&s->bloom, side, i) ||
			    !side_linked(side, i))
				return false;
	}
	return true;
}

static void
mark_terms(struct tapset *s, uint32_t c, bool on)
{
	const struct tap_crit *k = &s->t.crit[c];

	for (int f = 0; f < 2; f++)
		for (uint32_t i = f ? k->first6 : k->first4; i != 0; i = side_term(&s->side[f], i)->sibling)
			mark(s->watch.term[f], i, on);
}

void
watch_note(struct tapset *s, uint32_t c)
{
	mark_terms(s, c, true);
	s->watch.sum[c] = sum_of(s, c);
}

void
watch_forget(struct tapset *s, uint32_t c)
{
	if (s->watch.sum[c] != 0)
		mark_terms(s, c, false);
	s->watch.sum[c] = 0;
}

/* ---- looking ---- */

static bool
crit_look(struct tapset *s, uint32_t c, struct tapset_foreign *out)
{
	struct tap_crit *k = &s->t.crit[c];

	if (s->watch.sum[c] != 0) {
		if (s->watch.sum[c] == sum_of(s, c) && is_found(s, c))
			return false;
		*out = (struct tapset_foreign){TAPSET_CHANGED, c, k->uid};
		s->watch.sum[c] = sum_of(s, c); /* told once */
		return true;
	}
	if (k->state != TAP_CRIT_ACTIVE)
		return false;
	STORE(&k->state, TAP_CRIT_DEAD);
	*out = (struct tapset_foreign){TAPSET_FOREIGN_CRITERION, c, k->uid};
	return true;
}

static bool
term_look(struct tapset *s, int f, uint32_t i, struct tapset_foreign *out)
{
	struct term_head *t = side_term(&s->side[f], i);

	if (t->crit == 0 || marked(s->watch.term[f], i))
		return false;
	*out = (struct tapset_foreign){TAPSET_FOREIGN_TERM, t->crit, 0};
	STORE(&t->crit, 0);
	return true;
}

void
watch_round(struct tapset *s, unsigned parts)
{
	uint64_t all = (uint64_t)s->t.ncrit + s->t.nterm4 + s->t.nterm6;

	s->watch.left = all / parts + 1;
}

/* One entry: in the order of the three arrays, for ever. */
static bool
look(struct tapset *s, struct tapset_foreign *out)
{
	const uint32_t n[3] = {s->t.ncrit, s->t.nterm4, s->t.nterm6};
	struct watch *w = &s->watch;

	if (++w->at >= n[w->part]) {
		w->part = (w->part + 1) % 3;
		w->at = 1;
	}
	return w->part == 0 ? crit_look(s, w->at, out) : term_look(s, (int)w->part - 1, w->at, out);
}

bool
tapset_foreign(struct tapset *s, struct tapset_foreign *out)
{
	/* Before the engine has said what is stored, nothing is known to be ours. */
	if (s->unconfirmed > 0)
		return false;
	while (s->watch.left > 0) {
		s->watch.left--;
		if (look(s, out))
			return true;
	}
	return false;
}
