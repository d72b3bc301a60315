/* SPDX-License-Identifier: BSD-2-Clause */
/* pairs.h - which source port may go with which destination port; within this library only. */
#ifndef FILTER_PAIRS_H
#define FILTER_PAIRS_H

#include "set.h"

/* Any of the one with any of the other; the source ports of two groups have none in common. */
struct pairs_group {
	struct set sport, dport;
};

struct pairs {
	struct pairs_group *v; /* owned */
	uint32_t n;
};

void pairs_free(struct pairs *p);
/* Item by item of two lists that are as long.  0, -E2BIG, -ENOMEM; *out is then to be freed, too. */
int pairs_split(const struct num_list *sport, const struct num_list *dport, struct pairs *out);
/* One group, of copies of the two. */
int pairs_of_sets(const struct set *sport, const struct set *dport, struct pairs *out);

#endif
