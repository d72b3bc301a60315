/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that reads the words of requests once more: a session says what it wants done, and in which words it was
 * asked to; whether these say the same, somebody else has to find out who has nothing to gain.
 *
 * Whoever reads hostile text may be taken over by it, and then has what else it reads.  So each agency's words are read
 * by a process of their own, which has no key, no file and no other agency's words, and can do nothing but answer.
 * This one starts them, and hands questions and answers on without a look at what they say: it ends one that does not
 * answer in time, and what one has left unanswered when it ends could not be read.
 *
 * exports: reader_run */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "daemon.h"
#include "log.h"
#include "role.h"
#include "sandbox.h"
#include "wipe.h"

#define ANSWER_NS 5000000000ull /* from when a question is the first one that waits */
#define IDLE_NS 60000000000ull  /* then nobody is kept to read the agency's words */
#define LOOK_MS 1000
#define WORKER_FD 3

struct question {
	STAILQ_ENTRY(question) entry;
	uint32_t id;
};

struct worker {
	TAILQ_ENTRY(worker) entry;
	struct reader *reader;
	char login[DTCP_NAME_MAX + 1];
	pid_t pid;
	struct chan *chan;                 /* NULL: it has ended, and is freed at the end of this round */
	STAILQ_HEAD(, question) questions; /* in the order in which they were asked */
	uint64_t since_ns; /* since when it has been so: that the first of them waits, or that none does */
};

struct reader {
	struct loop *loop;
	struct chan *parent, *engine;
	TAILQ_HEAD(, worker) workers;
	int null; /* /dev/null: what workers have instead of our log */
	struct loop_timer *timer;
};

/* ---- in a process of an agency's own: hostile text ---- */

/* u32: the code, 0 that it is accepted; then dtcp_req_encode's bytes. */
static void
answer_put(struct buf *out, struct slice words, const char *login)
{
	cleanup_buf struct buf text = {0};
	struct dtcp_result res;
	struct dtcp_req req;

	/* The words come without their digest, which says nothing to us: whoever has them can make it. */
	buf_put(&text, words.p, words.len);
	dtcp_sign(&text, 0, DTCP_KEY_JUNOS);
	res = text.err ? (struct dtcp_result){.code = DTCP_SERVER_ERROR}
		       : dtcp_parse_request(text.p, text.len, DTCP_KEY_JUNOS, login, &req);
	buf_put_u32(out, res.code);
	if (res.code != 0)
		return;
	dtcp_req_encode(&req, out);
	dtcp_req_free(&req);
}

/* One question; nothing of it stays. */
static int
answer_one(void)
{
	cleanup_buf struct buf body = {0}, out = {0};
	char login[DTCP_NAME_MAX + 1];
	struct slice words;
	struct rd r;
	uint16_t type;
	uint32_t id;
	int rc = chan_read_sync(WORKER_FD, IPC_BODY_MAX, &type, &id, &body);

	if (rc < 0)
		return rc;
	r = rd_init(body.p, body.len);
	rd_cstr(&r, login, sizeof login);
	words = rd_slice(&r);
	if (type != IPC_W_READ || rd_end(&r) < 0)
		return -EPROTO;
	answer_put(&out, words, login);
	return out.err ? out.err : chan_write_sync(WORKER_FD, IPC_W_SAYS, id, out.p, out.len);
}

static _Noreturn void
worker_run(int fd, int null)
{
	int r = 0;

	/* In this order: the one it is to become may be null's own number. */
	for (int i = 0; i < WORKER_FD; i++)
		if (dup2(null, i) < 0)
			_exit(1);
	if (dup2(fd, WORKER_FD) < 0 || close_range(WORKER_FD + 1, ~0u, 0) < 0)
		_exit(1);
	(void)sandbox_lock(); /* the one who started us has told if it does not work */
	if (role_confine_reader_worker() < 0)
		_exit(1);
	while (r == 0) {
		r = answer_one();
		wipe_stack();
	}
	_exit(0);
}

/* ---- the process that has it done ---- */

/* The engine hears that the words could not be read. */
static int
question_end(struct worker *w, bool unread)
{
	struct question *q = STAILQ_FIRST(&w->questions);
	cleanup_buf struct buf b = {0};
	int r = 0;

	STAILQ_REMOVE_HEAD(&w->questions, entry);
	w->since_ns = clock_mono_ns();
	if (unread) {
		buf_put_u32(&b, IPC_W_UNREAD);
		r = b.err ? b.err : chan_send(w->reader->engine, IPC_W_SAYS, q->id, b.p, b.len);
	}
	free(q);
	return r;
}

static void
worker_free(struct worker *w)
{
	struct reader *d = w->reader;
	int r = 0;

	chan_free(TAKE_PTR(w->chan));
	(void)kill(w->pid, SIGKILL);
	(void)waitpid(w->pid, NULL, 0);
	TAILQ_REMOVE(&d->workers, w, entry);
	while (!STAILQ_EMPTY(&w->questions))
		r = question_end(w, true) < 0 ? -EPIPE : r;
	loop_defer(d->loop, free, w);
	if (r < 0)
		loop_stop(d->loop, 1);
}

static int
worker_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct worker *w = arg;
	const struct question *q = STAILQ_FIRST(&w->questions);
	int r;

	/* It may have been taken over, and this is the engine's to believe: whoever says less than a code says nothing.
	 */
	if (type != IPC_W_SAYS || q == NULL || q->id != id || len < sizeof(uint32_t))
		return -EPROTO;
	if ((r = chan_send(w->reader->engine, IPC_W_SAYS, id, body, len)) < 0)
		return r;
	return question_end(w, false);
}

