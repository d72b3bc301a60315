/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* gen.h - what bench_gen tells its programs, and what they tell it. */
#ifndef BENCH_GEN_H
#define BENCH_GEN_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#include "space.h"

#define GEN_STAMP 256 /* packets from one look at the clock to the next */
#define GEN_CPUS 256
#define GEN_PORT 4000 /* destination port */

struct gen_conf {
	struct space src, dst, target;
	__u32 match;     /* of 2^20 packets so many go to a target */
	__u32 port_mask; /* source ports: 1024 and so many bits */
	__u32 family;    /* 4, 6 */
	__u32 verdict;   /* XDP_PASS, or XDP_DROP to learn the generator's own cost */
	__u8 dmac[6], smac[6];
	__u32
	    raw; /* the frame goes out as it was given, IPv4 and UDP, to ports from this one on by turns (port_mask) */
	__u32 out;  /* raw: transmitted by this interface, as a driver would, instead of verdict; 0: not */
	__u64 gap;  /* from one packet to the next, in 1/1024 ns; 0: none */
	__u64 late; /* at most so much is made up for, same unit */
};

/* Times itself: what a call of BPF_PROG_TEST_RUN costs to set up is not in it. */
struct gen_state {
	__u64 random, n;
	__u64 targets;           /* of n, those that go to a target */
	__u64 first_n, first_ns; /* where the time begins, set before a call; and when that was */
	__u64 last_n, last_ns;   /* the last look at the clock */
	__u64 due;               /* with a gap: when the next packet goes, in 1/1024 ns */
};

struct gen_count {
	__u64 packets, bytes; /* of IP; a segment train counts its segments */
	__u64 zero[6];
};

#endif
