/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * At each level of the configuration there is a list of sources: nodes of groups that stand at the same level, those
 * that count more before the others.  What is below the level is made of the configuration's own statements and of the
 * sources'; the sources of a level below are those children of the sources that have its name or match it.
 *
 * What it costs is counted, as what it takes: a tree is at most CONF_STATEMENTS_MAX large and takes so many steps to
 * make.
 */
#include <errno.h>
#include <string.h>

#include "conf_groups.h"
#include "conf_groups_int.h"

#define MATCH_STEPS 4u /* of the matcher are one */

/* ---- what is under way ---- */

static void
sources_free(struct sources *s)
{
	free(s->v);
}
#define cleanup_sources __attribute__((cleanup(sources_free)))

static bool
is_match(struct expand *x, const char *pattern, const char *name)
{
	size_t steps;
	bool hit = groups_match(pattern, name, &steps);

	groups_spent(x, steps / MATCH_STEPS);
	return hit;
}

static bool
is_inherit(const struct conf_node *n, enum conf_inherit what)
{
	return n->row && n->row->inherit == what;
}

/* apply-groups or apply-groups-except of a level; NULL: none. */
static const struct conf_node *
names_at(const struct conf_node *n, enum conf_inherit what)
{
	const struct conf_node *c;

	if (n == NULL || conf_tree_is_opaque(n))
		return NULL;
	TAILQ_FOREACH (c, &n->child, entry)
		if (!c->inactive && is_inherit(c, what))
			return c;
	return NULL;
}

static int
by_name(const void *a, const void *b)
{
	const struct conf_node *x = *(const struct conf_node *const *)a, *y = *(const struct conf_node *const *)b;

	return strcmp(x->word[0].text, y->word[0].text);
}

static const struct conf_node *
group_find(const struct expand *x, const char *name)
{
	struct conf_word w = {.text = (char *)name};
	const struct conf_node key = {.word = &w}, *want = &key, **hit;

	hit = x->ngroup ? bsearch(&want, x->group, x->ngroup, sizeof *x->group, by_name) : NULL;
	return hit ? *hit : NULL;
}

/* ---- the sources of a level ---- */

#define PATH_MAX_NODES 16 /* of rows that are understood */

struct level {
	const struct conf_node *path[PATH_MAX_NODES]; /* of the tree that is made, from the top */
	size_t n;
	struct sources *sources;
};

static int group_add(
    struct expand *x, const struct level *l, const char *name, const struct conf_node *via, unsigned nested);

/* It counts more than what is added after it; what its own groups say comes right behind it. */
static int
source_add(struct expand *x, const struct level *l, const struct source *s, unsigned nested)
{
	const struct conf_node *names = names_at(s->node, CONF_INHERIT_APPLY);
	struct sources *list = l->sources;
	int r = groups_spend(x, list->n + 1);

	for (size_t i = 0; r == 0 && i < list->n; i++)
		if (list->v[i].node == s->node)
			return 0;
	if (r == 0 && (list->n & (list->n - 1)) == 0) {
		struct source *v = reallocarray(list->v, list->n ? list->n * 2 : 1, sizeof *v);

		if (v == NULL)
			return -ENOMEM;
		list->v = v;
	}
	if (r == 0)
		list->v[list->n++] = *s;
	for (uint32_t i = 0; r == 0 && names && i < names->nword; i++)
		r = group_add(x, l, names->word[i].text, s->via, nested + 1);
	return r;
}

static bool
is_same_level(struct expand *x, const struct conf_node *of_group, const struct conf_node *n, bool matched)
{
	if (of_group->inactive || of_group->row->kind != n->row->kind || strcmp(of_group->row->name, n->row->name) != 0)
		return false;
	if (n->row->kind != CONF_LIST)
		return !matched;
	if (groups_is_pattern(of_group->word[0].text))
		return matched && is_match(x, of_group->word[0].text, n->word[0].text);
	return !matched && strcmp(of_group->word[0].text, n->word[0].text) == 0;
}

