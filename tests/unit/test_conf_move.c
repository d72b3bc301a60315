/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects of a tree renamed, copied, put elsewhere, commented, and changed by patterns. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf_annotate.h"
#include "conf_compare.h"
#include "conf_level.h"
#include "conf_move.h"
#include "conf_parse.h"
#include "conf_patch.h"
#include "conf_pattern.h"
#include "conf_print.h"

#define WORDS 32

static const char text[] =
    "services { flow-tap { agency a { /* why */ maximum-sessions 1; } agency b; inactive: agency c; } }"
    "interfaces { ge-0/0/0 { unit 0 { description \"x y\"; } } }";

static struct conf_tree *
tree(const char *s)
{
	struct conf_error err;
	struct conf_tree *t;

	assert_int_equal(conf_parse_tree((struct slice){s, strlen(s)}, &t, &err), 0);
	return t;
}

struct words {
	char store[256];
	const char *word[WORDS];
	struct conf_path path;
};

static struct conf_path
path(struct words *w, const char *s)
{
	int n;

	snprintf(w->store, sizeof w->store, "%s", s);
	n = conf_level_words(w->store, w->word, WORDS);
	assert_true(n >= 0);
	return w->path = (struct conf_path){w->word, (size_t)n};
}

/* As set lines. */
static void
is(struct conf_tree *t, const char *expected)
{
	cleanup_buf struct buf out = {0};

	conf_compare_set_lines(t, NULL, &out);
	buf_put(&out, "", 1);
	assert_string_equal((char *)out.p, expected);
}

#define AGENCY "set services flow-tap agency "
#define PORT "set interfaces "

enum verb { RENAME, COPY, BEFORE, AFTER };

