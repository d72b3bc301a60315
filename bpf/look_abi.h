/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * look_abi.h - what look.bpf.c writes and flowtapd's inventory reads: records of these sizes, one behind
 * the other, for each program or link of the kernel.
 */
#ifndef FLOWTAP_LOOK_ABI_H
#define FLOWTAP_LOOK_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define LOOK_MAPS 64 /* MAX_USED_MAPS of the kernel */

/* nmap map ids, each a __u32, follow. */
struct look_prog {
	__u32 id;
	__u32 uid; /* of the user who loaded it */
	__u32 nmap;
	char name[16]; /* ends with a zero byte unless it is as long as that */
};

struct look_link {
	__u32 id;
	__u32 prog;    /* 0: none */
	__u32 ifindex; /* of a tcx link, 0: another kind, or its device is gone */
};

_Static_assert(sizeof(struct look_prog) == 28, "layout");
_Static_assert(sizeof(struct look_link) == 12, "layout");

#endif
