/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_level.h"

#include <errno.h>
#include <string.h>

#include "buf.h"
#include "conf_lex.h"

static void
word_put(struct buf *out, const char *word)
{
	if (conf_lex_is_bare(slice_of(word)))
		buf_put(out, word, strlen(word));
	else
		conf_lex_quote(out, slice_of(word));
}

/* How many words of the path from i on are one level. */
static size_t
level_len(const struct conf_schema **row, const char *word)
{
	*row = conf_schema_find(*row, slice_of(word));
	return *row && (*row)->kind == CONF_LIST ? 2 : 1;
}

void
conf_level_wrap(struct conf_path level, struct slice text, struct buf *out)
{
	const struct conf_schema *row = NULL;
	size_t braces = 0;

	for (size_t i = 0; i < level.n; braces++) {
		size_t n = level_len(&row, level.word[i]);

		for (; n > 0 && i < level.n; n--, i++) {
			word_put(out, level.word[i]);
			buf_put(out, " ", 1);
		}
		buf_put(out, "{ ", 2);
	}
	buf_put(out, text.p, text.len);
	for (; braces > 0; braces--)
		buf_put(out, "\n}", 2);
	buf_put(out, "\n", 1);
}

size_t
conf_level_above(struct conf_path level)
{
	const struct conf_schema *row = NULL;
	size_t i = 0, last = 0;

	while (i < level.n) {
		last = i;
		i += level_len(&row, level.word[i]);
	}
	return last;
}

/* What is between quotation marks moves to the left by one. */
static void
quoted_take(char **from, char **to)
{
	char *s = *from;

	for (s++; *s && *s != '"'; s++) {
		s += *s == '\\' && s[1];
		*(*to)++ = *s;
	}
	*from = s + (*s == '"');
}

int
conf_level_words(char *store, const char **word, size_t max)
{
	char *s = store, *to;
	size_t n = 0;
	bool more;

	for (;;) {
		s += strspn(s, " \t");
		if (*s == '\0')
			return (int)n;
		if (n == max)
			return -E2BIG;
		word[n++] = to = s;
		if (*s == '"')
			quoted_take(&s, &to);
		else
			to = s += strcspn(s, " \t");
		more = *s != '\0';
		*to = '\0';
		s += more;
	}
}
