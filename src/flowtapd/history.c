/* SPDX-License-Identifier: BSD-2-Clause */
#include "history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "conf.h"
#include "history_parse.h"
#include "replace.h"

#define NS_PER_MS 1000000
#define NAME_LEN 40
#define FILE_MAX (CONF_TEXT_MAX + HISTORY_HEAD_MAX)
#define CONFIRM ".confirm"
#define BY_HAND "read from its file"

static void
name_of(uint64_t no, const char *suffix, char out[static NAME_LEN])
{
	snprintf(out, NAME_LEN, "%" PRIu64 "%s", no, suffix);
}

static int
entry_read(const struct history *h, const char *name, struct history_entry *e, struct buf *whole, struct slice *text)
{
	int r = replace_read(h->dir, name, FILE_MAX, whole);

	return r < 0 ? r : history_parse_head((struct slice){(const char *)whole->p, whole->len}, e, text);
}

static int
deadline_read(struct history *h, uint64_t no)
{
	cleanup_buf struct buf b = {0};
	struct history_deadline d = {.no = no};
	char name[NAME_LEN];
	int r;

	name_of(no, CONFIRM, name);
	if ((r = replace_read(h->dir, name, HISTORY_HEAD_MAX, &b)) < 0)
		return r == -ENOENT ? 0 : r;
	if (history_parse_deadline((struct slice){(const char *)b.p, b.len}, &d) < 0)
		return -EBADMSG;
	h->deadline = d;
	return 0;
}

static int
deadline_write(struct history *h, uint64_t no, unsigned minutes)
{
	const int64_t ms = (int64_t)minutes * 60000, wall = clock_wall_ms();
	struct history_deadline d = {.back = h->n ? h->entry[0].no : 0,
	    .boot_ms = clock_boot_ns() / NS_PER_MS + (uint64_t)ms,
	    .wall_ms = wall + ms,
	    .set_ms = wall};
	cleanup_buf struct buf b = {0};
	char name[NAME_LEN];

	memcpy(d.boot, h->boot, sizeof d.boot);
	history_parse_deadline_put(&b, &d);
	name_of(no, CONFIRM, name);
	return b.err ? b.err : replace_file(h->dir, name, (struct slice){(const char *)b.p, b.len}, 0600);
}

static int
newest_first(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y) - (x > y);
}

static bool
is_number(const char *s, uint64_t *no)
{
	return slice_u64((struct slice){s, strlen(s)}, INT64_MAX, no) == 0 && *no > 0;
}

