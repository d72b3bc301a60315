/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pairs of ports may overlap, and terms must not.  So the source ports are cut wherever a pair's begin or end; within
 * one piece the same pairs hold, and their destination ports are one set.
 *
 * exports: pairs_
 */
#include "pairs.h"

#include <errno.h>
#include <string.h>

#include "filter.h"

void
pairs_free(struct pairs *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		set_free(&p->v[i].sport);
		set_free(&p->v[i].dport);
	}
	free(p->v);
	*p = (struct pairs){0};
}

static int
set_copy(const struct range *v, uint32_t n, struct set *out)
{
	struct set s = {calloc((size_t)n + 1, sizeof *s.v), n};

	if (s.v == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(s.v, v, n * sizeof *v);
	*out = s;
	return 0;
}

static int
group_add(struct pairs *p, const struct set *sport, const struct set *dport)
{
	struct pairs_group *v = reallocarray(p->v, (size_t)p->n + 1, sizeof *v), g = {0};
	int r;

	if (v == NULL)
		return -ENOMEM;
	p->v = v;
	r = set_copy(sport->v, sport->n, &g.sport);
	if (r == 0 && (r = set_copy(dport->v, dport->n, &g.dport)) < 0)
		set_free(&g.sport);
	if (r == 0)
		v[p->n++] = g;
	return r;
}

int
pairs_of_sets(const struct set *sport, const struct set *dport, struct pairs *out)
{
	return group_add(out, sport, dport);
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Where a source port is the first of a piece: sorted, each once. */
static uint32_t
cuts_make(const struct num_list *sport, uint32_t *cut)
{
	uint32_t n = 0, out = 0;

	for (uint32_t i = 0; i < sport->n; i++) {
		struct range r = set_num_range(&sport->v[i], UINT16_MAX);

		cut[n++] = (uint32_t)r.lo;
		cut[n++] = (uint32_t)r.hi + 1;
	}
	qsort(cut, n, sizeof *cut, by_value);
	for (uint32_t i = 0; i < n; i++)
		if (out == 0 || cut[i] != cut[out - 1])
			cut[out++] = cut[i];
	return out;
}

/* The destination ports that go with the source port at, into *s, which has room for all. */
static void
dports_of(const struct num_list *sport, const struct num_list *dport, uint32_t at, struct set *s)
{
	s->n = 0;
	for (uint32_t i = 0; i < sport->n; i++) {
		struct range r = set_num_range(&sport->v[i], UINT16_MAX);

		if (r.lo <= at && at <= r.hi)
			s->v[s->n++] = set_num_range(&dport->v[i], UINT16_MAX);
	}
	set_normalise(s);
}

/* The piece joins the group before it, if that ends where it begins and has the same destination ports. */
static int
piece_add(struct pairs *p, struct range piece, const struct set *dport)
{
	struct pairs_group *last = p->n > 0 ? &p->v[p->n - 1] : NULL;
	struct set sport = {&piece, 1};

	if (dport->n == 0)
		return 0;
	if (last && last->sport.v[0].hi + 1 == piece.lo && set_equal(&last->dport, dport)) {
		last->sport.v[0].hi = piece.hi;
		return 0;
	}
	return group_add(p, &sport, dport);
}

int
pairs_split(const struct num_list *sport, const struct num_list *dport, struct pairs *out)
{
	cleanup_free uint32_t *cut = NULL;
	struct set here = {0};
	uint32_t n, terms = 0;
	int r = 0;

	if (sport->n > FILTER_PAIRS_MAX)
		return -E2BIG;
	cut = calloc((size_t)sport->n * 2 + 1, sizeof *cut);
	here.v = calloc((size_t)sport->n + 1, sizeof *here.v);
	if (cut == NULL || here.v == NULL)
		r = -ENOMEM;
	n = r == 0 ? cuts_make(sport, cut) : 0;
	for (uint32_t i = 0; r == 0 && i + 1 < n; i++) {
		dports_of(sport, dport, cut[i], &here);
		if ((terms += here.n) > 2 * FILTER_TERMS_MAX)
			r = -E2BIG;
		else
			r = piece_add(out, (struct range){cut[i], cut[i + 1] - 1}, &here);
	}
	set_free(&here);
	return r;
}
