/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree without what somebody may not see, and his changes put back into the whole one.
 *
 * A branch is a row with a right of its own; below it holds what its top says.  Rows
 * above branches only hold them: holders.  A group is one, too, and who sees nothing of
 * what is in it does not know its name.
 */
#include <errno.h>
#include <string.h>

#include "conf_perm.h"
#include "conf_value.h"
#include "conf_view.h"

bool
conf_view_is_branch(const struct conf_schema *row)
{
	return row->see != 0;
}

static bool
sees_all(const struct conf_schema *parent, uint32_t perm)
{
	const struct conf_schema *row = conf_schema_first(parent);

	for (; row; row = conf_schema_next(row))
		if (conf_view_is_branch(row) ? !(perm & row->see) : !sees_all(row, perm))
			return false;
	return true;
}

bool
conf_view_changes_all(const struct conf_schema *parent, uint32_t perm)
{
	const struct conf_schema *row = conf_schema_first(parent);

	for (; row; row = conf_schema_next(row))
		if (conf_view_is_branch(row) ? !(perm & row->change) : !conf_view_changes_all(row, perm))
			return false;
	return true;
}

const struct conf_node *
conf_view_child(const struct conf_node *parent, const struct conf_schema *row)
{
	const struct conf_node *n = parent ? TAILQ_FIRST(&parent->child) : NULL;

	while (n && n->row != row)
		n = TAILQ_NEXT(n, entry);
	return n;
}

const struct conf_node *
conf_view_next(const struct conf_node *n)
{
	const struct conf_schema *row = n->row;

	do
		n = TAILQ_NEXT(n, entry);
	while (n && n->row != row);
	return n;
}

const struct conf_node *
conf_view_entry(const struct conf_node *parent, const struct conf_node *n)
{
	const struct conf_node *m = conf_view_child(parent, n->row);

	while (m && !conf_tree_same_words(m, n))
		m = conf_view_next(m);
	return m;
}

static bool
same_text(const char *a, const char *b)
{
	for (; a && *a; a += strlen(a) + 1, b += strlen(b) + 1)
		if (b == NULL || strcmp(a, b) != 0)
			return false;
	return b == NULL || *b == '\0';
}

static bool
same_node(const struct conf_node *a, const struct conf_node *b)
{
	if (a->row != b->row || a->nword != b->nword || a->inactive != b->inactive || !same_text(a->above, b->above) ||
	    !same_text(a->beside, b->beside) || !same_text(a->within, b->within))
		return false;
	for (uint32_t i = 0; i < a->nword; i++)
		if (strcmp(a->word[i].text, b->word[i].text) != 0)
			return false;
	return true;
}

bool
conf_view_same(const struct conf_node *a, const struct conf_node *b)
{
	const struct conf_node *x, *y;

	if (a == NULL || b == NULL)
		return a == b;
	if (!same_node(a, b))
		return false;
	for (x = TAILQ_FIRST(&a->child), y = TAILQ_FIRST(&b->child); x && y;
	     x = TAILQ_NEXT(x, entry), y = TAILQ_NEXT(y, entry))
		if (!conf_view_same(x, y))
			return false;
	return x == NULL && y == NULL;
}

static int
copy_comments(char **to, const char *from)
{
	struct buf b = {0};
	int r;

	for (const char *s = from; s && *s; s += strlen(s) + 1)
		buf_put(&b, s, strlen(s) + 1);
	r = b.err ? b.err : conf_tree_add_comments(to, &b);
	buf_free(&b);
	return r;
}

static int
copy_all_comments(struct conf_node *to, const struct conf_node *from)
{
	int r;

	if ((r = copy_comments(&to->above, from->above)) < 0 || (r = copy_comments(&to->beside, from->beside)) < 0)
		return r;
	return copy_comments(&to->within, from->within);
}

