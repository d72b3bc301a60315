/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_unmarked.h - a printed configuration without the lines that say what was inherited from which group. */
#ifndef TESTS_LIB_CONF_UNMARKED_H
#define TESTS_LIB_CONF_UNMARKED_H

#include <stdlib.h>
#include <string.h>

#include "conf_print.h"

/* Appends t's text; what anybody has written behind ## goes, too. */
static inline void
conf_unmarked_put(const struct conf_tree *t, struct buf *out)
{
	cleanup_buf struct buf text = {0};
	const char *p, *end;

	conf_print_tree(t, &text);
	if (text.err)
		abort();
	if (text.len == 0)
		return;
	for (p = (const char *)text.p, end = p + text.len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *next = nl ? nl + 1 : end;

		if (strncmp(p + strspn(p, " "), "##", 2) != 0)
			buf_put(out, p, (size_t)(next - p));
		p = next;
	}
}

static inline bool
conf_unmarked_same(const struct conf_tree *a, const struct conf_tree *b)
{
	cleanup_buf struct buf one = {0}, two = {0};

	conf_unmarked_put(a, &one);
	conf_unmarked_put(b, &two);
	if (one.err || two.err)
		abort();
	return one.len == two.len && (one.len == 0 || memcmp(one.p, two.p, one.len) == 0);
}

#endif
