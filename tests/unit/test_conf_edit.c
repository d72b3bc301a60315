/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements set and deleted one at a time; what lies between two trees. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conf_compare.h"
#include "conf_edit.h"
#include "conf_lines.h"
#include "conf_parse.h"
#include "conf_print.h"

static struct conf_tree *
tree(const char *text)
{
	struct conf_error err;
	struct conf_tree *t;

	assert_int_equal(conf_parse_tree((struct slice){text, strlen(text)}, &t, &err), 0);
	return t;
}

static void
apply(struct conf_tree *t, const char *lines, int expected, const char *wrong)
{
	struct conf_error err = {0};
	cleanup_buf struct buf got = {0};

	assert_int_equal(conf_lines_apply(t, (struct slice){lines, strlen(lines)}, 0, &err), expected);
	buf_printf(&got, "%u:%u %s", err.line, err.column, err.word);
	buf_put(&got, "", 1);
	if (wrong)
		assert_string_equal((char *)got.p, wrong);
}

static void
same(struct buf *got, const char *expected)
{
	buf_put(got, "", 1);
	assert_string_equal((char *)got->p, expected);
	buf_reset(got);
}

static void
test_lines(void **state)
{
	struct conf_tree *t = tree("services { flow-tap { agency a { maximum-sessions 1; } tapped-interfaces e0; } }");
	cleanup_buf struct buf out = {0};

	(void)state;
	apply(t,
	    "set services flow-tap agency a maximum-sessions 2\nset services flow-tap tapped-interfaces e1\n"
	    "set services flow-tap agency b\ndelete services flow-tap tapped-interfaces e0\n"
	    "deactivate services flow-tap agency b\n",
	    0, NULL);
	conf_compare_set_lines(t, NULL, &out);
	same(&out, "set services flow-tap tapped-interfaces e1\nset services flow-tap agency a maximum-sessions 2\n"
		   "set services flow-tap agency b\ndeactivate services flow-tap agency b\n");
	apply(t, "set services flow-tap agency b user\n", -EINVAL, "1:36 end of the line");
	apply(t, "\n\n set services \"flow tap\"", -EINVAL, "3:15 ...");
	apply(t, "delete services flow-tap agency c", -EINVAL, "1:33 c");
	apply(t, "set services;", -EINVAL, "1:13 ;");
	conf_tree_free(t);
}

static void
test_compare(void **state)
{
	struct conf_tree *a = tree("services { flow-tap { agency a { maximum-sessions 1; } agency b; } }");
	struct conf_tree *b = tree(
	    "services { flow-tap { agency a { maximum-sessions 2; } inactive: agency b; agency c; } }");
	cleanup_buf struct buf out = {0};

	(void)state;
	conf_compare_trees(a, a, &out);
	assert_int_equal(out.len, 0);
	conf_compare_trees(a, b, &out);
	same(&out, "[edit services flow-tap]\n!   inactive: agency b;\n+   agency c;\n"
		   "[edit services flow-tap agency a]\n-   maximum-sessions 1;\n+   maximum-sessions 2;\n");
	conf_tree_free(a);
	conf_tree_free(b);
}

/* Comments alone are a difference, too, and stand with the statement that they belong to. */
static void
test_compare_comments(void **state)
{
	struct conf_tree *a = tree(
	    "services { flow-tap { /* old */ agency a { maximum-sessions 1; } agency b { user u; }"
	    " source-address 192.0.2.1; /* gone */ } }");
	struct conf_tree *b = tree("services { flow-tap { /* new */ agency a { /* one */ maximum-sessions 1; }"
				   " agency b { user u; } /* beside */ source-address 192.0.2.1; /* here */ } }");
	cleanup_buf struct buf out = {0};

	(void)state;
	conf_compare_trees(a, a, &out);
	assert_int_equal(out.len, 0);
	conf_compare_trees(a, b, &out);
	same(&out, "[edit services flow-tap]\n"
		   "-   source-address 192.0.2.1; /* gone */\n"
		   "+   source-address 192.0.2.1; /* here */\n"
		   "-   /* old */\n"
		   "+   /* new */\n"
		   "    agency a { ... }\n"
		   "[edit services flow-tap agency a]\n"
		   "+   /* one */\n"
		   "    maximum-sessions 1;\n"
		   "[edit services flow-tap]\n"
		   "+   agency b { ... } /* beside */\n");
	conf_tree_free(a);
	conf_tree_free(b);
}

