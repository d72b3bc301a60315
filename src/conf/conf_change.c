/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_change.h"
#include "conf_tree.h"

struct change {
	struct buf *out;
	struct buf path;
	size_t max, more;
	int err;
	/* or each statement, with its values */
	int (*visit)(void *arg, const char *path);
	void *arg;
};

/* Of opaque subtrees, in which order counts. */
static bool
same_subtree(const struct conf_node *a, const struct conf_node *b)
{
	const struct conf_node *x = TAILQ_FIRST(&a->child), *y = TAILQ_FIRST(&b->child);

	if (!conf_tree_same_words(a, b) || a->inactive != b->inactive)
		return false;
	for (; x && y; x = TAILQ_NEXT(x, entry), y = TAILQ_NEXT(y, entry))
		if (!same_subtree(x, y))
			return false;
	return x == NULL && y == NULL;
}

/* The path is lengthened by the statement's own words; the former length comes back. */
static size_t
path_push(struct change *c, const struct conf_node *n)
{
	const size_t len = c->path.len;

	buf_printf(&c->path, "%s%s", len ? " " : "", n->row->name);
	if (n->row->kind == CONF_LIST)
		buf_printf(&c->path, " %s", n->word[0].text);
	return len;
}

/* The path as it stands. */
static void
path_visit(struct change *c)
{
	if (c->err)
		return;
	buf_put(&c->path, "", 1);
	c->err = c->path.err;
	if (c->err == 0) {
		c->path.len--;
		c->err = c->visit(c->arg, (const char *)c->path.p);
	}
}

/* A statement, and all that is in it, of whatever kind. */
static void
visit_all(struct change *c, const struct conf_node *n)
{
	const size_t len = c->path.len;
	const struct conf_node *child;

	if (n->row)
		buf_printf(&c->path, "%s%s", len ? " " : "", n->row->name);
	for (uint32_t i = 0; i < n->nword; i++)
		buf_printf(&c->path, " %s", n->word[i].text);
	path_visit(c);
	TAILQ_FOREACH (child, &n->child, entry)
		visit_all(c, child);
	c->path.len = len;
}

static void
report(struct change *c)
{
	if (c->out->len > c->max) {
		c->more++;
		return;
	}
	buf_printf(c->out, "%s%.*s", c->out->len ? ", " : "", (int)c->path.len, (const char *)c->path.p);
}

static void
report_node(struct change *c, const struct conf_node *n)
{
	size_t len;

	if (c->visit) {
		visit_all(c, n);
		return;
	}
	len = path_push(c, n);
	report(c);
	c->path.len = len;
}

static void compare(struct change *c, const struct conf_node *a, const struct conf_node *b);

static void
both(struct change *c, const struct conf_node *a, const struct conf_node *b)
{
	const bool differ = a->inactive != b->inactive ||
			    (a->row->kind == CONF_OPAQUE ? !same_subtree(a, b) : !conf_tree_same_words(a, b));
	size_t len;

	if (differ && c->visit) {
		visit_all(c, a);
		visit_all(c, b);
		return;
	}
	len = path_push(c, a);
	if (differ)
		report(c);
	else if (a->row->kind != CONF_OPAQUE)
		compare(c, a, b);
	c->path.len = len;
}

static int
by_key(const void *a, const void *b)
{
	const struct conf_node *x = *(const struct conf_node *const *)a, *y = *(const struct conf_node *const *)b;

	return x->row != y->row ? (x->row < y->row ? -1 : 1) : strcmp(x->word[0].text, y->word[0].text);
}

static int
order(const struct conf_node *a, const struct conf_node *b)
{
	if (a->row != b->row || a->row->kind != CONF_LIST)
		return a->row == b->row ? 0 : a->row < b->row ? -1 : 1;
	return by_key(&a, &b);
}

/* The children in the order of the schema, entries of a list in that of their keys. */
static const struct conf_node **
children(const struct conf_node *parent, size_t *n)
{
	const struct conf_node *m, **v;
	size_t i = 0, from = 0;

	*n = 0;
	TAILQ_FOREACH (m, &parent->child, entry)
		++*n;
	if ((v = calloc(*n + 1, sizeof *v)) == NULL)
		return NULL;
	TAILQ_FOREACH (m, &parent->child, entry)
		v[i++] = m;
	for (i = 1; i <= *n; i++) {
		if (i < *n && v[i]->row == v[from]->row)
			continue;
		if (v[from] && v[from]->row->kind == CONF_LIST)
			qsort(v + from, i - from, sizeof *v, by_key);
		from = i;
	}
	return v;
}

static void
compare(struct change *c, const struct conf_node *a, const struct conf_node *b)
{
	size_t na, nb, i = 0, k = 0;
	cleanup_free const struct conf_node **x = children(a, &na), **y = children(b, &nb);

	if (x == NULL || y == NULL) {
		c->err = -ENOMEM;
		return;
	}
	while (i < na || k < nb) {
		const int d = i == na ? 1 : k == nb ? -1 : order(x[i], y[k]);

		if (d == 0)
			both(c, x[i++], y[k++]);
		else
			report_node(c, d < 0 ? x[i++] : y[k++]);
	}
}

int
conf_change_paths(const struct conf_tree *before, const struct conf_tree *after, size_t max, struct buf *out)
{
	struct change c = {.out = out, .max = max};

	compare(&c, &before->root, &after->root);
	if (c.more)
		buf_printf(out, " and %zu others", c.more);
	if (c.err == 0)
		c.err = c.path.err ? c.path.err : out->err;
	buf_free(&c.path);
	return c.err;
}

int
conf_change_each(
    const struct conf_tree *before, const struct conf_tree *after, int (*visit)(void *arg, const char *path), void *arg)
{
	struct change c = {.visit = visit, .arg = arg};

	compare(&c, &before->root, &after->root);
	if (c.err == 0)
		c.err = c.path.err;
	buf_free(&c.path);
	return c.err;
}
