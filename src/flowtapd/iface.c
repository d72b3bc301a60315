/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interfaces are tapped.  With `tapped-interfaces all` that is every
 * Ethernet-like interface whose packets are not seen on another one already:
 * a bridge or bond rather than its ports, the device below rather than a VLAN
 * on top of it.  A packet is looked at once, where it enters the router.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <net/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/queue.h>

#include "clock.h"
#include "foreign.h"
#include "iface.h"
#include "log.h"
#include "nl_dump.h"
#include "nl_link.h"

#define NL_BUF 65536
#define TAKEN_TOLD_NS (5 * 1000000000ull) /* the engine looks every two seconds: none is missed */

struct iface {
	LIST_ENTRY(iface) entry;
	int ifindex;
	char name[IF_NAMESIZE];
	char kind[NL_LINK_TEXT];
	unsigned short type;
	int master;           /* the device it is a port of; 0: none */
	bool test;            /* the self-test's: tapped whatever is configured, and nobody's business */
	bool attached, fresh; /* fresh: attached by a prepare not yet committed */
	bool seen;
	int error;         /* why it could not be attached: -errno */
	uint64_t taken_ns; /* when our program was last found to have been taken away; 0: never */
};

struct iface_set {
	struct kern *kern;
	struct mnl_socket *nl;
	struct loop *loop;
	struct loop_io *io;
	bool touched; /* queueing disciplines or filters of the stage device */
	enum { STAGE_WHOLE, STAGE_WAITING, STAGE_ENDING } stage;
	const struct conf *conf;
	char why[96]; /* of the last change that was refused */
	bool again;   /* something was not told: all is to be read anew */
	LIST_HEAD(, iface) list;
};

static struct iface *
find(const struct iface_set *s, int ifindex)
{
	struct iface *i;

	LIST_FOREACH (i, &s->list, entry)
		if (i->ifindex == ifindex)
			return i;
	return NULL;
}

/* The VRF device whose port it is; NULL: none.  Packets enter by the port. */
static const struct iface *
instance_of(const struct iface_set *s, const struct iface *i)
{
	const struct iface *master = i->master ? find(s, i->master) : NULL;

	return master && strcmp(master->kind, "vrf") == 0 ? master : NULL;
}

