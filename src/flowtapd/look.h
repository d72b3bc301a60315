/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look.h - lists of every program and every link of the kernel.  The parent, who may load programs, makes
 * iterators; whoever has their descriptors reads the lists, and needs no capability.
 */
#ifndef FLOWTAPD_LOOK_H
#define FLOWTAPD_LOOK_H

#include "buf.h"
#include "look_abi.h"

enum look_list { LOOK_PROGS, LOOK_LINKS, LOOK_N };

/* Takes CAP_BPF and CAP_PERFMON.  0 and close-on-exec descriptors, the caller's.  -errno: the kernel is older
 * than 5.19, or has no type information (CONFIG_DEBUG_INFO_BTF). */
int look_open(int fds[LOOK_N]);

/* Adds all there is now: records of look_abi.h in the machine's own byte order.  0 or -errno. */
int look_read(int fd, struct buf *out);

#endif
