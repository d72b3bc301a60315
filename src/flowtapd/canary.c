/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that sends the self-test's packets and receives their copies, both at one
 * end of the test device.  The packet socket it has for that could send anywhere in the
 * router's network: so it does nothing else, reads nothing but a number from the engine,
 * and compares what it receives with what it expects.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon.h"
#include "log.h"
#include "role.h"
#include "sandbox.h"
#include "selftest.h"

#define AT_ONCE 64 /* packets, so that the timer has its turn whatever others send */

struct canary {
	struct loop *loop;
	struct chan *parent, *engine;
	struct loop_timer *timer;
	struct loop_io *io; /* nobody listens between tests */
	bool running;
	uint32_t test; /* as the engine called it */
	struct buf frame[SELFTEST_PACKETS];
	bool arrived[SELFTEST_PACKETS];
	struct ipc_canary result;
};

static void
done(struct canary *c)
{
	cleanup_buf struct buf b = {0};

	c->running = false;
	loop_timer_set(c->timer, -1);
	(void)loop_set(c->io, 0);
	ipc_canary_put(&b, &c->result);
	if (b.err || chan_send(c->engine, IPC_T_DONE, c->test, b.p, b.len) < 0)
		loop_stop(c->loop, 1);
}

/* Anybody can send to the device; that is nothing to us. */
static void
take(struct canary *c, const uint8_t *p, size_t len)
{
	enum selftest_kind kind = SELFTEST_OTHER;
	unsigned i = 0;

	while (i < SELFTEST_PACKETS && (kind = selftest_kind(&c->frame[i], p, len)) == SELFTEST_OTHER)
		i++;
	if (kind == SELFTEST_BARE)
		c->result.bare++;
	else if (kind == SELFTEST_WRONG || (kind == SELFTEST_COPY && c->arrived[i]))
		c->result.wrong++;
	else if (kind == SELFTEST_COPY) {
		c->arrived[i] = true;
		c->result.received++;
	}
}

static void
socket_cb(void *arg, uint32_t events)
{
	struct canary *c = arg;
	uint8_t p[2048];
	ssize_t n;

	(void)events;
	for (unsigned i = 0; i < AT_ONCE && (n = recv(DAEMON_FD_CANARY_SOCKET, p, sizeof p, MSG_DONTWAIT)) > 0; i++)
		if (c->running)
			take(c, p, (size_t)n);
	if (c->running && c->result.received == SELFTEST_PACKETS)
		done(c);
}

static void
timer_cb(void *arg)
{
	done(arg);
}

/* What others have sent since the last test. */
static void
drain(void)
{
	uint8_t p[1];

	for (unsigned i = 0; i < 65536 && recv(DAEMON_FD_CANARY_SOCKET, p, sizeof p, MSG_DONTWAIT) > 0; i++)
		continue;
}

static void
begin(struct canary *c, uint64_t nonce)
{
	drain();
	c->running = loop_set(c->io, EPOLLIN) == 0;
	c->result = (struct ipc_canary){0};
	memset(c->arrived, 0, sizeof c->arrived);
	loop_timer_set(c->timer, SELFTEST_WAIT_MS);
	for (unsigned i = 0; i < SELFTEST_PACKETS; i++) {
		struct buf *f = &c->frame[i];

		buf_reset(f);
		selftest_frame(f, i, nonce);
		if (f->err == 0 &&
		    send(DAEMON_FD_CANARY_SOCKET, f->p, f->len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)f->len)
			c->result.sent++;
		else
			c->result.error = (uint32_t)(f->err ? -f->err : errno);
	}
	if (c->result.sent == 0)
		done(c);
}

static int
engine_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct canary *c = arg;
	struct rd r = rd_init(body, len);
	uint64_t nonce = rd_u64(&r);

	if (type != IPC_T_BEGIN || rd_end(&r) < 0)
		return -EPROTO;
	/* One that is under way has no one waiting for it any more. */
	c->test = id;
	begin(c, nonce);
	return 0;
}

static int
parent_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct canary *c = arg;

	(void)id;
	(void)body;
	(void)len;
	if (type == IPC_P_STOP)
		loop_stop(c->loop, 0);
	return 0;
}

static void
on_end(void *arg, int err)
{
	struct canary *c = arg;

	daemon_chan_end(err);
	loop_stop(c->loop, 1);
}

static const struct chan_ops parent_ops = {.on_msg = parent_on_msg, .on_end = on_end};
static const struct chan_ops engine_ops = {.on_msg = engine_on_msg, .on_end = on_end};

int
canary_run(int verbose)
{
	static struct canary c;
	int r;

	log_init("flowtapd: canary", verbose);
	if ((r = sandbox_basics()) < 0 || (r = loop_new(&c.loop)) < 0 || (r = role_confine_canary()) < 0 ||
	    (r = chan_new(c.loop, DAEMON_FD_PARENT, 64, &parent_ops, &c, &c.parent)) < 0 ||
	    (r = chan_new(c.loop, DAEMON_FD_PEER, 64, &engine_ops, &c, &c.engine)) < 0 ||
	    (r = loop_timer_new(c.loop, timer_cb, &c, &c.timer)) < 0 ||
	    (r = loop_add(c.loop, DAEMON_FD_CANARY_SOCKET, 0, socket_cb, &c, &c.io)) < 0)
		fatal(r, "cannot start");
	r = loop_run(c.loop);
	return r < 0 ? 1 : r;
}