/* Words of what is not understood keep their quotation marks, however they are written. */
static void
test_opaque(void **state)
{
	struct conf_tree *t = tree("chassis { a \"x\\y\" { b; } inactive: c; }");
	cleanup_buf struct buf out = {0};

	(void)state;
	apply(t, "set chassis a \"x\\y\" b\nset chassis d \"e f\"\ndelete chassis d\n", 0, NULL);
	apply(t, "set chassis d \"e f\"\n", 0, NULL);
	conf_print_tree(t, &out);
	same(&out, "chassis {\n    a \"x\\y\" {\n        b;\n    }\n    inactive: c;\n    d \"e f\";\n}\n");
	conf_compare_set_lines(t, NULL, &out);
	same(&out, "set chassis a x\\y b\nset chassis inactive: c\nset chassis d \"e f\"\n");
	conf_tree_free(t);
}

/* ---- many lines ---- */

static int
parse_timed(const struct buf *text, struct conf_tree **t, struct conf_error *err)
{
	struct timespec a, b;
	int r;

	assert_int_equal(text->err, 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	r = conf_parse_tree((struct slice){(const char *)text->p, text->len}, t, err);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	assert_in_range(b.tv_sec - a.tv_sec, 0, 10);
	return r;
}

/* The time does not grow with the square of the lines, whatever they set. */
static void
test_many_lines(void **state)
{
	static const struct {
		const char *before, *behind;
	} line[] = {
	    {"interfaces x", ""},
	    {"interfaces \"x ", "\" mtu 9"},
	    {"system login class x", " permissions view"},
	    {"services flow-tap tapped-interfaces x", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(line); i++) {
		cleanup_buf struct buf text = {0};
		struct conf_error err;
		struct conf_tree *t;

		/* each twice, which changes nothing */
		for (unsigned k = 0; k < 80000; k++)
			buf_printf(&text, "set %s%u%s\n", line[i].before, k % 40000, line[i].behind);
		assert_int_equal(parse_timed(&text, &t, &err), 0);
		assert_true(t->nodes < 2 * 40000 + 10 && t->words <= 3 * 40000);
		conf_tree_free(t);
	}
}

/* What is looked up again and again because other lines take it out is bounded. */
static void
test_lines_that_take_too_long(void **state)
{
	cleanup_buf struct buf text = {0};
	struct conf_error err;
	struct conf_tree *t;

	(void)state;
	for (unsigned i = 0; i < 40000; i++)
		buf_printf(&text, "set system login class c%u\n", i);
	for (unsigned i = 0; i < 40000; i++)
		buf_printf(&text, "delete system login class c%u\nset system login class c%u\n", i, i);
	assert_int_equal(parse_timed(&text, &t, &err), -EINVAL);
	assert_string_equal(err.expected, "so many lines take too long: write them in braces");
}

/* Lines that set, take out and set again find what is there. */
static void
test_lines_after_a_removal(void **state)
{
	static const char text[] = "set services flow-tap agency a maximum-sessions 1\n"
				   "set services flow-tap agency b\n"
				   "set services flow-tap tapped-interfaces [ x y z ]\n"
				   "set interfaces e mtu 1\n"
				   "delete services flow-tap agency a\n"
				   "delete services flow-tap tapped-interfaces x\n"
				   "delete interfaces e\n"
				   "set services flow-tap agency b maximum-sessions 2\n"
				   "set services flow-tap agency b maximum-sessions 3\n"
				   "set services flow-tap agency a\n"
				   "set services flow-tap tapped-interfaces [ z x y ]\n"
				   "set interfaces e mtu 2\n"
				   "set interfaces \"e\" mtu 2\n";
	cleanup_buf struct buf printed = {0};
	struct conf_error err;
	struct conf_tree *t;

	(void)state;
	assert_int_equal(conf_parse_tree((struct slice){text, sizeof text - 1}, &t, &err), 0);
	conf_print_tree(t, &printed);
	buf_put(&printed, "", 1);
	assert_string_equal((char *)printed.p,
	    "services {\n    flow-tap {\n        tapped-interfaces [ y z x ];\n        agency b {\n"
	    "            maximum-sessions 3;\n        }\n        agency a;\n    }\n}\ninterfaces {\n    e mtu 2;\n}\n");
	conf_tree_free(t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_many_lines),
	    cmocka_unit_test(test_lines_that_take_too_long),
	    cmocka_unit_test(test_lines_after_a_removal),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_compare),
	    cmocka_unit_test(test_compare_comments),
	    cmocka_unit_test(test_opaque),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
