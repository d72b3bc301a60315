/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "nl_dump.h"
#include "route.h"

#define NL_BUF 8192

static int
on_attr(const struct nlattr *a, void *arg)
{
	struct route *r = arg;
	size_t len = mnl_attr_get_payload_len(a);
	uint32_t n;

	if (mnl_attr_get_type(a) == RTA_OIF && len >= sizeof n) {
		memcpy(&n, mnl_attr_get_payload(a), sizeof n);
		r->ifindex = (int)n;
	}
	if (mnl_attr_get_type(a) == RTA_GATEWAY && (len == 4 || len == 16)) {
		r->via = (struct ip_addr){.family = len == 4 ? 4 : 6};
		memcpy(r->via.b, mnl_attr_get_payload(a), len);
	}
	return MNL_CB_OK;
}

/* No route at all is an answer too, and so is an error. */
struct route
route_read(const void *answer, size_t len)
{
	const struct nlmsghdr *h = answer;
	struct route found = {0};
	const struct rtmsg *rt;

	if (!nl_whole(h, len) || h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof *rt)
		return found;
	rt = mnl_nlmsg_get_payload(h);
	if (rt->rtm_type == RTN_LOCAL)
		found.kind = ROUTE_LOCAL;
	else if (rt->rtm_type == RTN_UNICAST)
		found.kind = ROUTE_AWAY;
	mnl_attr_parse(h, sizeof *rt, on_attr, &found);
	return found;
}

int
route_ask(struct mnl_socket *nl, const struct ip_addr *a, struct route *out)
{
	char buf[NL_BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtmsg *rt;
	ssize_t n;

	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST;
	rt = mnl_nlmsg_put_extra_header(h, sizeof *rt);
	rt->rtm_family = a->family == 6 ? AF_INET6 : AF_INET;
	rt->rtm_dst_len = (unsigned char)ip_bits(a);
	mnl_attr_put(h, RTA_DST, ip_bits(a) / 8, a->b);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0 || (n = mnl_socket_recvfrom(nl, buf, sizeof buf)) < 0)
		return -errno;
	*out = route_read(buf, (size_t)n);
	return 0;
}
