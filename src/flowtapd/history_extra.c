/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: history_rescue_ history_at_ */
#include "history_extra.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "conf.h"
#include "history_parse.h"
#include "replace.h"

#define RESCUE "rescue"
#define AT "at"

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

	history_parse_at_put(&b, at);
	buf_put(&b, text.p, text.len);
	return b.err ? b.err : replace_file(h->dir, AT, (struct slice){(char *)b.p, b.len}, 0600);
}

int
history_at_read(const struct history *h, struct history_at *at, struct buf *text)
{
	cleanup_buf struct buf b = {0};
	struct history_at found;
	struct slice candidate;
	int r;

	if ((r = replace_read(h->dir, AT, CONF_TEXT_MAX + HISTORY_HEAD_MAX, &b)) < 0 ||
	    (r = history_parse_at((struct slice){(const char *)b.p, b.len}, &found, &candidate)) < 0)
		return r;
	if (text)
		buf_put(text, candidate.p, candidate.len);
	*at = found;
	return text ? text->err : 0;
}

int
history_at_delete(const struct history *h)
{
	return file_delete(h, AT);
}
