/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "pcapng.h"
#include "spool.h"

#define NAME_TRIES 100 /* names taken by files that an earlier run made in the same second */

void
spool_init(struct spool *s, const struct spool_conf *conf, uint16_t port)
{
	*s = (struct spool){.conf = conf, .port = port, .fd = -1};
}

/* Writes whole blocks; how many.  On failure *err is set and the file ends with the last
 * whole one. */
static unsigned
blocks_write(struct spool *s, struct iovec *v, unsigned n, int *err)
{
	unsigned done = 0;
	size_t part = 0; /* bytes of v[done] written */

	while (done < n) {
		ssize_t r = writev(s->fd, v + done, (int)(n - done < IOV_MAX ? n - done : IOV_MAX));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			*err = r < 0 ? -errno : -EIO;
			break;
		}
		for (size_t left = (size_t)r; left > 0;) {
			size_t k = left < v[done].iov_len ? left : v[done].iov_len;

			v[done].iov_base = (uint8_t *)v[done].iov_base + k;
			v[done].iov_len -= k;
			part += k;
			left -= k;
			if (v[done].iov_len == 0) {
				s->size += part;
				part = 0;
				done++;
			}
		}
	}
	if (part > 0 && ftruncate(s->fd, (off_t)s->size) < 0)
		*err = -errno;
	return done;
}

static int
buf_write(struct spool *s, const struct buf *b)
{
	struct iovec v = {b->p, b->len};
	int err = b->err;

	if (err == 0)
		blocks_write(s, &v, 1, &err);
	return err;
}

static int
header_write(struct spool *s)
{
	cleanup_buf struct buf b = {0};
	char name[16], description[64];

	snprintf(name, sizeof name, "udp-%u", s->port);
	snprintf(description, sizeof description, "content received on UDP port %u", s->port);
	pcapng_begin(&b, s->conf->program, name, description);
	return buf_write(s, &b);
}

static int
file_create(struct spool *s, const struct tm *utc)
{
	char stamp[32];
	int fd;

	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", utc);
	for (unsigned i = 0; i < NAME_TRIES; i++) {
		snprintf(s->name, sizeof s->name, "%u-%s-%04u.pcapng", s->port, stamp, ++s->number);
		fd = openat(s->conf->dir, s->name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int
spool_open(struct spool *s)
{
	int64_t now_ms = clock_wall_ms();
	time_t now = (time_t)(now_ms / 1000);
	struct tm utc;
	int r;

	gmtime_r(&now, &utc);
	if ((r = file_create(s, &utc)) < 0)
		return r;
	s->fd = r;
	s->size = 0;
	if ((r = header_write(s)) < 0) {
		close(s->fd);
		s->fd = -1;
		unlinkat(s->conf->dir, s->name, 0);
		s->number--;
		return r;
	}
	s->files++;
	s->opened_ms = (uint64_t)now_ms;
	s->opened_mono_ns = clock_mono_ns();
	s->received = 0;
	s->lost_before = s->lost;
	return 0;
}

int
spool_close(struct spool *s)
{
	cleanup_buf struct buf b = {0};
	const struct pcapng_stats stats = {
	    .start_ns = s->opened_ms * 1000000,
	    .end_ns = (uint64_t)clock_wall_ms() * 1000000,
	    .received = s->received,
	    .dropped = s->lost - s->lost_before,
	};
	int r;

	if (s->fd < 0)
		return 0;
	pcapng_end(&b, &stats);
	r = buf_write(s, &b);
	if (close(s->fd) < 0 && r == 0)
		r = -errno;
	s->fd = -1;
	return r;
}

static bool
is_old(const struct spool *s)
{
	return s->conf->age_max_s && clock_mono_ns() - s->opened_mono_ns >= s->conf->age_max_s * 1000000000;
}

/* How many of the n blocks still go into the open file; 0: none. */
static unsigned
blocks_fit(const struct spool *s, const struct iovec *v, unsigned n)
{
	uint64_t size = s->size;
	unsigned k;

	if (s->conf->size_max == 0)
		return n;
	for (k = 0; k < n && size + v[k].iov_len <= s->conf->size_max; k++)
		size += v[k].iov_len;
	return k > 0 || s->received > 0 ? k : 1;
}

int
spool_write(struct spool *s, struct iovec *block, unsigned n, unsigned *done)
{
	int r = 0;

	*done = 0;
	if (s->fd >= 0 && is_old(s))
		spool_close(s);
	while (*done < n && r == 0) {
		unsigned fit, written;

		if (s->fd < 0 && (r = spool_open(s)) < 0)
			break;
		if ((fit = blocks_fit(s, block + *done, n - *done)) == 0) {
			spool_close(s);
			continue;
		}
		written = blocks_write(s, block + *done, fit, &r);
		s->received += written;
		*done += written;
	}
	return r;
}

void
spool_tick(struct spool *s)
{
	if (s->fd >= 0 && is_old(s))
		spool_close(s);
}
