/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kern.h"
#include "log.h"
#include "nl_dump.h"
#include "nl_link.h"
#include "selftest.h"
#include "stage.h"

#define STAGE_MTU 65535
#define STAGE_QUEUES_MAX 1024
#define NL_BUF 16384
#define FEATURE_BLOCKS 8 /* of 32 features; the kernel has 2 or 3 */

/* ---- rtnetlink ---- */

static int
end_message(const struct nlmsghdr *h, void *arg)
{
	if (nl_link_get(h, arg) == 0)
		return MNL_CB_OK;
	errno = EBADMSG;
	return MNL_CB_ERROR;
}

/* Sends one request and reads its answer, into cb if there is one. */
static int
request(struct nlmsghdr *h, mnl_cb_t cb, void *arg)
{
	char buf[NL_BUF];
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	ssize_t n;
	int r = 0;

	if (nl == NULL)
		return -errno;
	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		r = -errno;
	/* until the acknowledgement (MNL_CB_STOP) */
	for (int more = r == 0; more > 0;) {
		n = nl_wait(nl, buf, sizeof buf);
		more = n < 0 ? -1 : mnl_cb_run(buf, (size_t)n, 0, 0, cb, arg);
		if (more < 0)
			r = -errno;
	}
	mnl_socket_close(nl);
	return r;
}

static struct nlmsghdr *
link_message(char *buf, uint16_t type, const char *name, unsigned flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	h->nlmsg_type = type;
	ifi = mnl_nlmsg_put_extra_header(h, sizeof *ifi);
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_flags = ifi->ifi_change = flags;
	if (name)
		mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return h;
}

/* A pair to be made. */
struct pair {
	const char *out, *in;
	uint32_t mtu, queues;
};

static void
put_end(struct nlmsghdr *h, const struct pair *p)
{
	mnl_attr_put_u32(h, IFLA_MTU, p->mtu);
	mnl_attr_put_u32(h, IFLA_NUM_TX_QUEUES, p->queues);
	mnl_attr_put_u32(h, IFLA_NUM_RX_QUEUES, p->queues);
}

static int
pair_create(const struct pair *p)
{
	char buf[NL_BUF];
	struct nlmsghdr *h = link_message(buf, RTM_NEWLINK, p->out, IFF_NOARP);
	struct nlattr *info, *data, *peer;
	struct ifinfomsg *ifi;

	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	put_end(h, p);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(h, VETH_INFO_PEER);
	ifi = mnl_nlmsg_put_extra_header(h, sizeof *ifi);
	ifi->ifi_flags = ifi->ifi_change = IFF_NOARP;
	mnl_attr_put_strz(h, IFLA_IFNAME, p->in);
	put_end(h, p);
	mnl_attr_nest_end(h, peer);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return request(h, NULL, NULL);
}

/* One for each CPU; two at least, since "mq" wants several. */
static uint32_t
stage_queues(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	return cpus < 2 ? 2 : cpus < STAGE_QUEUES_MAX ? (uint32_t)cpus : STAGE_QUEUES_MAX;
}

static int
end_get(const char *name, struct nl_link *e)
{
	char buf[NL_BUF];

	memset(e, 0, sizeof *e);
	return request(link_message(buf, RTM_GETLINK, name, 0), end_message, e);
}

static int
end_up(const char *name)
{
	char buf[NL_BUF];

	return request(link_message(buf, RTM_NEWLINK, name, IFF_UP | IFF_NOARP), NULL, NULL);
}

/* ---- settings ---- */

static int
ethtool(const char *name, void *cmd)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = {.ifr_data = cmd};

	if (fd < 0)
		return -errno;
	strncpy(req.ifr_name, name, sizeof req.ifr_name - 1);
	return ioctl(fd, SIOCETHTOOL, &req) < 0 ? -errno : 0;
}

/* Every feature that can be turned off: this end promises nothing, so the kernel completes the checksums of
 * the segments that it cuts. */
static int
features_off(const char *name)
{
	union {
		struct ethtool_gfeatures g;
		char
		    room[sizeof(struct ethtool_gfeatures) + FEATURE_BLOCKS * sizeof(struct ethtool_get_features_block)];
	} get = {.g = {.cmd = ETHTOOL_GFEATURES, .size = FEATURE_BLOCKS}};
	union {
		struct ethtool_sfeatures s;
		char
		    room[sizeof(struct ethtool_sfeatures) + FEATURE_BLOCKS * sizeof(struct ethtool_set_features_block)];
	} set = {.s = {.cmd = ETHTOOL_SFEATURES}};
	int r = ethtool(name, &get);

	if (r < 0)
		return r;
	if (get.g.size > FEATURE_BLOCKS)
		return -E2BIG;
	set.s.size = get.g.size;
	for (uint32_t i = 0; i < get.g.size; i++)
		set.s.features[i].valid = get.g.features[i].available;
	return ethtool(name, &set);
}

