/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base.h"
#include "kern_hook.h"

/* Attach types of Linux 6.6 that older headers do not have; the ABI fixes them. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47

#define FILTER_PRIORITY 7700
#define FILTER_HANDLE 0x7a9

#define NL_BUF 32768

/* ---- tcx ---- */

/* Takes over the link of a predecessor.  -ENOENT: there is none that still has a device. */
static int
tcx_update(int prog_fd, const char *pin)
{
	cleanup_fd int link = bpf_obj_get(pin);

	if (link < 0)
		return link == -EPERM || link == -EACCES ? link : -ENOENT;
	if (bpf_link_update(link, prog_fd, NULL) == 0)
		return 0;
	/* Its device is gone, or it was detached by hand. */
	if (unlink(pin) < 0 && errno != ENOENT)
		return -errno;
	return -ENOENT;
}

int
kern_hook_tcx(int prog_fd, int ifindex, enum kern_way way, const char *pin)
{
	cleanup_fd int link = -1;
	int r = tcx_update(prog_fd, pin);

	if (r != -ENOENT)
		return r;
	link = bpf_link_create(prog_fd, ifindex, way == KERN_EGRESS ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS, NULL);
	if (link < 0)
		return link == -EINVAL ? -EOPNOTSUPP : link;
	/* Without a pin the link ends with its descriptor. */
	return bpf_obj_pin(link, pin) < 0 ? -errno : 0;
}

int
kern_hook_tcx_remove(const char *pin)
{
	cleanup_fd int link = bpf_obj_get(pin);

	if (link >= 0)
		bpf_link_detach(link); /* at once, not when the last descriptor goes */
	return unlink(pin) < 0 && errno != ENOENT ? -errno : 0;
}

bool
kern_hook_tcx_alive(const char *pin)
{
	cleanup_fd int link = bpf_obj_get(pin);
	struct bpf_link_info info = {0};
	uint32_t len = sizeof info, ifindex;

	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &len) < 0)
		return false;
	/* Where struct bpf_link_info has tcx.ifindex, which older headers lack. */
	memcpy(&ifindex, (const char *)&info + 16, sizeof ifindex);
	return ifindex != 0;
}

/* ---- clsact ---- */

static struct bpf_tc_hook
clsact_hook(int ifindex, enum kern_way way)
{
	return (struct bpf_tc_hook){.sz = sizeof(struct bpf_tc_hook),
	    .ifindex = ifindex,
	    .attach_point = way == KERN_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS};
}

int
kern_hook_clsact(int prog_fd, int ifindex, enum kern_way way)
{
	struct bpf_tc_hook hook = clsact_hook(ifindex, way);
	struct bpf_tc_opts opts = {.sz = sizeof opts,
	    .prog_fd = prog_fd,
	    .flags = BPF_TC_F_REPLACE,
	    .handle = FILTER_HANDLE,
	    .priority = FILTER_PRIORITY};
	int r = bpf_tc_hook_create(&hook);

	if (r < 0 && r != -EEXIST)
		return r;
	return bpf_tc_attach(&hook, &opts);
}

static int
count_filter(const struct nlmsghdr *h, void *arg)
{
	if (h->nlmsg_type == RTM_NEWTFILTER)
		++*(unsigned *)arg;
	return MNL_CB_OK;
}

/* How many filters others have on one side of the clsact qdisc. */
static int
clsact_filters(int ifindex, uint32_t minor, unsigned *n)
{
	char buf[NL_BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct tcmsg *t;
	ssize_t len;
	int r = 1;

	if (nl == NULL)
		return -errno;
	h->nlmsg_type = RTM_GETTFILTER;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	t = mnl_nlmsg_put_extra_header(h, sizeof *t);
	t->tcm_family = AF_UNSPEC;
	t->tcm_ifindex = ifindex;
	t->tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		r = -errno;
	while (r > 0) {
		len = mnl_socket_recvfrom(nl, buf, sizeof buf);
		r = len < 0 ? -1 : mnl_cb_run(buf, (size_t)len, 0, 0, count_filter, n);
		if (r < 0)
			r = -errno;
	}
	mnl_socket_close(nl);
	return r;
}

int
kern_hook_clsact_remove(int ifindex, enum kern_way way)
{
	struct bpf_tc_hook hook = clsact_hook(ifindex, way);
	struct bpf_tc_opts opts = {.sz = sizeof opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY};
	unsigned n = 0;
	int r;

	r = bpf_tc_query(&hook, &opts);
	if (r < 0)
		return r == -ENOENT || r == -EINVAL || r == -ENODEV ? 0 : r; /* none of ours */
	opts = (struct bpf_tc_opts){.sz = sizeof opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY};
	if ((r = bpf_tc_detach(&hook, &opts)) < 0)
		return r;
	if ((r = clsact_filters(ifindex, TC_H_MIN_INGRESS, &n)) < 0 ||
	    (r = clsact_filters(ifindex, TC_H_MIN_EGRESS, &n)) < 0)
		return r;
	if (n > 0)
		return 0;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	return bpf_tc_hook_destroy(&hook);
}
