/* SPDX-License-Identifier: BSD-2-Clause */
/* route.h - what the kernel's routing table says of an address. */
#ifndef FLOWTAPD_ROUTE_H
#define FLOWTAPD_ROUTE_H

#include "ip.h"

struct mnl_socket;

enum route_kind {
	ROUTE_NONE,  /* there is no way */
	ROUTE_LOCAL, /* one of our own addresses */
	ROUTE_AWAY,
};

struct route {
	enum route_kind kind;
	int ifindex;        /* by which interface it goes away */
	struct ip_addr via; /* the next hop if it is not the address itself; family 0 */
};

/* nl: a blocking route socket that nothing else is read from.  0 or -errno. */
int route_ask(struct mnl_socket *nl, const struct ip_addr *a, struct route *out);
/* What the kernel answered.  Pure. */
struct route route_read(const void *answer, size_t len);

#endif
