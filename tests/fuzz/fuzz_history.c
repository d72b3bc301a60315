/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of the history of configurations, of any of its kinds: what is read is what was written. */
#include <stdlib.h>

#include "history_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The head and what follows it are the file. */
static void
whole(const struct buf *head, struct slice text, struct slice file)
{
	if (head->err || head->len + text.len != file.len || memcmp(head->p, file.p, head->len) != 0 ||
	    text.p != file.p + head->len)
		abort();
}

static void
entry(struct slice file)
{
	cleanup_buf struct buf head = {0};
	struct history_entry e;
	struct slice text;

	if (history_parse_head(file, &e, &text) < 0)
		return;
	if (e.no == 0 || !history_comment_ok(slice_of(e.comment)))
		abort();
	history_parse_head_put(&head, &e);
	whole(&head, text, file);
}

static void
deadline(struct slice file)
{
	cleanup_buf struct buf head = {0};
	struct history_deadline d = {.no = 7};

	if (history_parse_deadline(file, &d) < 0)
		return;
	if (d.no != 7)
		abort();
	history_parse_deadline_put(&head, &d);
	whole(&head, (struct slice){file.p + file.len, 0}, file);
}

static void
put_off(struct slice file)
{
	cleanup_buf struct buf head = {0};
	struct history_at at;
	struct slice text;

	if (history_parse_at(file, &at, &text) < 0)
		return;
	history_parse_at_put(&head, &at);
	whole(&head, text, file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct slice file = {(const char *)data, len};

	entry(file);
	deadline(file);
	put_off(file);
	return 0;
}
