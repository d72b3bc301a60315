/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_lex.h"

static const char punctuation[] = "{}[];";

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_control(char c)
{
	return ((unsigned char)c < 0x20 && !is_blank(c)) || c == 0x7f;
}

static bool
is_word(char c)
{
	return !is_blank(c) && !is_control(c) && c != '"' && c != '#' && memchr(punctuation, c, 5) == NULL;
}

/* Columns count characters: the later bytes of a UTF-8 sequence do not move on. */
static void
advance(struct conf_lex *l)
{
	unsigned char c = (unsigned char)*l->p++;

	if (c == '\n') {
		l->p_line++;
		l->p_column = 1;
	} else if ((c & 0xc0) != 0x80) {
		l->p_column++;
	}
}

static bool
looking_at(const struct conf_lex *l, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(l->end - l->p) >= n && memcmp(l->p, s, n) == 0;
}

static struct conf_at
here(const struct conf_lex *l, size_t len)
{
	return (struct conf_at){l->p_line, l->p_column, {l->p, len}};
}

static int
control_refuse(const struct conf_lex *l, struct conf_error *err)
{
	return conf_error_set(err, here(l, 1), "control character 0x%02x", (unsigned char)*l->p);
}

static void
comment_keep(struct conf_lex *l, const char *start, unsigned line)
{
	struct buf *b = line == l->prev_line ? &l->beside : &l->above;
	size_t len = (size_t)(l->p - start);

	while (is_blank(start[len - 1]))
		len--;
	buf_put(b, start, len);
	buf_put_u8(b, 0);
}

static int
comment(struct conf_lex *l, struct conf_error *err)
{
	const struct conf_at at = here(l, 2);
	const char *start = l->p;
	bool block = *l->p == '/';

	if (block) {
		advance(l);
		advance(l);
	}
	for (; block ? !looking_at(l, "*/") : l->p < l->end && *l->p != '\n'; advance(l)) {
		if (l->p == l->end)
			return conf_error_set(err, at, "comment without an end");
		if (is_control(*l->p))
			return control_refuse(l, err);
	}
	if (block) {
		advance(l);
		advance(l);
	}
	comment_keep(l, start, at.line);
	return 0;
}

static int
skip(struct conf_lex *l, struct conf_error *err)
{
	int r;

	while (l->p < l->end) {
		if (is_blank(*l->p))
			advance(l);
		else if (*l->p != '#' && !looking_at(l, "/*"))
			break;
		else if ((r = comment(l, err)) < 0)
			return r;
	}
	return l->beside.err ? l->beside.err : l->above.err;
}

static int
string(struct conf_lex *l, struct conf_error *err)
{
	buf_reset(&l->string);
	advance(l);
	l->raw.p = l->p;
	while (l->p < l->end && *l->p != '"' && *l->p != '\n') {
		if (is_control(*l->p))
			return control_refuse(l, err);
		if (looking_at(l, "\\\"") || looking_at(l, "\\\\"))
			advance(l);
		buf_put_u8(&l->string, (uint8_t)*l->p);
		advance(l);
	}
	if (l->p == l->end || *l->p != '"')
		return conf_error_set(err, conf_lex_at(l), "string without a closing quotation mark on its line");
	l->raw.len = (size_t)(l->p - l->raw.p);
	advance(l);
	l->text = (struct slice){l->string.len ? (char *)l->string.p : "", l->string.len};
	return l->string.err;
}

/* How much of s is a name with wildcards, as <lea[1-3]*>; 0: it is none. */
static size_t
pattern_len(const char *s, const char *end)
{
	const char *p = s;

	if (p == end || *p != '<')
		return 0;
	while (p < end && *p != '>' && (is_word(*p) || *p == '[' || *p == ']'))
		p++;
	return p < end && *p == '>' ? (size_t)(p + 1 - s) : 0;
}

static void
word(struct conf_lex *l)
{
	l->text.p = l->p;
	for (size_t n = pattern_len(l->p, l->end); n > 0; n--)
		advance(l);
	while (l->p < l->end && is_word(*l->p))
		advance(l);
	l->text.len = (size_t)(l->p - l->text.p);
}

void
conf_lex_init(struct conf_lex *l, struct slice text)
{
	const char *p = text.len ? text.p : ""; /* an empty text may be nowhere */

	*l = (struct conf_lex){.p = p, .end = p + text.len, .p_line = 1, .p_column = 1};
}

void
conf_lex_fini(struct conf_lex *l)
{
	buf_free(&l->beside);
	buf_free(&l->above);
	buf_free(&l->string);
}

int
conf_lex_next(struct conf_lex *l, struct conf_error *err)
{
	const char *mark;
	int r = skip(l, err);

	if (r < 0)
		return r;
	l->line = l->p_line;
	l->column = l->p_column;
	l->text = (struct slice){l->p, 0};
	if (l->p == l->end) {
		l->token = CONF_TOKEN_EOF;
	} else if (*l->p == '"') {
		l->token = CONF_TOKEN_STRING;
		r = string(l, err);
	} else if ((mark = memchr(punctuation, *l->p, 5)) != NULL) {
		l->token = CONF_TOKEN_OPEN + (enum conf_token)(mark - punctuation);
		l->text.len = 1;
		advance(l);
	} else if (is_control(*l->p)) {
		r = control_refuse(l, err);
	} else {
		l->token = CONF_TOKEN_WORD;
		word(l);
	}
	l->prev_line = l->p_line;
	return r;
}

struct conf_at
conf_lex_at(const struct conf_lex *l)
{
	static const struct slice hidden = {"\"...\"", 5};

	return (struct conf_at){l->line, l->column, l->token == CONF_TOKEN_STRING ? hidden : l->text};
}

bool
conf_lex_is_bare(struct slice s)
{
	if (s.len == 0 || (s.len > 1 && memcmp(s.p, "/*", 2) == 0))
		return false;
	for (size_t i = pattern_len(s.p, s.p + s.len); i < s.len; i++)
		if (!is_word(s.p[i]))
			return false;
	return true;
}

/* A backslash is doubled only where it would otherwise speak for what follows, so that
 * "\n" stays what it was. */
void
conf_lex_quote(struct buf *out, struct slice s)
{
	buf_put_u8(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		char next = i + 1 < s.len ? s.p[i + 1] : '"';

		if (s.p[i] == '"' || (s.p[i] == '\\' && (next == '"' || next == '\\')))
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t)s.p[i]);
	}
	buf_put_u8(out, '"');
}

void
conf_lex_unquote(struct buf *out, struct slice raw)
{
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.p[i] == '\\' && i + 1 < raw.len && (raw.p[i + 1] == '"' || raw.p[i + 1] == '\\'))
			i++;
		buf_put(out, raw.p + i, 1);
	}
}
