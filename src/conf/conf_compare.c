/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "conf_compare.h"
#include "conf_lex.h"
#include "conf_print.h"

static void
put(struct buf *out, const char *s)
{
	buf_put(out, s, strlen(s));
}

/* A word that is not understood: its quotation marks and backslashes only if it needs them, so that the same word
 * is always the same text. */
static void
opaque_word(const struct conf_word *w, struct buf *out)
{
	cleanup_buf struct buf text = {0};
	struct slice t;

	if (!w->quoted) {
		put(out, w->text);
		return;
	}
	conf_lex_unquote(&text, (struct slice){w->text, strlen(w->text)});
	t = (struct slice){(char *)text.p, text.len};
	if (text.err)
		out->err = text.err;
	else if (conf_lex_is_bare(t) && !slice_eq(t, "inactive:"))
		buf_put(out, t.p, t.len);
	else
		conf_lex_quote(out, t);
}

/* The statement's own words: " agency lea1"; of a list of values only its name.  What is not understood has no
 * levels that could be deactivated: there the mark is one of the words. */
static void
own_words(const struct conf_node *n, bool values, struct buf *out)
{
	const bool opaque = conf_tree_is_opaque(n);

	if (n->row) {
		put(out, " ");
		put(out, n->row->name);
	}
	if (opaque && n->inactive && (n->nword || !TAILQ_EMPTY(&n->child)))
		put(out, " inactive:");
	for (uint32_t i = 0; (values || opaque || n->row->kind == CONF_LIST) && i < n->nword; i++) {
		put(out, " ");
		if (opaque)
			opaque_word(&n->word[i], out);
		else
			conf_print_word(n, i, out);
	}
}

static void
path(const struct conf_node *n, struct buf *out)
{
	if (n->parent) {
		path(n->parent, out);
		own_words(n, false, out);
	}
}

void
conf_compare_path(const struct conf_node *n, struct buf *out)
{
	const size_t at = out->len;

	path(n, out);
	if (out->err == 0 && out->len > at) { /* the first blank */
		memmove(out->p + at, out->p + at + 1, out->len - at - 1);
		out->len--;
	}
}

/* ---- set lines ---- */

static void
set_line(const struct conf_node *n, const char *verb, struct buf *out)
{
	put(out, verb);
	path(n, out);
}

/* Whether the last line, from at on, is one of those from start on. */
static bool
is_there(const struct buf *out, size_t start, size_t at)
{
	const size_t len = out->len - at;
	const uint8_t *p = out->p + start, *end = out->p + at;

	for (; (p = memmem(p, (size_t)(end - p), end, len)) != NULL; p++)
		if (p == out->p + start || p[-1] == '\n')
			return true;
	return false;
}

/* Whether it says nothing that the others of its row do not say. */
static bool
is_bare_row(const struct conf_node *n)
{
	const struct conf_node *next = TAILQ_NEXT(n, entry), *prev = TAILQ_PREV(n, conf_nodes, entry);

	return n->row && n->nword == 0 && ((next && next->row == n->row) || (prev && prev->row == n->row));
}

/* What is not understood, each statement flat and once. */
static void
opaque_lines(const struct conf_node *n, size_t start, struct buf *out)
{
	const struct conf_node *c;
	const size_t at = out->len;

	TAILQ_FOREACH (c, &n->child, entry)
		opaque_lines(c, start, out);
	if (!TAILQ_EMPTY(&n->child) || is_bare_row(n))
		return;
	set_line(n, "set", out);
	put(out, "\n");
	if (out->err == 0 && is_there(out, start, at))
		out->len = at;
}

static void
set_lines(const struct conf_node *n, struct buf *out)
{
	const bool values = n->row && (n->row->kind == CONF_LEAF || n->row->kind == CONF_LEAF_LIST);
	const struct conf_schema *row = NULL;
	const struct conf_node *c;
	size_t start = out->len;

	TAILQ_FOREACH (c, &n->child, entry) {
		if (c->row != row)
			start = out->len;
		row = c->row;
		if (conf_tree_is_opaque(c))
			opaque_lines(c, start, out);
		else
			set_lines(c, out);
	}
	for (uint32_t i = 0; n->parent && TAILQ_EMPTY(&n->child) && i < (values ? n->nword : 1); i++) {
		set_line(n, "set", out);
		if (values) {
			put(out, " ");
			conf_print_word(n, i, out);
		}
		put(out, "\n");
	}
	if (n->inactive) {
		set_line(n, "deactivate", out);
		put(out, "\n");
	}
}

void
conf_compare_set_lines(const struct conf_tree *t, const struct conf_node *n, struct buf *out)
{
	if (n && conf_tree_is_opaque(n))
		opaque_lines(n, out->len, out);
	else
		set_lines(n ? n : &t->root, out);
}

/* ---- differences ---- */

struct compare {
	struct buf *out;
	const struct conf_node *named; /* whose [edit ...] line was printed last */
};

/* Whether they are the same statement, though perhaps with another value. */
static bool
same(const struct conf_node *a, const struct conf_node *b)
{
	return a->row == b->row && ((a->row && a->row->kind != CONF_LIST) || conf_tree_same_words(a, b));
}

/* The one of list like n; hint: where it is if nothing changed. */
static const struct conf_node *
counterpart(const struct conf_nodes *list, const struct conf_node *n, const struct conf_node *hint)
{
	const struct conf_node *m;

	if (hint && same(hint, n))
		return hint;
	TAILQ_FOREACH (m, list, entry)
		if (same(m, n))
			return m;
	return NULL;
}

