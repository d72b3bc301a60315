/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "chan.h"
#include "clock.h"

#define DEADLINE_MS 10000
#define BODY_MAX 100000

/* ---- a loop with a deadline ---- */

struct run {
	struct loop *loop;
	struct loop_timer *deadline;
};

static void
too_late(void *arg)
{
	loop_stop(arg, -ETIMEDOUT);
}

static int
setup(void **state)
{
	struct run *r = calloc(1, sizeof *r);

	assert_non_null(r);
	assert_int_equal(loop_new(&r->loop), 0);
	assert_int_equal(loop_timer_new(r->loop, too_late, r->loop, &r->deadline), 0);
	loop_timer_set(r->deadline, DEADLINE_MS);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct run *r = *state;

	loop_free(r->loop);
	free(r);
	return 0;
}

/* ---- timers, deferred calls ---- */

struct trace {
	struct loop *loop;
	char text[64];
	struct loop_timer *timer[3];
};

struct step {
	struct trace *trace;
	char letter;
	int last; /* not 0: stop the loop with this value */
};

static void
note(struct trace *t, char letter)
{
	size_t n = strlen(t->text);

	assert_true(n + 1 < sizeof t->text);
	t->text[n] = letter;
}

static void
on_step(void *arg)
{
	struct step *s = arg;

	note(s->trace, s->letter);
	if (s->last)
		loop_stop(s->trace->loop, s->last);
}

static void
test_timer_order(void **state)
{
	struct run *r = *state;
	struct trace t = {.loop = r->loop};
	struct step a = {&t, 'a', 0}, b = {&t, 'b', 0}, c = {&t, 'c', 7}, d = {&t, 'd', 0};
	struct loop_timer *timer[4];
	uint64_t start = clock_mono_ns();

	assert_int_equal(loop_timer_new(r->loop, on_step, &c, &timer[0]), 0);
	assert_int_equal(loop_timer_new(r->loop, on_step, &b, &timer[1]), 0);
	assert_int_equal(loop_timer_new(r->loop, on_step, &a, &timer[2]), 0);
	assert_int_equal(loop_timer_new(r->loop, on_step, &d, &timer[3]), 0);
	loop_timer_set(timer[0], 30);
	loop_timer_set(timer[1], 10);
	loop_timer_set(timer[2], 0);
	loop_timer_set(timer[3], 5);
	loop_timer_set(timer[3], -1);
	assert_int_equal(loop_run(r->loop), 7);
	assert_string_equal(t.text, "abc");
	assert_true(clock_mono_ns() - start >= 30 * 1000000u);
}

static void
on_again(void *arg)
{
	struct trace *t = arg;

	note(t, 'x');
	if (strlen(t->text) < 5)
		loop_timer_set(t->timer[0], 0);
	else {
		loop_timer_free(t->timer[0]); /* its own handle */
		loop_timer_free(t->timer[1]); /* one that is due too */
		loop_stop(t->loop, 1);
	}
}

static void
test_timer_again_and_free(void **state)
{
	struct run *r = *state;
	struct trace t = {.loop = r->loop};
	struct step never = {&t, '!', 0};

	assert_int_equal(loop_timer_new(r->loop, on_again, &t, &t.timer[0]), 0);
	assert_int_equal(loop_timer_new(r->loop, on_step, &never, &t.timer[1]), 0);
	loop_timer_set(t.timer[0], 0);
	assert_int_equal(loop_run(r->loop), 1);
	assert_string_equal(t.text, "xxxxx");
	loop_timer_free(NULL);
}

static void
test_fixed_clock(void **state)
{
	struct run *r = *state;
	struct trace t = {.loop = r->loop};
	struct step a = {&t, 'a', 3};
	uint64_t mono = 1000;
	int64_t wall = 86400000;

	loop_timer_set(r->deadline, -1);
	clock_override(&mono, &wall);
	assert_true(clock_mono_ns() == 1000 && clock_wall_ms() == 86400000);
	assert_int_equal(loop_timer_new(r->loop, on_step, &a, &t.timer[0]), 0);
	loop_timer_set(t.timer[0], 3600000);
	mono += 3600000ull * 1000000u; /* an hour passes */
	assert_int_equal(loop_run(r->loop), 3);
	clock_override(NULL, NULL);
	assert_true(clock_wall_ms() > 86400000);
}