/* All nodes of a group below at that stand at the level, from the path's i-th on. */
static int
at_level_add(struct expand *x, const struct level *l, const struct source *at, size_t i, unsigned nested)
{
	const struct conf_node *c;
	int r = 0;

	if (i == l->n)
		return source_add(x, l, at, nested);
	for (int matched = 0; matched < 2; matched++)
		TAILQ_FOREACH (c, &at->node->child, entry) {
			if ((r = groups_spend(x, 1)) < 0)
				return r;
			if (is_same_level(x, c, l->path[i], matched) &&
			    (r = at_level_add(x, l, &(struct source){c, at->group, at->via}, i + 1, nested)) < 0)
				return r;
		}
	return r;
}

/* via: NULL if the configuration itself names it. */
static int
group_add(struct expand *x, const struct level *l, const char *name, const struct conf_node *via, unsigned nested)
{
	const struct conf_node *g = group_find(x, name);

	if (nested > CONF_GROUPS_DEPTH_MAX)
		return -ELOOP;
	return at_level_add(x, l, &(struct source){g, g, via ? via : g}, 0, nested);
}

static bool
is_excepted(const struct conf_node *except, const struct source *s)
{
	for (uint32_t i = 0; except && i < except->nword; i++)
		if (strcmp(except->word[i].text, s->group->word[0].text) == 0 ||
		    strcmp(except->word[i].text, s->via->word[0].text) == 0)
			return true;
	return false;
}

/* First what the level's own apply-groups names, then what comes from above. */
static int
sources_make(struct expand *x, const struct conf_node *to, const struct conf_node *own, const struct sources *from,
    struct sources *out)
{
	const struct conf_node *names = names_at(own, CONF_INHERIT_APPLY), *except = names_at(own, CONF_INHERIT_EXCEPT);
	struct level l = {.sources = out};
	int r = 0;

	for (const struct conf_node *n = to; n->parent; n = n->parent)
		l.n++;
	for (const struct conf_node *n = to, **p = l.path + l.n; n->parent; n = n->parent)
		*--p = n;
	for (uint32_t i = 0; r == 0 && names && i < names->nword; i++)
		r = group_add(x, &l, names->word[i].text, NULL, 0);
	for (size_t i = 0; r == 0 && i < from->n; i++)
		if ((r = groups_spend(x, except ? except->nword : 0)) == 0 && !is_excepted(except, &from->v[i]))
			r = source_add(x, &l, &from->v[i], 0);
	return r;
}

/* ---- statements of a level ---- */

/* One of the configuration (source: NULL) or of a source. */
struct slot {
	const struct conf_node *node;
	const struct conf_schema *row; /* of what is made of it */
	const struct source *source;
	size_t seq;
};

/* Slots that are one statement, and names with wildcards at the same level. */
struct run {
	const struct slot *v;
	size_t n;
};

struct slots {
	struct slot *v, *pattern;
	struct run *run;
	size_t n, npattern, nrun;
};

static void
slots_free(struct slots *s)
{
	free(s->v);
	free(s->pattern);
	free(s->run);
}

static const char *
key_of(const struct slot *s)
{
	return s->row->kind == CONF_LIST ? s->node->word[0].text : "";
}

static int
by_statement(const void *a, const void *b)
{
	const struct slot *s = a, *t = b;
	int d = (s->row > t->row) - (s->row < t->row);

	if (d == 0)
		d = strcmp(key_of(s), key_of(t));
	return d ? d : (s->seq > t->seq) - (s->seq < t->seq);
}

static int
by_place(const void *a, const void *b)
{
	const struct slot *s = ((const struct run *)a)->v, *t = ((const struct run *)b)->v;

	if (s->row != t->row)
		return s->row > t->row ? 1 : -1;
	return (s->seq > t->seq) - (s->seq < t->seq);
}

static bool
is_one_statement(const struct slot *s, const struct slot *t)
{
	return s->row == t->row && strcmp(key_of(s), key_of(t)) == 0;
}

/* What is inactive is a statement by itself, and so is each of the configuration: one that is there twice is not
 * refused here. */
static bool
is_one_run(const struct slot *s, const struct slot *t)
{
	return !s->node->inactive && t->source && is_one_statement(s, t);
}

/* A statement is there once: what is inactive goes where something is inherited in its place.  Of what is not
 * understood there is one without words. */