static void
edit_line(struct compare *c, const struct conf_node *level)
{
	if (c->named == level)
		return;
	c->named = level;
	put(c->out, "[edit");
	path(level, c->out);
	put(c->out, "]\n");
}

static void
mark_lines(struct compare *c, char sign, const struct conf_node *n)
{
	cleanup_buf struct buf text = {0};
	size_t from = 0;

	conf_print_node(n, 0, &text);
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] != '\n')
			continue;
		buf_printf(c->out, "%c   %.*s", sign, (int)(i + 1 - from), (char *)text.p + from);
		from = i + 1;
	}
	if (text.err)
		c->out->err = text.err;
}

/* Only its first line: what is in it stays. */
static void
mark_activity(struct compare *c, const struct conf_node *n)
{
	const bool block = !TAILQ_EMPTY(&n->child);

	put(c->out, n->inactive ? "!   inactive:" : "!   active:");
	own_words(n, true, c->out);
	put(c->out, block ? " { ... }\n" : ";\n");
}

/* ---- comments ---- */

static bool
same_comments(const char *a, const char *b)
{
	for (; a && b && *a && strcmp(a, b) == 0; a += strlen(a) + 1)
		b += strlen(b) + 1;
	return (a == NULL || *a == '\0') && (b == NULL || *b == '\0');
}

static void
mark_comments(struct compare *c, char sign, const char *s)
{
	for (; s && *s; s += strlen(s) + 1)
		for (const char *p = s, *nl; *p; p = nl + (*nl == '\n')) {
			nl = p + strcspn(p, "\n");
			buf_printf(c->out, "%c   %.*s\n", sign, (int)(nl - p), p);
		}
}

static bool
is_block(const struct conf_node *n)
{
	return !TAILQ_EMPTY(&n->child) || n->within;
}

/* "    agency lea1 { ... }" */
static void
mark_head(struct compare *c, const char *mark, const struct conf_node *n, bool block, const char *beside)
{
	put(c->out, mark);
	if (n->inactive)
		put(c->out, " inactive:");
	own_words(n, true, c->out);
	put(c->out, block ? " { ... }" : ";");
	for (const char *s = beside; s && *s; s += strlen(s) + 1)
		buf_printf(c->out, " %s", s);
	put(c->out, "\n");
}

/* What stands above the same statement, and beside it: a block is named, all else is told as it was and is. */
static void
compare_beside(struct compare *c, const struct conf_node *level, const struct conf_node *m, const struct conf_node *n)
{
	const bool above = !same_comments(m->above, n->above), beside = !same_comments(m->beside, n->beside);
	const bool block = is_block(m) || is_block(n);

	if (!above && !beside)
		return;
	edit_line(c, level);
	if (beside && !block) {
		mark_lines(c, '-', m);
		mark_lines(c, '+', n);
		return;
	}
	if (above) {
		mark_comments(c, '-', m->above);
		mark_comments(c, '+', n->above);
		mark_head(c, "   ", n, block, NULL);
	}
	if (beside && m->beside)
		mark_head(c, "-  ", n, block, m->beside);
	if (beside && n->beside)
		mark_head(c, "+  ", n, block, n->beside);
}

/* The last of a level's lines, since nothing follows them. */
static void
compare_within(struct compare *c, const struct conf_node *before, const struct conf_node *after)
{
	if (same_comments(before->within, after->within))
		return;
	edit_line(c, after);
	mark_comments(c, '-', before->within);
	mark_comments(c, '+', after->within);
}

static void
compare(struct compare *c, const struct conf_node *before, const struct conf_node *after)
{
	const struct conf_node *n, *m, *hint = TAILQ_FIRST(&after->child);

	TAILQ_FOREACH (n, &before->child, entry) {
		m = counterpart(&after->child, n, hint);
		hint = m ? TAILQ_NEXT(m, entry) : hint;
		if (m && (!TAILQ_EMPTY(&n->child) || !TAILQ_EMPTY(&m->child) || conf_tree_same_words(n, m)))
			continue;
		edit_line(c, after);
		mark_lines(c, '-', n);
		if (m)
			mark_lines(c, '+', m);
	}
	hint = TAILQ_FIRST(&before->child);
	TAILQ_FOREACH (n, &after->child, entry) {
		m = counterpart(&before->child, n, hint);
		hint = m ? TAILQ_NEXT(m, entry) : hint;
		if (m == NULL || (m->inactive != n->inactive && conf_tree_same_words(m, n)))
			edit_line(c, after);
		if (m == NULL)
			mark_lines(c, '+', n);
		else if (m->inactive != n->inactive && conf_tree_same_words(m, n))
			mark_activity(c, n);
	}
	hint = TAILQ_FIRST(&before->child);
	TAILQ_FOREACH (n, &after->child, entry)
		if ((m = counterpart(&before->child, n, hint)) != NULL) {
			const bool told = TAILQ_EMPTY(&n->child) && TAILQ_EMPTY(&m->child) &&
					  !conf_tree_same_words(n, m);

			hint = TAILQ_NEXT(m, entry);
			if (!told)
				compare_beside(c, after, m, n);
			if (!told)
				compare(c, m, n);
		}
	compare_within(c, before, after);
}

void
conf_compare_trees(const struct conf_tree *before, const struct conf_tree *after, struct buf *out)
{
	compare(&(struct compare){.out = out}, &before->root, &after->root);
}
