/* SPDX-License-Identifier: BSD-2-Clause */
#include "look.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
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

static int
kernel_has_tcx(bool *has)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (btf == NULL)
		return -errno;
	*has = btf__find_by_name_kind(btf, "tcx_link", BTF_KIND_STRUCT) >= 0;
	btf__free(btf);
	return 0;
}

/* *links: which of the two programs. */
static int
load(struct look_bpf *skel, struct bpf_program **links)
{
	bool tcx = false;
	int r = kernel_has_tcx(&tcx);

	if (r < 0)
		return r;
	*links = tcx ? skel->progs.look_links : skel->progs.look_links_old;
	r = bpf_program__set_autoload(tcx ? skel->progs.look_links_old : skel->progs.look_links, false);
	return r < 0 ? r : look_bpf__load(skel);
}

int
look_open(int fds[LOOK_N])
{
	struct look_bpf *skel = look_bpf__open();
	struct bpf_program *links;
	int r;

	fds[LOOK_PROGS] = fds[LOOK_LINKS] = -1;
	if (skel == NULL)
		return -errno;
	if ((r = load(skel, &links)) == 0 && (r = attach(skel->progs.look_progs, &fds[LOOK_PROGS])) == 0)
		r = attach(links, &fds[LOOK_LINKS]);
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
