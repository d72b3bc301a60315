/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks up users and groups for the parent.  The C library loads whatever modules the machine's name services
 * are made of, so each question gets a process of its own, which may die or hang of it: it is confined by errors
 * and not by death (role_confine_names), has no descriptors but 0 to 2 and the pipe for its answer, and is ended
 * when it has answered, closed the pipe, or takes too long.  This process runs no such code itself; it hands an answer
 * on if it is one to the question, and the parent reads it like a stranger's all the same.
 *
 * exports: names_run */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "daemon.h"
#include "ipc_names.h"
#include "log.h"
#include "role.h"
#include "sandbox.h"

#define WAIT_MS 5000
#define WALK_USERS 64 /* from here on all users are read at once */
#define ANSWER_FD 3

/* ---- in a process of its own: foreign code ---- */

/* getpwnam(3) lists what the libraries' errno may be for somebody who is not there. */
static uint32_t
absence(int err)
{
	return err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM ? ENOENT : (uint32_t)err;
}

static void
user_found(struct ipc_name_found *f, const struct passwd *pw)
{
	*f = (struct ipc_name_found){.number = pw->pw_uid, .group = pw->pw_gid};
	snprintf(f->name, sizeof f->name, "%s", pw->pw_name);
}

static void
look_up(const struct ipc_name *n, struct ipc_name_found *f)
{
	const struct passwd *pw = NULL;
	const struct group *g = NULL;

	errno = 0;
	if (n->kind == IPC_NAME_GROUP)
		g = getgrnam(n->name);
	else
		pw = n->kind == IPC_NAME_USER ? getpwnam(n->name) : getpwuid(n->number);
	if (pw)
		user_found(f, pw);
	else if (g) {
		*f = (struct ipc_name_found){.number = g->gr_gid};
		snprintf(f->name, sizeof f->name, "%s", g->gr_name);
	} else
		*f = (struct ipc_name_found){.err = absence(errno)};
}

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(const struct ipc_name *const *)a)->name, (*(const struct ipc_name *const *)b)->name);
}

/* Looking up a user reads a file up to their line, so that for many it is read once.  Who is not met in it is
 * left for look_up, for a table need not be one that can be walked through; of a name that is there twice the
 * first counts, as for getpwnam. */
static void
walk(const struct ipc_names *q, struct ipc_name_found *f)
{
	const struct ipc_name **v = calloc((size_t)q->n + 1, sizeof *v);
	const struct passwd *pw;
	size_t n = 0;

	for (uint32_t i = 0; v && i < q->n; i++)
		if (q->v[i].kind == IPC_NAME_USER)
			v[n++] = &q->v[i];
	if (n <= WALK_USERS) {
		free(v);
		return;
	}
	qsort(v, n, sizeof *v, by_name);
	setpwent();
	while ((pw = getpwent()) != NULL) {
		struct ipc_name key = {.kind = IPC_NAME_USER};
		const struct ipc_name *pkey = &key, **hit;

		if (snprintf(key.name, sizeof key.name, "%s", pw->pw_name) >= (int)sizeof key.name)
			continue;
		hit = bsearch(&pkey, v, n, sizeof *v, by_name);
		while (hit && hit > v && by_name(hit - 1, &pkey) == 0)
			hit--;
		for (; hit && hit < v + n && by_name(hit, &pkey) == 0; hit++)
			if (f[*hit - q->v].err)
				user_found(&f[*hit - q->v], pw);
	}
	endpwent();
	free(v);
}

static int
answer_write(const struct buf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(ANSWER_FD, b->p + at, b->len - at);

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return b->err;
}

/* Nothing of ours is within reach of what is loaded now. */
static int
worker_confine(int out)
{
	const struct rlimit cpu = {WAIT_MS / 1000, WAIT_MS / 1000};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || setrlimit(RLIMIT_CPU, &cpu) < 0 ||
	    (out != ANSWER_FD && dup2(out, ANSWER_FD) < 0) || close_range(ANSWER_FD + 1, ~0u, 0) < 0)
		return -errno;
	return role_confine_names_worker();
}

