/* SPDX-License-Identifier: BSD-2-Clause */
/* What a comparison prints leads, as a patch, from the one to the other; marks of load replace. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf_compare.h"
#include "conf_level.h"
#include "conf_parse.h"
#include "conf_patch.h"
#include "conf_print.h"
#include "conf_tags.h"

static struct conf_tree *
tree(const char *s)
{
	struct conf_error err;
	struct conf_tree *t;

	assert_int_equal(conf_parse_tree((struct slice){s, strlen(s)}, &t, &err), 0);
	return t;
}

static const char *const texts[] = {
    "",
    "services { flow-tap { agency a; } }",
    "services { flow-tap { agency a { maximum-sessions 2; user u; } agency b; source-address 192.0.2.1; } }",
    "services { flow-tap { agency a { maximum-sessions 3; } inactive: agency b; tapped-interfaces [ e0 e1 ]; } }",
    "services { flow-tap { inactive: agency a { maximum-sessions 3; } agency c { copy-limit { burst 7; } } } }",
    "interfaces { ge-0/0/0 { unit 0 { description \"a ; b }\"; } } lo0 { unit 0; } } chassis { fpc 1; }",
    "interfaces { ge-0/0/0 { unit 0 { description x; } unit 1; } } services { flow-tap { tapped-interfaces e1; } }",
    "system { login { class c { permissions [ view flow-tap ]; } user u { class c; } } }",
    "system { login { class c { permissions view; } user u { inactive: class c; } } } services { flow-tap; }",
    "/* all */ services { /* tap */ flow-tap { /* one */ agency a { /* u */ user u; } # beside\n} /* end */ } /* z */",
    "services { flow-tap { /* one */ /* two */ agency a { user u; /* u */ /* in */ } # other\n agency b; } }",
    "services { flow-tap { /* two */ agency a { /* of\n several lines */ user u; } inactive: agency b; /* b */ } }",
    "chassis { /* a */ x \"y z\" { /* b */ q; } /* c */ inactive: w; /* d */ }",
    "chassis { x \"y z\" { q; /* b */ } /* e */ inactive: w; }",
};

/* From each to each. */
static void
test_round(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
			struct conf_tree *a = tree(texts[i]), *b = tree(texts[k]);
			cleanup_buf struct buf patch = {0}, left = {0};
			struct conf_error err = {0};
			int r;

			conf_compare_trees(a, b, &patch);
			r = conf_patch_apply(a, (struct slice){patch.p ? (char *)patch.p : "", patch.len}, 0, &err);
			if (r < 0)
				print_error("%zu %zu: %u: %s: %s in\n%.*s", i, k, err.line, err.word, err.expected,
				    (int)patch.len, (char *)patch.p);
			assert_int_equal(r, 0);
			conf_compare_trees(a, b, &left);
			buf_put(&left, "", 1);
			assert_string_equal((char *)left.p, "");
			conf_tree_free(a);
			conf_tree_free(b);
		}
}

