/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kern_hook.h - attaching a program to an interface, in one of two ways:
 *   tcx     a link, pinned at `pin`; it lives as long as the pin
 *   clsact  a filter of a fixed priority and handle, which is how it is found again
 * Both replace what a predecessor left without a packet missing it.
 */
#ifndef FLOWTAPD_KERN_HOOK_H
#define FLOWTAPD_KERN_HOOK_H

#include <stdbool.h>
#include <stdint.h>

enum kern_way { KERN_INGRESS, KERN_EGRESS };

/* 0; -EOPNOTSUPP: the kernel has no tcx; -ENODEV; -errno.  No capability is needed. */
int kern_hook_tcx(int prog_fd, int ifindex, enum kern_way way, const char *pin);
/* 0 also if there is none. */
int kern_hook_tcx_remove(const char *pin);

/* Whether a link, or the one that is pinned there, still has its device. */
bool kern_hook_link_alive(int link);
bool kern_hook_tcx_alive(const char *pin);

/* These need CAP_NET_ADMIN.  -EOPNOTSUPP: the qdisc there is somebody else's and does not do: its blocks are shared, or
 * it is an "ingress", which has no egress. */
int kern_hook_clsact(int prog_fd, int ifindex, enum kern_way way);
/* A clsact qdisc that we made goes too, if no filter is left on it and it can.  0 also if there is no filter of ours.
 */
int kern_hook_clsact_remove(int ifindex, enum kern_way way);
/* The same for a filter of a queueing discipline of ours, by its handle. */
int kern_hook_qdisc(int prog_fd, int ifindex, uint32_t parent);
/* Whether our filter is there, with this program. */
bool kern_hook_clsact_alive(int prog_fd, int ifindex, enum kern_way way);
/* Without a capability, and without the program, of which the kernel's number is enough. */
bool kern_hook_qdisc_alive(uint32_t prog_id, int ifindex, uint32_t parent);
/* The kernel's number of a program; 0, -errno. */
int kern_hook_program_id(int prog_fd, uint32_t *id);

#endif
