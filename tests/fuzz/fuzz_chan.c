/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What somebody sends over a channel, in any pieces: the first byte says how it is cut, what its reader does on the way
 * and whether the reader is a loop's or a blocking one.  Frames come as they stand in the bytes, in their order, until
 * one is wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "chan.h"

#define MAX 300 /* a small limit, so that it is passed */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The next frame by the words of chan.h: 1, 0 if it is not whole, -errno if it is wrong. */
static int
frame_at(struct rd *r, uint16_t *type, uint32_t *id, struct slice *body)
{
	struct rd h = *r;
	const uint32_t n = rd_u32(&h);
	uint16_t zero;

	*type = rd_u16(&h);
	zero = rd_u16(&h);
	*id = rd_u32(&h);
	if (h.err)
		return 0;
	if (n > MAX || zero != 0)
		return n > MAX ? -EMSGSIZE : -EBADMSG;
	*body = (struct slice){(const char *)h.p, n};
	if (rd_bytes(&h, n) == NULL)
		return 0;
	*r = h;
	return 1;
}

struct reader {
	struct loop *loop;
	struct chan *chan;
	struct rd left; /* what is still to come */
	uint8_t kind;
	unsigned got;
	bool over, refused;
	int err;
};

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct reader *v = arg;
	struct slice want = {0};
	uint16_t want_type;
	uint32_t want_id;

	if (v->over || frame_at(&v->left, &want_type, &want_id, &want) != 1 || want_type != type || want_id != id ||
	    want.len != len || (len && memcmp(want.p, body, len) != 0))
		abort();
	v->got++;
	if (v->kind & 2)
		chan_pause(v->chan, true);
	if (v->kind & 4)
		(void)chan_send(v->chan, type, id, body, len);
	if (v->kind & 8 && v->got == 3) {
		chan_free(TAKE_PTR(v->chan));
		v->over = true;
		return 0;
	}
	v->refused = v->kind & 16 && v->got == 2;
	return v->refused ? -EPERM : 0;
}

static void
on_end(void *arg, int err)
{
	struct reader *v = arg;

	if (v->over)
		abort();
	v->over = true;
	v->err = err;
}

static void
stop(void *arg)
{
	loop_stop(arg, 0);
}

/* Until nothing is left to be done at once. */
static void
turn(struct reader *v, struct loop_timer *t)
{
	for (int i = 0; i < 3; i++) {
		if (v->chan && !v->over)
			chan_pause(v->chan, false);
		loop_timer_set(t, 0);
		if (loop_run(v->loop) < 0)
			abort();
	}
}

/* What the end says follows from what came. */
static void
end_check(struct reader *v)
{
	struct slice body;
	uint16_t type;
	uint32_t id;
	int r;

	if (!v->over || v->chan == NULL)
		return;
	r = frame_at(&v->left, &type, &id, &body);
	if (v->refused ? v->err != -EPERM : r == 1 ? v->err != -EPIPE && v->err != -ECONNRESET && !(v->kind & 4) : 0)
		abort();
	if (r < 0 && !v->refused && v->err != r && !(v->kind & 4))
		abort();
}

static void
by_loop(const uint8_t *data, size_t len, uint8_t kind, int fds[2])
{
	static const struct chan_ops ops = {.on_msg = on_msg, .on_end = on_end, .mark = 64, .body_max = MAX};
	const size_t piece = kind & 1 ? 1 + (kind >> 5) * 3 : 4096;
	struct reader v = {.left = rd_init(data, len), .kind = kind};
	struct loop_timer *t;

	if (loop_new(&v.loop) < 0 || loop_timer_new(v.loop, stop, v.loop, &t) < 0 ||
	    chan_new(v.loop, fds[0], MAX, &ops, &v, &v.chan) < 0)
		abort();
	for (size_t at = 0; at < len && !v.over; at += piece) {
		(void)send(fds[1], data + at, len - at < piece ? len - at : piece, MSG_NOSIGNAL | MSG_DONTWAIT);
		turn(&v, t);
	}
	(void)shutdown(fds[1], SHUT_WR);
	for (unsigned n = 0; n <= len / CHAN_HEADER && !v.over; n++)
		turn(&v, t);
	if (!v.over)
		abort();
	end_check(&v);
	chan_free(v.chan);
	loop_free(v.loop);
}

static void
blocking(const uint8_t *data, size_t len, int fds[2])
{
	struct rd left = rd_init(data, len);
	cleanup_buf struct buf body = {0};
	struct slice want = {0};
	uint16_t type, want_type;
	uint32_t id, want_id;
	int r, rc;

	(void)send(fds[1], data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fds[1], SHUT_WR);
	if (len > 0 && data[0] == 0xfd) { /* a byte that should have a descriptor */
		if (chan_fd_recv(fds[0], &r) == 0)
			abort();
		close(fds[0]);
		return;
	}
	do {
		rc = frame_at(&left, &want_type, &want_id, &want);
		r = chan_read_sync(fds[0], MAX, &type, &id, &body);
		if (rc == 1 ? r != 0 || type != want_type || id != want_id || body.len != want.len ||
				  (want.len && memcmp(body.p, want.p, want.len) != 0)
			    : r != (rc < 0 ? rc : -ECONNRESET))
			abort();
	} while (r == 0);
	close(fds[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fds[2];

	if (len == 0 || len > 16384)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	if (data[0] == 0xff)
		blocking(data + 1, len - 1, fds);
	else
		by_loop(data + 1, len - 1, data[0], fds);
	close(fds[1]);
	return 0;
}
