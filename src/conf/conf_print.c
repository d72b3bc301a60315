/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "conf_lex.h"
#include "conf_print.h"
#include "conf_value.h"

struct print {
	struct buf *out;
	bool public; /* without secrets */
};

static void
put(const struct print *p, const char *s)
{
	buf_put(p->out, s, strlen(s));
}

static void
indent(const struct print *p, unsigned depth)
{
	while (depth-- > 0)
		put(p, "    ");
}

static void
comment_lines(const struct print *p, const char *s, unsigned depth)
{
	for (; s && *s; s += strlen(s) + 1) {
		indent(p, depth);
		put(p, s);
		put(p, "\n");
	}
}

static void
verbatim(const struct print *p, const struct conf_word *w)
{
	const char *quote = w->quoted ? "\"" : "";

	put(p, quote);
	put(p, w->text);
	put(p, quote);
}

static void
word(const struct print *p, const struct conf_node *n, const struct conf_word *w)
{
	const struct slice s = {w->text, strlen(w->text)};

	if (n->row == NULL || n->row->kind == CONF_OPAQUE)
		verbatim(p, w);
	else if (p->public && n->row->secret)
		put(p, "\"*\""); /* a password that lets nobody in, to whoever reads the text again */
	else if (conf_value_is_quoted(n->row->type) || !conf_lex_is_bare(s))
		conf_lex_quote(p->out, s);
	else
		put(p, w->text);
}

static bool
is_group(const struct conf_node *n)
{
	return n && n->row && n->row->inherit == CONF_INHERIT_GROUP;
}

/* named: with the statement's name. */
static void
words(const struct print *p, const struct conf_node *n, bool named)
{
	const bool list = n->row && n->row->kind != CONF_OPAQUE && n->nword > 1;

	if (n->row && named)
		put(p, n->row->name);
	if (list)
		put(p, " [");
	for (uint32_t i = 0; i < n->nword; i++) {
		if ((n->row && named) || i > 0)
			put(p, " ");
		word(p, n, &n->word[i]);
	}
	if (list)
		put(p, " ]");
}

static void children(const struct print *p, const struct conf_node *parent, unsigned depth);

static void
node(const struct print *p, const struct conf_node *n, unsigned depth, bool named)
{
	comment_lines(p, n->above, depth);
	indent(p, depth);
	if (n->inactive)
		put(p, "inactive: ");
	words(p, n, named);
	if (TAILQ_EMPTY(&n->child) && n->within == NULL) {
		put(p, ";");
	} else {
		put(p, " {\n");
		children(p, n, depth + 1);
		indent(p, depth);
		put(p, "}");
	}
	for (const char *s = n->beside; s && *s; s += strlen(s) + 1) {
		put(p, " ");
		put(p, s);
	}
	put(p, "\n");
}

/* All of them in the braces of one statement, as Junos writes it. */
static void
group(const struct print *p, const struct conf_node *n, unsigned depth)
{
	if (!is_group(TAILQ_PREV(n, conf_nodes, entry))) {
		indent(p, depth);
		put(p, n->row->name);
		put(p, " {\n");
	}
	node(p, n, depth + 1, false);
	if (!is_group(TAILQ_NEXT(n, entry))) {
		indent(p, depth);
		put(p, "}\n");
	}
}

static void
children(const struct print *p, const struct conf_node *parent, unsigned depth)
{
	const struct conf_node *n;

	TAILQ_FOREACH (n, &parent->child, entry)
		if (is_group(n))
			group(p, n, depth);
		else
			node(p, n, depth, true);
	comment_lines(p, parent->within, depth);
}

void
conf_print_node(const struct conf_node *n, unsigned depth, struct buf *out)
{
	node(&(struct print){out, false}, n, depth, true);
}

void
conf_print_children(const struct conf_node *n, unsigned depth, struct buf *out)
{
	children(&(struct print){out, false}, n, depth);
}

void
conf_print_word(const struct conf_node *n, uint32_t i, struct buf *out)
{
	word(&(struct print){out, false}, n, &n->word[i]);
}

void
conf_print_tree(const struct conf_tree *t, struct buf *out)
{
	conf_print_children(&t->root, 0, out);
}

void
conf_print(const struct conf *c, struct buf *out)
{
	conf_print_tree(c->tree, out);
}

void
conf_print_public(const struct conf *c, struct buf *out)
{
	children(&(struct print){out, true}, &c->tree->root, 0);
}
