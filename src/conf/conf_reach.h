/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_reach.h - users and classes in groups; for conf_perm.c.
 *
 * What a group says of users and classes reaches those that come later: a name with wildcards whoever it will match, a
 * plain name a user whom somebody adds without looking at the groups.  What they will have is not known when the group
 * is written or applied.
 */
#ifndef CONF_CONF_REACH_H
#define CONF_CONF_REACH_H

#include "conf_tree.h"

enum conf_reach {
	CONF_REACH_SAME,
	CONF_REACH_ENTRY, /* a user or class in a group differs, *at is it */
	CONF_REACH_APPLY, /* or which of the groups with some apply, or in which order, to the whole of system login */
};

/* What differs first.  -ENOMEM. */
int conf_reach_compare(const struct conf_tree *now, const struct conf_tree *next, const struct conf_node **at);

#endif
