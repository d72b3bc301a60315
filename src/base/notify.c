/* SPDX-License-Identifier: BSD-2-Clause */
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base.h"
#include "clock.h"

/* Of this process: the variables are inherited by programs that are not meant. */
static uint64_t
watchdog_read(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t n;

	if (us == NULL || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return 0;
	errno = 0;
	n = strtoull(us, NULL, 10);
	return errno ? 0 : n;
}

/* A name that begins with @ is in the abstract space. */
static int
connect_to(const char *name, int *fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const size_t len = strlen(name);
	cleanup_fd int s = -1;

	if ((name[0] != '/' && name[0] != '@') || len < 2)
		return -EAFNOSUPPORT;
	if (len >= sizeof sun.sun_path)
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, name, len);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&sun, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -errno;
	*fd = TAKE_FD(s);
	return 0;
}

int
notify_open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int r = 0;

	*n = (struct notify){.fd = -1};
	if (name && (r = connect_to(name, &n->fd)) == 0)
		n->watchdog_us = watchdog_read();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return r;
}

void
notify_send(const struct notify *n, const char *text)
{
	if (n->fd >= 0)
		(void)send(n->fd, text, strlen(text), MSG_NOSIGNAL);
}

void
notify_reloading(const struct notify *n)
{
	char text[64];

	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_mono_ns() / 1000);
	notify_send(n, text);
}
