/* SPDX-License-Identifier: BSD-2-Clause */
#include "append.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK 4096

/* Where the last line ends; 0: there is none. */
static int
lines_end(int fd, off_t size, off_t *out)
{
	char text[LOOK];

	while (size > 0) {
		const off_t from = size > LOOK ? size - LOOK : 0;
		const ssize_t n = pread(fd, text, (size_t)(size - from), from);
		const char *nl;

		if (n != size - from)
			return n < 0 ? -errno : -EIO;
		if ((nl = memrchr(text, '\n', (size_t)n)) != NULL) {
			*out = from + (nl + 1 - text);
			return 0;
		}
		size = from;
	}
	*out = 0;
	return 0;
}

/* Nothing is behind what was added whole.  Who made the file shorter meant it. */
static int
cut(struct append *a)
{
	struct stat st;

	if (fstat(a->fd, &st) < 0)
		return -errno;
	if (st.st_size < a->size)
		a->size = st.st_size;
	return st.st_size > a->size && ftruncate(a->fd, a->size) < 0 ? -errno : 0;
}

int
append_lines(struct append *a, int fd)
{
	const int flags = fcntl(fd, F_GETFL);
	struct append v = {.fd = fd};
	struct stat st;
	int r;

	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((r = lines_end(fd, st.st_size, &v.size)) < 0)
		return r;
	if ((flags & O_ACCMODE) != O_RDONLY && (r = cut(&v)) < 0)
		return r;
	*a = v;
	return 0;
}

int
append_put(struct append *a, const void *p, size_t len)
{
	const char *at = p, *end = at + len;
	int r = cut(a);

	while (r == 0 && at < end) {
		const ssize_t n = write(a->fd, at, (size_t)(end - at));

		if (n > 0)
			at += n;
		else if (n == 0)
			r = -ENOSPC;
		else if (errno != EINTR)
			r = -errno;
	}
	if (r < 0) {
		(void)cut(a); /* or the next one does */
		return r;
	}
	a->size += (off_t)len;
	return 0;
}
