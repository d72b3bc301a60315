/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "conf_lex.h"
#include "conf_tree.h"
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

static void
words(const struct print *p, const struct conf_node *n)
{
	const bool list = n->row && n->row->kind != CONF_OPAQUE && n->nword > 1;

	if (n->row)
		put(p, n->row->name);
	if (list)
		put(p, " [");
	for (uint32_t i = 0; i < n->nword; i++) {
		if (n->row || i > 0)
			put(p, " ");
		word(p, n, &n->word[i]);
	}
	if (list)
		put(p, " ]");
}

static void
node(const struct print *p, const struct conf_node *n, unsigned depth)
{
	const struct conf_node *c;

	comment_lines(p, n->above, depth);
	indent(p, depth);
	if (n->inactive)
		put(p, "inactive: ");
	words(p, n);
	if (TAILQ_EMPTY(&n->child) && n->within == NULL) {
		put(p, ";");
	} else {
		put(p, " {\n");
		TAILQ_FOREACH (c, &n->child, entry)
			node(p, c, depth + 1);
		comment_lines(p, n->within, depth + 1);
		indent(p, depth);
		put(p, "}");
	}
	for (const char *s = n->beside; s && *s; s += strlen(s) + 1) {
		put(p, " ");
		put(p, s);
	}
	put(p, "\n");
}

static void
print(const struct print *p, const struct conf_tree *t)
{
	const struct conf_node *n;

	TAILQ_FOREACH (n, &t->root.child, entry)
		node(p, n, 0);
	comment_lines(p, t->root.within, 0);
}

void
conf_print(const struct conf *c, struct buf *out)
{
	print(&(struct print){out, false}, c->tree);
}

void
conf_print_public(const struct conf *c, struct buf *out)
{
	print(&(struct print){out, true}, c->tree);
}