static void
defer_more(void *arg)
{
	struct step *s = arg;

	note(s->trace, s->letter);
	if (s->letter < 'f') {
		s->letter++;
		loop_defer(s->trace->loop, defer_more, s);
	} else
		loop_stop(s->trace->loop, 1);
}

static void
test_defer(void **state)
{
	struct run *r = *state;
	struct trace t = {.loop = r->loop};
	struct step a = {&t, 'a', 0}, z = {&t, 'z', 0};

	loop_defer(r->loop, defer_more, &a);
	loop_defer(r->loop, on_step, &z);
	assert_int_equal(loop_run(r->loop), 1);
	assert_string_equal(t.text, "azbcdef");
	loop_defer(r->loop, on_step, &z); /* never run: freed with the loop */
}

struct twins {
	struct loop *loop;
	struct loop_io *io[2];
	unsigned calls;
};

/* Both are readable; whichever comes first removes both. */
static void
on_twin(void *arg, uint32_t events)
{
	struct twins *t = arg;

	assert_true(events & EPOLLIN);
	t->calls++;
	loop_remove(t->io[0]);
	loop_remove(t->io[1]);
	loop_remove(t->io[1]);
}

static void
stop_soon(void *arg)
{
	loop_stop(arg, 1);
}

static void
test_remove_in_callback(void **state)
{
	struct run *r = *state;
	struct twins t = {.loop = r->loop};
	struct loop_timer *stop;
	int a[2], b[2];

	assert_int_equal(pipe(a) | pipe(b), 0);
	assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
	assert_int_equal(loop_add(r->loop, a[0], EPOLLIN, on_twin, &t, &t.io[0]), 0);
	assert_int_equal(loop_add(r->loop, b[0], EPOLLIN, on_twin, &t, &t.io[1]), 0);
	assert_int_equal(loop_timer_new(r->loop, stop_soon, r->loop, &stop), 0);
	loop_timer_set(stop, 20);
	assert_int_equal(loop_run(r->loop), 1);
	assert_int_equal(t.calls, 1);
	assert_int_equal(loop_add(r->loop, -1, EPOLLIN, on_twin, &t, &t.io[0]), -EBADF);
	loop_remove(NULL);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

/* ---- channels ---- */

struct end {
	struct loop *loop;
	struct chan *chan;
	unsigned msgs, want, ends, drains;
	int err;
	size_t bytes;
	bool stop_at_drain, free_in_msg, free_in_end, free_in_drain, pause_in_msg;
	int refuse; /* what on_msg returns */
};

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct end *e = arg;

	assert_int_equal(type, 7);
	assert_int_equal(id, e->msgs);
	for (size_t i = 0; i < len; i += 997)
		assert_int_equal(body[i], (uint8_t)id);
	e->bytes += len;
	if (++e->msgs == e->want)
		loop_stop(e->loop, 1);
	if (e->pause_in_msg)
		chan_pause(e->chan, true);
	if (e->free_in_msg)
		chan_free(TAKE_PTR(e->chan));
	return e->refuse;
}

static void
on_end(void *arg, int err)
{
	struct end *e = arg;

	e->ends++;
	e->err = err;
	assert_int_equal(chan_send(e->chan, 7, 0, NULL, 0), -EPIPE);
	if (e->free_in_end)
		chan_free(TAKE_PTR(e->chan));
	loop_stop(e->loop, 2);
}

static void
on_drain(void *arg)
{
	struct end *e = arg;

	e->drains++;
	assert_int_equal(chan_queued(e->chan), 0);
	if (e->free_in_drain)
		chan_free(TAKE_PTR(e->chan));
	if (e->stop_at_drain)
		loop_stop(e->loop, 3);
}

static const struct chan_ops ops = {on_msg, on_end, on_drain};

