/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that metrics are read from: over a Unix socket and, if configured, over
 * TCP.  It is the only one of ours that reads HTTP, and it knows nothing: for each
 * scrape it asks the engine, whose text it passes on.  If it dies, nothing else does.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "clock.h"
#include "daemon.h"
#include "ipc_parts.h"
#include "log.h"
#include "metrics_http.h"
#include "role.h"
#include "sandbox.h"

#define CLIENTS_MAX 16
#define CLIENT_NS 10000000000ull /* a connection lasts no longer */
#define SWEEP_MS 1000

struct client {
	TAILQ_ENTRY(client) entry;
	struct metrics *metrics;
	int fd;
	struct loop_io *io;
	uint64_t end_ns;
	bool waiting, head; /* waiting: for the engine */
	bool answered;
	char in[METRICS_HTTP_MAX];
	size_t n, sent;
	struct buf out;
};

struct metrics {
	struct loop *loop;
	struct chan *parent, *engine;
	struct loop_timer *sweep;
	TAILQ_HEAD(, client) clients;
	unsigned nclients;
	bool asked;      /* the engine owes an answer */
	struct buf kept; /* of it: the beginning */
	struct listener {
		struct metrics *metrics;
		int fd;
	} listener[2];
};

static void
client_free(struct client *c)
{
	TAILQ_REMOVE(&c->metrics->clients, c, entry);
	c->metrics->nclients--;
	loop_remove(c->io);
	close(c->fd);
	buf_free(&c->out);
	free(c);
}

static void
client_write(struct client *c)
{
	ssize_t n = send(c->fd, c->out.p + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_free(c);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	c->answered = c->sent == c->out.len;
	if (c->answered)
		(void)shutdown(c->fd, SHUT_WR);
	(void)loop_set(c->io, c->answered ? EPOLLIN : EPOLLOUT);
}

static void
client_answer(struct client *c, int status, struct slice body)
{
	c->waiting = false;
	metrics_http_answer(&c->out, status, body, c->head);
	if (c->out.err)
		client_free(c);
	else
		client_write(c);
}

/* One question at a time: who comes meanwhile gets the same answer. */
static void
engine_ask(struct client *c)
{
	struct metrics *m = c->metrics;

	c->waiting = true;
	(void)loop_set(c->io, 0);
	if (!m->asked && chan_send(m->engine, IPC_M_ASK, 0, NULL, 0) == 0)
		m->asked = true;
}

static void
client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->n, sizeof c->in - c->n, MSG_DONTWAIT);
	int status;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	c->n += (size_t)n;
	if ((status = metrics_http_parse(c->in, c->n, &c->head)) == 200)
		engine_ask(c);
	else if (status != 0)
		client_answer(c, status, (struct slice){"", 0});
}

/* Closing while there is something to read would take back the answer. */
static void
client_drain(struct client *c)
{
	ssize_t n = recv(c->fd, c->in, sizeof c->in, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		client_free(c);
}

static void
client_cb(void *arg, uint32_t events)
{
	struct client *c = arg;

	if (c->answered)
		client_drain(c);
	else if (c->out.len > 0)
		client_write(c);
	else if (c->waiting && events & (EPOLLHUP | EPOLLERR))
		client_free(c);
	else if (!c->waiting)
		client_read(c);
}

static void
accept_cb(void *arg, uint32_t events)
{
	const struct listener *l = arg;
	struct metrics *m = l->metrics;
	struct client *c;
	int fd;

	(void)events;
	while ((fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		c = m->nclients < CLIENTS_MAX ? calloc(1, sizeof *c) : NULL;
		if (c == NULL || loop_add(m->loop, fd, EPOLLIN, client_cb, c, &c->io) < 0) {
			close(fd);
			free(c);
			continue;
		}
		c->metrics = m;
		c->fd = fd;
		c->end_ns = clock_mono_ns() + CLIENT_NS;
		TAILQ_INSERT_TAIL(&m->clients, c, entry);
		m->nclients++;
	}
}

static void
sweep_cb(void *arg)
{
	struct metrics *m = arg;
	uint64_t now = clock_mono_ns();
	struct client *c, *next;

	for (c = TAILQ_FIRST(&m->clients); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (now >= c->end_ns)
			client_free(c);
	}
	loop_timer_set(m->sweep, SWEEP_MS);
}

/* ---- the engine and the parent ---- */

/* Nothing: the data plane gave no figures. */
static int
engine_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct metrics *m = arg;
	struct client *c, *next;
	struct slice text;
	int r;

	(void)id;
	if (type == IPC_M_PART)
		return ipc_parts_keep(&m->kept, body, len);
	if (type != IPC_M_TEXT)
		return -EPROTO;
	if ((r = ipc_parts_end(&m->kept, body, len, &text)) < 0)
		return r;
	m->asked = false;
	for (c = TAILQ_FIRST(&m->clients); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->waiting)
			client_answer(c, text.len > 0 ? 200 : 503, text);
	}
	buf_free(&m->kept);
	return 0;
}

static int
parent_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct metrics *m = arg;

	(void)id;
	(void)body;
	(void)len;
	if (type == IPC_P_STOP)
		loop_stop(m->loop, 0);
	return 0;
}

static void
on_end(void *arg, int err)
{
	struct metrics *m = arg;

	daemon_chan_end(err);
	loop_stop(m->loop, 1);
}

static const struct chan_ops parent_ops = {.on_msg = parent_on_msg, .on_end = on_end};
static const struct chan_ops engine_ops = {.on_msg = engine_on_msg, .on_end = on_end};

static int
metrics_start(struct metrics *m)
{
	struct loop_io *io;
	int n = fcntl(DAEMON_FD_METRICS_TCP, F_GETFD) < 0 ? 1 : 2, r = loop_new(&m->loop);

	if (r < 0 || (r = role_confine_metrics()) < 0 ||
	    (r = chan_new(m->loop, DAEMON_FD_PARENT, DAEMON_CHAN_SHORT, &parent_ops, m, &m->parent)) < 0 ||
	    (r = chan_new(m->loop, DAEMON_FD_PEER, IPC_BODY_MAX, &engine_ops, m, &m->engine)) < 0 ||
	    (r = loop_timer_new(m->loop, sweep_cb, m, &m->sweep)) < 0)
		return r;
	loop_timer_set(m->sweep, SWEEP_MS);
	for (int i = 0; i < n; i++) {
		m->listener[i] = (struct listener){m, DAEMON_FD_METRICS_UNIX + i};
		if ((r = loop_add(m->loop, m->listener[i].fd, EPOLLIN, accept_cb, &m->listener[i], &io)) < 0)
			return r;
	}
	return 0;
}

int
metrics_run(int verbose)
{
	struct metrics m = {0};
	int r;

	log_init("flowtapd: metrics", verbose);
	TAILQ_INIT(&m.clients);
	if ((r = sandbox_basics()) < 0 || (r = metrics_start(&m)) < 0)
		fatal(r, "cannot start");
	r = loop_run(m.loop);
	return r < 0 ? 1 : r;
}
