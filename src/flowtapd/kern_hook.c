/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "base.h"
#include "kern_hook.h"
#include "nl_dump.h"

/* Attach types of Linux 6.6 that older headers do not have; the ABI fixes them. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47

/* The handle says whose the qdisc is, to whoever finds the filter later. */
#define FILTER_PRIORITY 7700
#define FILTER_OWNER 0x7a9 /* we made it, and it goes with our last filter */
#define FILTER_GUEST 0x7aa /* it was there */

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
kern_hook_link_alive(int link)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof info, ifindex;

	if (bpf_obj_get_info_by_fd(link, &info, &len) < 0)
		return false;
	/* Where struct bpf_link_info has tcx.ifindex, which older headers lack. */
	memcpy(&ifindex, (const char *)&info + 16, sizeof ifindex);
	return ifindex != 0;
}

bool
kern_hook_tcx_alive(const char *pin)
{
	cleanup_fd int link = bpf_obj_get(pin);

	return link >= 0 && kern_hook_link_alive(link);
}

/* ---- clsact ---- */

static struct bpf_tc_hook
clsact_hook(int ifindex, enum kern_way way)
{
	return (struct bpf_tc_hook){.sz = sizeof(struct bpf_tc_hook),
	    .ifindex = ifindex,
	    .attach_point = way == KERN_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS};
}

/* Everything of a kind that the kernel has; 0 or -errno. */
static int
dump(uint16_t type, int ifindex, uint32_t parent, struct nl_dump *d)
{
	char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct tcmsg *t;
	int r;

	if ((d->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) == NULL)
		return -errno;
	h->nlmsg_type = type;
	t = mnl_nlmsg_put_extra_header(h, sizeof *t);
	t->tcm_family = AF_UNSPEC;
	t->tcm_ifindex = ifindex;
	t->tcm_parent = parent;
	r = nl_dump(d, h);
	mnl_socket_close(d->nl);
	return r == 1 ? -EAGAIN : r;
}

static struct bpf_tc_opts
clsact_opts(uint32_t handle)
{
	return (struct bpf_tc_opts){.sz = sizeof(struct bpf_tc_opts), .handle = handle, .priority = FILTER_PRIORITY};
}

/* Whether a filter of ours is there, and its program: 0; -ENOENT: no; -errno. */
static int
clsact_program(int ifindex, enum kern_way way, uint32_t handle, uint32_t *prog)
{
	struct bpf_tc_hook hook = clsact_hook(ifindex, way);
	struct bpf_tc_opts opts = clsact_opts(handle);
	int r = bpf_tc_query(&hook, &opts);

	if (r == 0)
		*prog = opts.prog_id;
	/* No qdisc, one of blocks that interfaces share, which we never use, a filter that is not BPF, no interface. */
	return r == -EINVAL || r == -EOPNOTSUPP || r == -ENODEV ? -ENOENT : r;
}

static int
clsact_query(int ifindex, enum kern_way way, uint32_t handle)
{
	uint32_t prog;

	return clsact_program(ifindex, way, handle, &prog);
}

struct qdisc {
	int ifindex;
	char kind[IFNAMSIZ]; /* of what is at its ingress hook; empty: nothing is */
};

static int
qdisc_kind(const struct nlattr *a, void *arg)
{
	struct qdisc *q = arg;

	if (mnl_attr_get_type(a) == TCA_KIND && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
		strncpy(q->kind, mnl_attr_get_str(a), sizeof q->kind - 1);
	return MNL_CB_OK;
}

static void
no_qdisc(void *arg)
{
	((struct qdisc *)arg)->kind[0] = '\0';
}

static void
on_qdisc(void *arg, const struct nlmsghdr *h)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	const struct qdisc *q = arg;

	if (h->nlmsg_type == RTM_NEWQDISC && t->tcm_ifindex == q->ifindex && t->tcm_parent == TC_H_CLSACT)
		(void)mnl_attr_parse(h, sizeof *t, qdisc_kind, arg);
}

/* Somebody else's "ingress" qdisc takes our filters, too, but has one side only: what is asked of the other one is done
 * to this.  All qdiscs are read, since to ask for one is told to everybody who listens. */
static bool
is_clsact(int ifindex)
{
	struct qdisc q = {.ifindex = ifindex};
	struct nl_dump d = {.begin = no_qdisc, .each = on_qdisc, .arg = &q};
	int r;

	/* Others' qdiscs may change as they like. */
	r = dump(RTM_GETQDISC, 0, 0, &d);
	return (r == 0 || r == -EAGAIN) && strcmp(q.kind, "clsact") == 0;
}

static void
no_filter(void *arg)
{
	*(unsigned *)arg = 0;
}

static void
count_filter(void *arg, const struct nlmsghdr *h)
{
	if (h->nlmsg_type == RTM_NEWTFILTER)
		++*(unsigned *)arg;
}

