/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces that copies leave by (bpf/direct.h): which of them may be given
 * copies directly, and their egress program.
 *
 * exports: kern_ports_ */
#include <bpf/bpf.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kern_hook.h"
#include "kern_internal.h"
#include "nl_dump.h"
#include "nl_link.h"

#define NL_BUF 16384
#define PORT_IDLE_ROUNDS 600 /* not used for so many calls: the program goes */
#define PORT_STACK_MAX 8     /* interfaces on top of each other */

static int
on_link(const struct nlmsghdr *h, void *arg)
{
	if (nl_link_get(h, arg) == 0)
		return MNL_CB_OK;
	errno = EBADMSG;
	return MNL_CB_ERROR;
}

static int
facts_get(int ifindex, struct nl_link *f)
{
	char buf[NL_BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct ifinfomsg *ifi;
	ssize_t n;
	int r = 0;

	if (nl == NULL)
		return -errno;
	memset(f, 0, sizeof *f);
	h->nlmsg_type = RTM_GETLINK;
	h->nlmsg_flags = NLM_F_REQUEST;
	ifi = mnl_nlmsg_put_extra_header(h, sizeof *ifi);
	ifi->ifi_index = ifindex;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(nl, h, h->nlmsg_len) < 0 ||
	    (n = mnl_socket_recvfrom(nl, buf, sizeof buf)) < 0 || mnl_cb_run(buf, (size_t)n, 0, 0, on_link, f) < 0)
		r = -errno;
	mnl_socket_close(nl);
	return r;
}

/* Whether checksums, and with them trains, are left to the interface. */
static bool
offloads(const char name[IF_NAMESIZE])
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_value v = {.cmd = ETHTOOL_GTXCSUM};
	struct ifreq req = {.ifr_data = (void *)&v};

	if (fd < 0)
		return true;
	memcpy(req.ifr_name, name, IF_NAMESIZE);
	return ioctl(fd, SIOCETHTOOL, &req) < 0 || v.data != 0;
}

static bool
possible(const struct nl_link *f)
{
	return f->type == ARPHRD_ETHER && strcmp(f->name, KERN_STAGE_OUT) != 0 && strcmp(f->name, KERN_STAGE_IN) != 0;
}

/*
 * Hardware does what it is asked to before the bits are on the wire.  A virtual interface hands packets
 * over as they are, with checksums and cutting left undone, unless the kernel has to do it.
 */
static bool
direct(const struct nl_link *f)
{
	static const char *const guests[] = {"virtio", "xen", "vmbus"};

	if (!offloads(f->name))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(guests); i++)
		if (strcmp(f->bus, guests[i]) == 0)
			return false;
	return f->bus[0] != '\0';
}

/* ---- where it leads ---- */

static bool leads_here(const struct nl_link *l, unsigned depth);

/* The ports of a bridge or bond, and whether one of them leads here. */
struct ports {
	int master;
	unsigned depth;
	bool local;
};

static void
ports_begin(void *arg)
{
	((struct ports *)arg)->local = false;
}

static void
on_port(void *arg, const struct nlmsghdr *h)
{
	struct ports *p = arg;
	struct nl_link l;

	if (h->nlmsg_type == RTM_NEWLINK && nl_link_get(h, &l) == 0 && l.master == p->master &&
	    leads_here(&l, p->depth + 1))
		p->local = true;
}

static bool
port_leads_here(const struct nl_link *l, unsigned depth)
{
	struct ports p = {.master = l->ifindex, .depth = depth};
	struct nl_dump d = {.begin = ports_begin, .each = on_port, .arg = &p};
	char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	int r;

	if ((d.nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) == NULL)
		return true;
	h->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(h, IFLA_MASTER, (uint32_t)l->ifindex);
	r = nl_dump(&d, h);
	mnl_socket_close(d.nl);
	return r != 0 || p.local;
}

static bool
is_one_of(const char *kind, const char *const v[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(kind, v[i]) == 0)
			return true;
	return false;
}

/*
 * Whether what leaves there may land in a receive queue of this machine: by a pair of virtual ends, or by what stands
 * on one, or has one as a port.  What cannot be found out may.
 */
static bool
leads_here(const struct nl_link *l, unsigned depth)
{
	static const char *const pairs[] = {"veth", "netkit", "openvswitch"};
	static const char *const masters[] = {"bridge", "bond", "team"};
	struct nl_link below;

	if (l->bus[0] != '\0')
		return false;
	if (depth == PORT_STACK_MAX || l->elsewhere || is_one_of(l->kind, pairs, ARRAY_LEN(pairs)))
		return true;
	if (is_one_of(l->kind, masters, ARRAY_LEN(masters)))
		return port_leads_here(l, depth);
	if (l->peer == 0 || l->peer == l->ifindex)
		return false;
	return facts_get(l->peer, &below) < 0 || leads_here(&below, depth + 1);
}

