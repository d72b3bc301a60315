/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: aux_ */
#include "aux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "daemon.h"
#include "hook.h"
#include "listen.h"
#include "log.h"
#include "sandbox.h"

#define LISTEN_FD 3 /* sd_listen_fds(3) */

/* ---- the parent's part ---- */

static int
aux_connect(const char *run_dir, int *fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const struct timeval wait = {AUX_WAIT_MS / 1000, AUX_WAIT_MS % 1000 * 1000};
	int n = snprintf(sun.sun_path, sizeof sun.sun_path, "%s/" AUX_SOCKET, run_dir);
	cleanup_fd int s = -1;

	if (n < 0 || (size_t)n >= sizeof sun.sun_path)
		return -ENAMETOOLONG;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0)
		return -errno;
	if (connect(s, (struct sockaddr *)&sun, sizeof sun) < 0)
		return errno == ECONNREFUSED ? -ENOENT : -errno;
	*fd = TAKE_FD(s);
	return 0;
}

static int
answer_read(int sock, bool socket, int *tcp, char *why, size_t size)
{
	cleanup_buf struct buf body = {0};
	uint16_t type;
	uint32_t id;
	struct rd r;
	int rc = chan_read_sync(sock, DAEMON_CHAN_SHORT, &type, &id, &body);
	uint32_t err;

	if (rc < 0)
		return rc;
	r = rd_init(body.p, body.len);
	err = rd_u32(&r);
	rd_cstr(&r, why, size);
	if (type != IPC_P_READY || rd_end(&r) < 0)
		return -EBADMSG;
	return err == 0 && socket ? chan_fd_recv(sock, tcp) : 0;
}

int
aux_ask(const char *run_dir, const struct ipc_aux *t, int engine, int *sock, int *tcp, char *why, size_t size)
{
	cleanup_buf struct buf body = {0};
	cleanup_fd int s = -1;
	int r = aux_connect(run_dir, &s);

	why[0] = '\0';
	if (r < 0)
		return r;
	ipc_aux_put(&body, t);
	if ((r = body.err) < 0 || (r = chan_write_sync(s, IPC_P_AUX, 0, body.p, body.len)) < 0 ||
	    (r = chan_fd_send(s, engine)) < 0 || (r = answer_read(s, t->addr.family != 0, tcp, why, size)) < 0)
		return r;
	*sock = TAKE_FD(s);
	return 0;
}

/* ---- the service ---- */

/* The one who may tell it what to run: the daemon's parent, which is root then. */
static int
parent_accept(void)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	int fd;

	for (;;) {
		if ((fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC)) < 0)
			return -errno;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == 0)
			return fd;
		close(fd);
	}
}

static int
told(int sock, struct ipc_aux *t, int *engine)
{
	cleanup_buf struct buf body = {0};
	uint16_t type;
	uint32_t id;
	struct rd r;
	int rc = chan_read_sync(sock, DAEMON_CHAN_SHORT, &type, &id, &body);

	if (rc < 0)
		return rc;
	r = rd_init(body.p, body.len);
	if (type != IPC_P_AUX || ipc_aux_get(t, &r) < 0 || rd_end(&r) < 0)
		return -EBADMSG;
	return chan_fd_recv(sock, engine);
}

static int
answer(int sock, const struct ipc_aux *t)
{
	cleanup_fd int tcp = -1;
	int r = t->addr.family == 0 ? 0 : listen_tcp(&t->addr, t->port, &tcp), e;

	e = daemon_ready_sync(sock, r, r < 0 ? strerror(-r) : "");
	return e == 0 && tcp >= 0 ? chan_fd_send(sock, tcp) : e;
}

int
aux_main(int verbose)
{
	const char *fds = getenv("LISTEN_FDS");
	struct ipc_aux t;
	int sock, engine, r;

	log_init("flowtapd: aux", verbose);
	if (fds == NULL || strcmp(fds, "1") != 0) {
		log_warnx("--aux is for the service manager: it has to pass the socket " AUX_SOCKET);
		return 2;
	}
	if ((r = sandbox_basics()) < 0 || (r = sock = parent_accept()) < 0 || (r = told(sock, &t, &engine)) < 0 ||
	    (r = answer(sock, &t)) < 0) {
		log_warn(r, "cannot begin");
		return 1;
	}
	close(LISTEN_FD);
	return hook_serve(sock, engine, t.hook, true);
}
