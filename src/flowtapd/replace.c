/* SPDX-License-Identifier: BSD-2-Clause */
#include "replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"

static int
write_all(int fd, struct slice s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.p, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s.p += n;
		s.len -= (size_t)n;
	}
	return 0;
}

static int
new_name(const char *before, const char *name, char out[static NAME_MAX + 1])
{
	int n = snprintf(out, NAME_MAX + 1, "%s%s" REPLACE_SUFFIX, before, name);

	return n < 0 || n > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int
new_write(int dir, const char *new, struct slice text, mode_t mode)
{
	cleanup_fd int fd = -1;
	int r;

	if (unlinkat(dir, new, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir, new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if ((r = write_all(fd, text)) == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, new, 0);
	return r;
}

static int
new_commit(int dir, const char *new, const char *name)
{
	if (renameat(dir, new, dir, name) < 0)
		return -errno;
	return fsync(dir) < 0 ? REPLACE_UNKNOWN : 0;
}

int
replace_write(int dir, const char *name, struct slice text, mode_t mode)
{
	char new[NAME_MAX + 1];
	int r = new_name("", name, new);

	return r < 0 ? r : new_write(dir, new, text, mode);
}

int
replace_commit(int dir, const char *name)
{
	char new[NAME_MAX + 1];
	int r = new_name("", name, new);

	return r < 0 ? r : new_commit(dir, new, name);
}

int
replace_file(int dir, const char *name, struct slice text, mode_t mode)
{
	int r = replace_write(dir, name, text, mode);

	return r < 0 ? r : replace_commit(dir, name);
}

int
replace_hidden(int dir, const char *name, struct slice text, mode_t mode)
{
	char new[NAME_MAX + 1];
	int r = new_name(".", name, new);

	if (r == 0)
		r = new_write(dir, new, text, mode);
	return r < 0 ? r : new_commit(dir, new, name);
}

bool
replace_is_hidden(const char *name)
{
	const size_t len = strlen(name), end = sizeof REPLACE_SUFFIX - 1;

	return name[0] == '.' && len > 1 + end && strcmp(name + len - end, REPLACE_SUFFIX) == 0;
}

int
replace_read(int dir, const char *name, size_t max, struct buf *out)
{
	cleanup_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	uint8_t *room;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	do {
		if ((room = buf_room(out, 65536)) == NULL)
			return -ENOMEM;
		if ((n = read(fd, room, 65536)) < 0)
			return -errno;
		out->len += (size_t)n;
		if (out->len > max)
			return -EFBIG;
	} while (n > 0);
	return 0;
}
