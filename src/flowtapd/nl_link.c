/* SPDX-License-Identifier: BSD-2-Clause */
#include "nl_link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

void
nl_link_text(const struct nlattr *a, char *out, size_t size)
{
	const size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	const size_t len = n < size ? n : size - 1;

	memcpy(out, mnl_attr_get_payload(a), len);
	out[len] = '\0';
}

void
nl_link_u32(const struct nlattr *a, uint32_t *out)
{
	if (mnl_attr_get_payload_len(a) >= sizeof *out)
		memcpy(out, mnl_attr_get_payload(a), sizeof *out);
}

static int
on_info(const struct nlattr *a, void *arg)
{
	struct nl_link *l = arg;

	if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
		nl_link_text(a, l->kind, sizeof l->kind);
	return MNL_CB_OK;
}

static int
on_attr(const struct nlattr *a, void *arg)
{
	struct nl_link *l = arg;
	uint32_t n = 0;

	nl_link_u32(a, &n);
	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		nl_link_text(a, l->name, sizeof l->name);
		break;
	case IFLA_PARENT_DEV_BUS_NAME:
		nl_link_text(a, l->bus, sizeof l->bus);
		break;
	case IFLA_QDISC:
		nl_link_text(a, l->qdisc, sizeof l->qdisc);
		break;
	case IFLA_MASTER:
		l->master = (int)n;
		break;
	case IFLA_LINK:
		l->peer = (int)n;
		break;
	case IFLA_LINK_NETNSID:
		l->elsewhere = true;
		break;
	case IFLA_NUM_TX_QUEUES:
		l->queues = n;
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(a, on_info, l);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

int
nl_link_get(const struct nlmsghdr *h, struct nl_link *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);

	if (mnl_nlmsg_get_payload_len(h) < sizeof *ifi)
		return -EBADMSG;
	*out = (struct nl_link){.ifindex = ifi->ifi_index, .type = ifi->ifi_type, .family = ifi->ifi_family};
	mnl_attr_parse(h, sizeof *ifi, on_attr, out);
	return 0;
}
