/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_view.h - trees as somebody may see them; for conf_perm.c. */
#ifndef CONF_CONF_VIEW_H
#define CONF_CONF_VIEW_H

#include "conf_tree.h"

bool conf_view_is_branch(const struct conf_schema *row); /* it has rights of its own */
/* Whether perm may change every branch below (NULL: at all). */
bool conf_view_changes_all(const struct conf_schema *parent, uint32_t perm);
/* The first child of that row, active or not; NULL: none, or parent is NULL. */
const struct conf_node *conf_view_child(const struct conf_node *parent, const struct conf_schema *row);
/* The next of the same row: of what is not understood there may be several. */
const struct conf_node *conf_view_next(const struct conf_node *n);
/* The child that is the same entry of a list as n; NULL: none, or parent is NULL. */
const struct conf_node *conf_view_entry(const struct conf_node *parent, const struct conf_node *n);
/* The same statement with the same below it, comments too; both may be NULL. */
bool conf_view_same(const struct conf_node *a, const struct conf_node *b);
/* What perm may see of it.  -ENOMEM, -E2BIG. */
int conf_view_make(const struct conf_tree *t, uint32_t perm, struct conf_tree **out);
/* then is what became of now's view: the whole, with what perm was not shown as it was.  Not settled.
 * -EINVAL: a group has the name of one that perm was not shown. */
int conf_view_merge(const struct conf_tree *now, const struct conf_tree *then, uint32_t perm, struct conf_tree **out);

#endif
