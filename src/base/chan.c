/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invariants:
 *  1. Callbacks come from the loop only, never from within chan_send or chan_pause.
 *  2. After chan_free or the end nothing is called any more.  Freed from within a
 *     callback, the struct lives until that callback has returned to `leave`.
 *  3. At most one body of `max` bytes plus two reads is held on the reading side,
 *     and nothing while no frame is in progress.
 *  4. What is read goes through one buffer that all channels of the process share; it
 *     is empty, and wiped, whenever the loop has the word.
 *  5. `above` is set by every call that leaves more than the mark unsent, and taken back only by the call of
 *     on_drain that it owes.  While it is set and no more than the mark is unsent, `again` is due.
 *  6. While bytes are unsent and nothing else is to write them (`fresh`), the loop waits for room in the socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "chan.h"

#define READ_CHUNK 65536
#define COMPACT_AT (1u << 20) /* written bytes at the front before the rest is moved */

static uint8_t shared[2 * READ_CHUNK];

struct chan {
	struct loop *loop;
	struct loop_io *io;
	struct loop_timer *again; /* at once: hand on what came in before a pause, tell of a drain or of the end */
	int fd;
	size_t max;
	const struct chan_ops *ops;
	void *arg;
	struct buf in, out;
	size_t in_off, out_off; /* consumed and written bytes at the front */
	uint32_t events;
	bool paused, ended, freed, busy;
	bool held, fresh; /* fresh: queued while nobody was to write, and nothing waited before it */
	bool above;       /* it was full, and on_drain has not been told yet that it is not any more */
	int err;          /* a write failed: the end is due */
	uint64_t written; /* bytes, since it was made */
};

static void on_io(void *arg, uint32_t events);
static void on_again(void *arg);

/* While paused, edge triggered: a hang-up is always reported, but then only once. */
static void
events_set(struct chan *c)
{
	uint32_t want = c->paused ? (uint32_t)EPOLLET : (uint32_t)EPOLLIN;

	if (c->out.len > c->out_off && !c->fresh)
		want |= (uint32_t)EPOLLOUT;

	if (c->io && want != c->events && loop_set(c->io, want) == 0)
		c->events = want;
}

int
chan_new(struct loop *l, int fd, size_t max, const struct chan_ops *ops, void *arg, struct chan **out)
{
	struct chan *c = calloc(1, sizeof *c);
	int flags = fcntl(fd, F_GETFL), r;

	if (c == NULL || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		r = c ? -errno : -ENOMEM;
		goto fail;
	}
	*c = (struct chan){.loop = l, .fd = fd, .max = max, .ops = ops, .arg = arg, .events = EPOLLIN};
	if ((r = loop_timer_new(l, on_again, c, &c->again)) < 0 || (r = loop_add(l, fd, EPOLLIN, on_io, c, &c->io)) < 0)
		goto fail;
	*out = c;
	return 0;
fail:
	if (c)
		loop_timer_free(c->again);
	free(c);
	close(fd);
	return r;
}

static int write_out(struct chan *c);

static void
shut(struct chan *c)
{
	if (c->fresh && c->err == 0)
		(void)write_out(c); /* last words, as far as they go */
	loop_remove(TAKE_PTR(c->io));
	loop_timer_free(TAKE_PTR(c->again));
	if (c->fd >= 0)
		close(TAKE_FD(c->fd));
	buf_free(&c->out);
	c->out_off = 0;
}

static void
reap(struct chan *c)
{
	buf_free(&c->in);
	free(c);
}

void
chan_free(struct chan *c)
{
	if (c == NULL || c->freed)
		return;
	c->freed = true;
	shut(c);
	if (!c->busy)
		reap(c);
}

static void
finish(struct chan *c, int err)
{
	if (c->freed || c->ended)
		return;
	c->ended = true;
	shut(c);
	c->ops->on_end(c->arg, err);
}

static void
flush(struct chan *c)
{
	if (!c->fresh || c->held || c->freed || c->ended || c->err)
		return;
	c->fresh = false;
	if ((c->err = write_out(c)) < 0 || (c->above && !chan_is_full(c)))
		loop_timer_set(c->again, 0);
}

/* From the loop only. */
static void
drain_tell(struct chan *c)
{
	if (!c->above || chan_is_full(c))
		return;
	c->above = false;
	if (c->ops->on_drain)
		c->ops->on_drain(c->arg);
}

