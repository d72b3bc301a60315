/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_index.h - statements of a tree by what they are, while many lines of `set' are read; for conf_edit.c.
 *
 * In it are children that are in the schema, by row and name; values of lists of values; and statements of opaque
 * subtrees that are flat.  What is removed from the tree makes it stale: the next line makes it anew.
 */
#ifndef CONF_CONF_INDEX_H
#define CONF_CONF_INDEX_H

#include "conf_edit.h"

struct conf_index;

int conf_index_new(struct conf_index **out); /* of nothing, stale */
void conf_index_free(struct conf_index *x);  /* NULL is legal */
/* After it all of the tree is in it, unless it was so before.  -ENOMEM. */
int conf_index_refresh(struct conf_index *x, struct conf_tree *t);
/* Whether it knows all: what it does not find is not there. */
bool conf_index_is_whole(const struct conf_index *x);
void conf_index_stale(struct conf_index *x);
/* key: canonical, "" of what is no list. */
struct conf_node *conf_index_child(
    const struct conf_index *x, const struct conf_node *parent, const struct conf_schema *row, struct slice key);
/* The value's number, or -ENOENT. */
int64_t conf_index_value(const struct conf_index *x, const struct conf_node *n, struct slice value);
/* Whether n, an opaque row, has such a statement; known is false if it would have to be looked for. */
bool conf_index_opaque(const struct conf_index *x, const struct conf_node *n, struct conf_path words, bool *known);
/* A statement with its words, or a value, that has been added.  -ENOMEM. */
int conf_index_add(struct conf_index *x, struct conf_node *n);
int conf_index_add_value(struct conf_index *x, struct conf_node *n, uint32_t i);

#endif