/* Why an interface is not tapped though all are; NULL: it is. */
static const char *
unwanted(const struct iface_set *s, const struct iface *i)
{
	static const char *const stacked[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"};

	if (strcmp(i->name, KERN_STAGE_OUT) == 0 || strcmp(i->name, KERN_STAGE_IN) == 0 ||
	    strcmp(i->name, KERN_TEST_IN) == 0)
		return "services interface";
	if (i->type != ARPHRD_ETHER)
		return "not Ethernet";
	if (strcmp(i->kind, "vrf") == 0)
		return "routing instance: its interfaces see the packets";
	if (i->master && !instance_of(s, i))
		return "port of another interface";
	for (size_t k = 0; k < ARRAY_LEN(stacked); k++)
		if (strcmp(i->kind, stacked[k]) == 0)
			return "stands on another interface";
	return NULL;
}

static bool
wanted(const struct iface_set *s, const struct iface *i, const struct conf *conf)
{
	const struct iface *instance = instance_of(s, i);

	if (conf == NULL || !conf->flow_tap)
		return false;
	if (i->test)
		return true;
	if (conf->tap_all)
		return unwanted(s, i) == NULL;
	for (uint32_t k = 0; k < conf->ntapped; k++)
		if (strcmp(conf->tapped[k], i->name) == 0)
			return true;
	for (uint32_t k = 0; instance && k < conf->ninstance; k++)
		if (strcmp(conf->instance[k], instance->name) == 0)
			return true;
	return false;
}

static int
attach(struct iface_set *s, struct iface *i)
{
	int r = kern_attach(s->kern, i->ifindex, i->name);

	i->error = r;
	if (r < 0)
		return r;
	i->attached = true;
	if (!i->test)
		log_info("interface %s: tapped", i->name);
	return 0;
}

static void
detach(struct iface_set *s, struct iface *i)
{
	int r = kern_detach(s->kern, i->ifindex, i->name);

	if (r < 0)
		log_warn(r, "interface %s: cannot stop tapping", i->name);
	i->attached = i->fresh = false;
	if (!i->test)
		log_info("interface %s: no longer tapped", i->name);
}

static void
forget(struct iface_set *s, struct iface *i)
{
	if (i->attached)
		detach(s, i);
	LIST_REMOVE(i, entry);
	free(i);
}

/* Names that the configuration has and nobody bears are told with a reason of their own. */
static const char no_interface[] = "there is no such interface";
static const char no_instance[] = "there is no such routing instance";

static const struct iface *
find_name(const struct iface_set *s, const char *name)
{
	const struct iface *i;

	LIST_FOREACH (i, &s->list, entry)
		if (strcmp(i->name, name) == 0)
			return i;
	return NULL;
}

static bool
is_named(char (*v)[CONF_NAME_MAX + 1], uint32_t n, const char *name)
{
	for (uint32_t k = 0; k < n; k++)
		if (strcmp(v[k], name) == 0)
			return true;
	return false;
}

/* What has the name of a routing instance, and is none. */
static bool
is_mistaken(const struct iface *i, const struct conf *conf)
{
	return conf && conf->flow_tap && strcmp(i->kind, "vrf") != 0 &&
	       is_named(conf->instance, conf->ninstance, i->name);
}

/* Each of the names that are not there, once. */
static void
missing_each(const struct iface_set *s, const struct conf *conf,
    void (*each)(void *arg, const char *name, const char *why), void *arg)
{
	if (conf == NULL || !conf->flow_tap)
		return;
	for (uint32_t k = 0; !conf->tap_all && k < conf->ntapped; k++)
		if (find_name(s, conf->tapped[k]) == NULL && !is_named(conf->tapped, k, conf->tapped[k]))
			each(arg, conf->tapped[k], no_interface);
	for (uint32_t k = 0; k < conf->ninstance; k++)
		if (find_name(s, conf->instance[k]) == NULL && !is_named(conf->instance, k, conf->instance[k]) &&
		    !is_named(conf->tapped, conf->ntapped, conf->instance[k]))
			each(arg, conf->instance[k], no_instance);
}

/* Attached if it is wanted, else not. */
static void
review(struct iface_set *s, struct iface *i)
{
	const int before = i->error;

	/* What a change to come has attached is for that change to keep or to give up. */
	if (s->conf == NULL || i->fresh || i->attached == wanted(s, i, s->conf))
		return;
	if (i->attached)
		detach(s, i);
	else if (attach(s, i) < 0 && i->error != before)
		log_warn(i->error, "interface %s: cannot be tapped", i->name);
}

static void
link_new(struct iface_set *s, const struct iface *now)
{
	struct iface *i = find(s, now->ifindex), *port;

	/* Renamed: its program goes on, if that name is to be tapped, too. */
	if (i && strcmp(i->name, now->name) != 0) {
		log_info("interface %s: is %s now", i->name, now->name);
		memcpy(i->name, now->name, sizeof i->name);
	}
	if (i == NULL) {
		if ((i = calloc(1, sizeof *i)) == NULL)
			return;
		*i = *now;
		LIST_INSERT_HEAD(&s->list, i, entry);
	}
	i->master = now->master;
	i->type = now->type;
	i->seen = true;
	review(s, i);
	/* Its ports may have come before it. */
	if (strcmp(i->kind, "vrf") == 0)
		LIST_FOREACH (port, &s->list, entry)
			if (port->master == i->ifindex)
				review(s, port);
}

/*
 * Only the parent can make the stage device, at its start.  So all processes start anew, which ends no tap, but every
 * session.  If somebody takes it away again and again sessions have to last for a while all the same, since by them
 * taps are stopped; copies are lost meanwhile, and counted.
 */
static void
stage_look(struct iface_set *s)
{
	const char *why;

	/* A start that ends is one that failed, and the next one waits: so it ends when it has succeeded. */
	if (s->conf == NULL || s->stage == STAGE_ENDING)
		return;
	why = kern_stage_look(s->kern, s->touched);
	s->touched = why != NULL;
	if (why == NULL) {
		if (s->stage == STAGE_WAITING)
			s->stage = STAGE_WHOLE;
		return;
	}
	if (kern_stage_mend(s->kern, clock_boot_ns())) {
		log_warnx("stage device: %s: starting anew to mend it", why);
		s->stage = STAGE_ENDING;
		loop_stop(s->loop, 1);
	} else if (s->stage == STAGE_WHOLE) {
		log_warnx("stage device: %s, again and again: copies are lost until it is mended, which is tried every "
			  "%llu seconds only",
		    why, KERN_MEND_NS / 1000000000);
		s->stage = STAGE_WAITING;
	}
}

static int
on_link(const struct nlmsghdr *h, void *arg)
{
	struct iface_set *s = arg;
	struct nl_link l;
	struct iface now, *old;

	if (nl_link_get(h, &l) < 0)
		return MNL_CB_OK;
	now = (struct iface){
	    .ifindex = l.ifindex, .type = l.type, .master = l.master, .test = l.ifindex == kern_test_ifindex(s->kern)};
	memcpy(now.name, l.name, sizeof now.name);
	memcpy(now.kind, l.kind, sizeof now.kind);
	/* Whatever the news: what counts is how it is now. */
	if (l.family == AF_UNSPEC && s->loop && kern_stage_has(s->kern, l.ifindex))
		stage_look(s);
	if (h->nlmsg_type == RTM_NEWLINK)
		link_new(s, &now);
	else if (h->nlmsg_type == RTM_DELLINK && l.family == AF_UNSPEC && (old = find(s, now.ifindex)) != NULL)
		forget(s, old);
	return MNL_CB_OK;
}

/* Who asks for one makes the kernel tell of it, too, without any change: it is looked at once a second. */
static int
on_message(const struct nlmsghdr *h, void *arg)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	struct iface_set *s = arg;

	if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK)
		return on_link(h, arg);
	if (mnl_nlmsg_get_payload_len(h) >= sizeof *t && kern_stage_has(s->kern, t->tcm_ifindex))
		s->touched = true;
	return MNL_CB_OK;
}

