/* SPDX-License-Identifier: BSD-2-Clause */
#include "look.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>

#include "look.skel.h"

#define ROOM 65536

/* The iterator's link, which outlives the skeleton. */
static int
attach(struct bpf_program *prog, int *fd)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);

	if (link == NULL)
		return -errno;
	*fd = fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 3);
	bpf_link__destroy(link);
	return *fd < 0 ? -errno : 0;
}

int
look_open(int fds[LOOK_N])
{
	struct look_bpf *skel = look_bpf__open_and_load();
	int r;

	fds[LOOK_PROGS] = fds[LOOK_LINKS] = -1;
	if (skel == NULL)
		return -errno;
	if ((r = attach(skel->progs.look_progs, &fds[LOOK_PROGS])) == 0)
		r = attach(skel->progs.look_links, &fds[LOOK_LINKS]);
	look_bpf__destroy(skel);
	for (int i = 0; r < 0 && i < LOOK_N; i++) {
		base_close_p(&fds[i]);
		fds[i] = -1;
	}
	return r;
}

int
look_read(int fd, struct buf *out)
{
	cleanup_fd int it = bpf_iter_create(fd);
	ssize_t n;

	if (it < 0)
		return -errno;
	for (;;) {
		uint8_t *room = buf_room(out, ROOM);

		if (room == NULL)
			return out->err;
		n = read(it, room, ROOM);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0)
			out->len += (size_t)n;
	}
}
