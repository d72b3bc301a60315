/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow control of channels, over orders of what can happen to one: messages below and above the mark, from outside,
 * from within callbacks, held; a peer that reads a little, all or nothing; pauses; either end closed.
 *
 * After each order the peer reads what is left.  Then, unless an end was closed:
 *  1. every message was delivered once, whole, in order;
 *  2. on_drain was called once for each time that a send left the channel full, and never else;
 *  3. who waited for on_drain was woken: nothing that was to be sent is left.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "chan.h"

#define MARK 3000
#define SMALL 200
#define LARGE 20000 /* more than the mark, and than the smallest buffer of a socket */
#define MESSAGES_MAX 4096
#define QUIET_ROUNDS 3
#define ROUNDS_MAX 100000

struct world {
	struct loop *loop;
	struct chan *chan;
	int peer; /* -1: closed */
	const char *order;
	/* what was queued */
	size_t len[MESSAGES_MAX];
	uint32_t sent;
	bool owed;        /* a send left it full, and on_drain was not called since */
	unsigned to_send; /* messages that wait until it is not full */
	bool held, paused, in_loop, gone;
	unsigned ends;
	/* what the peer has read */
	struct buf in;
	uint32_t got;
	size_t bytes;
	uint32_t asked; /* frames that the peer wrote, and that came */
	uint32_t came;
};

#define CHECK(w, what)                                                                                                 \
	do {                                                                                                           \
		const bool is = (what);                                                                                \
                                                                                                                       \
		if (!is)                                                                                               \
			print_error("order %s: not so: " #what "\n", (w)->order);                                      \
		assert_true(is);                                                                                       \
	} while (0)

static void
send_one(struct world *w, size_t len)
{
	static uint8_t body[LARGE];

	if (w->gone || w->sent == MESSAGES_MAX)
		return;
	memset(body, (int)(w->sent & 0xff), len);
	if (chan_send(w->chan, 7, w->sent, body, len) < 0)
		return; /* the peer has gone: on_end follows */
	w->len[w->sent++] = len;
	w->owed |= chan_is_full(w->chan);
}

/* As a listing or an export does it. */
static void
produce(struct world *w)
{
	while (!w->gone && w->to_send > 0 && !chan_is_full(w->chan)) {
		w->to_send--;
		send_one(w, w->to_send % 3 ? SMALL : LARGE);
	}
}

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct world *w = arg;

	CHECK(w, w->in_loop && type == 8 && id == w->came && len == 1);
	w->came++;
	switch (*body) {
	case 's':
		send_one(w, SMALL);
		break;
	case 'l':
		send_one(w, LARGE);
		break;
	case 'f':
		chan_free(TAKE_PTR(w->chan));
		w->gone = true;
		break;
	default:
		w->to_send += 5;
		produce(w);
	}
	return 0;
}

static void
on_end(void *arg, int err)
{
	struct world *w = arg;

	(void)err;
	CHECK(w, w->in_loop && !w->gone && w->ends == 0);
	w->ends++;
	w->gone = true;
}

static void
on_drain(void *arg)
{
	struct world *w = arg;

	CHECK(w, w->in_loop && !w->gone && w->owed && !chan_is_full(w->chan));
	w->owed = false;
	produce(w);
}

static const struct chan_ops ops = {.on_msg = on_msg, .on_end = on_end, .on_drain = on_drain, .mark = MARK};

static void
stop(void *arg)
{
	loop_stop(arg, 1);
}

static void
round_run(struct world *w)
{
	w->in_loop = true;
	loop_defer(w->loop, stop, w->loop);
	CHECK(w, loop_run(w->loop) == 1);
	w->in_loop = false;
}

/* Whole frames that the peer has: the next messages, as they were sent. */
static void
frames_check(struct world *w)
{
	size_t at = 0;

	while (w->in.len - at >= CHAN_HEADER) {
		struct rd r = rd_init(w->in.p + at, w->in.len - at);
		const uint32_t len = rd_u32(&r);

		CHECK(w, rd_u16(&r) == 7 && rd_u16(&r) == 0 && rd_u32(&r) == w->got && w->got < w->sent);
		CHECK(w, len == w->len[w->got]);
		if (w->in.len - at < CHAN_HEADER + (size_t)len)
			break;
		CHECK(w, r.p[0] == (w->got & 0xff) && r.p[len - 1] == (w->got & 0xff));
		w->got++;
		at += CHAN_HEADER + (size_t)len;
	}
	buf_drop(&w->in, at);
}

static size_t
peer_read(struct world *w, size_t most)
{
	uint8_t *room = buf_room(&w->in, most);
	ssize_t n = w->peer < 0 ? -1 : recv(w->peer, room, most, MSG_DONTWAIT);

	assert_non_null(room);
	if (n <= 0)
		return 0;
	w->in.len += (size_t)n;
	w->bytes += (size_t)n;
	frames_check(w);
	return (size_t)n;
}