static bool
is_replaced(const struct slot *s, const struct slot *end)
{
	const struct slot *t = s + 1;

	if (!s->node->inactive)
		return false;
	if (s->row->kind != CONF_OPAQUE)
		return t < end && is_one_statement(s, t);
	while (s->node->nword == 0 && t < end && t->row == s->row && (t->source == NULL || t->node->nword))
		t++;
	return s->node->nword == 0 && t < end && t->row == s->row;
}

static size_t
children_count(const struct conf_node *n)
{
	const struct conf_node *c;
	size_t k = 0;

	if (n)
		TAILQ_FOREACH (c, &n->child, entry)
			k++;
	return k;
}

static void
own_fill(struct slots *s, const struct conf_node *own)
{
	const struct conf_node *c;

	if (own)
		TAILQ_FOREACH (c, &own->child, entry)
			if (!c->row->inherit) {
				s->v[s->n] = (struct slot){c, c->row, NULL, s->n};
				s->n++;
			}
}

static void
source_fill(struct slots *s, const struct source *from, const struct conf_schema *parent)
{
	const struct conf_node *c;

	TAILQ_FOREACH (c, &from->node->child, entry) {
		struct slot slot = {c, NULL, from, s->n};

		if (c->inactive || c->row->inherit)
			continue;
		slot.row = conf_schema_find(parent, (struct slice){c->row->name, strlen(c->row->name)});
		if (c->row->kind == CONF_LIST && groups_is_pattern(c->word[0].text))
			s->pattern[s->npattern++] = slot;
		else
			s->v[s->n++] = slot;
	}
}

/* For each of n that are sorted by name. */
static size_t
sort_steps(size_t n)
{
	size_t k = 1;

	for (; n > 15; n /= 16)
		k++;
	return k;
}

static int
slots_make(struct expand *x, const struct conf_node *to, const struct conf_node *own, const struct sources *from,
    struct slots *s)
{
	size_t room = children_count(own), own_room = room;
	int r;

	for (size_t i = 0; i < from->n; i++)
		room += children_count(from->v[i].node);
	if ((r = groups_spend(x, room * sort_steps(room))) < 0)
		return r;
	s->v = calloc(room + 1, sizeof *s->v);
	s->pattern = calloc(room - own_room + 1, sizeof *s->pattern);
	s->run = calloc(room + 1, sizeof *s->run);
	if (s->v == NULL || s->pattern == NULL || s->run == NULL)
		return -ENOMEM;
	own_fill(s, own);
	for (size_t i = 0; i < from->n; i++)
		source_fill(s, &from->v[i], to->row);
	qsort(s->v, s->n, sizeof *s->v, by_statement);
	for (size_t i = 0; i < s->n; i++)
		if (i > 0 && is_one_run(&s->v[i - 1], &s->v[i]))
			s->run[s->nrun - 1].n++;
		else if (!is_replaced(&s->v[i], s->v + s->n))
			s->run[s->nrun++] = (struct run){&s->v[i], 1};
	qsort(s->run, s->nrun, sizeof *s->run, by_place);
	return 0;
}

static int level(struct expand *x, struct conf_node *to, const struct conf_node *own, const struct sources *from);

/* Its words, and the comments of the configuration's own, or where it is from. */
static int
run_begin(struct expand *x, struct conf_node *to, const struct run *run, struct conf_node **out)
{
	const struct slot *s = run->v;
	int r = groups_node_copy(x, to, s->row, s->node, out);

	if (r < 0)
		return r;
	return s->source ? groups_mark(x, *out, groups_mark_name(*out), s->source->group)
			 : groups_comments_copy(*out, s->node);
}

static int
make_leaf(struct expand *x, struct conf_node *to, const struct run *run, const struct slots *s)
{
	struct conf_node *n;

	(void)s;
	return run_begin(x, to, run, &n);
}

static int
value_add(struct expand *x, struct conf_node *n, const struct conf_word *w, const struct conf_node *group)
{
	int r = groups_spend(x, n->nword + 1);

	for (uint32_t i = 0; r == 0 && i < n->nword; i++)
		if (strcmp(n->word[i].text, w->text) == 0)
			return 0;
	if (r < 0 || (r = groups_word_copy(x, n, w)) < 0)
		return r;
	return groups_mark(x, n, w->text, group);
}

