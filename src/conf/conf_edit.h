/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_edit.h - changes to a tree, one statement at a time: `set', `delete' and their like.
 *
 * A path is the words of a statement in full, from the top, as `set' takes them; the values of a list of
 * values may stand between [ and ].  What stands in an opaque subtree is one flat statement of words.
 * After a change the tree is not settled: conf_tree_settle, once after many.
 */
#ifndef CONF_CONF_EDIT_H
#define CONF_CONF_EDIT_H

#include "conf_tree.h"

struct conf_path {
	const char *const *word; /* borrowed */
	size_t n;
};

struct conf_target {
	struct conf_node *node;
	bool is_word; /* the path ends at one value of several */
	uint32_t word;
};

/* Of words of a statement that is not understood the first bracket that is not one of a pair around words; words.n:
 * there is none. */
size_t conf_edit_brackets(struct conf_path words);
/* Whether the path is a statement, whole (with its value), that one who lacks the rights in hidden (conf_perm.h; 0:
 * none) may know.  -EINVAL with *err, whose column is the word's number, from 1. */
int conf_edit_check(struct conf_path path, uint32_t hidden, struct conf_error *err);
/* 0; -ENOENT. */
int conf_edit_find(struct conf_tree *t, struct conf_path path, struct conf_target *out);
/* -EINVAL with *err as conf_edit_check, and nothing changed; -ENOMEM, -E2BIG. */
int conf_edit_set(struct conf_tree *t, struct conf_path path, uint32_t hidden, struct conf_error *err);
int conf_edit_delete(struct conf_tree *t, struct conf_path path);              /* -ENOENT */
int conf_edit_active(struct conf_tree *t, struct conf_path path, bool active); /* -ENOENT; -EALREADY */
/* All of from becomes part of t: a value replaces the one there, lists are continued; comments come with it. */
int conf_edit_merge(struct conf_tree *t, const struct conf_tree *from);
/* The same with what is below a statement of another tree, or of the same one. */
int conf_edit_merge_below(struct conf_tree *t, struct conf_node *to, const struct conf_node *from);
/* The child of parent that is the same statement as n, whatever its value; NULL: none. */
struct conf_node *conf_edit_counterpart(const struct conf_node *parent, const struct conf_node *n);
/* One more word of a statement, in quotation marks if it needs them. */
int conf_edit_add_word(struct conf_tree *t, struct conf_node *n, const char *word);
int conf_edit_copy(const struct conf_tree *from, struct conf_tree **out);
/* Whether two trees are the same statements in the same order with the same comments; -ENOMEM. */
int conf_edit_equal(const struct conf_tree *a, const struct conf_tree *b);

#endif
