/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that runs the operator's alarm hook: one at a time, each for ten seconds at
 * most, as a user of its own without any power.  What it starts inherits no descriptor, so
 * there is nothing of ours to take; and since a program of whatever kind has to run
 * there, this is the one process that no seccomp filter confines.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "clock.h"
#include "conf_value.h"
#include "daemon.h"
#include "foreign.h"
#include "hook.h"
#include "inherited.h"
#include "log.h"
#include "sandbox.h"

#define QUEUE 32      /* events that wait; more are lost, and how many is told */
#define HOOK_MS 10000 /* then it is killed, with all of its process group */
#define HOOK_CPU_S 10
#define HOOK_PATH_MAX 256
#define CLOCK_MS 1000

#define WORD_MAX 192

struct event {
	uint64_t number;
	int64_t time_ms;
	char severity[16], kind[32], text[WORD_MAX];
};

struct hook {
	struct loop *loop;
	struct chan *parent, *engine;
	struct loop_timer *timer;
	int sigfd;
	const char *path;
	struct loop_timer *clock; /* NULL: the engine reads it itself */
	pid_t pid;                /* 0: none runs */
	struct event queue[QUEUE];
	unsigned first, n;
	uint64_t lost;
};

/* ---- what the hook is told ---- */

static void
utc(int64_t ms, char out[static 32])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
}

/* As one line of JSON on its standard input: shorter than what a pipe takes at once. */
static int
input_open(const struct event *k, uint64_t lost)
{
	char when[32], *text;
	int fds[2];
	json_t *o;
	size_t n;

	utc(k->time_ms, when);
	o = json_pack("{s:I,s:s,s:s,s:s,s:s,s:I}", "number", (json_int_t)k->number, "time", when, "severity",
	    k->severity, "event", k->kind, "text", k->text, "lost", (json_int_t)lost);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL || pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(text);
		return -1;
	}
	n = strlen(text);
	text[n] = '\n';
	if (write(fds[1], text, n + 1) < 0)
		log_warn(-errno, "alarm hook: its input");
	free(text);
	close(fds[1]);
	return fds[0];
}

struct environment {
	char text[6][256];
	char *v[9];
};

static void
environment_fill(struct environment *e, const struct event *k, uint64_t lost)
{
	char when[32];
	int i = 0;

	utc(k->time_ms, when);
	snprintf(e->text[i++], sizeof *e->text, "FLOWTAP_NUMBER=%llu", (unsigned long long)k->number);
	snprintf(e->text[i++], sizeof *e->text, "FLOWTAP_TIME=%s", when);
	snprintf(e->text[i++], sizeof *e->text, "FLOWTAP_SEVERITY=%s", k->severity);
	snprintf(e->text[i++], sizeof *e->text, "FLOWTAP_EVENT=%s", k->kind);
	snprintf(e->text[i++], sizeof *e->text, "FLOWTAP_TEXT=%s", k->text);
	snprintf(e->text[i++], sizeof *e->text, "FLOWTAP_LOST=%llu", (unsigned long long)lost);
	for (int j = 0; j < i; j++)
		e->v[j] = e->text[j];
	e->v[i++] = (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	e->v[i++] = (char *)"LC_ALL=C.UTF-8";
	e->v[i] = NULL;
}

/* ---- running it ---- */

/* As sshd asks of its commands: nobody but root can have put there what we run. */
static bool
is_safe(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & 022) == 0;
}

static void
child_exec(const struct hook *h, int input, char **env)
{
	const struct rlimit cpu = {HOOK_CPU_S, HOOK_CPU_S};
	char *argv[] = {(char *)h->path, NULL};
	int null = open("/dev/null", O_RDWR);

	inherited_signals_usual();
	if (null < 0 || setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CPU, &cpu) < 0 || dup2(input, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    close_range(3, ~0u, 0) < 0 || chdir("/") < 0)
		_exit(127);
	execve(h->path, argv, env);
	_exit(127);
}

/* Whether it runs. */
static bool
hook_start(struct hook *h, const struct event *k)
{
	struct environment env;
	int input;
	pid_t pid;

	if (!is_safe(h->path)) {
		log_warnx("alarm hook: %s is not a program that only root can change", h->path);
		return false;
	}
	environment_fill(&env, k, h->lost);
	input = input_open(k, h->lost);
	pid = input < 0 ? -1 : fork();
	if (pid == 0)
		child_exec(h, input, env.v);
	if (pid < 0)
		log_warn(-errno, "alarm hook: cannot be started");
	else
		h->pid = pid;
	if (input >= 0)
		close(input);
	return pid > 0;
}

static void
hook_next(struct hook *h)
{
	while (h->pid == 0 && h->n > 0) {
		struct event k = h->queue[h->first];

		h->first = (h->first + 1) % QUEUE;
		h->n--;
		if (!hook_start(h, &k))
			continue;
		h->lost = 0;
		loop_timer_set(h->timer, HOOK_MS);
	}
}

static void
on_timer(void *arg)
{
	struct hook *h = arg;

	if (h->pid == 0)
		return;
	log_warnx("alarm hook: killed, it took longer than %d s", HOOK_MS / 1000);
	(void)kill(-h->pid, SIGKILL);
	(void)kill(h->pid, SIGKILL); /* it may not be its group's leader yet */
}