struct copying {
	struct conf_tree *tree;
	uint32_t perm;
	bool masked; /* without what perm may not see */
	/* names of the groups of which perm sees nothing, sorted; owned */
	const char **group;
	size_t ngroup;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
is_hidden_group(const struct copying *c, const char *name)
{
	return c->ngroup && bsearch(&name, c->group, c->ngroup, sizeof *c->group, by_name);
}

/* One that may not be named to everybody. */
static bool
is_hidden_word(const struct copying *c, const struct conf_node *n, const char *word)
{
	if (n->row && n->row->inherit)
		return is_hidden_group(c, word);
	return n->row && conf_value_is_hidden(n->row, (struct slice){word, strlen(word)}, ~c->perm);
}

/* What groups apply is left aside: by itself it shows nothing. */
static bool
sees_any(const struct conf_node *parent, uint32_t perm)
{
	const struct conf_node *n;

	TAILQ_FOREACH (n, &parent->child, entry)
		if (!n->row->inherit && (conf_view_is_branch(n->row) ? (perm & n->row->see) != 0 : sees_any(n, perm)))
			return true;
	return false;
}

static int
groups_hide(struct copying *c, const struct conf_tree *t)
{
	const struct conf_node *n;
	size_t all = 0;

	if (sees_all(NULL, c->perm))
		return 0;
	TAILQ_FOREACH (n, &t->root.child, entry)
		all += n->row->inherit == CONF_INHERIT_GROUP;
	if ((c->group = calloc(all + 1, sizeof *c->group)) == NULL)
		return -ENOMEM;
	TAILQ_FOREACH (n, &t->root.child, entry)
		if (n->row->inherit == CONF_INHERIT_GROUP && !sees_any(n, c->perm))
			c->group[c->ngroup++] = n->word[0].text;
	qsort(c->group, c->ngroup, sizeof *c->group, by_name);
	return 0;
}

static int
copy_words(const struct copying *c, struct conf_node *to, const struct conf_node *from)
{
	const bool secret = c->masked && from->row && from->row->secret && !(c->perm & CONF_PERM_SECRET);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < from->nword; i++) {
		struct conf_at at = conf_tree_word_at(&from->word[i]);

		if (c->masked && is_hidden_word(c, from, from->word[i].text))
			continue;
		if (secret)
			at.word = (struct slice){"*", 1};
		r = conf_tree_add_word(c->tree, to, at, from->word[i].quoted);
	}
	return r;
}

/* Nothing would be left of it. */
static bool
is_hidden(const struct copying *c, const struct conf_node *n)
{
	uint32_t hidden = 0;

	if (!c->masked || n->row == NULL || n->row->kind != CONF_LEAF_LIST)
		return false;
	for (uint32_t i = 0; i < n->nword; i++)
		hidden += is_hidden_word(c, n, n->word[i].text);
	return hidden == n->nword;
}

static int
copy(const struct copying *c, struct conf_node *parent, const struct conf_node *from)
{
	const struct conf_node *m;
	struct conf_node *n;
	int r;

	if (is_hidden(c, from))
		return 0;
	if ((r = conf_tree_add(c->tree, parent, from->row, &n)) < 0)
		return r;
	n->line = from->line;
	n->column = from->column;
	n->inactive = from->inactive;
	if ((r = copy_all_comments(n, from)) < 0 || (r = copy_words(c, n, from)) < 0)
		return r;
	TAILQ_FOREACH (m, &from->child, entry)
		if ((r = copy(c, n, m)) < 0)
			return r;
	return 0;
}

/* A statement without its words: one that only holds others goes again if it holds none. */
static int
holder(struct conf_tree *t, struct conf_node *parent, const struct conf_node *from, struct conf_node **out)
{
	int r = conf_tree_add(t, parent, from->row, out);

	if (r == 0) {
		(*out)->line = from->line;
		(*out)->column = from->column;
		(*out)->inactive = from->inactive;
	}
	return r;
}

/* With the name of a group. */
static int
holder_named(const struct copying *c, struct conf_node *parent, const struct conf_node *from, struct conf_node **out)
{
	int r = holder(c->tree, parent, from, out);

	return r < 0 ? r : copy_words(c, *out, from);
}