/* One end is the channel's, the other a plain descriptor. */
static int
start(struct run *r, struct end *e)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	e->loop = r->loop;
	assert_int_equal(chan_new(r->loop, pair[0], BODY_MAX, &ops, e, &e->chan), 0);
	assert_int_equal(chan_fd(e->chan), pair[0]);
	return pair[1];
}

static void
frame(struct buf *b, uint32_t id, size_t len)
{
	uint8_t *body;

	buf_put_u32(b, (uint32_t)len);
	buf_put_u16(b, 7);
	buf_put_u16(b, 0);
	buf_put_u32(b, id);
	body = buf_room(b, len);
	assert_non_null(body);
	memset(body, (int)id, len);
	b->len += len;
}

static void
test_chan_both_ways(void **state)
{
	struct run *r = *state;
	struct end a = {.want = 1000}, b = {.want = 1000};
	static uint8_t body[BODY_MAX];
	size_t sent = 0;

	int fd = start(r, &a);
	b.loop = r->loop;
	assert_int_equal(chan_new(r->loop, fd, BODY_MAX, &ops, &b, &b.chan), 0);
	for (unsigned i = 0; i < 1000; i++) {
		size_t len = i % 100 == 99 ? BODY_MAX : i;

		memset(body, (int)i, len);
		assert_int_equal(chan_send(a.chan, 7, i, body, len), 0);
		assert_int_equal(chan_send(b.chan, 7, i, body, len), 0);
		sent += len;
	}
	assert_true(chan_queued(a.chan) > 0);
	while (a.msgs < 1000 || b.msgs < 1000)
		assert_int_equal(loop_run(r->loop), 1);
	assert_true(a.bytes == sent && b.bytes == sent);
	assert_true(a.drains > 0 && chan_queued(a.chan) == 0);
	chan_free(a.chan);
	assert_int_equal(loop_run(r->loop), 2);
	assert_int_equal(b.err, 0);
	chan_free(b.chan);
	chan_free(NULL);
}

struct feed {
	const struct buf *b;
	size_t off;
	int fd;
	struct loop_timer *next;
};

static void
feed_one(void *arg)
{
	struct feed *f = arg;

	assert_int_equal(write(f->fd, f->b->p + f->off, 1), 1);
	if (++f->off < f->b->len)
		loop_timer_set(f->next, 0);
}

static void
test_chan_byte_by_byte(void **state)
{
	struct run *r = *state;
	struct end e = {.want = 4};
	cleanup_buf struct buf b = {0};
	int fd = start(r, &e);
	struct feed f = {.b = &b, .fd = fd};

	for (unsigned i = 0; i < 4; i++)
		frame(&b, i, i * i * 50);
	assert_int_equal(loop_timer_new(r->loop, feed_one, &f, &f.next), 0);
	loop_timer_set(f.next, 0);
	assert_int_equal(loop_run(r->loop), 1);
	assert_int_equal(f.off, b.len);
	assert_int_equal(e.bytes, 14 * 50);
	chan_free(e.chan);
	close(fd);
}

static void
test_chan_bad_frames(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int err;
	} row[] = {
	    {"\x00\x01\x86\xa1\x00\x07\x00\x00\x00\x00\x00\x00", 12, -EMSGSIZE}, /* BODY_MAX + 1 */
	    {"\xff\xff\xff\xff\x00\x07\x00\x00\x00\x00\x00\x00", 12, -EMSGSIZE},
	    {"\x00\x00\x00\x00\x00\x07\x00\x01\x00\x00\x00\x00", 12, -EBADMSG},
	    {"\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00", 11, -EPROTO},
	    {"\x00\x00\x00\x01\x00\x07\x00\x00\x00\x00\x00\x00", 12, -EPROTO},
	    {"", 0, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct end e = {.free_in_end = i % 2};
		int fd = start(*state, &e);

		assert_int_equal(write(fd, row[i].bytes, row[i].len), row[i].len);
		close(fd);
		assert_int_equal(loop_run(e.loop), 2);
		assert_int_equal(e.err, row[i].err);
		assert_int_equal(e.ends, 1);
		assert_int_equal(e.msgs, 0);
		chan_free(e.chan);
	}
}

