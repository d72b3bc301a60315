/* SPDX-License-Identifier: BSD-2-Clause */
#include "words.h"

#include <errno.h>
#include <string.h>

#include "buf.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_single(char c)
{
	return c == '|' || c == '[' || c == ']';
}

struct split {
	const char *p, *end;
	char *to;
};

static void
string(struct split *s, struct words *out)
{
	out->open_quote = true;
	for (s->p++; s->p < s->end; s->p++) {
		if (*s->p == '"') {
			s->p++;
			out->open_quote = false;
			return;
		}
		if (*s->p == '\\' && s->p + 1 < s->end && (s->p[1] == '"' || s->p[1] == '\\'))
			s->p++;
		*s->to++ = *s->p;
	}
}

/* How much of the line is a name with wildcards, as <lea[1-3]*>: its brackets are not words. */
static size_t
pattern_len(const struct split *s)
{
	const char *p = s->p;

	if (*p != '<')
		return 0;
	while (p < s->end && *p != '>' && *p != '|' && *p != '"' && !is_blank(*p))
		p++;
	return p < s->end && *p == '>' ? (size_t)(p + 1 - s->p) : 0;
}

static void
word(struct split *s, struct words *out, struct word *w)
{
	w->text = s->to;
	if (is_single(*s->p)) {
		w->pipe = *s->p == '|';
		*s->to++ = *s->p++;
	} else {
		for (size_t n = pattern_len(s); n > 0; n--)
			*s->to++ = *s->p++;
		while (s->p < s->end && !is_blank(*s->p) && !is_single(*s->p)) {
			if (*s->p == '"') {
				w->quoted = true;
				string(s, out);
			} else
				*s->to++ = *s->p++;
		}
	}
	*s->to++ = '\0';
}

int
words_split(struct slice line, struct words *out)
{
	const size_t len = strnlen(line.p, line.len);
	struct split s = {line.p, line.p + len, NULL};

	*out = (struct words){.len = len};
	if (len > WORDS_LINE_MAX)
		return -E2BIG;
	out->store = s.to = malloc(2 * len + 1);
	if (s.to == NULL)
		return -ENOMEM;
	for (;;) {
		struct word *w = &out->w[out->n];

		while (s.p < s.end && is_blank(*s.p))
			s.p++;
		if (s.p == s.end)
			return 0;
		if (out->n == WORDS_MAX)
			return -E2BIG;
		w->at = (size_t)(s.p - line.p);
		word(&s, out, w);
		w->end = (size_t)(s.p - line.p);
		out->n++;
	}
}

/* As it would be typed. */
static void
put_typed(struct buf *b, const char *s)
{
	const bool bare = *s && strpbrk(s, " \t\r\n\"") == NULL && (s[1] == '\0' || strpbrk(s, "|[]") == NULL);

	if (bare) {
		buf_put(b, s, strlen(s));
		return;
	}
	buf_put_u8(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_put_u8(b, '\\');
		buf_put_u8(b, (uint8_t)*s);
	}
	buf_put_u8(b, '"');
}

int
words_of_argv(int argc, char *const *argv, struct words *out, char **line)
{
	struct buf b = {0};

	*out = (struct words){0};
	*line = NULL;
	for (int i = 0; i < argc; i++) {
		if (i > 0)
			buf_put_u8(&b, ' ');
		put_typed(&b, argv[i]);
	}
	buf_put_u8(&b, 0);
	if (b.err) {
		buf_free(&b);
		return b.err;
	}
	*line = (char *)b.p;
	return words_split((struct slice){*line, b.len - 1}, out);
}

void
words_free(struct words *w)
{
	free(w->store);
	*w = (struct words){0};
}
