/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * now.h - what a packet needs only if it matches, one of each CPU: its copies, and
 * the time, which is read once for all criteria, and only if one asks.
 */
#ifndef FLOWTAP_NOW_H
#define FLOWTAP_NOW_H

#include "count.h"

/* The copies due for one packet: what goes into skb->mark, see abi.h. */
struct match_out {
	__u32 mark[TAP_COPIES_ALL];
	__u64 now_ns; /* 0: not read yet; see match.has_now */
	__u64 packet; /* a number of its own for each that matches on this CPU */
};

/* How many of the copies are for one agency; of another packet there are none yet. */
struct match_share {
	__u64 packet;
	__u32 n;
	__u32 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct match_out);
} ft_match SEC(".maps");

/* By agency, as ft_agency is and as large, so that none takes another's room. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct match_share);
} ft_share SEC(".maps");

/* CLOCK_BOOTTIME: no change of the date moves a deadline. */
static __always_inline __u64
now_get(void)
{
	const __u32 zero = 0;
	struct match_out *o = bpf_map_lookup_elem(&ft_match, &zero);

	if (!o)
		return bpf_ktime_get_boot_ns();
	if (o->now_ns == 0)
		o->now_ns = bpf_ktime_get_boot_ns();
	return o->now_ns;
}

#endif
