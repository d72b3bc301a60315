/* SPDX-License-Identifier: BSD-2-Clause */
/* set.h - sets of numbers as ranges; within this library only. */
#ifndef FILTER_SET_H
#define FILTER_SET_H

#include "criteria.h"

typedef unsigned __int128 u128;

struct range {
	u128 lo, hi; /* inclusive */
};

struct set {
	struct range *v; /* owned */
	uint32_t n;
};

void set_free(struct set *s);
/* Sorts and joins what overlaps or touches: what all the others expect, and give. */
void set_normalise(struct set *s);
bool set_equal(const struct set *a, const struct set *b);
/* a without b: 0, -ENOMEM */
int set_subtract(const struct set *a, const struct set *b, struct set *out);
/* Splits ranges whose covering prefix is much wider than themselves, at the boundary
 * inside them that the longest prefix ends at: 0, -ENOMEM */
int set_split(struct set *s);
/* Of one item, negated or not. */
struct range set_num_range(const struct num_item *it, u128 max);

#endif
