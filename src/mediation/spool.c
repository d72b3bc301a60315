/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
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

/* The bytes, and in *n the number, of the whole blocks among the first max bytes. */
static size_t
blocks_within(const uint8_t *blocks, uint64_t max, unsigned *n)
{
	size_t at = 0, next;

	for (*n = 0; at + PCAPNG_HEAD <= max && (next = at + pcapng_block_len(blocks + at)) <= max; at = next)
		++*n;
	return at;
}

/* Writes len bytes of whole blocks; how many bytes.  On failure *err is set and the file
 * ends with the last whole block. */
static size_t
blocks_write(struct spool *s, const uint8_t *blocks, size_t len, int *err)
{
	size_t done = 0, whole = len;
	unsigned n;

	while (done < len) {
		ssize_t r = write(s->fd, blocks + done, len - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			*err = r < 0 ? -errno : -EIO;
			whole = blocks_within(blocks, done, &n);
			break;
		}
		done += (size_t)r;
	}
	s->size += whole;
	if (whole < done && ftruncate(s->fd, (off_t)s->size) < 0)
		*err = -errno;
	return whole;
}

static int
buf_write(struct spool *s, const struct buf *b)
{
	int err = b->err;

	if (err == 0)
		blocks_write(s, b->p, b->len, &err);
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

/* How many bytes of the blocks still go into the open file; 0: none. */
static size_t
blocks_fit(const struct spool *s, const uint8_t *blocks, size_t len)
{
	uint64_t room = s->conf->size_max > s->size ? s->conf->size_max - s->size : 0;
	size_t fit;
	unsigned n;

	if (s->conf->size_max == 0 || len <= room)
		return len;
	fit = blocks_within(blocks, room, &n);
	return fit > 0 || s->received > 0 ? fit : pcapng_block_len(blocks);
}

int
spool_write(struct spool *s, const uint8_t *blocks, size_t len, unsigned *done)
{
	size_t at = 0;
	int r = 0;

	*done = 0;
	if (s->fd >= 0 && is_old(s))
		spool_close(s);
	while (at < len && r == 0) {
		size_t fit, written;
		unsigned n;

		if (s->fd < 0 && (r = spool_open(s)) < 0)
			break;
		if ((fit = blocks_fit(s, blocks + at, len - at)) == 0) {
			spool_close(s);
			continue;
		}
		written = blocks_within(blocks + at, blocks_write(s, blocks + at, fit, &r), &n);
		s->received += n;
		*done += n;
		at += written;
	}
	return r;
}

void
spool_tick(struct spool *s)
{
	if (s->fd >= 0 && is_old(s))
		spool_close(s);
}
