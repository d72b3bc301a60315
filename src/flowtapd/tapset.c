/* SPDX-License-Identifier: BSD-2-Clause */
#include "tapset.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "tapset_int.h"

#define SAMPLE_NS 10000000000ull
#define WATCH_PARTS 4 /* seconds until every entry was looked at */

int
tapset_new(const struct tapset_tables *t, struct tapset **out)
{
	struct tapset *s = calloc(1, sizeof *s);
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->t = *t;
	s->side[0] = (struct side){
	    .crit = t->crit, .family = 4, .ctl = t->ctl, .term4 = t->term4, .slot = t->slot4, .slots = t->nslot4};
	s->side[1] = (struct side){
	    .crit = t->crit, .family = 6, .ctl = t->ctl, .term6 = t->term6, .slot = t->slot6, .slots = t->nslot6};
	bloom_init(&s->bloom, t->ctl, t->bloom, t->bloom_words);
	s->dests = (struct dests){
	    .dest = t->dest, .own = &s->t.own, .own_arg = t->own_arg, .own_bits = t->ctl->own, .seed = &t->ctl->seed};
	s->flag = calloc(t->ncrit, sizeof *s->flag);
	s->sample = calloc(t->ncrit, sizeof *s->sample);
	s->dests.link = calloc(t->ndest, sizeof *s->dests.link);
	for (int f = 0; f < 2; f++)
		s->side[f].used = calloc(t->nagency, sizeof *s->side[f].used);
	r = s->flag && s->sample && s->dests.link && s->side[0].used && s->side[1].used ? 0 : -ENOMEM;
	if (r < 0 || (r = cost_init(&s->side[0], t->nagency)) < 0 || (r = cost_init(&s->side[1], t->nagency)) < 0 ||
	    (r = pool_init(&s->side[0].terms, t->nterm4)) < 0 || (r = pool_init(&s->side[1].terms, t->nterm6)) < 0 ||
	    (r = pool_init(&s->dests.pool, t->ndest)) < 0 || (r = pool_init(&s->crits, t->ncrit)) < 0 ||
	    (r = dues_init(&s->dues, t->ncrit)) < 0 ||
	    (r = watch_init(&s->watch, t, (uint64_t)(uintptr_t)s ^ clock_mono_ns())) < 0 ||
	    (r = hashmap_new(&s->by_uid)) < 0) {
		tapset_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void
tapset_free(struct tapset *s)
{
	if (s == NULL)
		return;
	pool_fini(&s->side[0].terms);
	pool_fini(&s->side[1].terms);
	free(s->side[0].used);
	free(s->side[1].used);
	cost_fini(&s->side[0]);
	cost_fini(&s->side[1]);
	pool_fini(&s->dests.pool);
	pool_fini(&s->crits);
	dues_fini(&s->dues);
	watch_fini(&s->watch);
	hashmap_free(s->by_uid);
	free(s->flag);
	free(s->sample);
	free(s->use);
	free(s->dests.link);
	free(s);
}

struct side *
tapset_side(struct tapset *s, unsigned family)
{
	return &s->side[family == 6];
}

static uint32_t *
first_of(struct tap_crit *k, unsigned family)
{
	return family == 6 ? &k->first6 : &k->first4;
}

/* ---- in ---- */

/* Reserves a term, writes it and gives it to the criterion; not linked yet. */
static int
put_term(struct tapset *s, uint32_t c, const struct filter_term *f, bool stored, uint64_t now_ns)
{
	struct side *side = tapset_side(s, f->family);
	uint32_t *first = first_of(&s->t.crit[c], f->family), i = pool_get(&side->terms, now_ns);
	struct term_head *t;
	int r;

	if (i == 0)
		return -ENOSPC;
	side_term_fill(side, i, f);
	t = side_term(side, i);
	STORE(&t->crit, c);
	if ((r = mask_link(side, i, &s->bloom, stored)) < 0) {
		STORE(&t->crit, 0);
		pool_put(&side->terms, i, now_ns);
		return r;
	}
	t->sibling = *first;
	*first = i;
	side->used[s->t.crit[c].agency]++;
	return 0;
}

static int
put_all(struct tapset *s, uint32_t c, const struct tapset_want *w, uint64_t now_ns)
{
	const struct tap_filter *f = w->filter;
	uint32_t n[2] = {0}, agency = w->agency;

	for (uint32_t i = 0; i < f->n; i++)
		n[f->term[i].family == 6]++;
	for (int j = 0; j < 2; j++)
		if (n[j] > 0 && !side_has_room(&s->side[j], agency, n[j]))
			return -ENOSPC;
	for (uint32_t i = 0; i < f->n; i++) {
		int r = put_term(s, c, &f->term[i], w->stored, now_ns);

		if (r < 0)
			return r;
	}
	return 0;
}

static int
put_dests(struct tapset *s, uint32_t c, const struct tapset_want *w, uint64_t now_ns)
{
	for (unsigned j = 0; j < w->ndest; j++) {
		int r = dests_get(&s->dests, &w->dest[j], w->agency, now_ns, &s->t.crit[c].dest[j]);

		if (r < 0)
			return r;
	}
	return 0;
}

void
tapset_drop(struct tapset *s, uint32_t c, uint64_t now_ns)
{
	struct tap_crit *k = &s->t.crit[c];

	STORE(&k->state, TAP_CRIT_DEAD);
	watch_forget(s, c);
	for (int f = 0; f < 2; f++) {
		struct side *side = &s->side[f];

		for (uint32_t i = *first_of(k, side->family), next; i != 0; i = next) {
			next = side_term(side, i)->sibling;
			side->used[k->agency]--;
			side_unlink(side, i, now_ns);
			s->bloom.removed++;
		}
	}
	for (int j = 0; j < TAP_DESTS_PER_CRIT; j++)
		if (k->dest[j] != 0)
			dests_put(&s->dests, k->dest[j], now_ns);
	if (hashmap_get(s->by_uid, k->uid) == c)
		(void)hashmap_remove(s->by_uid, k->uid);
	dues_remove(&s->dues, c);
	*k = (struct tap_crit){0};
	s->flag[c] = 0;
	s->sample[c] = (struct sample){0};
	pool_put(&s->crits, c, now_ns);
}

/* Whether criterion c is what is asked for, term by term: they were put in order, first last. */
static bool
same(struct tapset *s, uint32_t c, const struct tapset_want *w)
{
	const struct tap_crit *k = &s->t.crit[c];
	const struct tap_filter *f = w->filter;
	uint32_t at[2] = {k->first4, k->first6};

	for (uint32_t n = f->n; n-- > 0;) {
		unsigned six = f->term[n].family == 6;

		if (at[six] == 0 || !side_term_equal(&s->side[six], at[six], &f->term[n]))
			return false;
		at[six] = side_term(&s->side[six], at[six])->sibling;
	}
	for (unsigned j = 0; j < TAP_DESTS_PER_CRIT; j++) {
		if (j >= w->ndest ? k->dest[j] != 0
				  : k->dest[j] == 0 || !dests_equal(&s->dests, k->dest[j], &w->dest[j], w->agency))
			return false;
	}
	return at[0] == 0 && at[1] == 0 && k->agency == w->agency;
}

/* 1: c was recovered and stays; 0: it is to be replaced; -EEXIST. */
static int
confirm(struct tapset *s, uint32_t c, const struct tapset_want *w, uint64_t now_ns)
{
	if (s->flag[c] & CONFIRMED)
		return -EEXIST;
	s->unconfirmed--;
	if (!same(s, c, w) && life_judge(s, c, now_ns) == TAPSET_LIVE)
		return 0;
	life_confirm(s, c, &w->life, now_ns);
	s->flag[c] |= CONFIRMED;
	watch_note(s, c);
	return 1;
}

int
tapset_put(struct tapset *s, uint64_t uid, const struct tapset_want *w, uint64_t now_ns)
{
	uint32_t c = hashmap_get(s->by_uid, uid);
	struct tapset_used used = w->used;
	int r;

	if (uid == 0 || w->ndest == 0 || w->ndest > TAP_DESTS_PER_CRIT || w->agency == 0)
		return -EINVAL;
	if (w->agency >= s->t.nagency)
		return -ENOSPC;
	if (c != 0) {
		if ((r = confirm(s, c, w, now_ns)) != 0)
			return r < 0 ? r : 0;
		used = life_used(s, c);
		tapset_drop(s, c, now_ns);
	}
	if (used.seen_ns == 0)
		used.seen_ns = (int64_t)now_ns;
	if ((c = pool_get(&s->crits, now_ns)) == 0)
		return -ENOSPC;
	s->t.count[c] = (struct tap_count){0};
	s->t.crit[c] = (struct tap_crit){.uid = uid, .agency = w->agency};
	life_begin(s, c, &w->life, &used);
	STORE(&s->t.crit[c].state, TAP_CRIT_BUILDING);
	if ((r = hashmap_put(s->by_uid, uid, c)) < 0 || (r = put_dests(s, c, w, now_ns)) < 0 ||
	    (r = put_all(s, c, w, now_ns)) < 0) {
		tapset_drop(s, c, now_ns);
		return r;
	}
	s->flag[c] = CONFIRMED | (w->used.packets | w->used.bytes ? ANEW : 0);
	STORE(&s->t.crit[c].state, TAP_CRIT_ACTIVE);
	life_begun(s, c);
	watch_note(s, c);
	if (bloom_is_small(&s->bloom, s->side))
		bloom_rebuild(&s->bloom, s->side, 4, now_ns);
	return 0;
}

/* ---- out ---- */

int
tapset_remove(struct tapset *s, uint64_t uid, uint64_t now_ns)
{
	uint32_t c = hashmap_get(s->by_uid, uid);

	if (c == 0)
		return -ENOENT;
	if (!(s->flag[c] & CONFIRMED))
		s->unconfirmed--;
	tapset_drop(s, c, now_ns);
	return 0;
}

uint32_t
tapset_drop_unconfirmed(struct tapset *s, uint64_t now_ns)
{
	uint32_t n = 0;

	for (uint32_t c = 1; c < s->crits.fresh && s->unconfirmed > 0; c++) {
		if (s->t.crit[c].state != TAP_CRIT_ACTIVE || s->flag[c] & CONFIRMED)
			continue;
		tapset_drop(s, c, now_ns);
		s->unconfirmed--;
		n++;
	}
	return n;
}

/* ---- figures ---- */

static void
sample(struct tapset *s, uint32_t c, uint64_t over_ns)
{
	struct sample *p = &s->sample[c];
	uint64_t bytes = s->t.count[c].bytes;

	if (p->known)
		p->bps = (uint64_t)((double)(bytes - p->bytes) * 8e9 / (double)over_ns);
	p->bytes = bytes;
	p->known = true;
}

void
tapset_tick(struct tapset *s, uint64_t now_ns)
{
	uint64_t over = now_ns - s->sampled_ns;

	life_collect(s);
	watch_round(s, WATCH_PARTS);
	dests_tick(&s->dests, now_ns);
	if (bloom_is_small(&s->bloom, s->side) || bloom_is_stale(&s->bloom, s->side))
		bloom_rebuild(&s->bloom, s->side, 1, now_ns);
	side_wipe(&s->side[0], now_ns);
	side_wipe(&s->side[1], now_ns);
	if (over < SAMPLE_NS)
		return;
	for (uint32_t c = 1; c < s->crits.fresh; c++)
		if (s->t.crit[c].state == TAP_CRIT_ACTIVE)
			sample(s, c, over);
	s->sampled_ns = now_ns;
}

int
tapset_counts(const struct tapset *s, uint64_t uid, struct tap_count *out)
{
	uint32_t c = hashmap_get(s->by_uid, uid);

	if (c == 0)
		return -ENOENT;
	*out = s->t.count[c];
	return 0;
}

uint64_t
tapset_bandwidth(const struct tapset *s, uint64_t uid)
{
	return s->sample[hashmap_get(s->by_uid, uid)].bps;
}

static uint32_t
masks(const struct side *s)
{
	return (uint32_t)__builtin_popcountll(mask_all(s));
}

void
tapset_usage(const struct tapset *s, struct tapset_usage *out)
{
	*out = (struct tapset_usage){.crits = s->crits.used,
	    .terms4 = s->side[0].terms.used,
	    .terms6 = s->side[1].terms.used,
	    .dests = s->dests.pool.used,
	    .masks4 = masks(&s->side[0]),
	    .masks6 = masks(&s->side[1]),
	    .bloom_words = (uint32_t)s->t.ctl->bloom + 1,
	    .unresolved = dests_unresolved(&s->dests)};
}

uint32_t
tapset_dest_next(const struct tapset *s, uint32_t after, struct tapset_dest_state *out)
{
	for (uint32_t i = after + 1; i < s->dests.pool.fresh; i++)
		if (dests_state(&s->dests, i, out))
			return i;
	return 0;
}
