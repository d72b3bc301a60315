/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: history_rescue_ history_at_ */
#include "history_extra.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "replace.h"

#define RESCUE "rescue"
#define AT "at"
#define HEAD_MAX 512

static int
file_delete(const struct history *h, const char *name)
{
	if (unlinkat(h->dir, name, 0) < 0)
		return -errno;
	return fsync(h->dir) < 0 ? REPLACE_UNKNOWN : 0;
}

int
history_rescue_save(const struct history *h, struct slice text)
{
	return replace_file(h->dir, RESCUE, text, 0600);
}

int
history_rescue_text(const struct history *h, struct buf *out)
{
	return replace_read(h->dir, RESCUE, CONF_TEXT_MAX, out);
}

int
history_rescue_delete(const struct history *h)
{
	return file_delete(h, RESCUE);
}

int
history_at_write(const struct history *h, const struct history_at *at, struct slice text)
{
	cleanup_buf struct buf b = {0};

	buf_printf(&b, "# due %" PRId64 " base %" PRIu64 " uid %" PRIu32 " by %s: %s\n", at->due_ms, at->base, at->uid,
	    at->user, at->comment);
	buf_put(&b, text.p, text.len);
	return b.err ? b.err : replace_file(h->dir, AT, (struct slice){(char *)b.p, b.len}, 0600);
}

static int
head_parse(const struct buf *b, struct history_at *at, size_t *len)
{
	const char *end = b->len ? memchr(b->p, '\n', b->len) : NULL;
	char line[HEAD_MAX];
	int n = 0;

	*len = end ? (size_t)(end - (const char *)b->p) : sizeof line;
	if (*len >= sizeof line)
		return -EBADMSG;
	memcpy(line, b->p, *len);
	line[*len] = '\0';
	*at = (struct history_at){0};
	if (sscanf(line, "# due %" SCNd64 " base %" SCNu64 " uid %" SCNu32 " by %32[^:]: %n", &at->due_ms, &at->base,
		&at->uid, at->user, &n) != 4 ||
	    n == 0)
		return -EBADMSG;
	snprintf(at->comment, sizeof at->comment, "%s", line + n);
	return 0;
}

int
history_at_read(const struct history *h, struct history_at *at, struct buf *text)
{
	cleanup_buf struct buf b = {0};
	struct history_at found;
	size_t len;
	int r;

	if ((r = replace_read(h->dir, AT, CONF_TEXT_MAX + HEAD_MAX, &b)) < 0 || (r = head_parse(&b, &found, &len)) < 0)
		return r;
	if (text)
		buf_put(text, b.p + len + 1, b.len - len - 1);
	*at = found;
	return text ? text->err : 0;
}

int
history_at_delete(const struct history *h)
{
	return file_delete(h, AT);
}