/* What every call from the loop ends with: r < 0 ends the channel, -ECONNRESET is the peer's own end. */
static void
leave(struct chan *c, int r)
{
	if (r == -ECONNRESET)
		finish(c, c->in.len > c->in_off ? -EPROTO : 0);
	else if (r < 0)
		finish(c, r);
	c->busy = false;
	flush(c);
	if (c->freed)
		reap(c);
	else if (!c->ended)
		events_set(c);
}

/* 0: all that the socket takes was written. */
static int
write_out(struct chan *c)
{
	while (c->out.len > c->out_off) {
		ssize_t n = send(c->fd, c->out.p + c->out_off, c->out.len - c->out_off, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN ? 0 : -errno;
		}
		c->out_off += (size_t)n;
		c->written += (uint64_t)n;
	}
	if (c->out.cap > COMPACT_AT)
		buf_free(&c->out);
	buf_reset(&c->out);
	c->out_off = 0;
	return 0;
}

static void
out_compact(struct chan *c)
{
	if (c->out_off < COMPACT_AT || c->out_off < c->out.len / 2)
		return;
	buf_drop(&c->out, c->out_off);
	c->out_off = 0;
}

void
chan_frame_put(struct buf *out, uint16_t type, uint32_t id, const void *body, size_t len)
{
	buf_put_u32(out, (uint32_t)len);
	buf_put_u16(out, type);
	buf_put_u16(out, 0);
	buf_put_u32(out, id);
	buf_put(out, body, len);
}

int
chan_send(struct chan *c, uint16_t type, uint32_t id, const void *body, size_t len)
{
	bool idle;

	if (c->freed || c->ended || c->err)
		return -EPIPE;
	if (len > UINT32_MAX || (c->ops->body_max && len > c->ops->body_max))
		return -EMSGSIZE;
	idle = c->out.len == c->out_off;
	out_compact(c);
	if (buf_room(&c->out, CHAN_HEADER + len) == NULL) {
		c->out.err = 0;
		return -ENOMEM;
	}
	chan_frame_put(&c->out, type, id, body, len);
	c->fresh |= idle;
	if (!c->busy && !c->held) {
		flush(c);
		events_set(c);
	}
	c->above |= chan_is_full(c);
	return 0;
}

void
chan_hold(struct chan *c, bool hold)
{
	c->held = hold;
	if (hold || c->busy || c->freed || c->ended)
		return;
	flush(c);
	events_set(c);
}

size_t
chan_queued(const struct chan *c)
{
	return c->out.len - c->out_off;
}

bool
chan_is_full(const struct chan *c)
{
	return chan_queued(c) > c->ops->mark;
}

uint64_t
chan_written(const struct chan *c)
{
	return c->written;
}

int
chan_fd(const struct chan *c)
{
	return c->fd;
}

/* Hands on every whole frame; *used: how far it came. */
static int
frames_run(struct chan *c, const uint8_t *p, size_t size, size_t *used)
{
	int rc = 0;

	for (*used = 0; rc == 0 && !c->freed && !c->ended && !c->paused && size - *used >= CHAN_HEADER;) {
		struct rd r = rd_init(p + *used, size - *used);
		uint32_t len = rd_u32(&r), id;
		uint16_t type = rd_u16(&r), zero = rd_u16(&r);

		id = rd_u32(&r);
		if (len > c->max || zero != 0)
			return len > c->max ? -EMSGSIZE : -EBADMSG;
		if (size - *used < CHAN_HEADER + (size_t)len)
			break;
		*used += CHAN_HEADER + (size_t)len;
		rc = c->ops->on_msg(c->arg, type, id, r.p, len);
	}
	return rc > 0 ? -EPROTO : rc;
}

/* Those that were left over. */
static int
left_run(struct chan *c)
{
	size_t used;
	int rc;

	if (c->in.len == 0)
		return 0;
	rc = frames_run(c, c->in.p + c->in_off, c->in.len - c->in_off, &used);
	c->in_off += used;
	if (rc < 0)
		return rc;
	if (c->in_off == c->in.len)
		buf_free(&c->in);
	else if (c->in_off > READ_CHUNK)
		buf_drop(&c->in, c->in_off);
	else
		return 0;
	c->in_off = 0;
	return 0;
}

static void
on_again(void *arg)
{
	struct chan *c = arg;

	c->busy = true;
	if (c->err == 0)
		drain_tell(c);
	leave(c, c->err ? c->err : left_run(c));
}