/* How many filters are left on one side of the clsact qdisc. */
static int
clsact_filters(int ifindex, uint32_t minor, unsigned *n)
{
	struct nl_dump d = {.begin = no_filter, .each = count_filter, .arg = n};

	return dump(RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_CLSACT, minor), &d);
}

/* Destroys a clsact that is of no use.  One that cannot be looked at stays: it does no harm. */
static void
clsact_tidy(int ifindex)
{
	struct bpf_tc_hook hook = clsact_hook(ifindex, KERN_INGRESS);
	unsigned n = 0;

	if (!is_clsact(ifindex) || clsact_filters(ifindex, TC_H_MIN_INGRESS, &n) < 0 ||
	    clsact_filters(ifindex, TC_H_MIN_EGRESS, &n) < 0 || n > 0)
		return;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	(void)bpf_tc_hook_destroy(&hook);
}

/* The handle of a filter on a qdisc that was there: what replaces ours has ours. */
static uint32_t
clsact_handle(int ifindex, enum kern_way way)
{
	const enum kern_way other = way == KERN_EGRESS ? KERN_INGRESS : KERN_EGRESS;

	if (clsact_query(ifindex, way, FILTER_GUEST) == 0)
		return FILTER_GUEST;
	if (clsact_query(ifindex, way, FILTER_OWNER) == 0 || clsact_query(ifindex, other, FILTER_OWNER) == 0)
		return FILTER_OWNER;
	return FILTER_GUEST;
}

int
kern_hook_clsact(int prog_fd, int ifindex, enum kern_way way)
{
	struct bpf_tc_hook hook = clsact_hook(ifindex, way);
	const int made = bpf_tc_hook_create(&hook);
	struct bpf_tc_opts opts;
	int r;

	if (made < 0 && made != -EEXIST)
		return made;
	if (way == KERN_EGRESS && !is_clsact(ifindex))
		return -EOPNOTSUPP;
	opts = clsact_opts(made == 0 ? FILTER_OWNER : clsact_handle(ifindex, way));
	opts.prog_fd = prog_fd;
	opts.flags = BPF_TC_F_REPLACE;
	if ((r = bpf_tc_attach(&hook, &opts)) < 0 && made == 0)
		clsact_tidy(ifindex);
	return r;
}

static struct bpf_tc_hook
qdisc_hook(int ifindex, uint32_t parent)
{
	return (struct bpf_tc_hook){
	    .sz = sizeof(struct bpf_tc_hook), .ifindex = ifindex, .attach_point = BPF_TC_CUSTOM, .parent = parent};
}

int
kern_hook_qdisc(int prog_fd, int ifindex, uint32_t parent)
{
	struct bpf_tc_hook hook = qdisc_hook(ifindex, parent);
	struct bpf_tc_opts opts = clsact_opts(FILTER_OWNER);

	opts.prog_fd = prog_fd;
	opts.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(&hook, &opts);
}

int
kern_hook_program_id(int prog_fd, uint32_t *id)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof info;

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len) < 0)
		return -errno;
	*id = info.id;
	return 0;
}

bool
kern_hook_qdisc_alive(uint32_t prog_id, int ifindex, uint32_t parent)
{
	struct bpf_tc_hook hook = qdisc_hook(ifindex, parent);
	struct bpf_tc_opts opts = clsact_opts(FILTER_OWNER);

	return bpf_tc_query(&hook, &opts) == 0 && opts.prog_id == prog_id;
}

static int
clsact_detach(int ifindex, enum kern_way way, uint32_t handle)
{
	struct bpf_tc_hook hook = clsact_hook(ifindex, way);
	struct bpf_tc_opts opts = clsact_opts(handle);
	int r = clsact_query(ifindex, way, handle);

	if (r == 0 && way == KERN_EGRESS && !is_clsact(ifindex))
		return 0; /* what was found is at ingress */
	if (r == 0)
		r = bpf_tc_detach(&hook, &opts);
	if (r == 0 && handle == FILTER_OWNER)
		clsact_tidy(ifindex);
	return r == -ENOENT ? 0 : r;
}

int
kern_hook_clsact_remove(int ifindex, enum kern_way way)
{
	int guest = clsact_detach(ifindex, way, FILTER_GUEST);
	int owner = clsact_detach(ifindex, way, FILTER_OWNER);

	return guest < 0 ? guest : owner;
}

bool
kern_hook_clsact_alive(int prog_fd, int ifindex, enum kern_way way)
{
	uint32_t prog = 0, id;

	if (clsact_program(ifindex, way, FILTER_GUEST, &prog) < 0 &&
	    clsact_program(ifindex, way, FILTER_OWNER, &prog) < 0)
		return false;
	return kern_hook_program_id(prog_fd, &id) == 0 && id == prog;
}