static void
test_chan_refused_by_receiver(void **state)
{
	struct end e = {.refuse = -EACCES};
	cleanup_buf struct buf b = {0};
	int fd = start(*state, &e);

	frame(&b, 0, 5);
	frame(&b, 1, 5);
	assert_int_equal(write(fd, b.p, b.len), b.len);
	assert_int_equal(loop_run(e.loop), 2);
	assert_int_equal(e.err, -EACCES);
	assert_int_equal(e.msgs, 1);
	chan_free(e.chan);
	close(fd);
}

static void
test_chan_free_in_callback(void **state)
{
	struct run *r = *state;
	struct loop_timer *stop;
	cleanup_buf struct buf b = {0};
	struct end m = {.free_in_msg = true, .want = 1}, d = {.free_in_drain = true, .stop_at_drain = true};
	static uint8_t body[BODY_MAX];
	int fd = start(r, &m);

	frame(&b, 0, 10);
	frame(&b, 1, 10);
	assert_int_equal(write(fd, b.p, b.len), b.len);
	assert_int_equal(loop_run(r->loop), 1);
	assert_int_equal(loop_timer_new(r->loop, stop_soon, r->loop, &stop), 0);
	loop_timer_set(stop, 10);
	assert_int_equal(loop_run(r->loop), 1);
	assert_true(m.msgs == 1 && m.ends == 0);
	close(fd);

	fd = start(r, &d);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(chan_send(d.chan, 7, i, body, sizeof body), 0);
	while (chan_queued(d.chan) > 0) { /* the socket's buffer is larger than one read */
		uint8_t in[65536];

		assert_true(read(fd, in, sizeof in) > 0);
		loop_timer_set(stop, 0);
		if (loop_run(r->loop) == 3)
			break;
	}
	assert_null(d.chan);
	assert_int_equal(d.drains, 1);
	close(fd);
}

/* A peer that never reads: the queue grows by what is sent and nothing else, sending stays
 * linear, and its end is noticed although nothing is ever read from it. */
static void
test_chan_peer_never_reads(void **state)
{
	struct end e = {0};
	static uint8_t body[1000];
	int fd = start(*state, &e);
	size_t n = 60000;

	chan_pause(e.chan, true);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(chan_send(e.chan, 7, i, body, sizeof body), 0);
	assert_true(chan_queued(e.chan) > n * 1012 - (8u << 20) && chan_queued(e.chan) <= n * 1012);
	close(fd);
	assert_int_equal(loop_run(e.loop), 2);
	assert_true(e.err < 0 || e.err == 0);
	assert_int_equal(e.ends, 1);
	assert_int_equal(e.drains, 0);
	assert_int_equal(chan_queued(e.chan), 0);
	chan_free(e.chan);
}

static uint64_t
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* What was sent before a pause ends is delivered whole and in order, also when the peer
 * has gone in the meantime; while paused the peer's end keeps nobody busy. */
static void
test_chan_pause(void **state)
{
	struct run *r = *state;
	struct end e = {.pause_in_msg = true, .want = 1};
	cleanup_buf struct buf b = {0};
	struct loop_timer *stop;
	int fd = start(r, &e);
	uint64_t cpu;

	for (unsigned i = 0; i < 3; i++)
		frame(&b, i, 100);
	assert_int_equal(write(fd, b.p, b.len), b.len);
	close(fd);
	assert_int_equal(loop_run(r->loop), 1);
	assert_int_equal(loop_timer_new(r->loop, stop_soon, r->loop, &stop), 0);
	loop_timer_set(stop, 40);
	cpu = cpu_ms();
	assert_int_equal(loop_run(r->loop), 1);
	assert_true(e.msgs == 1 && e.ends == 0);
	assert_true(cpu_ms() - cpu < 10);

	e.want = 2;
	chan_pause(e.chan, false);
	assert_int_equal(e.msgs, 1); /* not from within chan_pause */
	assert_int_equal(loop_run(r->loop), 1);
	assert_int_equal(e.msgs, 2);
	e.pause_in_msg = false;
	e.want = 0;
	chan_pause(e.chan, false);
	assert_int_equal(loop_run(r->loop), 2);
	assert_true(e.msgs == 3 && e.err == 0);
	chan_free(e.chan);
}

