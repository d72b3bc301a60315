/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_lex.h"
#include "conf_lines.h"
#include "conf_parse.h"
#include "conf_value.h"

#define LINES_STEPS_MAX 20000000u /* a second or two */

struct parse {
	struct conf_lex lex;
	struct conf_tree *tree;
	struct conf_error *err;
	uint32_t hidden;
	unsigned tags; /* CONF_TAG_... that are marks */
	unsigned depth;
	unsigned open_line; /* of the innermost block, for the error at the end of the file */
};

static int block(struct parse *p, struct conf_node *parent);

static int
refuse(struct parse *p, const char *expected)
{
	return conf_error_set(p->err, conf_lex_at(&p->lex), "expected %s", expected);
}

/* An error of conf_tree_add*. */
static int
full(struct parse *p, int r)
{
	if (r == -E2BIG)
		return conf_error_set(p->err, conf_lex_at(&p->lex),
		    "at most %u statements and as many values are possible", CONF_STATEMENTS_MAX);
	return conf_error_errno(p->err, r);
}

static int
next(struct parse *p)
{
	int r = conf_lex_next(&p->lex, p->err);

	return r == 0 || r == -EINVAL ? r : conf_error_errno(p->err, r);
}

static int
next_is(struct parse *p, enum conf_token token, const char *expected)
{
	int r = next(p);

	if (r == 0 && p->lex.token != token)
		r = refuse(p, expected);
	return r;
}

static bool
is_value(const struct parse *p)
{
	return p->lex.token == CONF_TOKEN_WORD || p->lex.token == CONF_TOKEN_STRING;
}

/* Comments passed since the last call, to one of a node's three places. */
static int
comments(struct parse *p, char **beside, char **above)
{
	int r;

	if ((r = conf_tree_add_comments(beside, &p->lex.beside)) < 0 ||
	    (r = conf_tree_add_comments(above, &p->lex.above)) < 0)
		return conf_error_errno(p->err, r);
	buf_reset(&p->lex.beside);
	buf_reset(&p->lex.above);
	return 0;
}

static int
refuse_statement(struct parse *p, const struct conf_node *parent)
{
	cleanup_buf struct buf text = {0};
	const struct conf_schema *row;

	for (row = conf_schema_first(parent->row); row; row = conf_schema_next(row))
		if (conf_schema_is_known(row, p->hidden) && !row->inherit)
			buf_printf(&text, "%s, ", row->name);
	for (row = conf_schema_first(parent->row); row; row = conf_schema_next(row))
		if (row->inherit)
			buf_printf(&text, "%s, ", row->name);
	if (text.err)
		return conf_error_errno(p->err, text.err);
	if (text.len >= 2)
		text.len -= 2;
	return conf_error_set(p->err, conf_lex_at(&p->lex), "expected %.*s%s%s", (int)text.len,
	    text.p ? (char *)text.p : "", text.len ? " or " : "", parent->row ? "}" : "the end of the file");
}

static int
refuse_value(struct parse *p, const struct conf_schema *row)
{
	cleanup_buf struct buf text = {0};
	struct conf_at at = conf_lex_at(&p->lex);

	conf_value_describe_known(row, p->hidden, &text);
	if (text.err)
		return conf_error_errno(p->err, text.err);
	if (is_value(p))
		at.word = row->secret ? (struct slice){"...", 3} : p->lex.text;
	return conf_error_set(p->err, at, "expected %.*s", (int)text.len, (char *)text.p);
}

/* The present token, which is a value of the node's row. */
static int
value(struct parse *p, struct conf_node *n)
{
	struct conf_at at = {p->lex.line, p->lex.column, p->lex.text};
	char canonical[CONF_CANONICAL_MAX];
	int r;

	if (!is_value(p) || !conf_value_ok(n->row, p->lex.text) || conf_value_is_hidden(n->row, p->lex.text, p->hidden))
		return refuse_value(p, n->row);
	at.word = conf_value_canonical(n->row, p->lex.text, canonical);
	r = conf_tree_add_word(p->tree, n, at, p->lex.token == CONF_TOKEN_STRING);
	return r < 0 ? full(p, r) : 0;
}

/* From the opening brace, which is the present token, to the closing one. */
static int
braces(struct parse *p, struct conf_node *n)
{
	const unsigned line = p->open_line;
	int r;

	if (p->depth == CONF_DEPTH_MAX)
		return conf_error_set(p->err, conf_lex_at(&p->lex), "statements nest at most %u deep", CONF_DEPTH_MAX);
	if ((r = comments(p, &n->above, &n->above)) < 0)
		return r;
	p->depth++;
	p->open_line = p->lex.line;
	r = block(p, n);
	p->open_line = line;
	p->depth--;
	return r;
}

