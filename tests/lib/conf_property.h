/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_property.h - what must hold for any text given to conf_parse:
 * accepted, its print is accepted, means the same and prints the same; refused,
 * the error names a place within the text; what anybody sees of it, committed again,
 * changes nothing; what groups make of it needs none.  Ends the program when it does not.
 */
#ifndef TESTS_LIB_CONF_PROPERTY_H
#define TESTS_LIB_CONF_PROPERTY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_compare.h"
#include "conf_diff.h"
#include "conf_groups.h"
#include "conf_perm.h"
#include "conf_print.h"
#include "conf_unmarked.h"

static inline void
conf_property_fail(const char *what, const char *text, size_t len)
{
	fprintf(stderr, "%s:\n%.*s\n", what, (int)len, text);
	abort();
}

static inline void
conf_property_error(const char *text, size_t len, const struct conf_error *err)
{
	const char *line = text, *end = text + len, *nl;
	unsigned n = 1;

	for (; n < err->line && (nl = memchr(line, '\n', (size_t)(end - line))) != NULL; n++)
		line = nl + 1;
	nl = memchr(line, '\n', (size_t)(end - line));
	if (err->line != n || err->column < 1 || err->column > (size_t)((nl ? nl : end) - line) + 1)
		conf_property_fail("an error names no place in the text", text, len);
	if (err->expected[0] == '\0')
		conf_property_fail("an error says nothing", text, len);
}

static inline struct conf *
conf_property_again(const struct conf *c, void (*print)(const struct conf *, struct buf *), struct buf *out)
{
	struct conf_error err = {0};
	struct conf *again = NULL;

	print(c, out);
	if (out->err || conf_parse((char *)out->p, out->len, &again, &err) != 0) {
		fprintf(stderr, "%u:%u: %s: %s\n", err.line, err.column, err.word, err.expected);
		conf_property_fail("what was printed is refused", (char *)out->p, out->len);
	}
	return again;
}

static inline void
conf_property_same(const struct conf *a, const struct conf *b)
{
	struct conf_diff d;
	char why[256];

	if (conf_diff_make(a, b, &d) != 0)
		abort();
	if (!conf_diff_is_empty(&d) || conf_diff_restart(a, b, why, sizeof why) || a->flow_tap != b->flow_tap)
		conf_property_fail("what was printed means something else", "", 0);
	conf_diff_fini(&d);
}

static inline void
conf_property_effect(const struct conf *c, struct buf *out)
{
	conf_print_tree(c->effect, out);
}

static inline void
conf_property_lines(const struct conf *c, struct buf *out)
{
	conf_compare_set_lines(c->tree, NULL, out);
}

/* The same as lines of set. */
static inline void
conf_property_set(const struct conf *c)
{
	struct buf one = {0}, two = {0};
	struct conf *again = conf_property_again(c, conf_property_lines, &one);

	conf_property_same(c, again);
	conf_property_lines(again, &two);
	if (one.len != two.len || (one.len && memcmp(one.p, two.p, one.len) != 0))
		conf_property_fail("lines of set print differently", (char *)two.p, two.len);
	conf_free(again);
	buf_free(&one);
	buf_free(&two);
}

/* Expanded once it has nothing left to be expanded, and is what a configuration could have been written as. */
static inline void
conf_property_groups(const struct conf *c)
{
	struct buf one = {0};
	struct conf_tree *marked;
	struct conf_error err;
	struct conf *again;

	if (c->effect == c->tree)
		return;
	if (conf_groups_any(c->effect))
		conf_property_fail("what is expanded has groups", "", 0);
	again = conf_property_again(c, conf_property_effect, &one);
	conf_property_same(c, again);
	if (conf_groups_expand(c->tree, true, &marked, &err) != 0)
		conf_property_fail("what was expanded is not, with comments", (char *)one.p, one.len);
	if (!conf_unmarked_same(c->effect, marked))
		conf_property_fail("with comments it is something else", (char *)one.p, one.len);
	conf_tree_free(marked);
	conf_free(again);
	buf_free(&one);
}

/* With rights that depend on the text. */
static inline void
conf_property_view(const struct conf *c, const struct buf *whole)
{
	const uint32_t perm = (uint32_t)(whole->len * 2654435761u) >> 16 | CONF_PERM_EVERYBODY;
	struct buf view = {0}, after = {0};
	struct conf *next = NULL;
	struct conf_error err;

	if (conf_perm_view(c, perm, &view) != 0)
		abort();
	if (conf_perm_judge(c, (struct slice){(char *)view.p, view.len}, perm, &next, &err) != 0) {
		if (strcmp(err.expected, "expected characters in UTF-8") == 0) { /* read from a file it is accepted */
			buf_free(&view);
			return;
		}
		fprintf(stderr, "rights %x: %u: %s\n", perm, err.line, err.expected);
		fprintf(stderr, "whole:\n%.*s", (int)whole->len, (char *)whole->p);
		conf_property_fail("what was shown is refused", (char *)view.p, view.len);
	}
	conf_print(next, &after);
	if (after.len != whole->len || (after.len && memcmp(after.p, whole->p, after.len) != 0)) {
		fprintf(stderr, "rights %x: whole:\n%.*s", perm, (int)whole->len, (char *)whole->p);
		conf_property_fail("what was shown changes the whole to", (char *)after.p, after.len);
	}
	conf_free(next);
	buf_free(&view);
	buf_free(&after);
}

/* Whether the text was accepted. */
static inline bool
conf_property_check(const char *text, size_t len)
{
	struct buf one = {0}, two = {0}, public = {0};
	struct conf *c, *again, *third;
	struct conf_error err;

	if (conf_parse(text, len, &c, &err) != 0) {
		conf_property_error(text, len, &err);
		return false;
	}
	again = conf_property_again(c, conf_print, &one);
	conf_property_same(c, again);
	conf_print(again, &two);
	if (one.len != two.len || (one.len && memcmp(one.p, two.p, one.len) != 0))
		conf_property_fail("what was printed prints differently", (char *)one.p, one.len);
	conf_property_view(again, &one);
	third = conf_property_again(c, conf_print_public, &public);
	conf_property_same(c, third);
	conf_property_set(c);
	conf_property_groups(c);
	conf_free(c);
	conf_free(again);
	conf_free(third);
	buf_free(&one);
	buf_free(&two);
	buf_free(&public);
	return true;
}

#endif
