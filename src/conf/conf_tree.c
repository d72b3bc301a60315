/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_index.h"
#include "conf_tree.h"

int
conf_tree_new(struct conf_tree **out)
{
	struct conf_tree *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	TAILQ_INIT(&t->root.child);
	*out = t;
	return 0;
}

static void
node_clear(struct conf_node *n)
{
	struct conf_node *c;

	while ((c = TAILQ_FIRST(&n->child)) != NULL) {
		TAILQ_REMOVE(&n->child, c, entry);
		node_clear(c);
		free(c);
	}
	for (uint32_t i = 0; i < n->nword; i++)
		free(n->word[i].text);
	free(n->word);
	free(n->above);
	free(n->beside);
	free(n->within);
}

void
conf_tree_free(struct conf_tree *t)
{
	if (t)
		node_clear(&t->root);
	free(t);
}

int
conf_tree_add(struct conf_tree *t, struct conf_node *parent, const struct conf_schema *row, struct conf_node **out)
{
	struct conf_node *n;

	if (t->nodes == CONF_STATEMENTS_MAX)
		return -E2BIG;
	n = calloc(1, sizeof *n);
	if (n == NULL)
		return -ENOMEM;
	t->nodes++;
	n->parent = parent;
	n->row = row;
	TAILQ_INIT(&n->child);
	TAILQ_INSERT_TAIL(&parent->child, n, entry);
	*out = n;
	return 0;
}

/* Room for one more word; the array grows by doubling, its size follows from nword. */
static int
word_grow(struct conf_node *n)
{
	struct conf_word *v;

	if (n->nword & (n->nword - 1))
		return 0;
	v = reallocarray(n->word, n->nword ? n->nword * 2 : 1, sizeof *v);
	if (v == NULL)
		return -ENOMEM;
	n->word = v;
	return 0;
}

int
conf_tree_add_word(struct conf_tree *t, struct conf_node *n, struct conf_at at, bool quoted)
{
	cleanup_free char *text = NULL;
	int r;

	if (t->words == CONF_STATEMENTS_MAX)
		return -E2BIG;
	text = strndup(at.word.p, at.word.len);
	if (text == NULL)
		return -ENOMEM;
	if ((r = word_grow(n)) < 0)
		return r;
	t->words++;
	n->word[n->nword++] = (struct conf_word){TAKE_PTR(text), at.line, at.column, quoted};
	return 0;
}

size_t
conf_tree_comments_len(const char *s)
{
	size_t n = 0;

	while (s && s[n])
		n += strlen(s + n) + 1;
	return n;
}

static int
comments_add(char **to, const char *more, size_t len)
{
	size_t have = conf_tree_comments_len(*to);
	char *s;

	if (len == 0)
		return 0;
	s = realloc(*to, have + len + 1);
	if (s == NULL)
		return -ENOMEM;
	memcpy(s + have, more, len);
	s[have + len] = '\0';
	*to = s;
	return 0;
}

static uint32_t
words_below(const struct conf_node *n, uint32_t *nodes)
{
	const struct conf_node *c;
	uint32_t words = n->nword;

	++*nodes;
	TAILQ_FOREACH (c, &n->child, entry)
		words += words_below(c, nodes);
	return words;
}

void
conf_tree_remove(struct conf_tree *t, struct conf_node *n)
{
	uint32_t nodes = 0;

	if (t->index)
		conf_index_stale(t->index);
	t->words -= words_below(n, &nodes);
	t->nodes -= nodes;
	TAILQ_REMOVE(&n->parent->child, n, entry);
	node_clear(n);
	free(n);
}

void
conf_tree_remove_word(struct conf_tree *t, struct conf_node *n, uint32_t i)
{
	if (t->index && n->row && n->row->kind == CONF_LEAF_LIST)
		conf_index_stale(t->index);
	free(n->word[i].text);
	memmove(&n->word[i], &n->word[i + 1], (n->nword - i - 1) * sizeof *n->word);
	n->nword--;
	t->words--;
}

int
conf_tree_add_comments(char **to, const struct buf *comments)
{
	return comments_add(to, (const char *)comments->p, comments->len);
}

bool
conf_tree_is_opaque(const struct conf_node *n)
{
	return n->row ? n->row->kind == CONF_OPAQUE : n->parent != NULL;
}

const struct conf_node *
conf_tree_find(const struct conf_node *parent, const char *name)
{
	const struct conf_node *n = parent ? TAILQ_FIRST(&parent->child) : NULL;

	while (n && (n->inactive || strcmp(n->row->name, name) != 0))
		n = TAILQ_NEXT(n, entry);
	return n;
}