static int
sysctl_set(const char *family, const char *name, const char *key, const char *value)
{
	cleanup_fd int fd = -1;
	char path[128];

	snprintf(path, sizeof path, "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT && strcmp(family, "ipv6") == 0 ? 0 : -errno; /* a kernel without IPv6 */
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

/* forwarding: bpf_fib_lookup asks for a packet that "came in" here.  Nobody else may use it: what comes in is for
 * another host, by its address, and dropped. */
static int
sysctls_set(const char *name)
{
	static const struct {
		const char *family, *key, *value;
	} settings[] = {
	    {"ipv4", "forwarding", "1"},
	    {"ipv4", "rp_filter", "0"},
	    {"ipv6", "disable_ipv6", "1"},
	    {"ipv6", "forwarding", "1"},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(settings) && r == 0; i++)
		r = sysctl_set(settings[i].family, name, settings[i].key, settings[i].value);
	return r;
}

static bool
is_veth(const struct nl_link *e)
{
	return strcmp(e->kind, "veth") == 0;
}

/* Whether the two are there and belong together; *queues of the first one. */
static int
pair_check(const char *out, const char *in, unsigned *queues)
{
	struct nl_link a, b;
	int r;

	if ((r = end_get(out, &a)) < 0 || (r = end_get(in, &b)) < 0)
		return r == -ENODEV ? -EEXIST : r; /* one of the two is not there */
	*queues = a.queues;
	return is_veth(&a) && is_veth(&b) && a.peer == (int)if_nametoindex(in) && b.peer == (int)if_nametoindex(out)
		   ? 0
		   : -EEXIST;
}

/* ---- what cuts segment trains ---- */

/*
 * Of each queue: a token bucket, of which we want nothing but that it cuts a train that is longer than it can ever
 * have tokens for, and every train is, since it takes them all for CUT_OVERHEAD bytes longer.  The segments go to
 * the discipline inside it one by one, where tap_segment, its filter, takes them away: neither ever holds a packet.
 */
#define CUT_MOST 0x20000     /* tokens; no segment is longer */
#define CUT_OVERHEAD 0x40000 /* more than that */
#define CUT_RATE 1000000000  /* of no meaning, but it has to be one */
#define CUT_LOOKS 3
#define CUT_ROOT TC_H_MAKE(1u << 16, 0)

static void
put_mq(struct nlmsghdr *h)
{
	(void)h;
}

static void
put_bucket(struct nlmsghdr *h)
{
	struct tc_tbf_qopt opt = {
	    .rate = {.rate = CUT_RATE, .linklayer = TC_LINKLAYER_ETHERNET}, .limit = CUT_MOST, .mtu = CUT_MOST};
	struct tc_sizespec size = {.overhead = CUT_OVERHEAD};
	struct nlattr *nest = mnl_attr_nest_start(h, TCA_OPTIONS);

	mnl_attr_put(h, TCA_TBF_PARMS, sizeof opt, &opt);
	mnl_attr_put_u32(h, TCA_TBF_BURST, CUT_MOST);
	mnl_attr_nest_end(h, nest);
	nest = mnl_attr_nest_start(h, TCA_STAB);
	mnl_attr_put(h, TCA_STAB_BASE, sizeof size, &size);
	mnl_attr_nest_end(h, nest);
}

static void
put_htb(struct nlmsghdr *h)
{
	struct tc_htb_glob opt = {.version = 3, .rate2quantum = 10};
	struct nlattr *nest = mnl_attr_nest_start(h, TCA_OPTIONS);

	mnl_attr_put(h, TCA_HTB_INIT, sizeof opt, &opt);
	mnl_attr_nest_end(h, nest);
}

static int
qdisc_add(int ifindex, uint32_t parent, uint32_t handle, const char *kind, void (*put)(struct nlmsghdr *h))
{
	char buf[NL_BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct tcmsg *t = mnl_nlmsg_put_extra_header(h, sizeof *t);

	h->nlmsg_type = RTM_NEWQDISC;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	*t = (struct tcmsg){.tcm_ifindex = ifindex, .tcm_parent = parent, .tcm_handle = handle};
	mnl_attr_put_strz(h, TCA_KIND, kind);
	put(h);
	return request(h, NULL, NULL);
}

static int
qdisc_remove(int ifindex)
{
	char buf[NL_BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct tcmsg *t = mnl_nlmsg_put_extra_header(h, sizeof *t);

	h->nlmsg_type = RTM_DELQDISC;
	*t = (struct tcmsg){.tcm_ifindex = ifindex, .tcm_parent = TC_H_ROOT};
	return request(h, NULL, NULL);
}

static uint32_t
cut_bucket(uint32_t queue)
{
	return (2 + 2 * queue) << 16;
}

uint32_t
stage_cut_parent(uint32_t queue)
{
	return (3 + 2 * queue) << 16;
}

/* What is found of it. */
struct cut {
	int ifindex;
	uint32_t queues, found;
};

static int
cut_kind(const struct nlattr *a, void *arg)
{
	if (mnl_attr_get_type(a) == TCA_KIND && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
		*(const char **)arg = mnl_attr_get_str(a);
	return MNL_CB_OK;
}

/* Whether it is one of ours, in its place. */
static bool
cut_has(const struct cut *c, const struct tcmsg *t, const char *kind)
{
	uint32_t n = t->tcm_handle >> 16, q = (n - 2) / 2;

	if (t->tcm_handle == CUT_ROOT)
		return t->tcm_parent == TC_H_ROOT && strcmp(kind, "mq") == 0;
	if (n < 2 || q >= c->queues)
		return false;
	if (t->tcm_handle == cut_bucket(q))
		return t->tcm_parent == (CUT_ROOT | (q + 1)) && strcmp(kind, "tbf") == 0;
	return t->tcm_handle == stage_cut_parent(q) && t->tcm_parent == (cut_bucket(q) | 1) && strcmp(kind, "htb") == 0;
}

static void
no_qdisc(void *arg)
{
	((struct cut *)arg)->found = 0;
}

static void
on_qdisc(void *arg, const struct nlmsghdr *h)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	const char *kind = "";
	struct cut *c = arg;

	if (h->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(h) < sizeof *t || t->tcm_ifindex != c->ifindex)
		return;
	mnl_attr_parse(h, sizeof *t, cut_kind, &kind);
	c->found += cut_has(c, t, kind);
}

static int
cut_look(int ifindex, uint32_t queues)
{
	char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct cut c = {.ifindex = ifindex, .queues = queues};
	struct nl_dump d = {.begin = no_qdisc, .each = on_qdisc, .arg = &c};
	int r;

	if ((d.nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) == NULL)
		return -errno;
	/* All interfaces': to ask for one's is told to everybody who listens. */
	h->nlmsg_type = RTM_GETQDISC;
	mnl_nlmsg_put_extra_header(h, sizeof(struct tcmsg));
	r = nl_dump(&d, h);
	mnl_socket_close(d.nl);
	if (r < 0)
		return r;
	return c.found == 1 + 2 * queues ? 0 : -ENOENT;
}

/* The kernel may pass over an interface if another one goes meanwhile, and does not say so. */
int
stage_cut_look(int ifindex, uint32_t queues)
{
	int r = -ENOENT;

	for (int i = 0; r == -ENOENT && i < CUT_LOOKS; i++)
		r = cut_look(ifindex, queues);
	return r;
}

/* What somebody else put there goes.  Whole, or not at all. */
static int
cut_open(int ifindex, uint32_t queues)
{
	int r;

	if (stage_cut_look(ifindex, queues) == 0)
		return 0;
	(void)qdisc_remove(ifindex); /* if there is none, it is an error, too */
	r = qdisc_add(ifindex, TC_H_ROOT, CUT_ROOT, "mq", put_mq);
	for (uint32_t q = 0; q < queues && r == 0; q++) {
		r = qdisc_add(ifindex, CUT_ROOT | (q + 1), cut_bucket(q), "tbf", put_bucket);
		if (r == 0)
			r = qdisc_add(ifindex, cut_bucket(q) | 1, stage_cut_parent(q), "htb", put_htb);
	}
	if (r < 0)
		(void)qdisc_remove(ifindex);
	return r;
}

/* Without it copies of segment trains pass the device, which can be seen, but none is lost. */
static bool
cut_opened(int ifindex, uint32_t queues)
{
	int r = cut_open(ifindex, queues);

	if (r < 0)
		log_warn(r,
		    "nothing can cut segment trains on " KERN_STAGE_OUT " (modules sch_tbf and sch_htb): its counters "
		    "tell whoever may look when there are copies of them");
	return r == 0;
}

/* ---- the test device ---- */

/* The copy of the canary finds its way by the routing table, as others do. */
static int
test_route(int ifindex)
{
	char buf[NL_BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof *rt);

	h->nlmsg_type = RTM_NEWROUTE;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	*rt = (struct rtmsg){.rtm_family = AF_INET,
	    .rtm_dst_len = 32,
	    .rtm_table = RT_TABLE_MAIN,
	    .rtm_protocol = RTPROT_STATIC,
	    .rtm_scope = RT_SCOPE_LINK,
	    .rtm_type = RTN_UNICAST};
	mnl_attr_put_u32(h, RTA_DST, htonl(SELFTEST_DEST));
	mnl_attr_put_u32(h, RTA_OIF, (uint32_t)ifindex);
	return request(h, NULL, NULL);
}

static int
test_neighbour(int ifindex)
{
	static const uint8_t mac[6] = SELFTEST_MAC;
	char buf[NL_BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(h, sizeof *nd);

	h->nlmsg_type = RTM_NEWNEIGH;
	h->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	*nd = (struct ndmsg){.ndm_family = AF_INET, .ndm_ifindex = ifindex, .ndm_state = NUD_PERMANENT};
	mnl_attr_put_u32(h, NDA_DST, htonl(SELFTEST_DEST));
	mnl_attr_put(h, NDA_LLADDR, sizeof mac, mac);
	return request(h, NULL, NULL);
}

static int
test_open(int *out)
{
	static const struct pair pair = {KERN_TEST_OUT, KERN_TEST_IN, 1500, 1};
	unsigned queues;
	int r;

	if (if_nametoindex(KERN_TEST_OUT) == 0 && (r = pair_create(&pair)) < 0)
		return r;
	if ((r = pair_check(KERN_TEST_OUT, KERN_TEST_IN, &queues)) < 0 ||
	    (r = sysctl_set("ipv6", KERN_TEST_OUT, "disable_ipv6", "1")) < 0 ||
	    (r = sysctl_set("ipv6", KERN_TEST_IN, "disable_ipv6", "1")) < 0 || (r = end_up(KERN_TEST_OUT)) < 0 ||
	    (r = end_up(KERN_TEST_IN)) < 0)
		return r;
	*out = (int)if_nametoindex(KERN_TEST_OUT);
	return (r = test_route(*out)) < 0 ? r : test_neighbour(*out);
}

int
stage_open(bool test, struct stage *out)
{
	const struct pair pair = {KERN_STAGE_OUT, KERN_STAGE_IN, STAGE_MTU, stage_queues()};
	struct stage s = {0};
	int r;

	if (if_nametoindex(KERN_STAGE_OUT) == 0 && (r = pair_create(&pair)) < 0)
		return r;
	if ((r = pair_check(KERN_STAGE_OUT, KERN_STAGE_IN, &s.queues)) < 0 || (r = sysctls_set(KERN_STAGE_OUT)) < 0 ||
	    (r = sysctls_set(KERN_STAGE_IN)) < 0 || (r = features_off(KERN_STAGE_OUT)) < 0)
		return r;
	s.out = (int)if_nametoindex(KERN_STAGE_OUT);
	s.in = (int)if_nametoindex(KERN_STAGE_IN);
	s.cuts = cut_opened(s.out, s.queues);
	if ((r = end_up(KERN_STAGE_OUT)) < 0 || (r = end_up(KERN_STAGE_IN)) < 0)
		return r;
	/* Not worth a tap: without it there is no self-test. */
	if (test && (r = test_open(&s.test)) < 0) {
		log_warn(r, "self-test: its device");
		s.test = 0;
	}
	*out = s;
	return 0;
}

static int
pair_remove(const char *name)
{
	char buf[NL_BUF];
	struct nl_link e;
	int r = end_get(name, &e);

	if (r == -ENODEV || (r == 0 && !is_veth(&e)))
		return 0;
	return r < 0 ? r : request(link_message(buf, RTM_DELLINK, name, 0), NULL, NULL);
}

int
stage_remove(void)
{
	int r = pair_remove(KERN_STAGE_OUT), test = pair_remove(KERN_TEST_OUT);

	return r < 0 ? r : test;
}