static int
body(struct parse *p, struct conf_node *n)
{
	int r = next(p);

	if (r < 0 || p->lex.token == CONF_TOKEN_END)
		return r;
	if (p->lex.token == CONF_TOKEN_OPEN)
		return braces(p, n);
	return refuse(p, "{ or ;");
}

static int marks(struct parse *p, struct conf_node *n);

/* Of several in the braces of one statement the next, at whose name the present token is. */
static int
entry(struct parse *p, struct conf_node *n)
{
	int r = marks(p, n);

	if (r < 0)
		return r;
	n->line = p->lex.line;
	n->column = p->lex.column;
	if ((r = value(p, n)) < 0 || (r = body(p, n)) < 0)
		return r;
	return comments(p, &n->above, &n->above);
}

/* "groups { NAME { ... } NAME { ... } }", as Junos writes it, from behind the brace on: each is one of its own, n the
 * first.  What is marked is marked in all of them.  1: comments behind the last are left to what follows. */
static int
entries(struct parse *p, struct conf_node *n)
{
	const struct conf_node first = *n;
	int r;

	if ((r = comments(p, &n->above, &n->above)) < 0 || (r = next(p)) < 0)
		return r;
	do {
		struct conf_node *before = n;

		if (n->nword && (r = conf_tree_add(p->tree, n->parent, n->row, &n)) < 0)
			return full(p, r);
		n->inactive = first.inactive;
		n->replace = first.replace;
		n->remove = first.remove;
		if ((r = comments(p, before == n ? &n->above : &before->beside, &n->above)) < 0 ||
		    (r = entry(p, n)) < 0 || (r = next(p)) < 0)
			return r;
	} while (p->lex.token != CONF_TOKEN_CLOSE);
	return 1;
}

static int
keyed(struct parse *p, struct conf_node *n)
{
	int r = next(p);

	if (r < 0)
		return r;
	if (n->row->inherit == CONF_INHERIT_GROUP && p->lex.token == CONF_TOKEN_OPEN)
		return entries(p, n);
	return (r = value(p, n)) < 0 ? r : body(p, n);
}

/* What is to be taken out may be named without its value. */
static bool
valueless_end(const struct parse *p, const struct conf_node *n)
{
	return n->remove && p->lex.token == CONF_TOKEN_END;
}

static int
leaf(struct parse *p, struct conf_node *n)
{
	int r;

	if ((r = next(p)) < 0 || valueless_end(p, n))
		return r;
	return (r = value(p, n)) < 0 ? r : next_is(p, CONF_TOKEN_END, ";");
}

static int
leaf_list(struct parse *p, struct conf_node *n)
{
	int r = next(p);

	if (r < 0 || valueless_end(p, n))
		return r;
	if (p->lex.token != CONF_TOKEN_LIST_OPEN) {
		if ((r = value(p, n)) < 0)
			return r;
		return next_is(p, CONF_TOKEN_END, ";");
	}
	do {
		if ((r = next(p)) < 0)
			return r;
		if (p->lex.token == CONF_TOKEN_LIST_CLOSE && n->nword)
			return next_is(p, CONF_TOKEN_END, ";");
	} while ((r = value(p, n)) == 0);
	return r;
}

/* The present token as it stands, within an opaque subtree. */
static int
verbatim(struct parse *p, struct conf_node *n)
{
	const bool string = p->lex.token == CONF_TOKEN_STRING;
	const struct conf_at at = {p->lex.line, p->lex.column, string ? p->lex.raw : p->lex.text};
	int r = conf_tree_add_word(p->tree, n, at, string);

	return r < 0 ? full(p, r) : 0;
}

/* Within an opaque subtree: words and lists of words up to { or ;. */
static int
anything(struct parse *p, struct conf_node *n)
{
	bool list = false;
	int r;

	if (!is_value(p) && p->lex.token != CONF_TOKEN_LIST_OPEN)
		return refuse(p, n->row ? "a word, { or ;" : "a word or }");
	do {
		if (p->lex.token == (list ? CONF_TOKEN_LIST_CLOSE : CONF_TOKEN_LIST_OPEN))
			list = !list;
		else if (!is_value(p))
			return refuse(p, list ? "a word or ]" : "a word, { or ;");
		if ((r = verbatim(p, n)) < 0 || (r = next(p)) < 0)
			return r;
	} while (list || (p->lex.token != CONF_TOKEN_OPEN && p->lex.token != CONF_TOKEN_END));
	return p->lex.token == CONF_TOKEN_OPEN ? braces(p, n) : 0;
}

