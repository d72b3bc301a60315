/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every invariant of the tables that can be seen from here.
 *
 * exports: tapset_check */
#include <errno.h>

#include "tapset_int.h"

#define MUST(cond, text)                                                                                               \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			*why = (text);                                                                                 \
			return -EBADMSG;                                                                               \
		}                                                                                                      \
	} while (0)

static int
check_linked(const struct tapset *s, const struct side *side, uint32_t i, const char **why)
{
	MUST(mask_used(side, side_term(side, i)->mask), "a term's mask is not in use");
	MUST(side_key_covers(side, i), "a term's ranges are wider than its key");
	MUST(bloom_has(&s->bloom, side, i), "a term's Bloom or guard bits are missing");
	MUST(side_linked(side, i), "a term is not in the chain of its slot");
	return 0;
}

static int
check_crit(const struct tapset *s, uint32_t c, uint32_t terms[2], const char **why)
{
	const struct tap_crit *k = &s->t.crit[c];

	MUST(hashmap_get(s->by_uid, k->uid) == c, "a criterion is not found by its uid");
	for (int f = 0; f < 2; f++) {
		const struct side *side = &s->side[f];

		for (uint32_t i = f ? k->first6 : k->first4; i != 0; i = side_term(side, i)->sibling) {
			int r;

			MUST(side_term(side, i)->crit == c, "a criterion's term names another");
			if ((r = check_linked(s, side, i, why)) < 0)
				return r;
			terms[f]++;
		}
	}
	MUST(k->agency != 0 && k->agency < s->t.nagency, "a criterion has no agency");
	MUST(k->dest[0] != 0, "a criterion has no destination");
	for (int j = 0; j < TAP_DESTS_PER_CRIT && k->dest[j] != 0; j++) {
		MUST(s->t.dest[k->dest[j]].family != 0, "a destination is free but used");
		MUST(s->t.dest[k->dest[j]].agency == k->agency, "a destination is another agency's");
		MUST(dests_owned(&s->dests, k->dest[j]), "a destination is not among our own headers");
	}
	return 0;
}

struct walk {
	uint32_t dead, linked, l4;
	uint32_t refs[TAP_MASKS_MAX];
};

static int
check_chain(const struct side *side, uint32_t slot, struct walk *w, const char **why)
{
	uint32_t n = 0;

	for (uint32_t i = side->slot[slot]; i != 0; i = side_term(side, i)->next) {
		const struct term_head *t = side_term(side, i);

		MUST(n++ < TAP_CHAIN_MAX, "a chain is too long");
		w->refs[t->mask]++;
		w->linked++;
		w->l4 += t->flags != 0;
		MUST(t->crit != 0, "a chain holds a dead term");
		MUST(side_slot(side, i) == &side->slot[slot], "a term is in another slot's chain");
	}
	return 0;
}

static int
check_masks(const struct side *side, const char **why)
{
	const struct tap_masks *t = mask_table_now(side);

	MUST((t->open & t->src) == 0 && (t->open & t->dst) == 0 && (t->src & t->dst) == 0, "a mask is there twice");
	for (unsigned m = 0; m < TAP_MASKS_MAX; m++) {
		enum mask_guard g = side->guarded ? mask_guard(side, m) : MASK_OPEN;
		uint64_t set = g == MASK_BY_SRC ? t->src : g == MASK_BY_DST ? t->dst : t->open;

		MUST(!mask_used(side, m) || set >> m & 1, "a mask is guarded by what it is not");
	}
	return 0;
}

static int
check_side(const struct side *side, uint32_t live, uint32_t *l4, const char **why)
{
	struct walk w = {0};
	int r;

	for (uint32_t i = 0; i < side->slots; i++)
		if ((r = check_chain(side, i, &w, why)) < 0)
			return r;
	MUST(w.linked == live, "a linked term belongs to no criterion");
	MUST(w.linked == side->terms.used, "terms in use are not the linked ones");
	for (unsigned m = 0; m < TAP_MASKS_MAX; m++) {
		MUST(w.refs[m] == side->mask_refs[m], "a mask's count of terms is wrong");
		MUST((w.refs[m] != 0) == mask_used(side, m), "a mask is in use without terms");
	}
	MUST(cost_right(side), "what an agency's terms cost is wrong");
	*l4 += w.l4;
	return check_masks(side, why);
}

int
tapset_check(const struct tapset *s, const char **why)
{
	uint32_t terms[2] = {0}, live = 0, l4 = 0;
	int r;

	for (uint32_t c = 1; c < s->t.ncrit; c++) {
		if (s->t.crit[c].state == TAP_CRIT_FREE)
			continue;
		MUST(s->t.crit[c].state == TAP_CRIT_ACTIVE, "a criterion is half built");
		if ((r = check_crit(s, c, terms, why)) < 0)
			return r;
		live++;
	}
	MUST(live == s->crits.used && live == hashmap_count(s->by_uid), "the number of criteria is wrong");
	for (int f = 0; f < 2; f++)
		if ((r = check_side(&s->side[f], terms[f], &l4, why)) < 0)
			return r;
	MUST(l4 == s->t.ctl->l4_terms, "the number of port and ICMP terms is wrong");
	return 0;
}
