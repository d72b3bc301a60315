/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking over what a predecessor left, wherever it was stopped: what is ACTIVE
 * stays as it is, all else is taken out, and the bookkeeping is made anew from
 * the arrays.  The kernel goes on matching meanwhile.
 *
 * exports: tapset_recover */
#include <errno.h>
#include <string.h>

#include "tapset_int.h"

static bool
crit_sound(const struct tapset *s, uint32_t c)
{
	const struct tap_crit *k = &s->t.crit[c];
	uint32_t n = 0;

	for (int f = 0; f < 2; f++) {
		const struct side *side = &s->side[f];

		for (uint32_t i = f ? k->first6 : k->first4; i != 0; i = side_term(side, i)->sibling)
			if (i >= side->terms.n || side_term(side, i)->crit != c || n++ > FILTER_TERMS_MAX)
				return false;
	}
	for (int j = 0; j < TAP_DESTS_PER_CRIT; j++)
		if (k->dest[j] >= s->t.ndest || (k->dest[j] != 0 && (s->t.dest[k->dest[j]].family == 0 ||
									s->t.dest[k->dest[j]].agency != k->agency)))
			return false;
	return k->agency != 0 && k->agency < s->t.nagency && k->uid != 0 && hashmap_get(s->by_uid, k->uid) == 0;
}

static bool
crit_lives(const struct tapset *s, uint32_t c)
{
	return c != 0 && c < s->t.ncrit && s->t.crit[c].state == TAP_CRIT_ACTIVE;
}

static int
recover_crits(struct tapset *s)
{
	for (uint32_t c = 1; c < s->t.ncrit; c++) {
		struct tap_crit *k = &s->t.crit[c];

		if (k->state == TAP_CRIT_FREE)
			continue;
		s->crits.fresh = c + 1;
		if (k->state != TAP_CRIT_ACTIVE || !crit_sound(s, c)) {
			STORE(&k->state, TAP_CRIT_DEAD);
			continue;
		}
		if (hashmap_put(s->by_uid, k->uid, c) < 0)
			return -ENOMEM;
		s->unconfirmed++;
		life_watch(s, c);
		for (int j = 0; j < TAP_DESTS_PER_CRIT; j++)
			if (k->dest[j] != 0)
				s->dests.link[k->dest[j]].refs++;
	}
	return 0;
}

/* A live term goes on being linked, all else leaves. */
static void
recover_chain(struct tapset *s, struct side *side, uint32_t *at)
{
	uint32_t n = 0, i;

	while ((i = *at) != 0) {
		struct term_head *t;

		if (i >= side->terms.n || n++ >= TAP_CHAIN_MAX) {
			STORE(at, 0);
			return;
		}
		t = side_term(side, i);
		if (!crit_lives(s, t->crit) || t->mask >= TAP_MASKS_MAX) {
			STORE(at, t->next);
			continue;
		}
		side->mask_refs[t->mask]++;
		at = &t->next;
	}
}

/* Everything that is not a live criterion's is free. */
static void
recover_terms(struct tapset *s, struct side *side, uint64_t now_ns)
{
	uint32_t last = side->terms.n - 1;
	static const struct term_head zero;

	while (last > 0 && memcmp(side_term(side, last), &zero, sizeof zero) == 0)
		last--;
	side->terms.fresh = last + 1;
	side->terms.used = last;
	for (uint32_t i = 1; i <= last; i++) {
		struct term_head *t = side_term(side, i);

		if (crit_lives(s, t->crit)) {
			side->used[s->t.crit[t->crit].agency]++;
			if (t->flags != 0)
				side->ctl->l4_terms++;
			continue;
		}
		STORE(&t->crit, 0);
		pool_put(&side->terms, i, now_ns);
	}
}

static int
recover_side(struct tapset *s, struct side *side, uint64_t now_ns)
{
	mask_read(side);
	for (uint32_t i = 0; i < side->slots; i++)
		recover_chain(s, side, &side->slot[i]);
	recover_terms(s, side, now_ns);
	mask_recover(side);
	return cost_recover(side);
}

int
tapset_recover(struct tapset *s, uint64_t now_ns)
{
	uint32_t l4 = s->t.ctl->l4_terms;
	int r = recover_crits(s);

	s->t.ctl->slots4 = s->t.nslot4;
	s->t.ctl->slots6 = s->t.nslot6;
	for (int f = 0; f < 2 && r == 0; f++)
		r = recover_side(s, &s->side[f], now_ns);
	/* Counted on top of the old sum, so that it is never zero while fragments matter. */
	if (r == 0)
		STORE(&s->t.ctl->l4_terms, s->t.ctl->l4_terms - l4);
	if (r == 0)
		r = dests_recover(&s->dests, now_ns);
	if (r < 0)
		return r;
	s->crits.used = s->crits.fresh - 1;
	for (uint32_t c = 1; c < s->crits.fresh; c++) {
		if (s->t.crit[c].state == TAP_CRIT_ACTIVE)
			continue;
		s->t.crit[c] = (struct tap_crit){0};
		pool_put(&s->crits, c, now_ns);
	}
	bloom_rebuild(&s->bloom, s->side, 1, now_ns);
	return 0;
}
