/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "unit.h"

#include "layout.h"

static void
folds(const char *text, unsigned width, unsigned hang, const char *expected)
{
	cleanup_buf struct buf out = {0};

	layout_fold(slice_of(text), width, hang, &out);
	buf_put_u8(&out, 0);
	assert_string_equal((char *)out.p, expected);
}

static void
test_fold(void **state)
{
	(void)state;
	folds("", 10, 2, "");
	folds("\n", 10, 2, "\n");
	folds("ten signs.", 10, 2, "ten signs.\n");
	folds("ten signs and\nmore\n", 10, 2, "ten signs\n  and\nmore\n");
	folds("  in by two columns", 10, 2, "  in by\n    two\n    column\n    s\n");
	folds("abcdefghijklm", 10, 2, "abcdefghij\n  klm\n");
	folds("ab:cd:efghijk", 10, 0, "ab:cd:\nefghijk\n");
	folds("           far in", 10, 2, "          \n     far\n     in\n");
	folds("\033[1mbold\033[0m is no wider", 10, 0, "\033[1mbold\033[0m is no\nwider\n");
	folds("gr\xc3\xbc\xc3\x9f"
	      "e dich",
	    10, 0,
	    "gr\xc3\xbc\xc3\x9f"
	    "e dich\n");
	folds("\xc3\xbc\xc3\xbc\xc3\xbc", 2, 0, "\xc3\xbc\xc3\xbc\n\xc3\xbc\n");
}

static void
test_columns(void **state)
{
	(void)state;
	assert_int_equal(layout_columns(slice_of("")), 0);
	assert_int_equal(layout_columns(slice_of("a\tb")), 9);
	assert_int_equal(layout_columns(slice_of("\033[1;31mred\033[0m")), 3);
	assert_int_equal(layout_columns(slice_of("\033[1")), 0); /* cut off */
	assert_int_equal(layout_columns(slice_of("\xc3\xbc")), 1);
}

static const struct layout_column columns[] = {
    {"Name", .usual = 10},
    {"count", .usual = 8, .right = true, .rank = 1},
    {"what it says", .wraps = true},
};

static void
table(unsigned width, const char *const *cell, size_t n, const char *expected)
{
	struct layout_table t = {columns, ARRAY_LEN(columns), .indent = 2};
	cleanup_buf struct buf out = {0};

	for (size_t i = 0; i < n; i++)
		layout_cell(&t, "%s", cell[i]);
	layout_table_end(&t, width, &out);
	buf_put_u8(&out, 0);
	assert_string_equal((char *)out.p, expected);
}

static void
test_table(void **state)
{
	static const char *const rows[] = {
	    "one", "1", "short", "another", "1234567", "a text that is rather long, and\033 says it"};

	(void)state;
	table(80, rows, ARRAY_LEN(rows),
	    "Name          count what it says\n"
	    "  one             1 short\n"
	    "  another   1234567 a text that is rather long, and\\x1b says it\n");
	table(40, rows, ARRAY_LEN(rows),
	    "Name        count what it says\n"
	    "  one           1 short\n"
	    "  another 1234567 a text that is rather\n"
	    "                  long, and\\x1b says it\n");
	table(30, rows, ARRAY_LEN(rows),
	    "Name      what it says\n"
	    "  one     short\n"
	    "  another a text that is\n"
	    "          rather long, and\\x1b\n"
	    "          says it\n"
	    "No room for: count\n");
	table(80, rows, 0, "Name          count what it says\n");
	/* Nothing else could give way. */
	table(16, (const char *const[]){"a-name-of-20-columns", "1", "words of it"}, 3,
	    "Name    what it\n"
	    "        says\n"
	    "  a-    words of\n"
	    "  name- it\n"
	    "  of-\n"
	    "  20-\n"
	    "  colum\n"
	    "  ns\n"
	    "No room for:\n"
	    "  count\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fold),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
