/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree without what somebody may not see, and his changes put back into the whole one.
 *
 * A branch is a row with a right of its own; below it holds what its top says.  Rows
 * above branches only hold them: holders.
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

/* One that may not be named to everybody. */
static bool
is_hidden_word(const struct conf_node *n, const char *word, uint32_t perm)
{
	return n->row && conf_value_is_hidden(n->row, (struct slice){word, strlen(word)}, ~perm);
}

struct copying {
	struct conf_tree *tree;
	uint32_t perm;
	bool masked; /* without what perm may not see */
};

static int
copy_words(const struct copying *c, struct conf_node *to, const struct conf_node *from)
{
	const bool secret = c->masked && from->row && from->row->secret && !(c->perm & CONF_PERM_SECRET);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < from->nword; i++) {
		struct conf_at at = conf_tree_word_at(&from->word[i]);

		if (c->masked && is_hidden_word(from, from->word[i].text, c->perm))
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
		hidden += is_hidden_word(n, n->word[i].text, c->perm);
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

/* A node that only holds others; it goes again if it holds none. */
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

static void
holder_drop(struct conf_tree *t, struct conf_node *parent, struct conf_node *n)
{
	TAILQ_REMOVE(&parent->child, n, entry);
	free(n->above);
	free(n->beside);
	free(n->within);
	free(n);
	t->nodes--;
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
		if ((r = holder(c->tree, to, n, &m)) == 0 && (r = view(c, m, n)) == 0 && TAILQ_EMPTY(&m->child) &&
		    !sees_all(n->row, c->perm))
			holder_drop(c->tree, to, m);
	}
	return r;
}

int
conf_view_make(const struct conf_tree *t, uint32_t perm, struct conf_tree **out)
{
	struct copying c = {.perm = perm, .masked = true};
	int r = conf_tree_new(&c.tree);

	if (r == 0 && (r = view(&c, &c.tree->root, &t->root)) < 0)
		conf_tree_free(TAKE_PTR(c.tree));
	*out = c.tree;
	return r;
}

/* ---- the candidate put back into the whole ---- */

/* The statement of that name, looked for from where the last one was found: candidates keep the order. */
static const struct conf_node *
counterpart(const struct conf_node *parent, const struct conf_node *n, const struct conf_node **last)
{
	const struct conf_node *start = *last ? TAILQ_NEXT(*last, entry) : NULL, *m;

	if (parent == NULL || n->row == NULL)
		return NULL;
	if (start == NULL)
		start = TAILQ_FIRST(&parent->child);
	m = start;
	while (
	    m && (m->row != n->row || (m->row->kind == CONF_LIST && strcmp(m->word[0].text, n->word[0].text) != 0))) {
		m = TAILQ_NEXT(m, entry);
		if (m == NULL && start != TAILQ_FIRST(&parent->child))
			m = start = TAILQ_FIRST(&parent->child);
	}
	if (m)
		*last = m;
	return m;
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
		if (is_hidden_word(was, was->word[i].text, c->perm))
			continue;
		if (k == n->nword || strcmp(n->word[k++].text, was->word[i].text) != 0)
			return false;
	}
	return k == n->nword;
}

static int
restore_words(const struct copying *c, struct conf_node *to, const struct conf_node *n, const struct conf_node *was)
{
	int r;

	if (is_kept(c, n, was))
		return copy_words(c, to, was);
	r = copy_words(c, to, n);
	for (uint32_t i = 0; r == 0 && was && i < was->nword; i++)
		if (is_hidden_word(was, was->word[i].text, c->perm))
			r = conf_tree_add_word(c->tree, to, conf_tree_word_at(&was->word[i]), was->word[i].quoted);
	return r;
}

static int restore(
    const struct copying *c, struct conf_node *parent, const struct conf_node *n, const struct conf_node *was);

static int
restore_children(const struct copying *c, struct conf_node *to, const struct conf_node *n, const struct conf_node *was)
{
	const struct copying view = {.perm = c->perm, .masked = true};
	const struct conf_node *m, *last = NULL;
	int r = 0;

	for (m = TAILQ_FIRST(&n->child); r == 0 && m; m = TAILQ_NEXT(m, entry))
		r = restore(c, to, m, counterpart(was, m, &last));
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
	if ((r = holder(c->tree, to, then ? then : now, &m)) < 0 || (r = merge(c, m, m->row, now, then)) < 0)
		return r;
	/* An empty one may not have been shown. */
	if (TAILQ_EMPTY(&m->child) && then == NULL && (sees_all(m->row, c->perm) || !TAILQ_EMPTY(&now->child)))
		holder_drop(c->tree, to, m);
	return 0;
}

static int
merge(const struct copying *c, struct conf_node *to, const struct conf_schema *row, const struct conf_node *now,
    const struct conf_node *then)
{
	const struct conf_node *told = sees_all(row, c->perm) && conf_view_changes_all(row, c->perm) ? then : now;
	int r = told ? copy_all_comments(to, told) : 0;

	for (row = conf_schema_first(row); r == 0 && row; row = conf_schema_next(row)) {
		const struct conf_node *was = conf_view_child(now, row), *is = conf_view_child(then, row);

		if (!conf_view_is_branch(row))
			r = merge_holder(c, to, was, is);
		else if (c->perm & row->see)
			r = branch(c, to, was, is);
		else
			r = copy_row(c, to, was);
	}
	return r;
}

int
conf_view_merge(const struct conf_tree *now, const struct conf_tree *then, uint32_t perm, struct conf_tree **out)
{
	struct copying c = {.perm = perm};
	int r = conf_tree_new(&c.tree);

	if (r == 0 && (r = merge(&c, &c.tree->root, NULL, &now->root, &then->root)) < 0)
		conf_tree_free(TAKE_PTR(c.tree));
	*out = c.tree;
	return r;
}
