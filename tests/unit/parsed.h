/* SPDX-License-Identifier: BSD-2-Clause */
/* parsed.h - a configuration that a test writes down, and that has to be right. */
#ifndef TESTS_UNIT_PARSED_H
#define TESTS_UNIT_PARSED_H

#include <string.h>

#include "conf.h"
#include "unit.h"

static inline struct conf *
parsed(const char *text)
{
	struct conf_error err;
	struct conf *c = NULL;
	int r = conf_parse(text, strlen(text), &c, &err);

	if (r < 0)
		print_message("# %u:%u: %s: %s\n", err.line, err.column, err.word, err.expected);
	assert_int_equal(r, 0);
	return c;
}

#endif