/* The values of all. */
static int
make_leaf_list(struct expand *x, struct conf_node *to, const struct run *run, const struct slots *s)
{
	const struct slot *first = run->v;
	struct conf_node *n;
	int r;

	(void)s;
	if (first->source == NULL)
		r = run_begin(x, to, run, &n);
	else if ((r = conf_tree_add(x->out, to, first->row, &n)) == 0) {
		n->line = first->node->line;
		n->column = first->node->column;
	}
	for (size_t k = 0; r == 0 && k < run->n; k++)
		for (uint32_t i = 0; r == 0 && run->v[k].source && i < run->v[k].node->nword; i++)
			r = value_add(x, n, &run->v[k].node->word[i], run->v[k].source->group);
	return r;
}

/* Of each source first what it names, then what it matches. */
static int
below_make(struct expand *x, const struct run *run, const struct slots *s, struct sources *out)
{
	size_t i = run->v[0].source == NULL, k = 0;
	int r;

	if ((out->v = calloc(run->n + s->npattern + 1, sizeof *out->v)) == NULL)
		return -ENOMEM;
	while (i < run->n || k < s->npattern) {
		const struct slot *of_name = i < run->n ? &run->v[i] : NULL;
		const struct slot *matched = k < s->npattern ? &s->pattern[k] : NULL, *take = of_name;

		if ((r = groups_spend(x, 1)) < 0)
			return r;
		if (of_name && (matched == NULL || of_name->source <= matched->source)) {
			i++;
		} else {
			k++;
			take = matched;
			if (matched->row != run->v[0].row || !is_match(x, matched->node->word[0].text, key_of(run->v)))
				continue;
		}
		out->v[out->n++] = (struct source){take->node, take->source->group, take->source->via};
	}
	return 0;
}

static int
make_level(struct expand *x, struct conf_node *to, const struct run *run, const struct slots *s)
{
	cleanup_sources struct sources below = {0};
	struct conf_node *n;
	int r = run_begin(x, to, run, &n);

	if (r < 0 || (r = below_make(x, run, s, &below)) < 0)
		return r;
	return level(x, n, run->v[0].source ? NULL : run->v[0].node, &below);
}

static int
make_opaque(struct expand *x, struct conf_node *to, const struct run *run, const struct slots *s)
{
	const struct conf_schema *row = run->v[0].row;
	struct conf_node *first;
	int r = 0;

	(void)s;
	for (size_t i = 0; r == 0 && i < run->n; i++) {
		const struct slot *o = &run->v[i];

		if (o->source == NULL) {
			r = groups_own_copy(x, to, o->node);
			continue;
		}
		for (first = TAILQ_FIRST(&to->child); r == 0 && first && first->row != row;)
			if ((r = groups_spend(x, 1)) == 0)
				first = TAILQ_NEXT(first, entry);
		if (r == 0)
			r = groups_opaque_add(x, to, row, o->node, o->source->group, first);
	}
	return r;
}

static int
level(struct expand *x, struct conf_node *to, const struct conf_node *own, const struct sources *from)
{
	static int (*const by_kind[])(struct expand *, struct conf_node *, const struct run *, const struct slots *) = {
	    [CONF_CONTAINER] = make_level,
	    [CONF_LIST] = make_level,
	    [CONF_LEAF] = make_leaf,
	    [CONF_LEAF_LIST] = make_leaf_list,
	    [CONF_OPAQUE] = make_opaque,
	};
	cleanup_sources struct sources all = {0};
	struct slots s __attribute__((cleanup(slots_free))) = {0};
	int r;

	if ((r = sources_make(x, to, own, from, &all)) < 0 || (r = slots_make(x, to, own, &all, &s)) < 0)
		return r;
	for (size_t i = 0; r == 0 && i < s.nrun; i++) {
		const struct run *run = &s.run[i];

		if (run->v[0].node->inactive)
			r = groups_own_copy(x, to, run->v[0].node);
		else
			r = by_kind[run->v[0].row->kind](x, to, run, &s);
	}
	return r;
}

/* ---- the whole ---- */

const struct conf_node *
conf_groups_find(const struct conf_tree *t, const char *name)
{
	const struct conf_node *n;

	TAILQ_FOREACH (n, &t->root.child, entry)
		if (is_inherit(n, CONF_INHERIT_GROUP) && strcmp(n->word[0].text, name) == 0)
			return n;
	return NULL;
}

