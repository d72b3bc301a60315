/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base.h"
#include "listen.h"
#include "log.h"

int
listen_unix(const char *dir, const char *name, mode_t mode, int *fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(sun.sun_path, sizeof sun.sun_path, "%s/%s", dir, name);
	cleanup_fd int s = -1;

	if (n < 0 || (size_t)n >= sizeof sun.sun_path)
		return -ENAMETOOLONG;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0 || (unlink(sun.sun_path) < 0 && errno != ENOENT) ||
	    bind(s, (struct sockaddr *)&sun, sizeof sun) < 0 || chmod(sun.sun_path, mode) < 0 || listen(s, 512) < 0) {
		n = -errno;
		log_warn(n, "%s: no socket can be made there", sun.sun_path);
		return n;
	}
	*fd = TAKE_FD(s);
	return 0;
}

int
listen_group(const char *dir, const char *name, gid_t gid)
{
	char path[108];
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	return chown(path, (uid_t)-1, gid) < 0 || chmod(path, 0660) < 0 ? -errno : 0;
}

int
listen_tcp(const struct ip_addr *addr, uint16_t port, int *fd)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr *sa = addr->family == 4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	cleanup_fd int s = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	memcpy(&v4.sin_addr, addr->b, sizeof v4.sin_addr);
	memcpy(&v6.sin6_addr, addr->b, sizeof v6.sin6_addr);
	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    setsockopt(s, IPPROTO_IP, IP_FREEBIND, &on, sizeof on) < 0 ||
	    bind(s, sa, addr->family == 4 ? sizeof v4 : sizeof v6) < 0 || listen(s, 16) < 0)
		return -errno;
	*fd = TAKE_FD(s);
	return 0;
}

static void
on_alarm(int sig)
{
	(void)sig; /* only so that flock() is interrupted */
}

int
listen_lock(const char *dir, int wait_ms, int *fd)
{
	const struct sigaction wake = {.sa_handler = on_alarm};
	const struct itimerval off = {0},
			       when = {.it_value = {wait_ms / 1000, wait_ms % 1000 * 1000}, .it_interval = {0, 10000}};
	struct sigaction before;
	cleanup_fd int f = -1;
	char path[300];
	int r;

	snprintf(path, sizeof path, "%s/flowtapd.lock", dir);
	f = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f < 0)
		return -errno;
	sigaction(SIGALRM, &wake, &before);
	setitimer(ITIMER_REAL, &when, NULL);
	r = flock(f, LOCK_EX) < 0 ? -errno : 0;
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &before, NULL);
	if (r < 0)
		return r == -EINTR ? -EBUSY : r;
	*fd = TAKE_FD(f);
	return 0;
}
