/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_reach.h"

#include <errno.h>
#include <string.h>

#include "conf_view.h"

/* ---- groups that say something of users and classes ---- */

struct group {
	const char *name;
	const struct conf_node *node;
	enum { UNKNOWN, NO, YES } reaches;
};

struct groups {
	struct group *v; /* sorted by name */
	size_t n;
};

/* Levels from which something is inherited by all of system login. */
enum level { TOP, SYSTEM, LOGIN, LEVELS };
static const char *const level_name[LEVELS] = {[SYSTEM] = "system", [LOGIN] = "login"};

/* In a tree or a group, active or not; NULL: it is not there. */
static const struct conf_node *
at_level(const struct conf_node *n, enum level level)
{
	for (enum level i = SYSTEM; n && i <= level; i++)
		n = conf_view_child(n, conf_schema_find(n->row, (struct slice){level_name[i], strlen(level_name[i])}));
	return n;
}

/* The same, if nothing that holds it is inactive. */
static const struct conf_node *
at_active(const struct conf_node *n, enum level level)
{
	if (n && n->inactive)
		return NULL;
	for (enum level i = SYSTEM; n && i <= level; i++)
		n = conf_tree_find(n, level_name[i]);
	return n;
}

static bool
is_entry(const struct conf_node *n)
{
	return n->row->kind == CONF_LIST;
}

static const struct conf_node *
first_entry(const struct conf_node *group)
{
	const struct conf_node *login = at_level(group, LOGIN), *n = login ? TAILQ_FIRST(&login->child) : NULL;

	while (n && !is_entry(n))
		n = TAILQ_NEXT(n, entry);
	return n;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct group *)a)->name, ((const struct group *)b)->name);
}

static int
groups_make(const struct conf_tree *t, struct groups *out)
{
	const struct conf_node *n;
	size_t all = 0;

	TAILQ_FOREACH (n, &t->root.child, entry)
		all += n->row->inherit == CONF_INHERIT_GROUP;
	if ((out->v = calloc(all + 1, sizeof *out->v)) == NULL)
		return -ENOMEM;
	TAILQ_FOREACH (n, &t->root.child, entry)
		if (n->row->inherit == CONF_INHERIT_GROUP)
			out->v[out->n++] = (struct group){n->word[0].text, n, UNKNOWN};
	qsort(out->v, out->n, sizeof *out->v, by_name);
	return 0;
}

static bool reaches(const struct groups *g, const char *name);

/* apply-groups or apply-groups-except of a level: the next name from *i on of a group that reaches logins. */
static const char *
next_name(const struct groups *g, const struct conf_node *names, uint32_t *i)
{
	while (names && *i < names->nword) {
		const char *name = names->word[(*i)++].text;

		if (reaches(g, name))
			return name;
	}
	return NULL;
}

/* By itself, or by a group that it applies where that reaches them. */
static bool
reaches(const struct groups *g, const char *name)
{
	struct group *x = g->n ? bsearch(&(struct group){.name = name}, g->v, g->n, sizeof *g->v, by_name) : NULL;

	if (x == NULL)
		return false;
	if (x->reaches == UNKNOWN) {
		x->reaches = NO; /* until it is known: groups may name each other */
		if (first_entry(x->node))
			x->reaches = YES;
		for (enum level l = TOP; l < LEVELS && x->reaches == NO; l++)
			if (next_name(g, conf_tree_find(at_active(x->node, l), "apply-groups"), &(uint32_t){0}))
				x->reaches = YES;
	}
	return x->reaches == YES;
}

/* ---- what differs ---- */

static bool
is_inactive(const struct conf_node *n)
{
	return n && n->inactive;
}

/* Entries in the order in which they stand. */
static bool
same_entries(const struct conf_node *a, const struct conf_node *b, const struct conf_node **at)
{
	const struct conf_node *x = first_entry(a), *y = first_entry(b);

	for (enum level l = TOP; x && y && l < LEVELS; l++)
		if (is_inactive(at_level(a, l)) != is_inactive(at_level(b, l))) {
			*at = x;
			return false;
		}
	while (x && y && x->row == y->row && conf_view_same(x, y)) {
		do
			x = TAILQ_NEXT(x, entry);
		while (x && !is_entry(x));
		do
			y = TAILQ_NEXT(y, entry);
		while (y && !is_entry(y));
	}
	*at = y ? y : x;
	return *at == NULL;
}

static bool
same_names(const struct groups *g, const struct conf_node *a, const struct groups *h, const struct conf_node *b,
    const char *what)
{
	const struct conf_node *names = conf_tree_find(a, what), *others = conf_tree_find(b, what);
	uint32_t i = 0, k = 0;
	const char *x, *y;

	do {
		x = next_name(g, names, &i);
		y = next_name(h, others, &k);
	} while (x && y && strcmp(x, y) == 0);
	return x == NULL && y == NULL;
}

/* a, b: trees or groups; NULL: there is none. */
static bool
same_applied(const struct groups *g, const struct conf_node *a, const struct groups *h, const struct conf_node *b)
{
	for (enum level l = TOP; l < LEVELS; l++)
		if (!same_names(g, at_active(a, l), h, at_active(b, l), "apply-groups") ||
		    !same_names(g, at_active(a, l), h, at_active(b, l), "apply-groups-except"))
			return false;
	return true;
}

static enum conf_reach
compare_group(const struct groups *g, const struct conf_node *a, const struct groups *h, const struct conf_node *b,
    const struct conf_node **at)
{
	if (!same_entries(a, b, at))
		return CONF_REACH_ENTRY;
	return same_applied(g, a, h, b) ? CONF_REACH_SAME : CONF_REACH_APPLY;
}

/* Both are sorted. */
static enum conf_reach
compare_groups(const struct groups *g, const struct groups *h, const struct conf_node **at)
{
	enum conf_reach r = CONF_REACH_SAME;

	for (size_t i = 0, k = 0; r == CONF_REACH_SAME && (i < g->n || k < h->n);) {
		const int d = i == g->n ? 1 : k == h->n ? -1 : by_name(&g->v[i], &h->v[k]);
		const struct conf_node *a = d <= 0 ? g->v[i++].node : NULL, *b = d >= 0 ? h->v[k++].node : NULL;

		r = compare_group(g, a, h, b, at);
	}
	return r;
}

int
conf_reach_compare(const struct conf_tree *now, const struct conf_tree *next, const struct conf_node **at)
{
	struct groups g = {0}, h = {0};
	int r = groups_make(now, &g);

	if (r == 0 && (r = groups_make(next, &h)) == 0 && (r = (int)compare_groups(&g, &h, at)) == CONF_REACH_SAME &&
	    !same_applied(&g, &now->root, &h, &next->root))
		r = CONF_REACH_APPLY;
	free(g.v);
	free(h.v);
	return r;
}