static int
worker(const struct ipc_names *q, int out)
{
	cleanup_buf struct buf b = {0};
	struct ipc_named a = {.n = q->n, .v = calloc((size_t)q->n + 1, sizeof *a.v)};
	int r = a.v == NULL ? -ENOMEM : worker_confine(out);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < q->n; i++)
		a.v[i].err = ENOENT;
	walk(q, a.v);
	for (uint32_t i = 0; i < q->n; i++)
		if (a.v[i].err)
			look_up(&q->v[i], &a.v[i]);
	ipc_named_put(&b, &a);
	free(a.v);
	return answer_write(&b);
}

/* ---- the process that has it done ---- */

/* All that is written until the other end is closed.  -ETIMEDOUT, -EMSGSIZE. */
static int
answer_read(int fd, struct buf *b)
{
	const uint64_t end = clock_mono_ns() + WAIT_MS * 1000000ull;

	for (;;) {
		const uint64_t now = clock_mono_ns();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint8_t *room = buf_room(b, 65536);
		ssize_t n;

		if (room == NULL)
			return -ENOMEM;
		if (now >= end || poll(&p, 1, (int)((end - now) / 1000000) + 1) == 0)
			return -ETIMEDOUT;
		if ((n = read(fd, room, 65536)) <= 0)
			return n < 0 ? -errno : 0;
		b->len += (size_t)n;
		if (b->len > DAEMON_CHAN_MAX)
			return -EMSGSIZE;
	}
}

/* Why there is no answer, from what became of the process. */
static void
why_put(char *why, size_t size, int err, int status)
{
	if (err == -ETIMEDOUT)
		snprintf(why, size, "the name services do not answer");
	else if (WIFSIGNALED(status))
		snprintf(why, size, "the name services' code was ended by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(why, size, "the name services' code has failed");
}

/* Whether that is an answer to each part of the question. */
static bool
is_answer(const struct ipc_names *q, const struct buf *b)
{
	struct rd r = rd_init(b->p, b->len);
	struct ipc_named a;
	bool is;

	if (ipc_named_get(&a, &r) < 0)
		return false;
	is = rd_end(&r) == 0 && a.n == q->n;
	free(a.v);
	return is;
}

/* b: what it answered.  0, or -errno and why.  What counts is the answer, not how the process would end: code that
 * closes the pipe need not end at all. */
static int
ask_worker(const struct ipc_names *q, struct buf *b, char *why, size_t size)
{
	int fds[2], status = 0, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	if ((pid = fork()) == 0) {
		close(fds[0]);
		_exit(worker(q, fds[1]) < 0 ? 1 : 0);
	}
	close(fds[1]);
	r = pid < 0 ? -errno : answer_read(fds[0], b);
	close(fds[0]);
	if (pid < 0)
		return r;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	if (r == 0 && !is_answer(q, b))
		r = -EIO;
	if (r < 0)
		why_put(why, size, r, status);
	return r;
}

static int
answer(uint32_t id, const struct buf *question)
{
	cleanup_buf struct buf b = {0};
	struct rd r = rd_init(question->p, question->len);
	struct ipc_named failed = {0};
	struct ipc_names q;
	int rc = ipc_names_get(&q, &r);

	if (rc < 0 || rd_end(&r) < 0)
		return rc < 0 ? rc : -EBADMSG;
	snprintf(failed.why, sizeof failed.why, "no process for the name services");
	if ((rc = ask_worker(&q, &b, failed.why, sizeof failed.why)) < 0) {
		log_warnx("%s", failed.why);
		buf_reset(&b);
		failed.err = (uint32_t)-rc;
		ipc_named_put(&b, &failed);
	}
	free(q.v);
	return chan_write_sync(DAEMON_FD_PARENT, IPC_P_NAMED, id, b.p, b.len);
}

int
names_run(int verbose)
{
	cleanup_buf struct buf body = {0};
	uint16_t type;
	uint32_t id;
	int r;

	log_init("flowtapd: names", verbose);
	if ((r = sandbox_basics()) < 0 || (r = role_confine_names()) < 0)
		fatal(r, "cannot begin");
	while ((r = chan_read_sync(DAEMON_FD_PARENT, DAEMON_CHAN_MAX, &type, &id, &body)) == 0 && type == IPC_P_NAMES) {
		if ((r = answer(id, &body)) < 0)
			break;
		buf_reset(&body);
	}
	return r == 0 && type == IPC_P_STOP ? 0 : 1;
}