/* ---- the view ---- */

static int
view(const struct copying *c, struct conf_node *to, const struct conf_node *from)
{
	const bool all = sees_all(from->row, c->perm);
	const struct conf_node *n;
	struct conf_node *m;
	int r = all ? copy_all_comments(to, from) : 0;

	for (n = TAILQ_FIRST(&from->child); r == 0 && n; n = TAILQ_NEXT(n, entry)) {
		if (conf_view_is_branch(n->row)) {
			r = c->perm & n->row->see ? copy(c, to, n) : 0;
			continue;
		}
		if (n->row->inherit == CONF_INHERIT_GROUP && is_hidden_group(c, n->word[0].text))
			continue;
		if ((r = holder_named(c, to, n, &m)) == 0 && (r = view(c, m, n)) == 0 && TAILQ_EMPTY(&m->child) &&
		    !sees_all(n->row, c->perm))
			conf_tree_remove(c->tree, m);
	}
	return r;
}

int
conf_view_make(const struct conf_tree *t, uint32_t perm, struct conf_tree **out)
{
	struct copying c = {.perm = perm, .masked = true};
	int r = groups_hide(&c, t);

	if (r == 0)
		r = conf_tree_new(&c.tree);
	if (r == 0 && (r = view(&c, &c.tree->root, &t->root)) < 0)
		conf_tree_free(TAKE_PTR(c.tree));
	free(c.group);
	*out = c.tree;
	return r;
}

/* ---- the candidate put back into the whole ---- */

static int
by_key(const void *a, const void *b)
{
	const struct conf_node *x = *(const struct conf_node *const *)a, *y = *(const struct conf_node *const *)b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->row->kind == CONF_LIST ? strcmp(x->word[0].text, y->word[0].text) : 0;
}

/* Statements of the same level by name. */
struct level {
	const struct conf_node **v;
	size_t n;
};

static void
level_free(struct level *l)
{
	free(l->v);
}

/* parent: NULL or of an opaque subtree, where nothing has a counterpart: none. */
static int
level_make(const struct conf_node *parent, struct level *l)
{
	const struct conf_node *m;
	size_t all = 0;

	if (parent == NULL || conf_tree_is_opaque(parent))
		return 0;
	TAILQ_FOREACH (m, &parent->child, entry)
		all++;
	if ((l->v = calloc(all + 1, sizeof *l->v)) == NULL)
		return -ENOMEM;
	TAILQ_FOREACH (m, &parent->child, entry)
		l->v[l->n++] = m;
	qsort(l->v, l->n, sizeof *l->v, by_key);
	return 0;
}

static const struct conf_node *
counterpart(const struct level *l, const struct conf_node *n)
{
	const struct conf_node **hit = l->n ? bsearch(&n, l->v, l->n, sizeof *l->v, by_key) : NULL;

	return hit ? *hit : NULL;
}

/* He left it as he was shown it. */
static bool
is_kept(const struct copying *c, const struct conf_node *n, const struct conf_node *was)
{
	uint32_t k = 0;

	if (was == NULL || n->row == NULL)
		return false;
	if (n->row->secret && !(c->perm & CONF_PERM_SECRET))
		return n->nword == 1 && strcmp(n->word[0].text, "*") == 0;
	for (uint32_t i = 0; i < was->nword; i++) {
		if (is_hidden_word(c, was, was->word[i].text))
			continue;
		if (k == n->nword || strcmp(n->word[k++].text, was->word[i].text) != 0)
			return false;
	}
	return k == n->nword;
}

static int
word_copy(const struct copying *c, struct conf_node *to, const struct conf_word *w)
{
	return conf_tree_add_word(c->tree, to, conf_tree_word_at(w), w->quoted);
}

