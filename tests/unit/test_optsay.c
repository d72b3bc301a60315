/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <string.h>

#include "optsay.h"

static const struct option longs[] = {
    {"json", no_argument, NULL, 'j'},
    {"size", required_argument, NULL, 300},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};
#define SHORTS "js:h"

static int
words(char *line, char **argv)
{
	int n = 0;

	for (char *p = strtok(line, " "); p; p = strtok(NULL, " "))
		argv[n++] = p;
	argv[n] = NULL;
	return n;
}

static void
test_given(void **state)
{
	static const struct {
		const char *line;
		bool given;
	} row[] = {
	    {"x --help", true},
	    {"x a b -h c", true},
	    {"x --frob -q --help", true},
	    {"x -jh", true},
	    {"x", false},
	    {"x -- --help", false},
	    {"x --size --help", false},
	    {"x help", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char line[64], again[64], *argv[16], *expected[16];
		const int argc = words(strcpy(line, row[i].line), argv);

		words(strcpy(again, row[i].line), expected);
		if (optsay_is_given(argc, argv, SHORTS, longs, 'h') != row[i].given)
			fail_msg("%s", row[i].line);
		for (int k = 0; k < argc; k++) /* nothing was moved */
			assert_string_equal(argv[k], expected[k]);
		assert_int_equal(optind, 0); /* which is as 1, and begins anew */
	}
}

static void
test_fault(void **state)
{
	static const struct {
		const char *line, *says;
	} row[] = {
	    {"x --frob", "unknown option --frob"},
	    {"x --frob=3", "unknown option --frob"},
	    {"x -q", "unknown option -q"},
	    {"x -jq", "unknown option -q"},
	    {"x --size", "option --size needs a value"},
	    {"x -s", "option -s needs a value"},
	    {"x --json=yes", "option --json takes no value"},
	    {"x -:", "unknown option -:"},
	};

	(void)state;
	opterr = 0;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char line[64], buf[64], *argv[16];
		const int argc = words(strcpy(line, row[i].line), argv);
		int c;

		optind = 0;
		while ((c = getopt_long(argc, argv, SHORTS, longs, NULL)) == 'j')
			;
		assert_int_equal(c, '?');
		assert_string_equal(optsay_fault(argv, SHORTS, longs, buf, sizeof buf), row[i].says);
	}
}

/* A caller that wants words in their order ("-") gets them so, whatever was looked for before. */
static void
test_order_is_the_callers(void **state)
{
	static const struct option none[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	char *argv[] = {(char *)"flowtap", (char *)"commit", (char *)"--check", (char *)"-", NULL};

	(void)state;
	optind = 1;
	assert_false(optsay_is_given(4, argv, "h", none, 'h'));
	assert_int_equal(getopt_long(4, argv, "-h", none, NULL), 1);
	assert_string_equal(optarg, "commit");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_given),
	    cmocka_unit_test(test_fault),
	    cmocka_unit_test(test_order_is_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