/* An opaque row's own words, and what follows them. */
static int
opaque(struct parse *p, struct conf_node *n)
{
	int r = next(p);

	if (r < 0 || p->lex.token == CONF_TOKEN_END)
		return r;
	return p->lex.token == CONF_TOKEN_OPEN ? braces(p, n) : anything(p, n);
}

static int
contents(struct parse *p, struct conf_node *n)
{
	static int (*const by_kind[])(struct parse *, struct conf_node *) = {
	    [CONF_CONTAINER] = body,
	    [CONF_LIST] = keyed,
	    [CONF_LEAF] = leaf,
	    [CONF_LEAF_LIST] = leaf_list,
	    [CONF_OPAQUE] = opaque,
	};

	n->line = p->lex.line;
	n->column = p->lex.column;
	if (conf_tree_is_opaque(n->parent))
		return anything(p, n);
	if (p->lex.token == CONF_TOKEN_WORD)
		n->row = conf_schema_find(n->parent->row, p->lex.text);
	if (n->row == NULL || !conf_schema_is_known(n->row, p->hidden))
		return refuse_statement(p, n->parent);
	return by_kind[n->row->kind](p, n);
}

/* What stands before the statement, and moves to its first word. */
static int
marks(struct parse *p, struct conf_node *n)
{
	bool inactive = false;
	int r = 0;

	for (; r == 0 && p->lex.token == CONF_TOKEN_WORD; r = next(p))
		if ((p->tags & CONF_TAG_REPLACE) && !n->replace && !n->remove && slice_eq(p->lex.text, "replace:"))
			n->replace = true;
		else if ((p->tags & CONF_TAG_DELETE) && !n->replace && !n->remove && slice_eq(p->lex.text, "delete:"))
			n->remove = true;
		else if (!inactive && slice_eq(p->lex.text, "inactive:"))
			n->inactive = inactive = true;
		else
			break;
	return r;
}

/* The present token is the statement's first; at the end it is its last. */
static int
statement(struct parse *p, struct conf_node *parent, struct conf_node **last)
{
	struct conf_node *n;
	int r = conf_tree_add(p->tree, parent, NULL, &n);

	if (r < 0)
		return full(p, r);
	if ((r = comments(p, *last ? &(*last)->beside : &n->above, &n->above)) < 0)
		return r;
	*last = n;
	if ((r = marks(p, n)) < 0)
		return r;
	if ((r = contents(p, n)) < 0)
		return r;
	*last = TAILQ_LAST(&parent->child, conf_nodes);
	return r == 1 ? 0 : comments(p, &n->above, &n->above);
}

/* Statements up to the closing brace, at the top level up to the end. */
static int
block(struct parse *p, struct conf_node *parent)
{
	struct conf_node *last = NULL;
	int r;

	while ((r = next(p)) == 0) {
		if (p->lex.token == (p->depth ? CONF_TOKEN_CLOSE : CONF_TOKEN_EOF))
			return comments(p, last ? &last->beside : &parent->within, &parent->within);
		if (p->lex.token == CONF_TOKEN_EOF)
			return conf_error_set(p->err, conf_lex_at(&p->lex),
			    "expected } of the block that begins on line %u", p->open_line);
		if ((r = statement(p, parent, &last)) < 0)
			break;
	}
	return r;
}

static int
tree_parse(struct parse *p, struct slice text, struct conf_tree **out)
{
	int r;

	if ((r = conf_tree_new(&p->tree)) < 0)
		return conf_error_errno(p->err, r);
	if ((r = conf_lines_are(text)) < 0)
		(void)conf_error_errno(p->err, r);
	else if (r == 1) {
		p->tree->steps_max = LINES_STEPS_MAX;
		r = conf_lines_apply(p->tree, text, p->hidden, p->err);
	} else {
		conf_lex_init(&p->lex, text);
		r = block(p, &p->tree->root);
		conf_lex_fini(&p->lex);
		if (r == 0)
			r = conf_tree_settle(p->tree, p->err);
	}
	if (r == 0)
		*out = TAKE_PTR(p->tree);
	conf_tree_free(p->tree);
	return r;
}

int
conf_parse_tree(struct slice text, struct conf_tree **out, struct conf_error *err)
{
	return conf_parse_tree_known(text, 0, out, err);
}

int
conf_parse_tree_known(struct slice text, uint32_t hidden, struct conf_tree **out, struct conf_error *err)
{
	struct parse p = {.err = err, .hidden = hidden};

	return tree_parse(&p, text, out);
}

int
conf_parse_tree_tagged(
    struct slice text, unsigned tags, uint32_t hidden, struct conf_tree **out, struct conf_error *err)
{
	struct parse p = {.err = err, .hidden = hidden, .tags = tags};

	return tree_parse(&p, text, out);
}
