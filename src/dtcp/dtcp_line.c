/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: line_ */
#include "dtcp_line.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "dtcp_choices.h"

bool
line_next(struct slice *rest, struct slice *line)
{
	const char *nl = rest->len ? memchr(rest->p, '\n', rest->len) : NULL;

	if (nl == NULL)
		return false;
	*line = (struct slice){rest->p, (size_t)(nl - rest->p)};
	rest->len -= line->len + 1;
	rest->p = nl + 1;
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

static bool
name_ok(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '-')
			return false;
	return s.len > 0;
}

int
line_param(struct slice line, struct slice *name, struct slice *value)
{
	const char *colon = line.len ? memchr(line.p, ':', line.len) : NULL;

	if (colon == NULL)
		return -EINVAL;
	*name = slice_trim((struct slice){line.p, (size_t)(colon - line.p)});
	*value = slice_trim((struct slice){colon + 1, line.len - (size_t)(colon - line.p) - 1});
	return name_ok(*name) ? 0 : -EINVAL;
}

bool
line_is_auth(struct slice line)
{
	struct slice name, value;

	while (line.len > 0 && (*line.p == ' ' || *line.p == '\t'))
		line = (struct slice){line.p + 1, line.len - 1};
	if (line.len == 0 || (*line.p | 0x20) != 'a') /* nearly every line */
		return false;
	return line_param(line, &name, &value) == 0 && slice_eq_nocase(name, "Authentication-Info");
}

bool
line_item(struct slice *rest, struct slice *item)
{
	const char *comma;

	if (rest->p == NULL)
		return false;
	comma = rest->len ? memchr(rest->p, ',', rest->len) : NULL;
	if (comma == NULL) {
		*item = slice_trim(*rest);
		*rest = (struct slice){0};
		return true;
	}
	*item = slice_trim((struct slice){rest->p, (size_t)(comma - rest->p)});
	rest->len -= (size_t)(comma - rest->p) + 1;
	rest->p = comma + 1;
	return true;
}

/* The byte that \ddd at s stands for; -1. */
static int
escape(struct slice s)
{
	int v = 0;

	if (s.len < 4)
		return -1;
	for (int i = 1; i < 4; i++) {
		if (!isdigit((unsigned char)s.p[i]))
			return -1;
		v = v * CHOICE_ESCAPE_BASE + (s.p[i] - '0');
	}
	return v >= 1 && v <= 255 ? v : -1;
}

static bool
plain(unsigned char c)
{
	return c > ' ' && c != 0x7f && c != '\\';
}

int
line_string(struct slice s, char out[static DTCP_NAME_MAX + 1])
{
	char tmp[DTCP_NAME_MAX + 1];
	size_t n = 0;

	while (s.len > 0) {
		int c = plain((unsigned char)*s.p) ? (unsigned char)*s.p : *s.p == '\\' ? escape(s) : -1;
		size_t used = *s.p == '\\' ? 4 : 1;

		if (c < 0)
			return -EINVAL;
		if (n == DTCP_NAME_MAX)
			return -E2BIG;
		tmp[n++] = (char)c;
		s.p += used;
		s.len -= used;
	}
	if (n == 0)
		return -EINVAL;
	tmp[n] = '\0';
	memcpy(out, tmp, n + 1);
	return 0;
}

void
line_string_put(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (plain((unsigned char)*s) && *s != ',')
			buf_put(out, s, 1);
		else
			buf_printf(out, "\\%03d", (unsigned char)*s);
	}
}
