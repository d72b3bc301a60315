/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_groups.h - groups and apply-groups: the statements that a tree stands for.
 *
 * As on Junos: what stands in the configuration itself wins over what a group says, the first group of a list over
 * the others, an apply-groups further down over one further up; lists of values and of names are continued, the
 * configuration's own first.  A name in < > stands for all entries that it matches, of the configuration and of other
 * groups, and makes none; in one group what is named counts before what is matched.  A group may apply others.  An
 * inactive statement inherits nothing, and what is inherited takes its place.
 *
 * In a subtree that is kept without being understood statements are compared word by word, one that differs in its
 * last word only counting as the same; wildcards and apply-groups in it have no effect (conf_warn says so).
 */
#ifndef CONF_CONF_GROUPS_H
#define CONF_CONF_GROUPS_H

#include "conf_tree.h"

#define CONF_GROUPS_MAX 1000
#define CONF_GROUPS_DEPTH_MAX 16 /* of groups that apply groups */
#define CONF_GROUPS_PATTERNS_MAX 10000

/* Whether there is anything to be expanded. */
bool conf_groups_any(const struct conf_tree *t);
/* At most CONF_GROUPS_MAX groups.  -EINVAL with *err. */
int conf_groups_bounded(const struct conf_tree *t, struct conf_error *err);
/*
 * The tree with what it inherits and without groups and apply-groups; it is in the order of a settled tree.  An
 * inherited statement has its place in the group.  marked: with a comment above each that says where it is from.
 * -EINVAL with *err: a group that is named is not defined, or it is more than can be taken; -ENOMEM with *err.
 */
int conf_groups_expand(const struct conf_tree *t, bool marked, struct conf_tree **out, struct conf_error *err);
/* The group of that name, active or not; NULL: there is none. */
const struct conf_node *conf_groups_find(const struct conf_tree *t, const char *name);
/* "<lea[1-3]*>": with * for any characters, ? for one, and [ ] for one of these, or with ! none of these. */
bool conf_groups_is_pattern(struct slice s);
bool conf_groups_matches(const char *pattern, const char *name);
/* Whether a statement of an opaque subtree, or one in it, would say something to groups if it were understood. */
bool conf_groups_is_idle(const struct conf_node *n);

#endif