void
chan_pause(struct chan *c, bool pause)
{
	if (c->paused == pause || c->freed || c->ended)
		return;
	c->paused = pause;
	events_set(c);
	if (!pause && c->in.len > c->in_off)
		loop_timer_set(c->again, 0);
}

/* The bytes that came; 0: nothing now; else -errno, -ECONNRESET for the end. */
static ssize_t
read_in(struct chan *c, uint8_t *to)
{
	ssize_t n = recv(c->fd, to, READ_CHUNK, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return n == 0 ? -ECONNRESET : n;
}

/* The middle of a long frame: it grows where it is kept. */
static int
receive_long(struct chan *c)
{
	uint8_t *room = buf_room(&c->in, READ_CHUNK);
	ssize_t n = room ? read_in(c, room) : -ENOMEM;

	if (n <= 0)
		return (int)n;
	c->in.len += (size_t)n;
	return left_run(c);
}

static int
receive_short(struct chan *c)
{
	size_t left = c->in.len - c->in_off, used = 0;
	ssize_t n = read_in(c, shared + left);
	int rc;

	if (n <= 0)
		return (int)n;
	if (left)
		memcpy(shared, c->in.p + c->in_off, left);
	buf_free(&c->in);
	c->in_off = 0;
	left += (size_t)n;
	rc = frames_run(c, shared, left, &used);
	if (rc == 0 && !c->freed && used < left)
		buf_put(&c->in, shared + used, left - used);
	explicit_bzero(shared, left);
	return rc < 0 ? rc : c->in.err;
}

/* What a pause left comes first: the read may say that the peer has gone. */
static int
receive(struct chan *c)
{
	int r = left_run(c);

	if (r < 0 || c->freed || c->paused)
		return r;
	return c->in.len - c->in_off > READ_CHUNK ? receive_long(c) : receive_short(c);
}

static void
on_io(void *arg, uint32_t events)
{
	struct chan *c = arg;
	int r = c->err;

	c->busy = true;
	if (r == 0 && c->out.len > c->out_off) {
		if ((r = c->err = write_out(c)) == 0)
			drain_tell(c);
	}
	if (r == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		r = receive(c);
	leave(c, r);
}

/* ---- blocking ---- */

static int
write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
chan_write_sync(int fd, uint16_t type, uint32_t id, const void *body, size_t len)
{
	cleanup_buf struct buf b = {0};

	if (len > UINT32_MAX)
		return -EMSGSIZE;
	chan_frame_put(&b, type, id, body, len);
	return chan_frames_write(fd, &b);
}

int
chan_frames_write(int fd, const struct buf *frames)
{
	return frames->err ? frames->err : write_all(fd, frames->p, frames->len);
}

static int
read_all(int fd, uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ECONNRESET : -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int
chan_read_sync(int fd, size_t max, uint16_t *type, uint32_t *id, struct buf *body)
{
	uint8_t header[CHAN_HEADER];
	uint16_t got_type, zero;
	uint32_t len, got_id;
	struct rd r;
	int rc = read_all(fd, header, sizeof header);

	if (rc < 0)
		return rc;
	r = rd_init(header, sizeof header);
	len = rd_u32(&r);
	got_type = rd_u16(&r);
	zero = rd_u16(&r);
	got_id = rd_u32(&r);
	if (len > max || zero != 0)
		return len > max ? -EMSGSIZE : -EBADMSG;
	buf_reset(body);
	if (buf_room(body, len) == NULL)
		return body->err;
	if ((rc = read_all(fd, body->p, len)) < 0)
		return rc;
	body->len = len;
	*type = got_type;
	*id = got_id;
	return 0;
}

/* ---- descriptors ---- */

union rights {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

int
chan_fd_send(int sock, int fd)
{
	union rights rights = {0};
	struct iovec iov = {(char[]){0}, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};

	rights.head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(&rights.head), &fd, sizeof fd);
	return sendmsg(sock, &m, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int
chan_fd_recv(int sock, int *got)
{
	union rights rights = {0};
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
	ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	if (n != 1 || m.msg_controllen == 0 || rights.head.cmsg_level != SOL_SOCKET ||
	    rights.head.cmsg_type != SCM_RIGHTS || rights.head.cmsg_len != CMSG_LEN(sizeof *got))
		return -EBADMSG;
	memcpy(got, CMSG_DATA(&rights.head), sizeof *got);
	return 0;
}
