/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_groups_int.h - what expands groups: conf_groups.c has the levels and their sources, conf_groups_copy.c makes
 * copies of statements, and conf_groups_name.c knows names with wildcards.
 */
#ifndef CONF_CONF_GROUPS_INT_H
#define CONF_CONF_GROUPS_INT_H

#include "conf_tree.h"

struct source {
	const struct conf_node *node;        /* in a group */
	const struct conf_node *group, *via; /* its group, and the one that was named in the configuration */
};

struct sources {
	struct source *v;
	size_t n;
};

struct expand {
	struct conf_tree *out;
	bool marked;
	const struct conf_node **group; /* those that are active, sorted by name */
	size_t ngroup, npattern;
	uint32_t work;
};

/* As many steps as were counted: 0; -E2BIG: they are too many. */
int groups_spend(struct expand *x, size_t steps);
/* Where it is known only afterwards: the next step is one too many. */
void groups_spent(struct expand *x, size_t steps);

/* conf_groups_name.c */
bool groups_is_pattern(const char *s);
/* *steps: what it took. */
bool groups_match(const char *pattern, const char *name, size_t *steps);

/* conf_groups_copy.c: 0 or -errno. */
int groups_comments_copy(struct conf_node *to, const struct conf_node *from);
/* A comment above n that says from which group `what` is, as Junos writes it, if there are to be such. */
int groups_mark(const struct expand *x, struct conf_node *n, const char *what, const struct conf_node *group);
/* What of it is said to be inherited: a value or a name, unless it is a secret. */
const char *groups_mark_name(const struct conf_node *n);
int groups_word_copy(struct expand *x, struct conf_node *to, const struct conf_word *w);
/* Its place and words, without what is below it. */
int groups_node_copy(struct expand *x, struct conf_node *parent, const struct conf_schema *row,
    const struct conf_node *from, struct conf_node **out);
/* A statement of the configuration itself with all below it, as it stands. */
int groups_own_copy(struct expand *x, struct conf_node *parent, const struct conf_node *from);

/* Of what is not understood: one statement of a group to the others of the parent from first on. */
int groups_opaque_add(struct expand *x, struct conf_node *parent, const struct conf_schema *row,
    const struct conf_node *from, const struct conf_node *group, struct conf_node *first);
/* All below from to what is below to. */
int groups_opaque_merge(
    struct expand *x, struct conf_node *to, const struct conf_node *from, const struct conf_node *group);

#endif