static bool
any(const struct conf_node *parent)
{
	const struct conf_node *n;

	if (conf_tree_is_opaque(parent))
		return false;
	TAILQ_FOREACH (n, &parent->child, entry)
		if (n->row->inherit || any(n))
			return true;
	return false;
}

bool
conf_groups_any(const struct conf_tree *t)
{
	return any(&t->root);
}

/* Each name of a group that is to be applied, in groups too, is one of a group that is there. */
static int
names_check(struct expand *x, const struct conf_tree *t, const struct conf_node *n, struct conf_error *err)
{
	for (uint32_t i = 0; n->row->inherit > CONF_INHERIT_GROUP && i < n->nword; i++)
		if (group_find(x, n->word[i].text) == NULL)
			return conf_error_set(err, conf_tree_word_at(&n->word[i]), "group %.64s is %s", n->word[i].text,
			    conf_groups_find(t, n->word[i].text) ? "inactive" : "not defined");
	return 0;
}

int
conf_groups_bounded(const struct conf_tree *t, struct conf_error *err)
{
	const struct conf_node *n;
	unsigned all = 0;

	TAILQ_FOREACH (n, &t->root.child, entry)
		if (is_inherit(n, CONF_INHERIT_GROUP) && ++all > CONF_GROUPS_MAX)
			return conf_error_set(err, conf_tree_at(n), "at most %d groups", CONF_GROUPS_MAX);
	return 0;
}

static int
below_check(
    struct expand *x, const struct conf_tree *t, const struct conf_node *parent, bool active, struct conf_error *err)
{
	const struct conf_node *n;
	int r = 0;

	if (conf_tree_is_opaque(parent))
		return 0;
	TAILQ_FOREACH (n, &parent->child, entry) {
		if (conf_schema_is_grouped(n->row) && n->row->kind == CONF_LIST && groups_is_pattern(n->word[0].text) &&
		    ++x->npattern > CONF_GROUPS_PATTERNS_MAX)
			return conf_error_set(
			    err, conf_tree_at(n), "at most %d names with wildcards", CONF_GROUPS_PATTERNS_MAX);
		if ((active && !n->inactive && (r = names_check(x, t, n, err)) < 0) ||
		    (r = below_check(x, t, n, active && !n->inactive, err)) < 0)
			break;
	}
	return r;
}

static int
groups_make(struct expand *x, const struct conf_tree *t, struct conf_error *err)
{
	const struct conf_node *n;
	int r = conf_groups_bounded(t, err);

	if (r < 0)
		return r;
	if ((x->group = calloc(CONF_GROUPS_MAX + 1, sizeof(const struct conf_node *))) == NULL)
		return conf_error_errno(err, -ENOMEM);
	TAILQ_FOREACH (n, &t->root.child, entry)
		if (is_inherit(n, CONF_INHERIT_GROUP) && !n->inactive)
			x->group[x->ngroup++] = n;
	qsort(x->group, x->ngroup, sizeof *x->group, by_name);
	return below_check(x, t, &t->root, true, err);
}

static int
refuse(const struct expand *x, int r, struct conf_error *err)
{
	const struct conf_at at = x->ngroup ? conf_tree_at(x->group[0]) : (struct conf_at){0};

	if (r == -E2BIG)
		return conf_error_set(err, at,
		    "what groups stand for is more than %u statements, or takes too long to be found",
		    CONF_STATEMENTS_MAX);
	if (r == -ELOOP)
		return conf_error_set(err, at, "groups apply groups at most %d deep", CONF_GROUPS_DEPTH_MAX);
	return conf_error_errno(err, r);
}

int
conf_groups_expand(const struct conf_tree *t, bool marked, struct conf_tree **out, struct conf_error *err)
{
	struct expand x = {.marked = marked};
	int r = groups_make(&x, t, err);

	if (r == 0) {
		if ((r = conf_tree_new(&x.out)) == 0 && (r = groups_comments_copy(&x.out->root, &t->root)) == 0)
			r = level(&x, &x.out->root, &t->root, &(struct sources){0});
		if (r < 0)
			r = refuse(&x, r, err);
	}
	if (r == 0)
		*out = TAKE_PTR(x.out);
	conf_tree_free(x.out);
	free(x.group);
	return r;
}
