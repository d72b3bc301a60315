/* SPDX-License-Identifier: BSD-2-Clause */
/* local.h - this router's own addresses (rtnetlink, followed as they change), for the kernel programs: what is sent to
 * our sshd is told by them from what others have on the same port. */
#ifndef FLOWTAPD_LOCAL_H
#define FLOWTAPD_LOCAL_H

#include "kern.h"
#include "loop.h"

struct local;

/* Opens the netlink sockets. */
int local_new(struct kern *k, struct local **out);
void local_free(struct local *l); /* NULL is legal */
/* Reads what there is and follows it from now on. */
int local_start(struct local *l, struct loop *loop);

#endif
