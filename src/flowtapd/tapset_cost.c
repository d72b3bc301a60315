/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an agency's terms cost packets, at most: a Bloom word for each of its masks, and under each of them as many
 * comparisons as the longest chain of its own under one key has.  Only the agency's own terms are counted, so that what
 * it may have tells nothing of others.
 *
 * exports: cost_ tapset_cost */
#include <errno.h>

#include "tapset_int.h"

#define LONGER (TAPSET_STEPS + 1) /* all chains that are longer than that count as one step more */

/* The masks of one agency in one family. */
struct cost {
	uint32_t masks;
	uint32_t steps; /* the longest chains of all masks together */
	uint32_t wide;  /* those of the masks that the guard keeps nobody from */
	struct mask_cost {
		uint32_t terms;
		uint32_t longest;
		uint32_t *keys; /* how many have 1 .. LONGER terms; NULL: never used */
	} mask[TAP_MASKS_MAX];
};

static uint32_t
capped(uint32_t n)
{
	return n < LONGER ? n : LONGER;
}

static bool
is_wide(const struct side *s, unsigned m)
{
	return mask_guard(s, m) == MASK_OPEN;
}

int
cost_init(struct side *s, uint32_t nagency)
{
	s->nagency = nagency;
	s->cost = calloc(nagency, sizeof *s->cost);
	return s->cost ? 0 : -ENOMEM;
}

void
cost_fini(struct side *s)
{
	for (uint32_t a = 0; s->cost && a < s->nagency; a++) {
		for (unsigned m = 0; s->cost[a] && m < TAP_MASKS_MAX; m++)
			free(s->cost[a]->mask[m].keys);
		free(s->cost[a]);
	}
	free(s->cost);
}

int
cost_reserve(struct side *s, uint32_t agency, unsigned m)
{
	struct cost **c = &s->cost[agency];

	if (*c == NULL && (*c = calloc(1, sizeof **c)) == NULL)
		return -ENOMEM;
	if ((*c)->mask[m].keys == NULL)
		(*c)->mask[m].keys = calloc(LONGER + 1, sizeof *(*c)->mask[m].keys);
	return (*c)->mask[m].keys ? 0 : -ENOMEM;
}

uint32_t
cost_masks(const struct side *s, uint32_t agency)
{
	return s->cost[agency] ? s->cost[agency]->masks : 0;
}

bool
cost_has_mask(const struct side *s, uint32_t agency, unsigned m)
{
	return s->cost[agency] && s->cost[agency]->mask[m].terms > 0;
}

bool
cost_allows(const struct side *s, uint32_t agency, unsigned m, uint32_t chain)
{
	const struct cost *c = s->cost[agency];
	uint32_t longest = c ? c->mask[m].longest : 0, steps = c ? c->steps : 0, wide = c ? c->wide : 0;
	uint32_t more = chain > longest ? chain - longest : 0;

	if (!cost_has_mask(s, agency, m) && cost_masks(s, agency) >= TAPSET_MASKS)
		return false;
	/* What came before the rule may be beyond it: then nothing that costs more. */
	if (more == 0)
		return true;
	return steps + more <= TAPSET_STEPS && (!is_wide(s, m) || wide + more <= TAPSET_STEPS_WIDE);
}

static void
longest_set(const struct side *s, struct cost *c, unsigned m, uint32_t n)
{
	const uint32_t was = c->mask[m].longest;

	c->mask[m].longest = n;
	c->steps += n - was;
	if (is_wide(s, m))
		c->wide += n - was;
}

void
cost_add(struct side *s, uint32_t agency, unsigned m, uint32_t chain)
{
	struct cost *c = s->cost[agency];
	struct mask_cost *k = &c->mask[m];

	c->masks += k->terms++ == 0;
	if (chain > 1)
		k->keys[capped(chain - 1)]--;
	k->keys[capped(chain)]++;
	if (capped(chain) > k->longest)
		longest_set(s, c, m, capped(chain));
}

void
cost_remove(struct side *s, uint32_t agency, unsigned m, uint32_t chain)
{
	struct cost *c = s->cost[agency];
	struct mask_cost *k = &c->mask[m];
	uint32_t n = k->longest;

	c->masks -= --k->terms == 0;
	k->keys[capped(chain)]--;
	if (chain > 1)
		k->keys[capped(chain - 1)]++;
	while (n > 0 && k->keys[n] == 0)
		n--;
	longest_set(s, c, m, n);
}

/* ---- the terms of one agency under one key ---- */

/* Of the slot's chain, before term `end`. */
static uint32_t
own_before(const struct side *s, uint32_t first, uint32_t end, const struct key_of *k)
{
	uint32_t n = 0;

	for (uint32_t i = first; i != 0 && i != end; i = side_term(s, i)->next)
		n += side_term(s, i)->mask == k->mask && side_agency(s, i) == k->agency && side_hash(s, i) == k->hash;
	return n;
}

uint32_t
cost_chain(const struct side *s, uint32_t first, const struct key_of *k)
{
	return own_before(s, first, 0, k);
}

int
cost_recover(struct side *s)
{
	for (uint32_t at = 0; at < s->slots; at++)
		for (uint32_t i = s->slot[at]; i != 0; i = side_term(s, i)->next) {
			const struct key_of k = {side_hash(s, i), side_agency(s, i), side_term(s, i)->mask};
			int r = cost_reserve(s, k.agency, k.mask);

			if (r < 0)
				return r;
			cost_add(s, k.agency, k.mask, own_before(s, s->slot[at], i, &k) + 1);
		}
	return 0;
}

static struct tapset_cost
cost_now(const struct side *s, uint32_t agency)
{
	const struct cost *c = s->cost[agency];

	return c ? (struct tapset_cost){c->masks, c->steps, c->wide} : (struct tapset_cost){0};
}

bool
cost_right(const struct side *s)
{
	struct side anew = *s;
	bool right = cost_init(&anew, s->nagency) == 0 && cost_recover(&anew) == 0;

	for (uint32_t a = 0; right && a < s->nagency; a++) {
		const struct tapset_cost is = cost_now(s, a), should = cost_now(&anew, a);

		right = is.masks == should.masks && is.steps == should.steps && is.wide == should.wide;
	}
	cost_fini(&anew);
	return right;
}

/* ---- what is asked from outside ---- */

static bool
is_costly(const struct side *s, uint32_t agency)
{
	const struct tapset_cost c = cost_now(s, agency);

	return c.masks > TAPSET_MASKS || c.steps > TAPSET_STEPS || c.wide > TAPSET_STEPS_WIDE;
}

uint32_t
tapset_costly(const struct tapset *s, uint32_t after)
{
	for (uint32_t a = after + 1; a < s->t.nagency; a++)
		if (is_costly(&s->side[0], a) || is_costly(&s->side[1], a))
			return a;
	return 0;
}

struct tapset_cost
tapset_cost(const struct tapset *s, unsigned family, uint32_t agency)
{
	return cost_now(&s->side[family == 6], agency);
}