/* Words that one was not shown stay where they were among the others. */
static int
restore_words(const struct copying *c, struct conf_node *to, const struct conf_node *n, const struct conf_node *was)
{
	uint32_t k = 0;
	int r = 0;

	if (was == NULL || is_kept(c, n, was))
		return copy_words(c, to, was ? was : n);
	for (uint32_t i = 0; r == 0 && i < was->nword; i++)
		if (is_hidden_word(c, was, was->word[i].text))
			r = word_copy(c, to, &was->word[i]);
		else if (k < n->nword)
			r = word_copy(c, to, &n->word[k++]);
	for (; r == 0 && k < n->nword; k++)
		r = word_copy(c, to, &n->word[k]);
	return r;
}

static int restore(
    const struct copying *c, struct conf_node *parent, const struct conf_node *n, const struct conf_node *was);

static int
restore_children(const struct copying *c, struct conf_node *to, const struct conf_node *n, const struct conf_node *was)
{
	const struct copying view = {.perm = c->perm, .masked = true, .group = c->group, .ngroup = c->ngroup};
	struct level level __attribute__((cleanup(level_free))) = {0};
	const struct conf_node *m;
	int r = level_make(was, &level);

	for (m = TAILQ_FIRST(&n->child); r == 0 && m; m = TAILQ_NEXT(m, entry))
		r = restore(c, to, m, counterpart(&level, m));
	if (was == NULL || conf_tree_is_opaque(was))
		return r;
	for (m = TAILQ_FIRST(&was->child); r == 0 && m; m = TAILQ_NEXT(m, entry))
		if (is_hidden(&view, m) && conf_view_child(n, m->row) == NULL)
			r = copy(c, to, m);
	return r;
}

/* His statement n, with what he was not shown of the one that is there. */
static int
restore(const struct copying *c, struct conf_node *parent, const struct conf_node *n, const struct conf_node *was)
{
	struct conf_node *to;
	int r = holder(c->tree, parent, n, &to);

	if (r < 0 || (r = copy_all_comments(to, n)) < 0 || (r = restore_words(c, to, n, was)) < 0)
		return r;
	return restore_children(c, to, n, was);
}

/* Of what is not understood there may be several. */
static int
branch(const struct copying *c, struct conf_node *to, const struct conf_node *was, const struct conf_node *is)
{
	int r = 0;

	if (is && is->row->kind == CONF_OPAQUE)
		was = NULL;
	for (; r == 0 && is; is = conf_view_next(is))
		r = restore(c, to, is, was);
	return r;
}

/* Whether he was not shown the group that it is in. */
static bool
is_in_hidden_group(const struct copying *c, const struct conf_node *n)
{
	for (; n && n->row; n = n->parent)
		if (n->row->inherit == CONF_INHERIT_GROUP && is_hidden_group(c, n->word[0].text))
			return true;
	return false;
}

static bool
has_word(const struct conf_node *n, const char *word)
{
	for (uint32_t i = 0; n && i < n->nword; i++)
		if (strcmp(n->word[i].text, word) == 0)
			return true;
	return false;
}

/* Names of groups that he was not shown are none that he could have taken away. */
static int
branch_apply(const struct copying *c, struct conf_node *to, const struct conf_node *was, const struct conf_node *is)
{
	const bool all = is_in_hidden_group(c, was);
	struct conf_node *n;
	int r;

	if ((is && !all) || was == NULL)
		return branch(c, to, was, is);
	if ((r = holder(c->tree, to, is ? is : was, &n)) < 0 || (is && (r = copy_words(c, n, is)) < 0))
		return r;
	for (uint32_t i = 0; r == 0 && i < was->nword; i++)
		if ((all || is_hidden_word(c, was, was->word[i].text)) && !has_word(is, was->word[i].text))
			r = conf_tree_add_word(c->tree, n, conf_tree_word_at(&was->word[i]), was->word[i].quoted);
	if (r == 0 && (is || n->nword == was->nword))
		r = copy_all_comments(n, is ? is : was);
	if (n->nword == 0)
		conf_tree_remove(c->tree, n);
	return r;
}