static void
test_refused(void **state)
{
	static const struct {
		const char *patch, *place;
	} rows[] = {
	    {"+   agency b;\n", "1: expected [edit ...] first"},
	    {"[edit services]\n\n*** x\n", "3: expected [edit ...], or a line that begins with +, - or !"},
	    {"[edit services flow-tab]\n+   agency b;\n", "1: there is no such level"},
	    {"[edit services flow-tap]\n+   agency b;\n-   agency x;\n", "3: no such statement to be taken out"},
	    {"[edit services flow-tap agency a]\n-   maximum-sessions 5;\n", "2: no such statement to be taken out"},
	    {"[edit services flow-tap]\n+   agency b {\n+       maximum-sessions 999;\n+   }\n",
		"3: expected a number from 1 to 250"},
	    {"[edit services flow-tap]\n+   } } system { login {\n+   user x;\n",
		"1: the braces of its statements do not match"},
	    {"[edit services flow-tap]\n!   inactive: agency x { ... }\n", "2: no such statement"},
	    {"[edit services flow-tap]\n-   /* x */\n    agency a { ... }\n", "3: no such comment to be taken out"},
	    {"[edit services flow-tap]\n+   /* x */\n    agency x { ... }\n", "3: no such statement"},
	    {"[edit services flow-tap]\n+   agency a { ... } /* x */ agency b;\n",
		"2: expected a comment, all of it, and nothing else"},
	    {"[edit services flow-tap]\n+   /* x\n", "2: expected a comment, all of it, and nothing else"},
	    {"[edit services flow-tap]\n!   agency a;\n", "2: expected active: or inactive: and a statement"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_tree *t = tree("services { flow-tap { agency a { maximum-sessions 4; } } }");
		struct conf_error err = {0};
		char got[400];

		assert_int_equal(
		    conf_patch_apply(t, (struct slice){rows[i].patch, strlen(rows[i].patch)}, 0, &err), -EINVAL);
		snprintf(got, sizeof got, "%u: %s", err.line, err.expected);
		assert_string_equal(got, rows[i].place);
		conf_tree_free(t);
	}
}

static void
test_tags(void **state)
{
	static const char text[] =
	    "services { flow-tap { replace: agency a { user v; } agency b { maximum-sessions 2; } "
	    "replace: inactive: source-address 192.0.2.9; } }";
	struct conf_tree *from, *t = tree("services { flow-tap { agency a { maximum-sessions 1; } agency b { user w; } "
					  "source-address [ 192.0.2.1 192.0.2.2 ]; } }");
	cleanup_buf struct buf out = {0};
	struct conf_error err = {0};
	unsigned missing;

	(void)state;
	assert_int_equal(conf_parse_tree((struct slice){text, strlen(text)}, &from, &err), -EINVAL);
	assert_string_equal(err.word, "replace:");
	assert_int_equal(conf_parse_tree_tagged(
			     (struct slice){text, strlen(text)}, CONF_TAG_DELETE | CONF_TAG_REPLACE, 0, &from, &err),
	    0);
	assert_int_equal(conf_tags_merge(t, from, &missing), 0);
	assert_int_equal(missing, 0);
	assert_int_equal(conf_tree_settle(t, &err), 0);
	conf_compare_set_lines(t, NULL, &out);
	buf_put(&out, "", 1);
	assert_string_equal((char *)out.p,
	    "set services flow-tap source-address 192.0.2.9\ndeactivate services flow-tap source-address\n"
	    "set services flow-tap agency b user w\nset services flow-tap agency b maximum-sessions 2\n"
	    "set services flow-tap agency a user v\n");
	conf_tree_free(from);
	conf_tree_free(t);
}

static void
deleted(const char *before, const char *text, unsigned missing, const char *expected)
{
	struct conf_tree *from, *t = tree(before);
	cleanup_buf struct buf out = {0};
	struct conf_error err = {0};
	unsigned n = 99;

	assert_int_equal(conf_parse_tree_tagged(slice_of(text), CONF_TAG_DELETE, 0, &from, &err), 0);
	assert_int_equal(conf_tags_merge(t, from, &n), 0);
	assert_int_equal(n, missing);
	assert_int_equal(conf_tree_settle(t, &err), 0);
	conf_compare_set_lines(t, NULL, &out);
	buf_put(&out, "", 1);
	assert_string_equal((char *)out.p, expected);
	conf_tree_free(from);
	conf_tree_free(t);
}

static void
test_delete(void **state)
{
	static const char tap[] = "services { flow-tap { agency a { user u; maximum-sessions 2; } agency b; "
				  "source-address [ 192.0.2.1 192.0.2.2 ]; } } chassis { fpc 1 { x; } }";
	static const char *const refused[] = {"services { flow-tap { delete: agency; } }",
	    "services { flow-tap { delete: source-address 192.0.2.1; source-address 192.0.2.3; } }",
	    "services { flow-tap { delete: delete: agency a; } }", "services { replace: flow-tap; }",
	    "services { flow-tap { agency a { user; } } }"};
	struct conf_error err;
	struct conf_tree *t;

	(void)state;
	deleted(tap,
	    "services { flow-tap { delete: agency b; agency a { delete: user; maximum-sessions 3; } "
	    "delete: source-address 192.0.2.1; } } chassis { delete: fpc 1; }",
	    0,
	    "set chassis\n"
	    "set services flow-tap source-address 192.0.2.2\nset services flow-tap agency a maximum-sessions 3\n");
	deleted(tap, "services { delete: flow-tap; } delete: chassis;", 0, "set services\n");
	deleted("chassis { q; }", "services { flow-tap { delete: agency b; } }", 1, "set chassis q\n");
	deleted(tap, "services { flow-tap { delete: source-address; agency a { delete: user v; } } } delete: chassis;",
	    1,
	    "set services flow-tap agency a user u\nset services flow-tap agency a maximum-sessions 2\n"
	    "set services flow-tap agency b\n");
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_int_equal(conf_parse_tree_tagged(slice_of(refused[i]), CONF_TAG_DELETE, 0, &t, &err), -EINVAL);
	assert_int_equal(conf_parse_tree(slice_of("delete: chassis;"), &t, &err), -EINVAL);
}

/* Text of a level, and the way to it. */
static void
test_level(void **state)
{
	char store[] = " services  flow-tap agency \"a \\\" b\" ";
	const char *word[4];
	cleanup_buf struct buf out = {0};

	(void)state;
	assert_int_equal(conf_level_words(store, word, 4), 4);
	assert_string_equal(word[3], "a \" b");
	conf_level_wrap((struct conf_path){word, 4}, (struct slice){"user u;", 7}, &out);
	buf_put(&out, "", 1);
	assert_string_equal((char *)out.p, "services { flow-tap { agency \"a \\\" b\" { user u;\n}\n}\n}\n");
	assert_int_equal(conf_level_above((struct conf_path){word, 4}), 2);
	assert_int_equal(conf_level_above((struct conf_path){word, 2}), 1);
	assert_int_equal(conf_level_above((struct conf_path){word, 0}), 0);
	snprintf(store, sizeof store, "a b c d e");
	assert_int_equal(conf_level_words(store, word, 4), -E2BIG);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_tags),
	    cmocka_unit_test(test_delete),
	    cmocka_unit_test(test_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
