/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "optsay.h"

bool
optsay_is_given(int argc, char **argv, const char *shorts, const struct option *longs, int value)
{
	cleanup_free char **copy = calloc((size_t)argc + 1, sizeof *copy); /* getopt moves words to the end */
	const int old_optind = optind, old_opterr = opterr;
	bool given = false;
	int c;

	if (copy == NULL)
		return false;
	memcpy(copy, argv, (size_t)argc * sizeof *copy);
	optind = 0;
	opterr = 0;
	while (!given && (c = getopt_long(argc, copy, shorts, longs, NULL)) != -1)
		given = c == value;
	/* The next call begins anew, with the order of words that its own letters ask for: getopt keeps ours else. */
	optind = old_optind == 1 ? 0 : old_optind;
	opterr = old_opterr;
	return given;
}

/* Whether an option with that value takes an argument; -1: there is none such. */
static int
wants_value(const char *shorts, const struct option *longs, int value)
{
	const char *s = value > 0 && value < 128 && value != ':' ? strchr(shorts, value) : NULL;

	if (s)
		return s[1] == ':';
	for (; longs->name; longs++)
		if (longs->val == value)
			return longs->has_arg == required_argument;
	return -1;
}

const char *
optsay_fault(char **argv, const char *shorts, const struct option *longs, char *buf, size_t size)
{
	const char *word = argv[optind > 0 ? optind - 1 : 0];
	const int wants = optopt ? wants_value(shorts, longs, optopt) : -1;
	const int len = (int)strcspn(word, "=");

	if (wants == 1 && strncmp(word, "--", 2) != 0)
		snprintf(buf, size, "option -%c needs a value", optopt);
	else if (wants >= 0)
		snprintf(buf, size, "option %.*s %s", len, word, wants ? "needs a value" : "takes no value");
	else if (optopt)
		snprintf(buf, size, "unknown option -%c", optopt);
	else
		snprintf(buf, size, "unknown option %.*s", len, word);
	return buf;
}