static ssize_t
there(int fd)
{
	char buf[4096];

	return recv(fd, buf, sizeof buf, MSG_DONTWAIT | MSG_PEEK);
}

/* Held messages go together when the channel is let go, and what was queued goes before a free. */
static void
test_chan_hold(void **state)
{
	struct run *r = *state;
	struct end e = {0};
	int fd = start(r, &e);

	chan_hold(e.chan, true);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(chan_send(e.chan, 7, i, "x", 1), 0);
	assert_int_equal(there(fd), -1);
	assert_int_equal(chan_queued(e.chan), 3 * (CHAN_HEADER + 1));
	chan_hold(e.chan, false);
	assert_int_equal(there(fd), 3 * (CHAN_HEADER + 1));
	assert_int_equal(chan_queued(e.chan), 0);
	assert_int_equal(chan_send(e.chan, 7, 3, "x", 1), 0);
	assert_int_equal(there(fd), 4 * (CHAN_HEADER + 1));
	chan_hold(e.chan, true);
	assert_int_equal(chan_send(e.chan, 7, 4, "x", 1), 0);
	chan_free(e.chan);
	assert_int_equal(there(fd), 5 * (CHAN_HEADER + 1));
	close(fd);
}

/* Freed between a resume and its delivery. */
static void
test_chan_free_while_resuming(void **state)
{
	struct run *r = *state;
	struct end e = {.pause_in_msg = true, .want = 1};
	cleanup_buf struct buf b = {0};
	struct loop_timer *stop;
	int fd = start(r, &e);

	frame(&b, 0, 10);
	frame(&b, 1, 10);
	assert_int_equal(write(fd, b.p, b.len), b.len);
	assert_int_equal(loop_run(r->loop), 1);
	chan_pause(e.chan, false);
	chan_free(TAKE_PTR(e.chan));
	assert_int_equal(loop_timer_new(r->loop, stop_soon, r->loop, &stop), 0);
	loop_timer_set(stop, 10);
	assert_int_equal(loop_run(r->loop), 1);
	assert_true(e.msgs == 1 && e.ends == 0);
	close(fd);
}

