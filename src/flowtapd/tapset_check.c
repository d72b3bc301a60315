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
	uint32_t head, t, n;
	union term_key k;

	MUST(mask_used(side, side_term(side, i)->mask), "a term's mask is not in use");
	MUST(side_key_covers(side, i), "a term's ranges are wider than its key");
	MUST(bloom_has(&s->bloom, side_key(side, i, &k)), "a key's Bloom bits are missing");
	n = side_chain(side, i, &head);
	MUST(n <= TAP_CHAIN_MAX, "a chain is too long");
	for (t = head; t != 0 && t != i;)
		t = side_term(side, t)->next;
	MUST(t == i, "a term is not in the chain of its key");
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
	const struct side *side;
	uint32_t keys, dead, linked, l4;
	uint32_t refs[TAP_MASKS_MAX];
};

static int
count_chain(void *arg, const void *key, uint32_t head)
{
	struct walk *w = arg;

	(void)key;
	w->keys++;
	for (uint32_t i = head; i != 0; i = side_term(w->side, i)->next) {
		const struct term_head *t = side_term(w->side, i);

		w->refs[t->mask]++;
		w->linked++;
		w->dead += t->crit == 0;
		w->l4 += t->flags != 0;
		if (t->crit == 0 && i != head)
			return -EBADMSG;
	}
	return side_term(w->side, head)->crit == 0 && side_term(w->side, head)->next == 0 ? -EBADMSG : 0;
}

static int
check_side(const struct side *side, uint32_t live, uint32_t *l4, const char **why)
{
	struct walk w = {.side = side};

	MUST(side->hash->walk(side->hash_arg, count_chain, &w) == 0, "a chain holds a dead term");
	MUST(w.linked - w.dead == live, "a linked term belongs to no criterion");
	MUST(w.linked == side->terms.used, "terms in use are not the linked ones");
	MUST(w.keys == side->keys, "the number of keys is wrong");
	for (unsigned m = 0; m < TAP_MASKS_MAX; m++) {
		MUST(w.refs[m] == side->mask_refs[m], "a mask's count of terms is wrong");
		MUST((w.refs[m] != 0) == mask_used(side, m), "a mask is in use without terms");
	}
	*l4 += w.l4;
	return 0;
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
