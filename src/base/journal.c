/* SPDX-License-Identifier: BSD-2-Clause */
#include "journal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A value of more than one line has its length in front, 64 bits, low byte first. */
void
journal_put(struct buf *b, const char *key, const char *value)
{
	const uint64_t len = strlen(value);

	buf_put(b, key, strlen(key));
	if (strchr(value, '\n') == NULL)
		buf_put_u8(b, '=');
	else {
		buf_put_u8(b, '\n');
		for (unsigned i = 0; i < 64; i += 8)
			buf_put_u8(b, (uint8_t)(len >> i));
	}
	buf_put(b, value, len);
	buf_put_u8(b, '\n');
}

int
journal_open(struct journal *j, const char *path)
{
	*j = (struct journal){.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), .path = path};
	return j->fd < 0 ? -errno : 0;
}

void
journal_close(struct journal *j)
{
	base_close_p(&j->fd);
	j->fd = -1;
}

int
journal_send(const struct journal *j, const struct journal_field *fields)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	cleanup_buf struct buf b = {0};

	if (j->fd < 0)
		return -EBADF;
	if (strlen(j->path) >= sizeof sun.sun_path)
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, j->path);
	for (; fields->key; fields++)
		journal_put(&b, fields->key, fields->value);
	if (b.err)
		return b.err;
	if (sendto(j->fd, b.p, b.len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&sun, sizeof sun) < 0)
		return -errno;
	return 0;
}