/* ---- the program ---- */

static int
pin_path(const struct kern *k, int ifindex, char out[static KERN_PATH_MAX])
{
	char name[16];

	snprintf(name, sizeof name, "%d", ifindex);
	return kern_path(out, k->dir, "ports", name);
}

/* Also if it is there already: it may be a predecessor's, or somebody may have taken it away. */
static int
program_attach(struct kern *k, int ifindex)
{
	char pin[KERN_PATH_MAX];
	int r = pin_path(k, ifindex, pin);

	if (r < 0)
		return r;
	if (k->clsact)
		return kern_hook_clsact(k->out, ifindex, KERN_EGRESS);
	if (kern_set_has(&k->ports, ifindex) && kern_hook_tcx_alive(pin))
		return 0;
	if ((r = kern_hook_tcx(k->out, ifindex, KERN_EGRESS, pin)) < 0)
		return r;
	return kern_set_add(&k->ports, ifindex);
}

static int
program_remove(struct kern *k, int ifindex)
{
	char pin[KERN_PATH_MAX];
	int r = pin_path(k, ifindex, pin);

	if (r < 0)
		return r;
	kern_set_remove(&k->ports, ifindex);
	return k->clsact ? kern_hook_clsact_remove(ifindex, KERN_EGRESS) : kern_hook_tcx_remove(pin);
}

/* ---- */

/* In two calls: no copy, and no question, comes any more when the program goes, since hops are asked for once a
 * tick, far less than the time between calls. */
static int
port_close(struct kern *k, int ifindex, struct tap_port *p, bool forget)
{
	bool open = p->state >= TAP_PORT_STAGE;
	int r = open ? 0 : program_remove(k, ifindex);

	if (r < 0)
		return r;
	if (forget && !open)
		return bpf_map_delete_elem(k->map[KERN_MAP_PORT], &ifindex) < 0 && errno != ENOENT ? -errno : 0;
	p->state = TAP_PORT_UNFIT; /* copies still go there, by way of the stage device */
	return bpf_map_update_elem(k->map[KERN_MAP_PORT], &ifindex, p, BPF_EXIST) < 0 && errno != ENOENT ? -errno : 0;
}

static int
port_look(struct kern *k, int ifindex, struct tap_port *p)
{
	struct nl_link f;
	int r = facts_get(ifindex, &f);

	if (r < 0 || ++p->idle > PORT_IDLE_ROUNDS)
		return port_close(k, ifindex, p, true);
	p->local = leads_here(&f, 0);
	if (!possible(&f) || program_attach(k, ifindex) < 0)
		return port_close(k, ifindex, p, false);
	if (!direct(&f))
		p->state = TAP_PORT_STAGE;
	else
		p->state = strcmp(f.qdisc, "noqueue") == 0 ? TAP_PORT_READY : TAP_PORT_TRAINS;
	return bpf_map_update_elem(k->map[KERN_MAP_PORT], &ifindex, p, BPF_EXIST) < 0 && errno != ENOENT ? -errno : 0;
}

int
kern_ports_look(struct kern *k)
{
	int fd = k->map[KERN_MAP_PORT], key, next, r = 0, more = bpf_map_get_next_key(fd, NULL, &key);
	struct tap_port p;

	while (more == 0) {
		more = bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &p) == 0)
			r = kern_first(r, port_look(k, key, &p));
		key = next;
	}
	return r;
}

int
kern_ports_each(const struct kern *k, void (*cb)(void *arg, int ifindex, bool direct), void *arg)
{
	int fd = k->map[KERN_MAP_PORT], key, more = bpf_map_get_next_key(fd, NULL, &key);
	struct tap_port p;

	for (; more == 0; more = bpf_map_get_next_key(fd, &key, &key))
		if (bpf_map_lookup_elem(fd, &key, &p) == 0)
			cb(arg, key, p.state >= TAP_PORT_READY);
	return more == -ENOENT ? 0 : more;
}

/* ---- what a predecessor left ---- */

static int
sweep_one(void *arg, const char *name)
{
	struct kern *k = arg;
	int ifindex = atoi(name);
	struct tap_port p;

	if (bpf_map_lookup_elem(k->map[KERN_MAP_PORT], &ifindex, &p) == 0)
		return 0;
	return program_remove(k, ifindex);
}

int
kern_ports_sweep(struct kern *k)
{
	return k->clsact ? 0 : kern_each(k->dir, "ports", sweep_one, k);
}
