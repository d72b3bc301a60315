/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * early_abi.h - what early.bpf.c and flowtap-collect agree on.
 *
 * Every struct here lives in memory that both see.  Sizes are asserted below.
 */
#ifndef FLOWTAP_EARLY_ABI_H
#define FLOWTAP_EARLY_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define EARLY_ADDRS_MAX 16 /* of each family; packets to others take the ordinary way */
#define EARLY_LINKS_MAX 8
#define EARLY_LEN_MAX 1600 /* payload; longer datagrams take the ordinary way */

/* What of the machine the program needs to know, set before it is loaded. */
struct early_self {
	__be32 addr4[EARLY_ADDRS_MAX];
	__be64 addr6[EARLY_ADDRS_MAX][2];
	__u8 mac[EARLY_LINKS_MAX][8]; /* six bytes, two zero */
	__u32 naddr4, naddr6, nlinks, zero;
};

/* A datagram in the ring buffer; its payload follows. */
struct early_rec {
	__u64 mono_ns;
	__u32 index; /* as in struct early_port, minus one */
	__u32 len;
};

/* A UDP port. */
struct early_port {
	__u32 index; /* 0: not taken; else what its records carry, plus one */
	__u32 zero;
	__u64 lost; /* datagrams for which the ring had no room */
};

_Static_assert(sizeof(struct early_self) == 400, "layout");
_Static_assert(sizeof(struct early_rec) == 16, "layout");
_Static_assert(sizeof(struct early_port) == 16, "layout");

#endif
