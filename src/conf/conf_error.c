/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf_error.h"

static const char cut[] = "...";

static void
word_copy(char *out, size_t size, struct slice word)
{
	size_t n = word.len < size ? word.len : size - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = word.p[i] >= 0x20 && word.p[i] < 0x7f ? word.p[i] : '?';
	out[n] = '\0';
	if (word.len >= size)
		memcpy(out + size - sizeof cut, cut, sizeof cut);
}

int
conf_error_set(struct conf_error *err, struct conf_at at, const char *fmt, ...)
{
	va_list ap;
	int n;

	err->line = at.line;
	err->column = at.column;
	word_copy(err->word, sizeof err->word, at.word);
	va_start(ap, fmt);
	n = vsnprintf(err->expected, sizeof err->expected, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof err->expected)
		memcpy(err->expected + sizeof err->expected - sizeof cut, cut, sizeof cut);
	return -EINVAL;
}

int
conf_error_errno(struct conf_error *err, int r)
{
	*err = (struct conf_error){0};
	snprintf(err->expected, sizeof err->expected, "%s", strerror(-r));
	return r;
}

void
conf_error_format(const struct conf_error *e, const char *path, struct buf *out)
{
	if (e->line == 0)
		buf_printf(out, "%s: %s", path, e->expected);
	else
		buf_printf(out, "%s:%u:%u: %s: %s", path, e->line, e->column, e->word[0] ? e->word : "end of file",
		    e->expected);
}