static int
copy_row(const struct copying *c, struct conf_node *to, const struct conf_node *was)
{
	int r = 0;

	for (; r == 0 && was; was = conf_view_next(was))
		r = copy(c, to, was);
	return r;
}

static int merge(const struct copying *c, struct conf_node *to, const struct conf_schema *row,
    const struct conf_node *now, const struct conf_node *then);

static int
merge_holder(const struct copying *c, struct conf_node *to, const struct conf_node *now, const struct conf_node *then)
{
	struct conf_node *m;
	int r;

	if (now == NULL && then == NULL)
		return 0;
	if ((r = holder_named(c, to, then ? then : now, &m)) < 0 || (r = merge(c, m, m->row, now, then)) < 0)
		return r;
	/* An empty one may not have been shown. */
	if (TAILQ_EMPTY(&m->child) && then == NULL && (sees_all(m->row, c->perm) || !TAILQ_EMPTY(&now->child)))
		conf_tree_remove(c->tree, m);
	return 0;
}

/* Groups in the order of his view; those that he was not shown where they were among the others. */
static int
merge_entries(const struct copying *c, struct conf_node *to, const struct conf_node *now, const struct conf_node *then,
    const struct conf_schema *row)
{
	const struct conf_node *was = conf_view_child(now, row), *is, *at, *m;
	int r = 0;

	for (is = conf_view_child(then, row); r == 0 && is; is = conf_view_next(is)) {
		for (at = was; at && !conf_tree_same_words(at, is); at = conf_view_next(at))
			;
		for (m = was; r == 0 && at && m != at; m = conf_view_next(m))
			if (conf_view_entry(then, m) == NULL)
				r = merge_holder(c, to, m, NULL);
		if (at)
			was = conf_view_next(at);
		if (r == 0)
			r = merge_holder(c, to, conf_view_entry(now, is), is);
	}
	for (; r == 0 && was; was = conf_view_next(was))
		if (conf_view_entry(then, was) == NULL)
			r = merge_holder(c, to, was, NULL);
	return r;
}

static int
merge(const struct copying *c, struct conf_node *to, const struct conf_schema *row, const struct conf_node *now,
    const struct conf_node *then)
{
	const struct conf_node *told = sees_all(row, c->perm) && conf_view_changes_all(row, c->perm) ? then : now;
	int r = told ? copy_all_comments(to, told) : 0;

	for (row = conf_schema_first(row); r == 0 && row; row = conf_schema_next(row)) {
		const struct conf_node *was = conf_view_child(now, row), *is = conf_view_child(then, row);

		if (row->inherit == CONF_INHERIT_GROUP)
			r = merge_entries(c, to, now, then, row);
		else if (!conf_view_is_branch(row))
			r = merge_holder(c, to, was, is);
		else if (row->inherit)
			r = branch_apply(c, to, was, is);
		else if (c->perm & row->see)
			r = branch(c, to, was, is);
		else
			r = copy_row(c, to, was);
	}
	return r;
}

/* One of the name of another that he was not shown is not part of that. */
static bool
takes_hidden_name(const struct copying *c, const struct conf_tree *then)
{
	const struct conf_node *n;

	TAILQ_FOREACH (n, &then->root.child, entry)
		if (n->row->inherit == CONF_INHERIT_GROUP && is_hidden_group(c, n->word[0].text))
			return true;
	return false;
}

int
conf_view_merge(const struct conf_tree *now, const struct conf_tree *then, uint32_t perm, struct conf_tree **out)
{
	struct copying c = {.perm = perm};
	int r = groups_hide(&c, now);

	if (r == 0 && takes_hidden_name(&c, then))
		r = -EINVAL;
	if (r == 0)
		r = conf_tree_new(&c.tree);
	if (r == 0 && (r = merge(&c, &c.tree->root, NULL, &now->root, &then->root)) < 0)
		conf_tree_free(TAKE_PTR(c.tree));
	free(c.group);
	*out = c.tree;
	return r;
}