static void
hook_ended(struct hook *h, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_warnx("alarm hook: exit %d", WEXITSTATUS(status));
	(void)kill(-h->pid, SIGKILL); /* what it left behind */
	h->pid = 0;
	loop_timer_set(h->timer, -1);
	hook_next(h);
}

static void
on_signal(void *arg, uint32_t events)
{
	struct hook *h = arg;
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	(void)events;
	while (read(h->sigfd, &si, sizeof si) == sizeof si)
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == h->pid)
				hook_ended(h, status);
}

/* ---- the engine and the parent ---- */

/* A program of the operator's may write it to a log, or a terminal. */
static void
word_get(struct rd *r, char *out, size_t size)
{
	char text[WORD_MAX];

	rd_cstr(r, text, sizeof text);
	foreign_text(slice_of(text), out, size);
}

static int
engine_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct hook *h = arg;
	struct rd r = rd_init(body, len);
	struct event k = {.number = rd_u64(&r), .time_ms = (int64_t)rd_u64(&r)};

	(void)id;
	word_get(&r, k.severity, sizeof k.severity);
	word_get(&r, k.kind, sizeof k.kind);
	word_get(&r, k.text, sizeof k.text);
	if (type != IPC_K_EVENT || rd_end(&r) < 0)
		return -EPROTO;
	if (*h->path == '\0')
		return 0;
	if (h->n == QUEUE) {
		h->lost++;
		return 0;
	}
	h->queue[(h->first + h->n++) % QUEUE] = k;
	hook_next(h);
	return 0;
}

static int
parent_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct hook *h = arg;

	(void)id;
	(void)body;
	(void)len;
	if (type == IPC_P_STOP)
		loop_stop(h->loop, 0);
	return 0;
}

static void
on_end(void *arg, int err)
{
	struct hook *h = arg;

	daemon_chan_end(err);
	loop_stop(h->loop, h->clock ? 0 : 1); /* a service ends with what it is there for, and that is well */
}

static const struct chan_ops parent_ops = {.on_msg = parent_on_msg, .on_end = on_end};
static const struct chan_ops engine_ops = {.on_msg = engine_on_msg, .on_end = on_end};

static void
on_clock(void *arg)
{
	struct hook *h = arg;
	cleanup_buf struct buf b = {0};
	int64_t us;

	if (clock_error(&us) < 0)
		us = -1;
	buf_put_u64(&b, (uint64_t)us);
	if (b.err || chan_send(h->engine, IPC_K_CLOCK, 0, b.p, b.len) < 0)
		loop_stop(h->loop, 1);
	loop_timer_set(h->clock, CLOCK_MS);
}

static int
hook_open(struct hook *h, int parent, int engine, bool clock)
{
	struct loop_io *io;
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if ((h->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return -errno;
	if ((r = loop_new(&h->loop)) < 0 || (r = loop_add(h->loop, h->sigfd, EPOLLIN, on_signal, h, &io)) < 0 ||
	    (r = chan_new(h->loop, parent, DAEMON_CHAN_SHORT, &parent_ops, h, &h->parent)) < 0 ||
	    (r = chan_new(h->loop, engine, DAEMON_CHAN_SHORT, &engine_ops, h, &h->engine)) < 0 ||
	    (r = loop_timer_new(h->loop, on_timer, h, &h->timer)) < 0)
		return r;
	if (clock && (r = loop_timer_new(h->loop, on_clock, h, &h->clock)) == 0)
		on_clock(h);
	return r;
}

/* "": none. */
static bool
path_ok(const char *path)
{
	const struct conf_schema *row = NULL;

	for (const char *const *w = (const char *const[]){"services", "flow-tap", "alarm-hook", NULL}; *w; w++)
		if ((row = conf_schema_find(row, slice_of(*w))) == NULL)
			return false;
	return *path == '\0' || conf_value_ok(row, slice_of(path));
}

int
hook_serve(int parent, int engine, const char *path, bool clock)
{
	static struct hook h;
	int r;

	if (!path_ok(path))
		fatal(-EBADMSG, "cannot start");
	h.path = path;
	if ((r = hook_open(&h, parent, engine, clock)) < 0)
		fatal(r, "cannot start");
	r = loop_run(h.loop);
	if (h.pid != 0)
		(void)kill(-h.pid, SIGKILL);
	return r < 0 ? 1 : r;
}

/* ---- as a child ---- */

/* Which program, from the parent: the engine has no say in it. */
static int
told(char path[static HOOK_PATH_MAX])
{
	cleanup_buf struct buf body = {0};
	uint16_t type;
	uint32_t id;
	struct rd r;
	int rc = chan_read_sync(DAEMON_FD_PARENT, DAEMON_CHAN_SHORT, &type, &id, &body);

	if (rc < 0)
		return rc;
	r = rd_init(body.p, body.len);
	rd_cstr(&r, path, HOOK_PATH_MAX);
	return type == IPC_P_HOOK ? rd_end(&r) : -EBADMSG;
}

int
hook_run(int verbose)
{
	char path[HOOK_PATH_MAX];
	int r;

	log_init("flowtapd: alarm hook", verbose);
	if ((r = sandbox_basics()) < 0 || (r = told(path)) < 0)
		fatal(r, "cannot start");
	return hook_serve(DAEMON_FD_PARENT, DAEMON_FD_PEER, path, false);
}
