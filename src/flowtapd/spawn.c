/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "log.h"
#include "sandbox.h"
#include "spawn.h"

#define FIRST_FD 3
#define PARKED_FD 512 /* out of the way of the numbers that are handed out */

/* In the child.  Moves the descriptors up first, so that none overwrites another. */
static int
place_fds(const int *fds, unsigned n)
{
	int parked[64];

	if (n > ARRAY_LEN(parked))
		return -E2BIG;
	for (unsigned i = 0; i < n; i++)
		if ((parked[i] = fcntl(fds[i], F_DUPFD, PARKED_FD)) < 0)
			return -errno;
	for (unsigned i = 0; i < n; i++)
		if (dup2(parked[i], FIRST_FD + (int)i) < 0)
			return -errno;
	return close_range(FIRST_FD + n, ~0u, 0) < 0 ? -errno : 0;
}

/* The variable as the environment has it, or NULL. */
static char *
journal_stream(void)
{
	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, LOG_STREAM "=", sizeof LOG_STREAM) == 0)
			return *e;
	return NULL;
}

static void
child_exec(const struct spawn_opts *o)
{
	char *argv[] = {(char *)"flowtapd", (char *)"--role", (char *)o->role, o->verbose ? (char *)"-v" : NULL, NULL};
	/* Nothing of the environment but where standard error goes (log.c). */
	char *envp[] = {journal_stream(), NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (place_fds(o->fds, o->nfds) == 0 && sandbox_become(o->uid, o->gid, o->group, o->caps) == 0)
		execve("/proc/self/exe", argv, envp);
	_exit(127);
}

int
spawn_role(const struct spawn_opts *o, pid_t *pid)
{
	pid_t p = fork();

	if (p < 0)
		return -errno;
	if (p == 0)
		child_exec(o);
	*pid = p;
	return 0;
}

int
spawn_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}