/* The numbers of all files named by one, sorted; there may be more than are kept. */
static int
numbers(const struct history *h, uint64_t *v, size_t max, size_t *n)
{
	DIR *d = fdopendir(openat(h->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *e;

	*n = 0;
	if (d == NULL)
		return -errno;
	while (*n < max && (e = readdir(d)) != NULL)
		if (is_number(e->d_name, &v[*n]))
			++*n;
	closedir(d);
	qsort(v, *n, sizeof *v, newest_first);
	return 0;
}

/* A file that is damaged is left alone and does not count. */
static int
entries_read(struct history *h)
{
	uint64_t v[4 * HISTORY_MAX];
	size_t n;
	int r = numbers(h, v, ARRAY_LEN(v), &n);

	for (size_t i = 0; r == 0 && i < n && h->n < HISTORY_MAX; i++) {
		cleanup_buf struct buf b = {0};
		struct slice text;
		char name[NAME_LEN];

		name_of(v[i], "", name);
		if (entry_read(h, name, &h->entry[h->n], &b, &text) == 0 && h->entry[h->n].no == v[i])
			h->n++;
	}
	return r;
}

static int
boot_read(char out[static 64])
{
	cleanup_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, 63);

	if (n <= 0)
		return fd < 0 || n < 0 ? -errno : -EIO;
	out[n] = '\0';
	out[strcspn(out, " \n")] = '\0';
	return 0;
}

/* Before the sandbox, because of the boot's name. */
int
history_open(const char *state_dir, struct history *h)
{
	char path[512];
	int r;

	*h = (struct history){.dir = -1};
	snprintf(path, sizeof path, "%s/" HISTORY_DIR, state_dir);
	if ((h->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return -errno;
	if ((r = boot_read(h->boot)) == 0 && (r = entries_read(h)) == 0 && h->n)
		r = deadline_read(h, h->entry[0].no);
	if (r < 0)
		history_close(h);
	return r;
}

void
history_close(struct history *h)
{
	if (h->dir >= 0)
		close(TAKE_FD(h->dir));
}

static int
text_read(const struct history *h, const char *name, struct buf *out)
{
	cleanup_buf struct buf whole = {0};
	struct history_entry e;
	struct slice text;
	int r = entry_read(h, name, &e, &whole, &text);

	if (r == 0)
		buf_put(out, text.p, text.len);
	return r < 0 ? r : out->err;
}

int
history_text(const struct history *h, unsigned i, struct buf *out)
{
	char name[NAME_LEN];

	if (i >= h->n)
		return -ENOENT;
	name_of(h->entry[i].no, "", name);
	return text_read(h, name, out);
}

static bool
text_is(const struct history *h, const char *name, struct slice text)
{
	cleanup_buf struct buf b = {0};

	return text_read(h, name, &b) == 0 && b.len == text.len && (b.len == 0 || memcmp(b.p, text.p, b.len) == 0);
}

static void
gone(const struct history *h, uint64_t no, const char *suffix)
{
	char name[NAME_LEN];

	name_of(no, suffix, name);
	(void)unlinkat(h->dir, name, 0);
}

/* A commit that was killed after the configuration's file was replaced, before it became part of the history. */
static int
settle_next(struct history *h, struct slice active)
{
	const uint64_t no = (h->n ? h->entry[0].no : 0) + 1;
	cleanup_buf struct buf b = {0};
	struct slice text;
	char name[NAME_LEN];
	int r;

	name_of(no, REPLACE_SUFFIX, name);
	if ((r = entry_read(h, name, &h->next, &b, &text)) < 0 || h->next.no != no || !text_is(h, name, active)) {
		h->next.no = no;
		history_drop(h);
		return r == -ENOENT || r == -EBADMSG || r == 0 ? 0 : r;
	}
	return history_keep(h);
}

int
history_settle(struct history *h, struct slice active)
{
	const struct history_deadline d = h->deadline;
	char name[NAME_LEN], back[NAME_LEN], comment[64] = BY_HAND;
	int r = settle_next(h, active);

	if (r < 0)
		return r;
	name_of(h->n ? h->entry[0].no : 0, "", name);
	if (h->n && text_is(h, name, active))
		return 0;
	name_of(d.back, "", back);
	if (d.no && text_is(h, back, active))
		snprintf(comment, sizeof comment, "commit %" PRIu64 " was not confirmed", d.no);
	r = history_begin(h, "root", comment, 0, active);
	return r < 0 ? r : history_keep(h);
}

int
history_begin(struct history *h, const char *user, const char *comment, unsigned minutes, struct slice text)
{
	struct history_entry e = {.no = (h->n ? h->entry[0].no : 0) + 1, .time_ms = clock_wall_ms()};
	cleanup_buf struct buf b = {0};
	char name[NAME_LEN];
	int r;

	snprintf(e.user, sizeof e.user, "%s", user);
	snprintf(e.comment, sizeof e.comment, "%s", *comment ? comment : "");
	history_parse_head_put(&b, &e);
	buf_put(&b, text.p, text.len);
	if (b.err)
		return b.err;
	h->next = e;
	/* The older deadline stands until this one is kept. */
	if (minutes && (r = deadline_write(h, e.no, minutes)) < 0) {
		history_drop(h);
		return r;
	}
	name_of(e.no, "", name);
	if ((r = replace_write(h->dir, name, (struct slice){(char *)b.p, b.len}, 0600)) < 0)
		history_drop(h);
	return r;
}

int
history_keep(struct history *h)
{
	const struct history_entry e = h->next;
	char name[NAME_LEN];
	int r;

	h->next.no = 0;
	/* Whatever happens next: that commit is no longer the one to take back. */
	if (h->deadline.no)
		gone(h, h->deadline.no, CONFIRM);
	h->deadline.no = 0;
	name_of(e.no, "", name);
	if ((r = replace_commit(h->dir, name)) < 0 && r != REPLACE_UNKNOWN)
		return r;
	if (h->n == HISTORY_MAX)
		gone(h, h->entry[--h->n].no, "");
	memmove(h->entry + 1, h->entry, h->n * sizeof *h->entry);
	h->entry[0] = e;
	h->n++;
	return deadline_read(h, e.no);
}

void
history_drop(struct history *h)
{
	if (h->next.no == 0)
		return;
	gone(h, h->next.no, REPLACE_SUFFIX);
	gone(h, h->next.no, CONFIRM);
	gone(h, h->next.no, CONFIRM REPLACE_SUFFIX);
	h->next.no = 0;
}

int
history_confirm(struct history *h)
{
	char name[NAME_LEN];

	if (h->deadline.no == 0)
		return -ENOENT;
	name_of(h->deadline.no, CONFIRM, name);
	if (unlinkat(h->dir, name, 0) < 0)
		return -errno;
	if (fsync(h->dir) < 0)
		return REPLACE_UNKNOWN;
	h->deadline.no = 0;
	return 0;
}

int64_t
history_due_ms(const struct history *h, int64_t wall_ms)
{
	const struct history_deadline *d = &h->deadline;
	const int64_t boot = (int64_t)(clock_boot_ns() / NS_PER_MS);
	int64_t left;

	if (d->no == 0)
		return -1;
	left = strcmp(d->boot, h->boot) == 0 ? (int64_t)d->boot_ms - boot : d->wall_ms - wall_ms;
	/* A clock that says it is before the commit can't tell when it is over. */
	if (strcmp(d->boot, h->boot) != 0 && wall_ms < d->set_ms)
		left = 0;
	return left > 0 ? left : 0;
}

int
history_back(const struct history *h, struct buf *out)
{
	char name[NAME_LEN];

	name_of(h->deadline.back, "", name);
	return text_read(h, name, out);
}