static void
dump_begin(void *arg)
{
	struct iface_set *s = arg;
	struct iface *i;

	LIST_FOREACH (i, &s->list, entry)
		i->seen = false;
}

static void
dump_each(void *arg, const struct nlmsghdr *h)
{
	(void)on_message(h, arg);
}

static int
dump(struct iface_set *s)
{
	const struct nl_dump d = {.nl = s->nl, .begin = dump_begin, .each = dump_each, .arg = s};
	char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof *g);
	struct iface *i, *next;
	int r;

	h->nlmsg_type = RTM_GETLINK;
	g->rtgen_family = AF_PACKET;
	r = nl_dump(&d, h);
	s->again = r != 0;
	/* What was not said may be there all the same. */
	if (r != 0)
		return r < 0 ? r : 0;
	for (i = LIST_FIRST(&s->list); i; i = next) {
		next = LIST_NEXT(i, entry);
		if (!i->seen)
			forget(s, i);
	}
	return 0;
}

static void
on_netlink(void *arg, uint32_t events)
{
	struct iface_set *s = arg;
	char buf[NL_BUF];
	ssize_t n = mnl_socket_recvfrom(s->nl, buf, sizeof buf);

	(void)events;
	if (n > 0)
		mnl_cb_run(buf, (size_t)n, 0, 0, on_message, s);
	else if (n < 0 && (errno == ENOBUFS || errno == ENOSPC))
		/* lost, or longer than our room: iface_look reads all, once the worst is over */
		s->again = s->touched = true;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		log_warn(-errno, "news of interfaces cannot be read");
}

