/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_tags.h"

#include <string.h>

#include "conf_edit.h"

/* The values that n names, or all if it names none; whether it was there. */
static bool
values_remove(struct conf_tree *t, struct conf_node *m, const struct conf_node *n)
{
	bool all = true;

	for (uint32_t i = 0; i < n->nword; i++) {
		uint32_t k = 0;

		while (k < m->nword && strcmp(m->word[k].text, n->word[i].text) != 0)
			k++;
		if (k < m->nword)
			conf_tree_remove_word(t, m, k);
		else
			all = false;
	}
	if (n->nword == 0 || m->nword == 0)
		conf_tree_remove(t, m);
	return all;
}

static bool
has_values(const struct conf_node *n)
{
	return n->row && (n->row->kind == CONF_LEAF || n->row->kind == CONF_LEAF_LIST);
}

/* What is marked by delete: goes out of both. */
static void
deleted_remove(
    struct conf_tree *t, struct conf_node *to, struct conf_tree *from, struct conf_node *n, unsigned *missing)
{
	struct conf_node *m = to ? conf_edit_counterpart(to, n) : NULL;

	if (m == NULL)
		++*missing;
	else if (!has_values(n))
		conf_tree_remove(t, m);
	else if (!values_remove(t, m, n))
		++*missing;
	conf_tree_remove(from, n);
}

static void
marked_remove(
    struct conf_tree *t, struct conf_node *to, struct conf_tree *from, struct conf_node *level, unsigned *missing)
{
	struct conf_node *n, *next, *m;
	bool held;

	for (n = TAILQ_FIRST(&level->child); n; n = next) {
		next = TAILQ_NEXT(n, entry);
		if (n->remove) {
			deleted_remove(t, to, from, n, missing);
			continue;
		}
		m = to ? conf_edit_counterpart(to, n) : NULL;
		if (n->replace && m) {
			conf_tree_remove(t, m);
			m = NULL;
		}
		held = !TAILQ_EMPTY(&n->child);
		marked_remove(t, m, from, n, missing);
		if (held && TAILQ_EMPTY(&n->child)) /* it only led to what is deleted, and is no statement of its own */
			conf_tree_remove(from, n);
	}
}

int
conf_tags_merge(struct conf_tree *t, struct conf_tree *from, unsigned *missing)
{
	*missing = 0;
	marked_remove(t, &t->root, from, &from->root, missing);
	return conf_edit_merge(t, from);
}