static void
test_chan_new_takes_fd(void **state)
{
	struct run *r = *state;
	struct chan *c = NULL;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* epoll refuses it */

	assert_int_equal(chan_new(r->loop, fd, BODY_MAX, &ops, NULL, &c), -EPERM);
	assert_null(c);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void
test_chan_sync(void **state)
{
	cleanup_buf struct buf body = {0};
	static const uint8_t oversize[] = {0, 0, 0, 11, 0, 7, 0, 0, 0, 0, 0, 0};
	uint16_t type = 1;
	uint32_t id = 2;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(chan_write_sync(pair[0], 9, 77, "hello", 5), 0);
	assert_int_equal(chan_write_sync(pair[0], 10, 78, NULL, 0), 0);
	assert_int_equal(chan_read_sync(pair[1], 5, &type, &id, &body), 0);
	assert_true(type == 9 && id == 77 && body.len == 5 && memcmp(body.p, "hello", 5) == 0);
	assert_int_equal(chan_read_sync(pair[1], 5, &type, &id, &body), 0);
	assert_true(type == 10 && id == 78 && body.len == 0);
	assert_int_equal(write(pair[0], oversize, sizeof oversize), sizeof oversize);
	assert_int_equal(chan_read_sync(pair[1], 10, &type, &id, &body), -EMSGSIZE);
	assert_true(type == 10 && id == 78);
	close(pair[0]);
	assert_int_equal(chan_read_sync(pair[1], 10, &type, &id, &body), -ECONNRESET);
	assert_int_equal(chan_write_sync(pair[1], 9, 77, "hello", 5), -EPIPE);
	close(pair[1]);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- clocks ---- */

static void
test_boot_at_fixed(void **state)
{
	const uint64_t boot = 5000000000;
	const int64_t wall = 1795000000000;
	static const struct {
		int64_t wall_ms;
		uint64_t at;
	} rows[] = {
	    {1795000000000, 5000000000},
	    {1795000000001, 5001000000},
	    {1794999999999, 4999000000},
	    {1794999995000, 1},
	    {1794999994000, 1},
	    {0, 1},
	    {INT64_MIN, 1},
	    {INT64_MAX, INT64_MAX},
	    {INT64_MAX / 1000000, INT64_MAX / 1000000 * 1000000 - 1795000000000 * 1000000 + 5000000000},
	};

	(void)state;
	clock_override(&boot, &wall);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(clock_boot_at(rows[i].wall_ms, CLOCK_NOT_AFTER) == rows[i].at);
		assert_true(clock_boot_at(rows[i].wall_ms, CLOCK_NOT_BEFORE) == rows[i].at);
	}
	clock_override(NULL, NULL);
}

/* By the real clocks: an end is never later than the wall's clock shows it, a start never earlier. */
static void
test_boot_at(void **state)
{
	const int64_t target_ms = clock_wall_ms() + 3600000;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct timespec wall, boot;

		clock_gettime(CLOCK_REALTIME, &wall);
		clock_gettime(CLOCK_BOOTTIME, &boot);
		/* later than the boot clock was at that time of the wall's, by what it took to look at both */
		int64_t late = (int64_t)boot.tv_sec * 1000000000 + boot.tv_nsec + target_ms * 1000000 -
			       (int64_t)wall.tv_sec * 1000000000 - wall.tv_nsec;
		assert_true((int64_t)clock_boot_at(target_ms, CLOCK_NOT_AFTER) <= late);

		clock_gettime(CLOCK_BOOTTIME, &boot);
		clock_gettime(CLOCK_REALTIME, &wall);
		int64_t soon = (int64_t)boot.tv_sec * 1000000000 + boot.tv_nsec + target_ms * 1000000 -
			       (int64_t)wall.tv_sec * 1000000000 - wall.tv_nsec;
		assert_true((int64_t)clock_boot_at(target_ms, CLOCK_NOT_BEFORE) >= soon);
	}
}

/* ---- descriptors ---- */

static void
test_fd_passed(void **state)
{
	int pair[2], pipe_fds[2], got;
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(chan_fd_send(pair[0], pipe_fds[1]), 0);
	close(pipe_fds[1]);
	assert_int_equal(chan_fd_recv(pair[1], &got), 0);
	assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	/* A byte without one; and the end. */
	assert_int_equal(write(pair[0], "x", 1), 1);
	assert_int_equal(chan_fd_recv(pair[1], &got), -EBADMSG);
	close(pair[0]);
	assert_int_equal(chan_fd_recv(pair[1], &got), -EBADMSG);
	assert_int_equal(chan_fd_send(pair[1], got), -EPIPE);
	close(pair[1]);
	close(pipe_fds[0]);
	close(got);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    LOOP_TEST(test_timer_order),
	    LOOP_TEST(test_timer_again_and_free),
	    LOOP_TEST(test_fixed_clock),
	    LOOP_TEST(test_defer),
	    LOOP_TEST(test_remove_in_callback),
	    LOOP_TEST(test_chan_both_ways),
	    LOOP_TEST(test_chan_byte_by_byte),
	    LOOP_TEST(test_chan_bad_frames),
	    LOOP_TEST(test_chan_refused_by_receiver),
	    LOOP_TEST(test_chan_free_in_callback),
	    LOOP_TEST(test_chan_peer_never_reads),
	    LOOP_TEST(test_chan_pause),
	    LOOP_TEST(test_chan_hold),
	    LOOP_TEST(test_chan_free_while_resuming),
	    LOOP_TEST(test_chan_new_takes_fd),
	    cmocka_unit_test(test_chan_sync),
	    cmocka_unit_test(test_fd_passed),
	    cmocka_unit_test(test_boot_at_fixed),
	    cmocka_unit_test(test_boot_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