static void
test_move(void **state)
{
	static const struct {
		enum verb verb;
		const char *from, *to;
		int expected;
		const char *after; /* the lines, or why not */
	} rows[] = {
	    {RENAME, "services flow-tap agency a", "agency z", 0,
		AGENCY "z maximum-sessions 1\n" AGENCY "b\n" AGENCY "c\ndeactivate services flow-tap agency c\n" PORT
		       "ge-0/0/0 unit 0 description \"x y\"\n"},
	    {COPY, "services flow-tap agency a", "ag z", 0,
		AGENCY "a maximum-sessions 1\n" AGENCY "b\n" AGENCY "c\ndeactivate services flow-tap agency c\n" AGENCY
		       "z maximum-sessions 1\n" PORT "ge-0/0/0 unit 0 description \"x y\"\n"},
	    {BEFORE, "services flow-tap agency c", "agency a", 0,
		AGENCY "c\ndeactivate services flow-tap agency c\n" AGENCY "a maximum-sessions 1\n" AGENCY "b\n" PORT
		       "ge-0/0/0 unit 0 description \"x y\"\n"},
	    {AFTER, "services flow-tap agency a", "agency b", 0,
		AGENCY "b\n" AGENCY "a maximum-sessions 1\n" AGENCY "c\ndeactivate services flow-tap agency c\n" PORT
		       "ge-0/0/0 unit 0 description \"x y\"\n"},
	    {COPY, "interfaces ge-0/0/0", "ge-0/0/1", 0,
		AGENCY "a maximum-sessions 1\n" AGENCY "b\n" AGENCY "c\ndeactivate services flow-tap agency c\n" PORT
		       "ge-0/0/0 unit 0 description \"x y\"\n" PORT "ge-0/0/1 unit 0 description \"x y\"\n"},
	    {RENAME, "services flow-tap agency a", "agency b", -EINVAL, "there is one of that name"},
	    {COPY, "services flow-tap agency a", "agency a", -EINVAL, "there is one of that name"},
	    {RENAME, "services flow-tap agency a", "user z", -EINVAL, "expected agency and a name"},
	    {RENAME, "services flow-tap agency a", "agency", -EINVAL, "expected agency and a name"},
	    {RENAME, "services flow-tap agency x", "agency z", -ENOENT, ""},
	    {RENAME, "services flow-tap", "flow-tap", -EINVAL, "that is no object with a name"},
	    {RENAME, "services flow-tap agency a maximum-sessions", "maximum-sessions 2", -EINVAL,
		"that is no object with a name"},
	    {BEFORE, "services flow-tap agency a", "agency x", -EINVAL, "there is none of that name to put it next to"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_error err = {0};
		struct conf_tree *t = tree(text);
		struct words from, to;
		int r;

		path(&from, rows[i].from);
		path(&to, rows[i].to);
		r = rows[i].verb == RENAME ? conf_move_rename(t, from.path, to.path, 0, &err)
		    : rows[i].verb == COPY ? conf_move_copy(t, from.path, to.path, 0, &err)
					   : conf_move_insert(t, from.path, rows[i].verb == BEFORE, to.path, &err);
		assert_int_equal(r, rows[i].expected);
		if (r == 0)
			assert_int_equal(conf_tree_settle(t, &err), 0);
		if (r == 0)
			is(t, rows[i].after);
		else
			assert_string_equal(err.expected, rows[i].after);
		conf_tree_free(t);
	}
}

/* A name that is none of an agency is none by rename either. */
static void
test_bad_name(void **state)
{
	struct conf_tree *t = tree(text);
	struct conf_error err = {0};
	struct words from, to;

	(void)state;
	path(&from, "services flow-tap agency a");
	path(&to, "agency a/b");
	assert_int_equal(conf_move_rename(t, from.path, to.path, 0, &err), -EINVAL);
	assert_non_null(strstr(err.expected, "a/b: expected "));
	/* nor is one that could not be read again */
	path(&from, "interfaces ge-0/0/0");
	path(&to, "ge-0/0/1 ]");
	assert_int_equal(conf_move_rename(t, from.path, to.path, 0, &err), -EINVAL);
	path(&to, "ge-0/0/1 [ a ]");
	assert_int_equal(conf_move_copy(t, from.path, to.path, 0, &err), 0);
	conf_tree_free(t);
}

/* Groups are edited like anything else, as they are written. */
static void
test_groups(void **state)
{
	static const char before_text[] =
	    "groups { a { services { flow-tap { agency <x*> { user u; } } } } b { chassis; } } "
	    "apply-groups [ a b ]; services { flow-tap { agency x; } }";
	struct conf_tree *before = tree(before_text), *t = tree(before_text);
	cleanup_buf struct buf difference = {0};
	struct conf_error err = {0};
	struct words from, to;

	(void)state;
	path(&from, "groups a");
	path(&to, "groups c");
	assert_int_equal(conf_move_rename(t, from.path, to.path, 0, &err), 0);
	assert_int_equal(conf_move_copy(t, to.path, path(&from, "gr d"), 0, &err), 0);
	assert_int_equal(conf_move_insert(t, path(&from, "groups d"), true, path(&to, "groups b"), &err), 0);
	path(&from, "groups d services flow-tap agency <x*>");
	path(&to, "agency <y[1-3]>");
	assert_int_equal(conf_move_rename(t, from.path, to.path, 0, &err), 0);
	path(&to, "agency <y");
	assert_int_equal(
	    conf_move_rename(t, path(&from, "groups d services flow-tap agency <y[1-3]>"), to.path, 0, &err), -EINVAL);
	assert_int_equal(conf_annotate(t, path(&from, "groups d"), "why"), 0);
	assert_int_equal(conf_edit_active(t, path(&from, "groups b"), false), 0);
	assert_int_equal(conf_edit_active(t, path(&from, "services flow-tap"), false), 0);
	assert_int_equal(conf_edit_delete(t, path(&from, "apply-groups a")), 0);
	assert_int_equal(
	    conf_edit_set(t, path(&from, "services flow-tap agency x apply-groups-except [ d c ]"), 0, &err), 0);
	is(t, "set groups c services flow-tap agency <x*> user u\n"
	      "set groups d services flow-tap agency <y[1-3]> user u\n"
	      "set groups b chassis\ndeactivate groups b\n"
	      "set apply-groups b\n"
	      "set services flow-tap agency x apply-groups-except d\n"
	      "set services flow-tap agency x apply-groups-except c\n"
	      "deactivate services flow-tap\n");
	/* what show | compare prints is what load patch reads */
	conf_compare_trees(before, t, &difference);
	assert_int_equal(conf_patch_apply(before, (struct slice){(char *)difference.p, difference.len}, 0, &err), 0);
	is(before, "set groups b chassis\ndeactivate groups b\n"
		   "set groups c services flow-tap agency <x*> user u\n"
		   "set groups d services flow-tap agency <y[1-3]> user u\n"
		   "set apply-groups b\n"
		   "set services flow-tap agency x apply-groups-except d\n"
		   "set services flow-tap agency x apply-groups-except c\n"
		   "deactivate services flow-tap\n");
	conf_tree_free(before);
	conf_tree_free(t);
}

static void
test_annotate(void **state)
{
	struct conf_tree *t = tree("services { flow-tap { agency a; } }"), *again;
	cleanup_buf struct buf out = {0};
	struct words w;

	(void)state;
	assert_int_equal(conf_annotate(t, path(&w, "services flow-tap agency a"), "as of May"), 0);
	assert_int_equal(conf_annotate(t, path(&w, "services flow-tap agency a"), "as of June"), 0);
	assert_int_equal(conf_annotate(t, path(&w, "services flow-tap agency a"), "*/ x"), -EINVAL);
	assert_int_equal(conf_annotate(t, path(&w, "services flow-tap agency a"), "a\nb"), -EINVAL);
	assert_int_equal(conf_annotate(t, path(&w, "services flow-tap agency b"), "x"), -ENOENT);
	assert_int_equal(conf_annotate(t, path(&w, ""), "x"), -ENOENT);
	conf_print_tree(t, &out);
	buf_put(&out, "", 1);
	assert_string_equal(
	    (char *)out.p, "services {\n    flow-tap {\n        /* as of June */\n        agency a;\n    }\n}\n");
	again = tree((char *)out.p);
	assert_int_equal(conf_edit_equal(t, again), 1);
	assert_int_equal(conf_annotate(t, path(&w, "services flow-tap agency a"), ""), 0);
	assert_int_equal(conf_edit_equal(t, again), 0);
	conf_tree_free(again);
	conf_tree_free(t);
}

static void
test_replace(void **state)
{
	static const struct {
		const char *pattern, *with;
		unsigned upto;
		int changed;
		const char *after;
	} rows[] = {
	    {"e([01])", "f\\1x", 0, 1, "tapped-interfaces [ f0x f1x ]; agency lea1; agency lea2"},
	    {"^lea", "&-\\&", 0, 2, "tapped-interfaces [ e0 e1 ]; agency lea-&1; agency lea-&2"},
	    {"lea", "dea", 1, 1, "tapped-interfaces [ e0 e1 ]; agency dea1; agency lea2"},
	    {"x*", "-", 1, 1, "tapped-interfaces [ -e-0 -e-1 ]; agency lea1; agency lea2"},
	    {"nothing", "x", 0, 0, "tapped-interfaces [ e0 e1 ]; agency lea1; agency lea2"},
	    {"[12]$", "9", 0, -EINVAL, ""},
	    {"(", "x", 0, -EINVAL, ""},
	    {"", "x", 0, -EINVAL, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_tree *t = tree(
		    "services { flow-tap { tapped-interfaces [ e0 e1 ]; agency lea1; agency lea2; } }");
		cleanup_buf struct buf out = {0}, flat = {0};
		char why[128] = "";
		unsigned changed = 0;
		int r = conf_pattern_replace(t, &t->root, rows[i].pattern, rows[i].with, rows[i].upto, &changed, why);

		if (rows[i].changed < 0) {
			assert_int_equal(r, rows[i].changed);
			assert_true(*why);
		} else {
			assert_int_equal(r, 0);
			assert_int_equal(changed, rows[i].changed);
			conf_print_children(TAILQ_FIRST(&TAILQ_FIRST(&t->root.child)->child), 0, &out);
			for (size_t k = 0; k + 2 < out.len; k++)
				buf_put_u8(&flat, out.p[k] == '\n' ? ' ' : out.p[k]);
			buf_put(&flat, "", 1);
			assert_string_equal((char *)flat.p, rows[i].after);
		}
		conf_tree_free(t);
	}
}

static void
names_add(void *arg, struct conf_node *n)
{
	conf_compare_path(n, arg);
	buf_put(arg, ";", 1);
}

static void
test_wildcard(void **state)
{
	static const char *const rows[][2] = {
	    {"services flow-tap agency lea*", "services flow-tap agency lea1;services flow-tap agency lea22;"},
	    {"services flow-tap agency lea?", "services flow-tap agency lea1;"},
	    {"services flow-tap agency .*[12]", "services flow-tap agency lea1;services flow-tap agency lea22;"},
	    {"services flow-tap agency lea", ""},
	    {"services flow-tap agency * maximum-sessions", "services flow-tap agency lea1 maximum-sessions;"},
	    {"interfaces ge-0/0/* unit 1", "interfaces ge-0/0/0 unit 1;"},
	    {"services flow-tap agency", ""},
	    {"services * agency", ""},
	};
	struct conf_tree *t = tree(
	    "services { flow-tap { agency lea1 { maximum-sessions 2; } agency lea22; agency x; } }"
	    "interfaces { ge-0/0/0 { unit 0; unit 1; } xe-0/0/0 { unit 1; } }");
	char why[128] = "";
	struct words w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct buf out = {0};

		assert_true(conf_pattern_find(t, path(&w, rows[i][0]), names_add, &out, why) >= 0);
		buf_put(&out, "", 1);
		assert_string_equal((char *)out.p, rows[i][1]);
	}
	assert_int_equal(conf_pattern_find(t, path(&w, "services flow-tap agency ("), names_add, NULL, why), -EINVAL);
	assert_true(*why);
	conf_tree_free(t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_move),
	    cmocka_unit_test(test_bad_name),
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_annotate),
	    cmocka_unit_test(test_replace),
	    cmocka_unit_test(test_wildcard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
