/* SPDX-License-Identifier: BSD-2-Clause */
/* local.h - whether an address is this router's own. */
#ifndef FLOWTAPD_LOCAL_H
#define FLOWTAPD_LOCAL_H

#include "ip.h"

struct mnl_socket;

/* nl: a blocking route socket that nothing else is read from.  1, 0 or -errno. */
int local_address(struct mnl_socket *nl, const struct ip_addr *a);

#endif
