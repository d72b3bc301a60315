/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_compare.h - trees as `set' lines, and what lies between two of them, as on Junos. */
#ifndef CONF_CONF_COMPARE_H
#define CONF_CONF_COMPARE_H

#include "conf_tree.h"

/* "services flow-tap agency lea1": the words that lead to a node. */
void conf_compare_path(const struct conf_node *n, struct buf *out);
/* The node (NULL: all) as lines of `set' and `deactivate', with whole paths. */
void conf_compare_set_lines(const struct conf_tree *t, const struct conf_node *n, struct buf *out);
/* "[edit services flow-tap]", then "-   statement", "+   statement" or "!   inactive: statement".  A comment
 * that alone differs is a line of its own above the statement that it belongs to, as "    agency lea1 { ... }"; one
 * before a level's closing brace is the last of the level's lines. */
void conf_compare_trees(const struct conf_tree *before, const struct conf_tree *after, struct buf *out);

#endif
