/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

/* exports: local_address */
#include "local.h"

#define NL_BUF 8192

static int
on_route(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type == RTM_NEWROUTE)
		*(bool *)arg = rt->rtm_type == RTN_LOCAL;
	return MNL_CB_OK;
}

/* The kernel's own answer to "which way to this address?" */
int
local_address(struct mnl_socket *nl, const struct ip_addr *a)
{
	char buf[NL_BUF];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct rtmsg *rt;
	bool local = false;
	ssize_t n;

	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST;
	rt = mnl_nlmsg_put_extra_header(h, sizeof *rt);
	rt->rtm_family = a->family == 6 ? AF_INET6 : AF_INET;
	rt->rtm_dst_len = (unsigned char)ip_bits(a);
	mnl_attr_put(h, RTA_DST, ip_bits(a) / 8, a->b);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0 || (n = mnl_socket_recvfrom(nl, buf, sizeof buf)) < 0)
		return -errno;
	/* No route at all is an answer too. */
	if (mnl_cb_run(buf, (size_t)n, 0, 0, on_route, &local) < 0)
		local = false;
	return local;
}