const char *
conf_tree_name(const struct conf_node *n)
{
	return n->row ? n->row->name : n->word[0].text;
}

struct conf_at
conf_tree_at(const struct conf_node *n)
{
	const char *name = conf_tree_name(n);

	return (struct conf_at){n->line, n->column, {name, strlen(name)}};
}

struct conf_at
conf_tree_word_at(const struct conf_word *w)
{
	return (struct conf_at){w->line, w->column, {w->text, strlen(w->text)}};
}

/* Invariant 1, for one node's children: stable, and without memory of its own. */
static void
sort(struct conf_node *parent)
{
	struct conf_nodes sorted = TAILQ_HEAD_INITIALIZER(sorted);
	const struct conf_schema *row;
	struct conf_node *n, *next;

	for (row = conf_schema_first(parent->row); row; row = conf_schema_next(row))
		for (n = TAILQ_FIRST(&parent->child); n; n = next) {
			next = TAILQ_NEXT(n, entry);
			if (n->row != row)
				continue;
			TAILQ_REMOVE(&parent->child, n, entry);
			TAILQ_INSERT_TAIL(&sorted, n, entry);
		}
	TAILQ_CONCAT(&parent->child, &sorted, entry);
}

/* The words and children of from become more of to's; from is left empty. */
static int
merge(struct conf_node *to, struct conf_node *from)
{
	struct conf_node *c;
	struct conf_word *v;
	int r;

	/* a comment to the end of a line must stay the last on it, so what stood beside moves up */
	if ((r = comments_add(&to->above, from->above, conf_tree_comments_len(from->above))) < 0 ||
	    (r = comments_add(&to->above, from->beside, conf_tree_comments_len(from->beside))) < 0 ||
	    (r = comments_add(&to->within, from->within, conf_tree_comments_len(from->within))) < 0)
		return r;
	if (from->nword) {
		size_t room = 1;

		while (room < (size_t)to->nword + from->nword)
			room *= 2;
		v = reallocarray(to->word, room, sizeof *v);
		if (v == NULL)
			return -ENOMEM;
		to->word = v;
		memcpy(to->word + to->nword, from->word, from->nword * sizeof *v);
		to->nword += from->nword;
		from->nword = 0;
	}
	TAILQ_FOREACH (c, &from->child, entry)
		c->parent = to;
	TAILQ_CONCAT(&to->child, &from->child, entry);
	return 0;
}

static int
merge_next(struct conf_tree *t, struct conf_node *n, struct conf_node *next, struct conf_error *err)
{
	int r;

	if (n->remove != next->remove)
		return conf_error_set(
		    err, conf_tree_at(next), "to be deleted and not: the first is on line %u", n->line);
	if (n->row->once)
		return conf_error_set(err, conf_tree_at(next), "%s: the first is on line %u", n->row->once, n->line);
	if (n->row->kind == CONF_LEAF)
		return conf_error_set(err, conf_tree_at(next), "given twice: the first is on line %u", n->line);
	if (n->inactive != next->inactive)
		return conf_error_set(
		    err, conf_tree_at(next), "given both with and without inactive: the first is on line %u", n->line);
	if ((r = merge(n, next)) < 0)
		return conf_error_errno(err, r);
	TAILQ_REMOVE(&next->parent->child, next, entry);
	node_clear(next);
	free(next);
	t->nodes--;
	return 0;
}

/* Lists, and what is not understood and may be one. */
static bool
apart(const struct conf_node *n)
{
	return n->row->kind == CONF_LIST || (n->row->kind == CONF_OPAQUE && n->nword);
}

static int
settle(struct conf_tree *t, struct conf_node *parent, struct conf_error *err)
{
	struct conf_node *n, *next;
	int r;

	if (conf_tree_is_opaque(parent))
		return 0;
	sort(parent);
	TAILQ_FOREACH (n, &parent->child, entry) {
		while (!apart(n) && (next = TAILQ_NEXT(n, entry)) != NULL && next->row == n->row && !apart(next))
			if ((r = merge_next(t, n, next, err)) < 0)
				return r;
		if ((r = settle(t, n, err)) < 0)
			return r;
	}
	return 0;
}

int
conf_tree_settle(struct conf_tree *t, struct conf_error *err)
{
	return settle(t, &t->root, err);
}

bool
conf_tree_same_words(const struct conf_node *a, const struct conf_node *b)
{
	if (a->nword != b->nword)
		return false;
	for (uint32_t i = 0; i < a->nword; i++)
		if (strcmp(a->word[i].text, b->word[i].text) != 0)
			return false;
	return true;
}