int
iface_new(struct kern *k, struct iface_set **out)
{
	struct iface_set *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -ENOMEM;
	LIST_INIT(&s->list);
	s->kern = k;
	s->touched = true;
	/* What was reported as ready, a dump of the same round may have read. */
	s->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (s->nl == NULL || mnl_socket_bind(s->nl, RTMGRP_LINK | RTMGRP_TC, MNL_SOCKET_AUTOPID) < 0) {
		int r = -errno;
		iface_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void
iface_free(struct iface_set *s)
{
	struct iface *i;

	if (s == NULL)
		return;
	while ((i = LIST_FIRST(&s->list)) != NULL) {
		LIST_REMOVE(i, entry);
		free(i);
	}
	loop_remove(s->io);
	if (s->nl)
		mnl_socket_close(s->nl);
	free(s);
}

int
iface_start(struct iface_set *s, struct loop *l)
{
	int r = dump(s);

	s->loop = l;
	return r < 0 ? r : loop_add(l, mnl_socket_get_fd(s->nl), EPOLLIN, on_netlink, s, &s->io);
}

void
iface_abort(struct iface_set *s)
{
	struct iface *i;

	LIST_FOREACH (i, &s->list, entry)
		if (i->fresh)
			detach(s, i);
}

/* "interface lo: not Ethernet, which alone can be tapped" */
static void
refusal_note(struct iface_set *s, const struct iface *i, int err)
{
	snprintf(s->why, sizeof s->why, "interface %s: %s", i->name,
	    err == -EMEDIUMTYPE ? "not Ethernet, which alone can be tapped"
	    : err == -ELOOP     ? "made by flowtapd itself, and not to be tapped"
				: strerror(-err));
}

int
iface_prepare(struct iface_set *s, const struct conf *conf, const char **why)
{
	struct iface *i;
	int r;

	LIST_FOREACH (i, &s->list, entry) {
		if (i->attached || !wanted(s, i, conf))
			continue;
		if ((r = attach(s, i)) < 0) {
			/* Only what this change asks for can speak against it. */
			if (conf->tap_all || i->test || s->conf == NULL || wanted(s, i, s->conf)) {
				log_warn(r, "interface %s: cannot be tapped", i->name);
				continue;
			}
			refusal_note(s, i, r);
			*why = s->why;
			iface_abort(s);
			return r;
		}
		i->fresh = true;
	}
	return 0;
}

void
iface_commit(struct iface_set *s, const struct conf *conf)
{
	struct iface *i;

	s->conf = conf;
	/* Between the preparation and now interfaces may have come, and been renamed. */
	LIST_FOREACH (i, &s->list, entry) {
		i->fresh = false;
		review(s, i);
	}
}

/* Somebody deleted the filter, the qdisc or the link.  i may be freed. */
static void
look_taken(struct iface_set *s, struct iface *i)
{
	i->attached = false;
	if (attach(s, i) == -ENODEV) {
		/* With its interface, of which the kernel is about to tell; the link's pin is still there. */
		i->attached = true;
		forget(s, i);
		return;
	}
	i->taken_ns = clock_mono_ns();
	log_warnx("interface %s: our program was taken away", i->name);
	if (i->error)
		log_warn(i->error, "interface %s: cannot be tapped again", i->name);
}

void
iface_look(struct iface_set *s)
{
	struct iface *i, *next;
	int r = s->again ? dump(s) : 0;

	stage_look(s);
	if (r < 0)
		log_warn(r, "interfaces cannot be read");
	for (i = LIST_FIRST(&s->list); i; i = next) {
		next = LIST_NEXT(i, entry);
		if (i->attached && !kern_attached(s->kern, i->ifindex))
			look_taken(s, i);
		else
			review(s, i);
	}
}

/* What was asked for, and why it is not tapped. */
static const char *
why_not(const struct iface_set *s, const struct iface *i)
{
	if (i->attached)
		return "our program was taken away";
	if (i->error)
		return strerror(-i->error);
	if (is_mistaken(i, s->conf))
		return no_instance;
	return unwanted(s, i) ? unwanted(s, i) : "not configured";
}

static json_t *
state_json(const struct iface_set *s, const struct iface *i)
{
	const bool tapped = i->attached && kern_attached(s->kern, i->ifindex),
		   asked = wanted(s, i, s->conf) || is_mistaken(i, s->conf),
		   taken = (i->attached && !tapped) ||
			   (i->taken_ns != 0 && clock_mono_ns() - i->taken_ns < TAKEN_TOLD_NS);
	char name[4 * IF_NAMESIZE];

	/* A name is bytes of the administrator's. */
	foreign_text((struct slice){i->name, strlen(i->name)}, name, sizeof name);
	return json_pack("{s:s,s:i,s:b,s:b,s:b,s:s*}", "name", name, "ifindex", i->ifindex, "wanted", (int)asked,
	    "tapped", (int)tapped, "taken-away", (int)taken, "why", tapped ? NULL : why_not(s, i));
}

static void
missing_json(void *arg, const char *name, const char *why)
{
	json_array_append_new(arg, json_pack("{s:s,s:i,s:b,s:b,s:b,s:s}", "name", name, "ifindex", 0, "wanted", 1,
				       "tapped", 0, "taken-away", 0, "why", why));
}

/* Its program went with it: the kernel is about to tell. */
static bool
is_gone(const struct iface_set *s, const struct iface *i)
{
	char name[IF_NAMESIZE];

	return (i->attached ? !kern_attached(s->kern, i->ifindex) : i->error == -ENODEV) &&
	       if_indextoname((unsigned)i->ifindex, name) == NULL && errno == ENXIO;
}

json_t *
iface_json(const struct iface_set *s)
{
	json_t *v = json_array();
	const struct iface *i;

	LIST_FOREACH (i, &s->list, entry)
		if (!i->test && strcmp(i->name, "lo") != 0 && strcmp(i->name, KERN_TEST_IN) != 0 && !is_gone(s, i))
			json_array_insert_new(v, 0, state_json(s, i));
	missing_each(s, s->conf, missing_json, v);
	return v;
}

static void
missing_text(void *arg, const char *name, const char *why)
{
	struct buf *b = arg;

	buf_printf(b, "%s%s: %s", b->len ? "; " : "", name, why);
}

void
iface_missing(const struct iface_set *s, const struct conf *conf, struct buf *out)
{
	missing_each(s, conf, missing_text, out);
}
