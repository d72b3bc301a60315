/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* count.h - the counters of enum tap_counter. */
#ifndef FLOWTAP_COUNT_H
#define FLOWTAP_COUNT_H

#include "maps.h"

static __always_inline void
count_add(__u32 counter, __u64 n)
{
	__u64 *v = bpf_map_lookup_elem(&ft_stats, &counter);

	if (v)
		*v += n;
}

#endif