static void
peer_ask(struct world *w, char what)
{
	cleanup_buf struct buf b = {0};

	if (w->peer < 0)
		return;
	chan_frame_put(&b, 8, w->asked, &what, 1);
	if (send(w->peer, b.p, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.len)
		w->asked++;
}

static void
hold_set(struct world *w, bool hold)
{
	if (w->gone || w->held == hold)
		return;
	w->held = hold;
	chan_hold(w->chan, hold);
}

/* Every letter of an order, beside the loop's round between any two. */
static void
step(struct world *w, char what)
{
	switch (what) {
	case 's':
		send_one(w, SMALL);
		break;
	case 'l':
		send_one(w, LARGE);
		break;
	case 'w': /* more than goes at once */
		w->to_send += 7;
		produce(w);
		break;
	case 'S':
	case 'L':
	case 'W':
	case 'F':
		peer_ask(w, (char)(what | 0x20));
		break;
	case 'h':
		hold_set(w, !w->held);
		break;
	case 'p':
		w->paused = !w->paused;
		if (!w->gone)
			chan_pause(w->chan, w->paused);
		break;
	case 'r':
		peer_read(w, 1500);
		break;
	case 'R':
		while (peer_read(w, 65536) > 0)
			;
		break;
	case 'c':
		if (w->peer >= 0)
			close(TAKE_FD(w->peer));
		break;
	case 't':
		round_run(w);
		break;
	default:
		fail_msg("no such step: %c", what);
	}
}

static void
settle(struct world *w)
{
	unsigned quiet = 0;

	hold_set(w, false);
	if (!w->gone && w->paused)
		chan_pause(w->chan, false);
	for (unsigned i = 0; quiet < QUIET_ROUNDS; i++) {
		const size_t before = w->bytes;
		const uint32_t sent = w->sent, came = w->came;

		CHECK(w, i < ROUNDS_MAX);
		step(w, 'R');
		round_run(w);
		quiet = w->bytes == before && w->sent == sent && w->came == came ? quiet + 1 : 0;
	}
}

static void
order_run(const char *order, int room)
{
	struct world w = {.order = order};
	bool closed;
	int pair[2];

	assert_int_equal(loop_new(&w.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
	w.peer = pair[1];
	assert_int_equal(chan_new(w.loop, pair[0], 64, &ops, &w, &w.chan), 0);
	for (const char *s = order; *s; s++)
		step(&w, *s);
	closed = w.peer < 0;
	settle(&w);
	if (closed)
		CHECK(&w, w.gone);
	else if (!w.gone) {
		CHECK(&w, chan_queued(w.chan) == 0 && w.came == w.asked);
		CHECK(&w, w.got == w.sent && w.in.len == 0);
		CHECK(&w, !w.owed && (w.to_send == 0 || w.sent == MESSAGES_MAX));
	}
	chan_free(w.chan);
	if (w.peer >= 0)
		close(w.peer);
	buf_free(&w.in);
	loop_free(w.loop);
}

static void
all_orders(const char *steps, unsigned depth, int room)
{
	const unsigned n = (unsigned)strlen(steps);
	char order[16] = {0};
	unsigned long all = 1;

	for (unsigned i = 0; i < depth; i++)
		all *= n;
	for (unsigned long k = 0; k < all; k++) {
		unsigned long v = k;

		for (unsigned i = 0; i < depth; i++, v /= n)
			order[i] = steps[v % n];
		order_run(order, room);
	}
}

/* With so little room that a large message always leaves a rest, and with so much that it never does. */
static void
test_all_orders_of_sending(void **state)
{
	(void)state;
	all_orders("slWhrt", 5, 1);
	all_orders("lwWhRt", 5, 1 << 20);
}

static void
test_all_orders_with_ends(void **state)
{
	(void)state;
	all_orders("lWFcpRt", 4, 1);
	all_orders("LWFcpRt", 4, 1 << 20);
}

/* The order in which the export of the record hung: all of a message above the mark goes at once, when the callback
 * that sent it is over. */
static void
test_large_within_callback(void **state)
{
	(void)state;
	order_run("Wt", 1 << 20);
	order_run("Lt", 1 << 20);
	order_run("hlwh", 1 << 20);
}

static void
test_random_orders(void **state)
{
	static const char steps[] = "slwSLWhprRtttRRt";
	char order[81] = {0};

	(void)state;
	srandom(14);
	for (unsigned i = 0; i < 1500; i++) {
		const size_t len = 20 + (size_t)random() % 60;

		for (size_t k = 0; k < len; k++)
			order[k] = steps[(size_t)random() % (sizeof steps - 1)];
		if (random() % 8 == 0)
			order[(size_t)random() % len] = random() % 2 ? 'c' : 'F';
		order[len] = '\0';
		order_run(order, 1 << random() % 21);
	}
}

/* What the peer would not accept is refused here, and the channel goes on. */
static void
test_body_max(void **state)
{
	static const struct chan_ops short_ops = {.on_msg = on_msg, .on_end = on_end, .body_max = 10};
	struct world w = {.order = "", .len = {10}, .sent = 1};
	int pair[2];

	(void)state;
	assert_int_equal(loop_new(&w.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	w.peer = pair[1];
	assert_int_equal(chan_new(w.loop, pair[0], 64, &short_ops, &w, &w.chan), 0);
	assert_int_equal(chan_send(w.chan, 7, 0, "\0\0\0\0\0\0\0\0\0\0\0", 11), -EMSGSIZE);
	assert_int_equal(chan_send(w.chan, 7, 0, "\0\0\0\0\0\0\0\0\0\0", 10), 0);
	step(&w, 'R');
	assert_true(w.got == 1 && chan_queued(w.chan) == 0);
	chan_free(w.chan);
	close(w.peer);
	buf_free(&w.in);
	loop_free(w.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_large_within_callback),
	    cmocka_unit_test(test_all_orders_of_sending),
	    cmocka_unit_test(test_all_orders_with_ends),
	    cmocka_unit_test(test_random_orders),
	    cmocka_unit_test(test_body_max),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
