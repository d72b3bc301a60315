/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: history_parse_ history_comment_ok */
#include "history_parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

bool
history_comment_ok(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.len <= HISTORY_COMMENT_MAX;
}

/* As a string; *rest: what follows it.  -EBADMSG: there is none, or it is too long, or has a NUL in it. */
static int
first_line(struct slice file, char line[static HISTORY_HEAD_MAX], struct slice *rest)
{
	const char *end = file.len ? memchr(file.p, '\n', file.len) : NULL;
	const size_t len = end ? (size_t)(end - file.p) : HISTORY_HEAD_MAX;

	if (len >= HISTORY_HEAD_MAX || memchr(file.p, '\0', len) != NULL)
		return -EBADMSG;
	memcpy(line, file.p, len);
	line[len] = '\0';
	*rest = (struct slice){end + 1, file.len - len - 1};
	return 0;
}

/* sscanf(3) takes more than is ever written: a sign, zeros in front, any blanks, a number that is too large. */
static bool
is_written(const char *line, const struct buf *again)
{
	const size_t len = strlen(line);

	return again->err == 0 && again->len == len + 1 && memcmp(again->p, line, len) == 0;
}

static bool
comment_is(const char *p, char out[static HISTORY_COMMENT_MAX + 1])
{
	const size_t len = strlen(p);

	if (!history_comment_ok((struct slice){p, len}))
		return false;
	memcpy(out, p, len + 1);
	return true;
}

void
history_parse_head_put(struct buf *b, const struct history_entry *e)
{
	buf_printf(b, "# commit %" PRIu64 " at %" PRId64 " by %s%s%s\n", e->no, e->time_ms, e->user,
	    *e->comment ? " " : "", e->comment);
}

int
history_parse_head(struct slice file, struct history_entry *e, struct slice *text)
{
	cleanup_buf struct buf again = {0};
	struct history_entry got = {0};
	char line[HISTORY_HEAD_MAX];
	struct slice rest;
	int at = 0;

	if (first_line(file, line, &rest) < 0 ||
	    sscanf(line, "# commit %" SCNu64 " at %" SCNd64 " by %32s%n", &got.no, &got.time_ms, got.user, &at) != 3 ||
	    got.no == 0 || (line[at] != '\0' && !comment_is(line + at + 1, got.comment)))
		return -EBADMSG;
	history_parse_head_put(&again, &got);
	if (!is_written(line, &again))
		return -EBADMSG;
	*e = got;
	*text = rest;
	return 0;
}

int
history_parse_deadline(struct slice file, struct history_deadline *d)
{
	struct history_deadline got = {.no = d->no};
	cleanup_buf struct buf again = {0};
	char line[HISTORY_HEAD_MAX];
	struct slice rest;

	if (first_line(file, line, &rest) < 0 || sscanf(line, "%" SCNu64 " %63s %" SCNu64 " %" SCNd64 " %" SCNd64,
						     &got.back, got.boot, &got.boot_ms, &got.wall_ms, &got.set_ms) != 5)
		return -EBADMSG;
	history_parse_deadline_put(&again, &got);
	if (!is_written(line, &again) || rest.len)
		return -EBADMSG;
	*d = got;
	return 0;
}

void
history_parse_deadline_put(struct buf *b, const struct history_deadline *d)
{
	buf_printf(b, "%" PRIu64 " %s %" PRIu64 " %" PRId64 " %" PRId64 "\n", d->back, d->boot, d->boot_ms, d->wall_ms,
	    d->set_ms);
}

void
history_parse_at_put(struct buf *b, const struct history_at *at)
{
	buf_printf(b, "# due %" PRId64 " base %" PRIu64 " uid %" PRIu32 " by %s: %s\n", at->due_ms, at->base, at->uid,
	    at->user, at->comment);
}

int
history_parse_at(struct slice file, struct history_at *at, struct slice *text)
{
	cleanup_buf struct buf again = {0};
	struct history_at got = {0};
	char line[HISTORY_HEAD_MAX];
	struct slice rest;
	int n = 0;

	if (first_line(file, line, &rest) < 0 ||
	    sscanf(line, "# due %" SCNd64 " base %" SCNu64 " uid %" SCNu32 " by %32[^:]:%n", &got.due_ms, &got.base,
		&got.uid, got.user, &n) != 4 ||
	    line[n] != ' ' || !comment_is(line + n + 1, got.comment))
		return -EBADMSG;
	history_parse_at_put(&again, &got);
	if (!is_written(line, &again))
		return -EBADMSG;
	*at = got;
	*text = rest;
	return 0;
}
