/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * budget.h - what the copies of an agency may be together.  struct tap_agency says
 * how a bucket is kept; both change by compare-and-swap, since a lock cannot be in
 * memory that user space maps.
 */
#ifndef FLOWTAP_BUDGET_H
#define FLOWTAP_BUDGET_H

#include "now.h"

#define BUDGET_TRIES 16
#define BUDGET_SECOND (1000000000ull << TAP_BUDGET_SHIFT)

/* Time that n of them take, rounded up: never more than the rate. */
static __always_inline __u64
budget_cost(__u64 n, __u64 per_s)
{
	return (n * BUDGET_SECOND + per_s - 1) / per_s;
}

/* least: what has to be there, if not the whole cost. */
static __always_inline int
budget_pay(__u64 *until, __u64 now, __u64 burst, __u64 least, __u64 cost)
{
	for (int i = 0; i < BUDGET_TRIES; i++) {
		__u64 old = *(volatile __u64 *)until;
		__u64 from = old > now ? old : now;

		if (from > now && from - now + least > burst)
			return 0;
		if (__sync_val_compare_and_swap(until, old, from + cost) == old)
			return 1;
	}
	return 0; /* so many CPUs at once: better too little than too much */
}

/* One copy of a packet, or of a train of n.  0: refused, nothing is taken. */
__noinline int
budget_take(__u32 agency, __u32 n, __u64 bytes)
{
	struct tap_agency *a = bpf_map_lookup_elem(&ft_agency, &agency);
	__u64 now, burst, packets_per_s, bytes_per_s, cost = 0;

	if (!a)
		return 0;
	packets_per_s = *(volatile __u64 *)&a->packets_per_s;
	bytes_per_s = *(volatile __u64 *)&a->bytes_per_s;
	if ((packets_per_s | bytes_per_s) == 0)
		return 1;
	burst = a->burst;
	now = now_get() << TAP_BUDGET_SHIFT;
	if (packets_per_s) {
		__u64 one = budget_cost(1, packets_per_s);

		cost = one * n;
		if (!budget_pay(&a->packets_until, now, burst, one, cost))
			return 0;
	}
	if (bytes_per_s && !budget_pay(&a->bytes_until, now, burst, 1, budget_cost(bytes, bytes_per_s))) {
		__sync_fetch_and_add(&a->packets_until, -cost);
		return 0;
	}
	return 1;
}

#endif
