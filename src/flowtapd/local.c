/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever changes, all addresses are read again: an address may be on two interfaces, and a message may be lost.  Many
 * changes at once are one such reading.  What has failed is tried again, more and more seldom: there may be no news
 * then.
 *
 * exports: local_ */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "local.h"
#include "log.h"
#include "nl_address.h"
#include "nl_dump.h"

#define NL_BUF 65536
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 64000

struct local {
	struct kern *kern;
	struct mnl_socket *news, *ask; /* that something changed; the answers to our questions */
	struct loop *loop;
	struct loop_io *io;
	struct loop_timer *retry;
	int64_t retry_ms; /* of the last failure; 0: there was none */
	bool due;         /* at the end of the round */
	struct tap_local *v;
	size_t n, cap;
	int err; /* of on_address */
};

static void
on_address(void *arg, const struct nlmsghdr *h)
{
	struct local *l = arg;
	struct tap_local one, *more;

	if (!nl_address(h, h->nlmsg_len, &one))
		return;
	if (l->n == l->cap) {
		if ((more = reallocarray(l->v, l->cap ? l->cap * 2 : 64, sizeof *l->v)) == NULL) {
			l->err = -ENOMEM;
			return;
		}
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = more;
	}
	l->v[l->n++] = one;
}

static void
on_begin(void *arg)
{
	struct local *l = arg;

	l->n = 0;
	l->err = 0;
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tap_local));
}

static int
read_all(struct local *l)
{
	const struct nl_dump d = {.nl = l->ask, .begin = on_begin, .each = on_address, .arg = l};
	char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(h, sizeof *ifa);
	int r;

	h->nlmsg_type = RTM_GETADDR;
	ifa->ifa_family = AF_UNSPEC;
	/* What changed meanwhile is news, after which all is read again. */
	r = nl_dump(&d, h);
	return r < 0 ? r : l->err;
}

/* Said once, however often it is tried. */
static void
outcome(struct local *l, int r)
{
	const int64_t was_ms = l->retry_ms;

	l->retry_ms = r == 0 ? 0 : was_ms == 0 ? RETRY_MIN_MS : was_ms < RETRY_MAX_MS ? was_ms * 2 : was_ms;
	loop_timer_set(l->retry, r == 0 ? -1 : l->retry_ms);
	if (r < 0 && was_ms == 0)
		log_warn(r, "this router's own addresses: what is sent to our SSH server may be tapped");
	else if (r == 0 && was_ms != 0)
		log_info("this router's own addresses are known again");
}

static void
again(void *arg)
{
	struct local *l = arg;
	int r = read_all(l);

	l->due = false;
	if (r == 0) {
		if (l->n)
			qsort(l->v, l->n, sizeof *l->v, compare);
		r = kern_local_set(l->kern, l->v, l->n);
	}
	outcome(l, r);
}

static void
on_news(void *arg, uint32_t events)
{
	struct local *l = arg;
	char buf[NL_BUF];

	(void)events;
	/* What it says is read again; an error is that some of it was lost. */
	(void)mnl_socket_recvfrom(l->news, buf, sizeof buf);
	if (l->due)
		return;
	l->due = true;
	loop_defer(l->loop, again, l);
}

int
local_new(struct kern *k, struct local **out)
{
	struct local *l = calloc(1, sizeof *l);
	int r = -ENOMEM;

	if (l == NULL)
		return r;
	l->kern = k;
	if ((l->news = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK)) == NULL ||
	    (l->ask = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) == NULL ||
	    mnl_socket_bind(l->news, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_bind(l->ask, 0, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		local_free(l);
		return r;
	}
	*out = l;
	return 0;
}

void
local_free(struct local *l)
{
	if (l == NULL)
		return;
	loop_remove(l->io);
	loop_timer_free(l->retry);
	if (l->news)
		mnl_socket_close(l->news);
	if (l->ask)
		mnl_socket_close(l->ask);
	free(l->v);
	free(l);
}

int
local_start(struct local *l, struct loop *loop)
{
	int r = loop_timer_new(loop, again, l, &l->retry);

	if (r < 0)
		return r;
	l->loop = loop;
	again(l);
	return loop_add(loop, mnl_socket_get_fd(l->news), EPOLLIN, on_news, l, &l->io);
}
