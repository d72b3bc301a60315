/* SPDX-License-Identifier: BSD-2-Clause */
/* listen.h - what the parent makes in the file system before it drops root. */
#ifndef FLOWTAPD_LISTEN_H
#define FLOWTAPD_LISTEN_H

#include <sys/types.h>

#include "ip.h"

/* A listening, non-blocking stream socket dir/name; a stale one is replaced. */
int listen_unix(const char *dir, const char *name, mode_t mode, int *fd);
/* The group may use it, too. */
int listen_group(const char *dir, const char *name, gid_t gid);
/* The same over TCP; an address that is not ours yet will do.  addr, port: in host order. */
int listen_tcp(const struct ip_addr *addr, uint16_t port, int *fd);
/* The daemon's lock: dir/flowtapd.lock, held as long as any process has fd open.  Waits
 * up to wait_ms for a predecessor's children to end.  -EBUSY: another daemon runs. */
int listen_lock(const char *dir, int wait_ms, int *fd);

#endif
