/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_tree.h - the configuration as statements, each with the place where it was written.
 *
 * Invariants of a settled tree:
 *  1. children of a node stand in the order of the schema; entries of a list, and everything
 *     in an opaque subtree, in the order written;
 *  2. a container, leaf or leaf-list is there once.
 */
#ifndef CONF_CONF_TREE_H
#define CONF_CONF_TREE_H

#include <sys/queue.h>

#include "conf_error.h"
#include "conf_schema.h"

#define CONF_STATEMENTS_MAX (1u << 20) /* and as many values: what a tree may cost in memory */

struct conf_word {
	char *text; /* owned; within an opaque subtree as written, without the quotation marks */
	unsigned line, column;
	bool quoted; /* as written */
};

struct conf_node {
	TAILQ_ENTRY(conf_node) entry;
	TAILQ_HEAD(conf_nodes, conf_node) child;
	struct conf_node *parent;      /* NULL: the root */
	const struct conf_schema *row; /* NULL: the root, or within an opaque subtree */
	/* values of a leaf or leaf-list; key of a list; within an opaque subtree all words, with [ and ] */
	struct conf_word *word;
	uint32_t nword;
	unsigned line, column;
	bool inactive;
	bool replace, remove; /* its text has a mark of `load' (conf_tags.h) */
	/* owned or NULL: comments above it, beside its end, and before its closing brace; each
	 * ended by a NUL, the last by two */
	char *above, *beside, *within;
};

struct conf_index;

struct conf_tree {
	struct conf_node root;
	uint32_t nodes, words;
	unsigned line; /* on which conf_edit.c's next statements are written; 0: on none */
	/* of conf_lines.c: NULL, or what it holds by name (conf_index.h); how many statements were looked at to find
	 * others, and may be: 0: any number */
	struct conf_index *index;
	uint64_t steps, steps_max;
};

int conf_tree_new(struct conf_tree **out);
void conf_tree_free(struct conf_tree *t); /* NULL is legal */
/* A new last child.  -ENOMEM; -E2BIG at the limit. */
int conf_tree_add(struct conf_tree *t, struct conf_node *parent, const struct conf_schema *row, struct conf_node **out);
/* A copy of at.word. */
int conf_tree_add_word(struct conf_tree *t, struct conf_node *n, struct conf_at at, bool quoted);
void conf_tree_remove(struct conf_tree *t, struct conf_node *n); /* and frees it, with all below it */
void conf_tree_remove_word(struct conf_tree *t, struct conf_node *n, uint32_t i);
/* How many octets a list of comments is, each with its NUL; 0 for NULL. */
size_t conf_tree_comments_len(const char *comments);
/* Appends comments (each ended by a NUL) to one of a node's three. */
int conf_tree_add_comments(char **to, const struct buf *comments);
bool conf_tree_is_opaque(const struct conf_node *n); /* its children are not in the schema */
/* The first active child of that name, which is in the schema; NULL: none, or parent is NULL. */
const struct conf_node *conf_tree_find(const struct conf_node *parent, const char *name);
const char *conf_tree_name(const struct conf_node *n); /* the statement's first word */
/* Words in the same order: name, and values or list entry's name. */
bool conf_tree_same_words(const struct conf_node *a, const struct conf_node *b);
struct conf_at conf_tree_at(const struct conf_node *n);
struct conf_at conf_tree_word_at(const struct conf_word *w);
/* Makes the invariants true.  -EINVAL with *err: a leaf given twice; -ENOMEM. */
int conf_tree_settle(struct conf_tree *t, struct conf_error *err);

#endif
