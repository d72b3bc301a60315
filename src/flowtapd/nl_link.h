/* SPDX-License-Identifier: BSD-2-Clause */
/* nl_link.h - what a message of rtnetlink says of an interface.  Pure: bytes in, a struct out.  What a field has no
 * room for is cut off; an attribute that is shorter than its kind is as if it were not there. */
#ifndef FLOWTAPD_NL_LINK_H
#define FLOWTAPD_NL_LINK_H

#include <libmnl/libmnl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define NL_LINK_TEXT 16

struct nl_link {
	int ifindex;
	unsigned short type; /* ARPHRD_... */
	unsigned char family;
	char name[IF_NAMESIZE];
	char kind[NL_LINK_TEXT];  /* IFLA_INFO_KIND; "": a device without one */
	char bus[NL_LINK_TEXT];   /* of the device behind it; "": there is none */
	char qdisc[NL_LINK_TEXT]; /* "noqueue": its driver drops what it has no room for, one packet at a time */
	int master;               /* the device it is a port of; 0: none */
	int peer;                 /* IFLA_LINK: what it stands on; of a pair, the other end; 0: not told */
	bool elsewhere;           /* that is in another network namespace */
	uint32_t queues;          /* to send by; 0: not told */
};

/* 0; -EBADMSG: it is too short to be about an interface. */
int nl_link_get(const struct nlmsghdr *h, struct nl_link *out);

/* One attribute's text, cut to size - 1 bytes, and its number, *out as it was if it has none. */
void nl_link_text(const struct nlattr *a, char *out, size_t size);
void nl_link_u32(const struct nlattr *a, uint32_t *out);

#endif
