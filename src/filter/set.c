/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: set_ */
#include "set.h"

#include <errno.h>
#include <string.h>

#define SPLIT_WASTE_BITS 2 /* a range is split if its cover is at least 2^this times as wide */

void
set_free(struct set *s)
{
	free(s->v);
	*s = (struct set){0};
}

static int
by_lo(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

void
set_normalise(struct set *s)
{
	uint32_t out = 0;

	if (s->n == 0)
		return;
	qsort(s->v, s->n, sizeof *s->v, by_lo);
	for (uint32_t i = 1; i < s->n; i++) {
		struct range *last = &s->v[out];

		if (s->v[i].lo <= last->hi || s->v[i].lo - last->hi == 1) {
			if (s->v[i].hi > last->hi)
				last->hi = s->v[i].hi;
		} else
			s->v[++out] = s->v[i];
	}
	s->n = out + 1;
}

int
set_subtract(const struct set *a, const struct set *b, struct set *out)
{
	struct set s = {.v = calloc((size_t)a->n + b->n + 1, sizeof *s.v)};
	uint32_t j = 0;

	if (s.v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->n; i++) {
		u128 lo = a->v[i].lo;
		bool left = true;

		while (j < b->n && b->v[j].hi < lo)
			j++;
		for (uint32_t k = j; left && k < b->n && b->v[k].lo <= a->v[i].hi; k++) {
			if (b->v[k].lo > lo)
				s.v[s.n++] = (struct range){lo, b->v[k].lo - 1};
			left = b->v[k].hi < a->v[i].hi;
			lo = left ? b->v[k].hi + 1 : lo;
		}
		if (left)
			s.v[s.n++] = (struct range){lo, a->v[i].hi};
	}
	*out = s;
	return 0;
}

bool
set_equal(const struct set *a, const struct set *b)
{
	for (uint32_t i = 0; a->n == b->n && i < a->n; i++)
		if (a->v[i].lo != b->v[i].lo || a->v[i].hi != b->v[i].hi)
			return false;
	return a->n == b->n;
}

struct range
set_num_range(const struct num_item *it, u128 max)
{
	switch (it->form) {
	case FORM_ANY:
		return (struct range){0, max};
	case FORM_RANGE:
		return (struct range){it->lo, it->hi};
	case FORM_FROM:
		return (struct range){it->lo, max};
	case FORM_UPTO:
		return (struct range){0, it->hi};
	default:
		return (struct range){it->lo, it->lo};
	}
}

static unsigned
width_bits(u128 v)
{
	unsigned n = 0;

	for (; v; v >>= 1)
		n++;
	return n;
}

int
set_split(struct set *s)
{
	struct set out = {.v = calloc((size_t)s->n * 2 + 1, sizeof *out.v)};

	if (out.v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n; i++) {
		u128 lo = s->v[i].lo, hi = s->v[i].hi;
		unsigned bits = width_bits(lo ^ hi); /* the cover spans 2^bits addresses */

		if (bits > SPLIT_WASTE_BITS && (hi - lo) >> (bits - SPLIT_WASTE_BITS) == 0) {
			u128 cut = hi >> (bits - 1) << (bits - 1);

			out.v[out.n++] = (struct range){lo, cut - 1};
			out.v[out.n++] = (struct range){cut, hi};
		} else
			out.v[out.n++] = s->v[i];
	}
	free(s->v);
	*s = out;
	return 0;
}
