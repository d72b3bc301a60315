/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a session comes from.  What it says of itself is its own: who has the agency's user number can say anything,
 * and can reach our socket by other ways than our sshd, as another sshd's forwarding.  The kernel tells the groups of
 * who connected; one of them is the number of the connection, of which root has written what it saw.
 *
 * The files outlive us, so that connections that there are stay known when the daemon is started again.
 */
#include "engine_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "connection.h"
#include "login.h"

#define TRIES_MAX 4 /* groups of that kind, all but one of which are somebody's mistake */

/* Whoever wrote it is there as long as its lock. */
static bool
is_held(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static void
connection_path(const struct engine *e, uint32_t number, char *out, size_t size)
{
	snprintf(out, size, "%s/" CONNECTION_DIR "/" CONNECTION_NAME, e->conf->run_dir, number);
}

/* What can't be looked at, for want of a descriptor say, is not over. */
static bool
connection_is_over(const struct engine *e, uint32_t number)
{
	char path[sizeof e->conf->run_dir + 32];
	cleanup_fd int fd = -1;

	connection_path(e, number, path, sizeof path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? errno == ENOENT : !is_held(fd);
}

static int
connection_read(struct session *s, uint32_t number)
{
	static char text[CONNECTION_FILE_MAX];
	char path[sizeof s->engine->conf->run_dir + 32];
	cleanup_fd int fd = -1;
	struct ip_addr peer;
	struct stat st;
	size_t len = 0;
	uint32_t uid;
	ssize_t n;

	connection_path(s->engine, number, path, sizeof path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != 0 || !is_held(fd))
		return -ENOENT;
	while (len < sizeof text && (n = read(fd, text + len, sizeof text - len)) > 0)
		len += (size_t)n;
	if (login_seen((struct slice){text, len}, &uid, &peer, s->auth, sizeof s->auth) < 0)
		return -ENOENT;
	if (uid != s->agency->uid)
		return -EPERM;
	s->peer = peer;
	s->connection = number;
	return 0;
}

/* All of a socket's groups, in ascending order. */
static gid_t *
groups_get(int fd, size_t *n)
{
	socklen_t len = 0;
	gid_t *all;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE ||
	    (all = malloc(len)) == NULL)
		return NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, all, &len) < 0) {
		free(all);
		return NULL;
	}
	*n = len / sizeof *all;
	return all;
}

int
engine_peer_look(struct session *s, int fd)
{
	size_t n = 0;
	cleanup_free gid_t *all = groups_get(fd, &n);
	int r = -ENOENT;

	for (unsigned i = 0; r == -ENOENT && i < TRIES_MAX && n > 0 && all[n - 1] >= CONNECTION_NUMBER_MIN; i++)
		r = connection_read(s, all[--n]);
	if (r == 0)
		return 0;
	s->peer = (struct ip_addr){0};
	snprintf(s->auth, sizeof s->auth, "%s", ENGINE_PEER_UNPROVEN);
	return r;
}

void
engine_peer_watch(struct engine *e)
{
	struct session *s, *next;

	for (s = TAILQ_FIRST(&e->sessions); s; s = next) {
		const bool is_over = s->connection != 0 && connection_is_over(e, s->connection);

		next = TAILQ_NEXT(s, entry);
		s->over = is_over && s->missed;
		s->missed = is_over;
		if (s->over)
			session_free(s);
	}
}

bool
engine_peer_differs(const struct session *s, const struct ipc_hello *hello)
{
	return (hello->peer.family != 0 && s->peer.family != 0 && !ip_equal(&hello->peer, &s->peer)) ||
	       (hello->auth[0] != '\0' && s->auth[0] != '\0' && strcmp(hello->auth, s->auth) != 0);
}
