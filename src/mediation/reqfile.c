/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "dtcp.h"
#include "reqfile.h"

#define CHUNK 65536

int
reqfile_open(const char *path, struct reqfile *f)
{
	cleanup_fd int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	*f = (struct reqfile){.fd = TAKE_FD(fd), .waits = !S_ISREG(st.st_mode), .line = 1};
	if (!f->waits)
		f->size = (uint64_t)st.st_size;
	return 0;
}

void
reqfile_close(struct reqfile *f)
{
	if (f->fd > STDIN_FILENO)
		close(f->fd);
	buf_free(&f->in);
	f->fd = -1;
}

/* 0: more is there or the end was seen; -EAGAIN: nothing now. */
static int
fill(struct reqfile *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLIN};
	uint8_t *room;
	ssize_t n;

	if (f->waits && poll(&p, 1, 0) == 0)
		return -EAGAIN;
	buf_drop(&f->in, f->start);
	f->start = 0;
	if ((room = buf_room(&f->in, CHUNK)) == NULL)
		return f->in.err;
	if ((n = read(f->fd, room, CHUNK)) < 0)
		return errno == EINTR ? 0 : -errno;
	f->in.len += (size_t)n;
	f->eof = n == 0;
	return 0;
}

static void
skip(struct reqfile *f, size_t n, uint64_t lines)
{
	f->start += n;
	f->consumed += n;
	f->line += lines;
}

static bool
is_blank(const uint8_t *p, size_t len)
{
	while (len > 0 && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
		p++;
		len--;
	}
	return len == 0;
}

/* Length of the line at p with its line feed; 0: not whole yet. */
static size_t
line_len(const struct reqfile *f, const uint8_t *p, size_t left)
{
	const uint8_t *nl = memchr(p, '\n', left);

	if (nl)
		return (size_t)(nl - p) + 1;
	return f->eof ? left : 0;
}

/* What is unread, measured up to the next blank line. */
struct span {
	size_t len;
	uint64_t lines;
	bool whole; /* a blank line or the end of the file follows */
};

static struct span
span_measure(const struct reqfile *f)
{
	size_t left = f->in.len - f->start, n;
	const uint8_t *p = left ? f->in.p + f->start : NULL;
	struct span s = {0};

	while (s.len < left && (n = line_len(f, p + s.len, left - s.len)) > 0) {
		if (is_blank(p + s.len, n)) {
			s.whole = true;
			return s;
		}
		s.len += n;
		s.lines++;
	}
	s.whole = f->eof && s.len == left;
	return s;
}

static void
blank_lines_skip(struct reqfile *f)
{
	size_t n;

	while (f->start < f->in.len) {
		const uint8_t *p = f->in.p + f->start;

		if ((n = line_len(f, p, f->in.len - f->start)) == 0 || !is_blank(p, n))
			return;
		skip(f, n, 1);
	}
}

/* Drops the rest of a request that is too long. */
static int
overlong_skip(struct reqfile *f)
{
	struct span s;
	int r;

	for (;;) {
		s = span_measure(f);
		if (s.whole) {
			skip(f, s.len, s.lines);
			return -EMSGSIZE;
		}
		if (s.len > 0 || f->in.len - f->start < 2) {
			skip(f, s.len, s.lines);
		} else { /* a line of any length: what is left of it must not look blank */
			skip(f, f->in.len - f->start - 1, 0);
			f->in.p[f->start] = 'x';
		}
		if ((r = fill(f)) < 0 && r != -EAGAIN)
			return r;
		if (r == -EAGAIN)
			poll(&(struct pollfd){.fd = f->fd, .events = POLLIN}, 1, -1);
	}
}

int
reqfile_next(struct reqfile *f, struct slice *raw, uint64_t *line)
{
	int r;

	for (;;) {
		struct span s;

		blank_lines_skip(f);
		s = span_measure(f);
		*line = f->line;
		if (s.whole && s.len == 0)
			return 0;
		if (s.len > DTCP_REQUEST_MAX || (!s.whole && f->in.len - f->start > DTCP_REQUEST_MAX))
			return overlong_skip(f);
		if (s.whole) {
			*raw = (struct slice){(const char *)f->in.p + f->start, s.len};
			skip(f, s.len, s.lines);
			return 1;
		}
		if ((r = fill(f)) < 0)
			return r;
	}
}
