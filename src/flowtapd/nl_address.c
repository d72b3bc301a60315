/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: nl_address */
#include "nl_address.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "nl_dump.h"

static int
attr_address(const struct nlattr *a, void *arg)
{
	struct tap_local *l = arg;
	const uint16_t type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);

	/* Of a point-to-point link IFA_ADDRESS is the other end's, and IFA_LOCAL ours. */
	if ((type != IFA_LOCAL && (type != IFA_ADDRESS || l->family != 0)) || (len != 4 && len != 16))
		return MNL_CB_OK;
	memset(l, 0, sizeof *l);
	memcpy(l->addr, mnl_attr_get_payload(a), len);
	l->family = len == 4 ? 4 : 6;
	return MNL_CB_OK;
}

int
nl_address(const void *message, size_t len, struct tap_local *out)
{
	const struct nlmsghdr *h = message;

	memset(out, 0, sizeof *out);
	if (!nl_whole(h, len) || h->nlmsg_type != RTM_NEWADDR ||
	    h->nlmsg_len < mnl_nlmsg_size(sizeof(struct ifaddrmsg)))
		return 0;
	return mnl_attr_parse(h, sizeof(struct ifaddrmsg), attr_address, out) >= 0 && out->family != 0;
}
