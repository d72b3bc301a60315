/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that are kept for what has to be done when there are none left.  Open sessions need no further one for a
 * DELETE; operators need one for each command, and a commit, and a database that is to be tidied, some for a moment.
 *
 * exports: engine_fds_ */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "daemon.h"
#include "engine.h"

static bool
take(struct engine *e)
{
	for (unsigned i = 0; i < ENGINE_SPARE_FDS; i++)
		if (e->spare_fd[i] < 0 && (e->spare_fd[i] = fcntl(DAEMON_FD_PARENT, F_DUPFD_CLOEXEC, 0)) < 0)
			return false;
	return true;
}

/* The first one stays: accept_and_close. */
static void
give(struct engine *e)
{
	for (unsigned i = 1; i < ENGINE_SPARE_FDS; i++)
		if (e->spare_fd[i] >= 0)
			close(TAKE_FD(e->spare_fd[i]));
}

void
engine_fds_start(struct engine *e)
{
	struct rlimit l;

	/* As many as we may: sessions and listings of all agencies each have theirs. */
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
	for (unsigned i = 0; i < ENGINE_SPARE_FDS; i++)
		e->spare_fd[i] = -1;
	(void)take(e);
}

void
engine_fds_lend(struct engine *e)
{
	if (e->fds_short)
		give(e);
}

bool
engine_fds_back(struct engine *e)
{
	return take(e);
}

/* Else they would wait, and we would be told of them without end. */
static void
accept_and_close(struct engine *e, int listener)
{
	int fd;

	if (e->spare_fd[0] < 0)
		return;
	close(TAKE_FD(e->spare_fd[0]));
	if ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
	e->spare_fd[0] = fcntl(DAEMON_FD_PARENT, F_DUPFD_CLOEXEC, 0);
}

int
engine_fds_accept(struct engine *e, int listener, bool operator)
{
	const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = accept4(listener, NULL, NULL, flags), err = errno;

	if (fd >= 0 || (err != EMFILE && err != ENFILE && err != ENOMEM && err != ENOBUFS))
		return fd;
	engine_watch_short(e, err == ENFILE ? -EMFILE : err == ENOBUFS ? -ENOMEM : -err);
	e->fds_short |= err == EMFILE || err == ENFILE;
	if (operator) {
		engine_fds_lend(e);
		fd = accept4(listener, NULL, NULL, flags);
		(void)engine_fds_back(e);
	}
	if (fd < 0)
		accept_and_close(e, listener);
	return fd;
}
