/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: late_ends_ */
#include "late_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK (1ull << 63)          /* of a warrant's slot */
#define SEALED ((1ull << 62) | 1u) /* neither a line of the record nor an entry of what is owed has that number */
#define MAGIC "ended 1\n"
#define PIECE 512 /* slots that are read or written at once */
#define MORE 512  /* slots by which the room grows when it was too small */

static off_t
place(size_t slot)
{
	return LATE_ENDS_HEAD + (off_t)(slot * sizeof(uint64_t));
}

uint64_t
late_ends_warrant(uint64_t no, uint32_t by)
{
	return no == 0 || no > LATE_ENDS_WARRANT_MAX ? 0 : MARK | no << 32 | by;
}

bool
late_ends_is_warrant(uint64_t slot, uint64_t *no, uint32_t *by)
{
	if ((slot & MARK) == 0)
		return false;
	*no = (slot & ~MARK) >> 32;
	*by = (uint32_t)slot;
	return true;
}

/* ---- the file ---- */

static int
write_at(int fd, const void *p, size_t len, off_t at)
{
	const char *from = p;

	while (len > 0) {
		const ssize_t n = pwrite(fd, from, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ENOSPC : -errno;
		from += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* Slots from `at` on, at most PIECE.  *n: those that there are. */
static int
slots_read(const struct late_ends *l, size_t at, uint64_t slot[static PIECE], size_t *n)
{
	uint8_t bytes[PIECE * sizeof(uint64_t)];
	const ssize_t len = pread(l->fd, bytes, sizeof bytes, place(at));
	struct rd r;

	if (len < 0)
		return -errno;
	*n = (size_t)len / sizeof(uint64_t);
	r = rd_init(bytes, *n * sizeof(uint64_t));
	for (size_t i = 0; i < *n; i++)
		slot[i] = rd_u64(&r);
	return 0;
}

static int
slots_write(const struct late_ends *l, size_t at, const uint64_t *slot, size_t n)
{
	cleanup_buf struct buf b = {0};

	for (size_t i = 0; i < n; i++)
		buf_put_u64(&b, slot[i]);
	return b.err ? b.err : write_at(l->fd, b.p, b.len, place(at));
}

/* Zeros, from the first one on: who is killed in between leaves the others, which are found. */
static void
slots_wipe(const struct late_ends *l, size_t from, size_t to)
{
	static const uint8_t none[PIECE * sizeof(uint64_t)];

	while (from < to) {
		const size_t n = to - from < PIECE ? to - from : PIECE;

		if (write_at(l->fd, none, n * sizeof(uint64_t), place(from)) < 0)
			return;
		from += n;
	}
}

static int
room_make(struct late_ends *l, size_t slots)
{
	const int r = -posix_fallocate(l->fd, 0, place(slots));

	if (r == 0)
		l->max = slots;
	return r;
}

/* ---- start ---- */

static int
head_check(const struct late_ends *l, const uint8_t key[static AUDIT_KEY_LEN])
{
	cleanup_buf struct buf plain = {0};
	uint8_t head[LATE_ENDS_HEAD];
	ssize_t n = pread(l->fd, head, sizeof head, 0);
	struct rd r = rd_init(head, n > 0 ? (size_t)n : 0);
	const uint32_t len = rd_u32(&r);
	const uint8_t *sealed = rd_bytes(&r, len);
	int rc;

	if (n < 0)
		return -errno;
	if (sealed == NULL || len == 0)
		return -EBADMSG;
	if ((rc = audit_open(key, SEALED, sealed, len, &plain)) < 0)
		return rc;
	return plain.len == sizeof MAGIC - 1 && memcmp(plain.p, MAGIC, plain.len) == 0 ? 0 : -EBADMSG;
}

static int
head_write(const struct late_ends *l, const uint8_t key[static AUDIT_KEY_LEN])
{
	cleanup_buf struct buf sealed = {0}, out = {0};
	int r = audit_seal(key, SEALED, (struct slice){MAGIC, sizeof MAGIC - 1}, &sealed);

	buf_put_u32(&out, (uint32_t)sealed.len);
	buf_put(&out, sealed.p, sealed.len);
	if (r < 0 || (r = out.err) < 0)
		return r;
	return out.len > LATE_ENDS_HEAD ? -EMSGSIZE : write_at(l->fd, out.p, out.len, 0);
}

static int
slots_tell(struct late_ends *l, int (*cb)(void *arg, uint64_t slot), void *arg)
{
	uint64_t slot[PIECE];
	size_t n;
	int r;

	for (size_t at = 0; (r = slots_read(l, at, slot, &n)) == 0 && n > 0; at += n)
		for (size_t i = 0; i < n; i++) {
			if (slot[i] == 0)
				continue;
			l->n = at + i + 1;
			if ((r = cb(arg, slot[i])) != 0)
				return r;
		}
	return r;
}

static int
file_take(struct late_ends *l, const uint8_t key[static AUDIT_KEY_LEN], int (*cb)(void *arg, uint64_t slot), void *arg)
{
	struct stat st;
	int r;

	if (fstat(l->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENODEV;
	if ((r = head_check(l, key)) == 0)
		return slots_tell(l, cb, arg);
	if (r != -EBADMSG)
		return r;
	return ftruncate(l->fd, 0) < 0 ? -errno : head_write(l, key);
}

int
late_ends_open(struct late_ends *l, int fd, const uint8_t key[static AUDIT_KEY_LEN], size_t slots,
    int (*cb)(void *arg, uint64_t slot), void *arg)
{
	int r;

	*l = (struct late_ends){.fd = fd};
	if ((r = file_take(l, key, cb, arg)) < 0 || (r = room_make(l, l->n + slots)) < 0)
		l->fd = -1;
	return r;
}

/* ---- use ---- */

int
late_ends_put(struct late_ends *l, const uint64_t *slot, size_t n)
{
	int r;

	if (l->fd < 0)
		return -EBADF;
	if (n > l->max - l->n && (r = room_make(l, l->n + n + MORE)) < 0)
		return r;
	if ((r = slots_write(l, l->n, slot, n)) < 0) {
		slots_wipe(l, l->n, l->n + n);
		return r;
	}
	l->n += n;
	return 0;
}

/* What is kept moves down, a piece at a time, and what it leaves is wiped behind it: killed in between, some slots are
 * there twice. */
void
late_ends_compact(struct late_ends *l, bool (*keep)(void *arg, uint64_t slot), void *arg)
{
	uint64_t slot[PIECE];
	size_t to = 0, was = l->n, n, kept;

	if (l->fd < 0)
		return;
	for (size_t at = 0; at < was; at += n) {
		if (slots_read(l, at, slot, &n) < 0 || n == 0)
			return;
		if (n > was - at)
			n = was - at;
		kept = 0;
		for (size_t i = 0; i < n; i++)
			if (slot[i] != 0 && keep(arg, slot[i]))
				slot[kept++] = slot[i];
		if (slots_write(l, to, slot, kept) < 0)
			return;
		to += kept;
	}
	l->n = to;
	slots_wipe(l, to, was);
}

void
late_ends_clear(struct late_ends *l)
{
	if (l->fd >= 0)
		slots_wipe(l, 0, l->n);
	l->n = 0;
}