static void
worker_on_end(void *arg, int err)
{
	(void)err;
	log_warnx("what reads an agency's requests has ended by itself");
	worker_free(arg);
}

static const struct chan_ops worker_ops = {.on_msg = worker_on_msg, .on_end = worker_on_end, .body_max = IPC_BODY_MAX};

static int
worker_start(struct reader *d, const char *login, struct worker **out)
{
	struct worker *w = calloc(1, sizeof *w);
	int fds[2], r;

	if (w == NULL)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		r = -errno;
		free(w);
		return r;
	}
	*w = (struct worker){.reader = d, .since_ns = clock_mono_ns()};
	strcpy(w->login, login);
	STAILQ_INIT(&w->questions);
	if ((w->pid = fork()) == 0)
		worker_run(fds[1], d->null);
	close(fds[1]);
	if (w->pid < 0) {
		close(fds[0]);
		free(w);
		return -EAGAIN;
	}
	if ((r = chan_new(d->loop, fds[0], IPC_BODY_MAX, &worker_ops, w, &w->chan)) < 0) {
		(void)kill(w->pid, SIGKILL);
		(void)waitpid(w->pid, NULL, 0);
		free(w);
		return r;
	}
	TAILQ_INSERT_HEAD(&d->workers, w, entry);
	*out = w;
	return 0;
}

/* Who asked last comes first. */
static struct worker *
worker_find(struct reader *d, const char *login)
{
	struct worker *w;

	TAILQ_FOREACH (w, &d->workers, entry)
		if (strcmp(w->login, login) == 0)
			break;
	if (w) {
		TAILQ_REMOVE(&d->workers, w, entry);
		TAILQ_INSERT_HEAD(&d->workers, w, entry);
	}
	return w;
}

static int
question_ask(struct worker *w, uint32_t id, const uint8_t *body, size_t len)
{
	struct question *q = calloc(1, sizeof *q);
	int r;

	if (q == NULL)
		return -ENOMEM;
	q->id = id;
	if ((r = chan_send(w->chan, IPC_W_READ, id, body, len)) < 0) {
		free(q);
		return r;
	}
	if (STAILQ_EMPTY(&w->questions))
		w->since_ns = clock_mono_ns();
	STAILQ_INSERT_TAIL(&w->questions, q, entry);
	return 0;
}

static int
engine_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct reader *d = arg;
	struct rd r = rd_init(body, len);
	char login[DTCP_NAME_MAX + 1];
	cleanup_buf struct buf b = {0};
	struct worker *w;
	int rc = 0;

	rd_cstr(&r, login, sizeof login);
	(void)rd_slice(&r);
	if (type != IPC_W_READ || rd_end(&r) < 0)
		return -EPROTO;
	if ((w = worker_find(d, login)) == NULL)
		rc = worker_start(d, login, &w);
	if (rc == 0)
		rc = question_ask(w, id, body, len);
	if (rc == 0)
		return 0;
	log_warn(rc, "an agency's request can't be read");
	buf_put_u32(&b, IPC_W_UNREAD);
	return b.err ? b.err : chan_send(d->engine, IPC_W_SAYS, id, b.p, b.len);
}

static void
on_look(void *arg)
{
	struct reader *d = arg;
	const uint64_t now = clock_mono_ns();
	struct worker *w, *next;

	for (w = TAILQ_FIRST(&d->workers); w; w = next) {
		const bool asked = !STAILQ_EMPTY(&w->questions);

		next = TAILQ_NEXT(w, entry);
		if (now - w->since_ns < (asked ? ANSWER_NS : IDLE_NS))
			continue;
		if (asked)
			log_warnx("what reads an agency's requests has not answered in time, and is ended");
		worker_free(w);
	}
	loop_timer_set(d->timer, LOOK_MS);
}

static int
parent_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct reader *d = arg;

	(void)id;
	(void)body;
	(void)len;
	if (type == IPC_P_STOP)
		loop_stop(d->loop, 0);
	return 0;
}

static void
on_end(void *arg, int err)
{
	struct reader *d = arg;

	(void)err;
	loop_stop(d->loop, 1);
}

static const struct chan_ops parent_ops = {.on_msg = parent_on_msg, .on_end = on_end};
static const struct chan_ops engine_ops = {.on_msg = engine_on_msg, .on_end = on_end};

int
reader_run(int verbose)
{
	static struct reader d;
	char hex[DTCP_DIGEST_HEX + 1];
	int r;

	log_init("flowtapd: reader", verbose);
	TAILQ_INIT(&d.workers);
	/* What libraries read from files, they read now. */
	dtcp_digest(DTCP_KEY_JUNOS, NULL, 0, hex);
	if ((r = sandbox_basics()) < 0)
		fatal(r, "cannot drop privileges");
	if ((r = sandbox_lock()) < 0)
		log_warn(r, "memory may be swapped out");
	if ((d.null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
		fatal(-errno, "/dev/null");
	if ((r = loop_new(&d.loop)) < 0 || (r = loop_timer_new(d.loop, on_look, &d, &d.timer)) < 0 ||
	    (r = role_confine_reader()) < 0 ||
	    (r = chan_new(d.loop, DAEMON_FD_PARENT, 64, &parent_ops, &d, &d.parent)) < 0 ||
	    (r = chan_new(d.loop, DAEMON_FD_PEER, IPC_BODY_MAX, &engine_ops, &d, &d.engine)) < 0)
		fatal(r, "cannot start");
	loop_timer_set(d.timer, LOOK_MS);
	r = loop_run(d.loop);
	while (!TAILQ_EMPTY(&d.workers))
		worker_free(TAILQ_FIRST(&d.workers));
	return r < 0 ? 1 : r;
}
