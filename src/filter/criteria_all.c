/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: criteria_ */
#include <stdlib.h>

#include "criteria.h"

struct span {
	struct ip_addr lo, hi;
};

static int
span_cmp(const void *a, const void *b)
{
	return ip_cmp(&((const struct span *)a)->lo, &((const struct span *)b)->lo);
}

/* The next address; false: there is none. */
static bool
after(struct ip_addr *a)
{
	for (unsigned i = ip_bits(a) / 8; i-- > 0;)
		if (++a->b[i] != 0)
			return true;
	return false;
}

static struct span
span_of(const struct addr_item *it)
{
	const struct ip_addr *known = it->form == FORM_UPTO ? &it->hi : &it->lo;

	return (struct span){
	    .lo = it->form == FORM_UPTO     ? ip_first(known, 0)
		  : it->form == FORM_PREFIX ? ip_first(known, it->plen)
					    : it->lo,
	    .hi = it->form == FORM_FROM     ? ip_last(known, 0)
		  : it->form == FORM_PREFIX ? ip_last(known, it->plen)
		  : it->form == FORM_SINGLE ? it->lo
					    : it->hi,
	};
}

/* Sorted spans, one behind the other without a gap from the first address to the last. */
static bool
spans_cover(const struct span *v, uint32_t n)
{
	struct ip_addr next;

	if (n == 0)
		return false;
	next = ip_first(&v[0].lo, 0);
	for (uint32_t i = 0; i < n; i++) {
		if (ip_cmp(&v[i].lo, &next) > 0)
			return false;
		if (ip_cmp(&v[i].hi, &next) < 0)
			continue;
		next = v[i].hi;
		if (!after(&next))
			return true;
	}
	return false;
}

static bool
addrs_all(const struct addr_list *l)
{
	struct span *v;
	uint32_t n = 0;
	bool all = l->n == 0;

	for (uint32_t i = 0; i < l->n; i++) {
		if (l->v[i].negated)
			return false;
		all = all || l->v[i].form == FORM_ANY;
	}
	if (all || (v = calloc(l->n, sizeof *v)) == NULL)
		return all;
	for (; n < l->n; n++)
		v[n] = span_of(&l->v[n]);
	qsort(v, n, sizeof *v, span_cmp);
	all = spans_cover(v, n);
	free(v);
	return all;
}

static bool
nums_all(const struct num_list *l, uint32_t max)
{
	bool all = l->n == 0;
	uint32_t v = 0, reach;

	for (uint32_t i = 0; i < l->n; i++) {
		if (l->v[i].negated)
			return false;
		all = all || l->v[i].form == FORM_ANY;
	}
	/* From v on: as far as one of them goes. */
	for (; !all && v <= max; v = reach) {
		reach = v;
		for (uint32_t i = 0; i < l->n; i++) {
			const struct num_item *it = &l->v[i];
			const uint32_t lo = it->form == FORM_UPTO ? 0 : it->lo;
			const uint32_t hi = it->form == FORM_FROM ? max : it->form == FORM_SINGLE ? it->lo : it->hi;

			if (lo <= v && hi >= reach)
				reach = hi + 1;
		}
		if (reach == v)
			return false;
	}
	return true;
}

bool
criteria_is_everything(const struct criteria *c)
{
	for (unsigned i = 0; i < ARRAY_LEN(c->addr); i++)
		if (!addrs_all(&c->addr[i]))
			return false;
	for (unsigned i = 0; i < ARRAY_LEN(c->num); i++) {
		const unsigned f = i + CRIT_PROTOCOL;

		if (!nums_all(&c->num[i], f == CRIT_SOURCE_PORT || f == CRIT_DEST_PORT ? 65535 : 255))
			return false;
	}
	return true;
}
