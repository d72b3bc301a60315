/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * life.h - when a criterion is live.  All is decided here, where the packet is:
 * a deadline holds with no process of ours alive.  What several CPUs change is one
 * word each, and only by an atomic operation whose result decides.
 */
#ifndef FLOWTAP_LIFE_H
#define FLOWTAP_LIFE_H

#include "now.h"

#define LIFE_TRIES 4

#define LIFE_READ(x) (*(volatile const __u64 *)&(x))

/* The dataplane looks here once a second for what has ended. */
static __always_inline void
life_mark_ended(__u32 crit)
{
	__u32 word = crit / 64;
	__u64 *w = bpf_map_lookup_elem(&ft_ended, &word);

	if (w)
		__sync_fetch_and_or(w, 1ull << (crit % 64));
}

static __always_inline int
life_is_bounded(const struct tap_crit *c, const struct tap_count *n)
{
	return (c->start_ns | c->end_ns | c->packets | c->bytes | n->idle_ns) != 0 || n->seen_ns == TAP_SEEN_ENDED;
}

/* Between start and end.  This function and others with plain numbers are not static: so the kernel
 * verifies them once, and not for each way that leads to them. */
__noinline int
life_is_open(__u32 crit)
{
	const struct tap_crit *c = bpf_map_lookup_elem(&ft_crit, &crit);
	__u64 now, end;

	if (!c)
		return 0;
	end = LIFE_READ(c->end_ns);
	if ((c->start_ns | end) == 0)
		return 1;
	now = now_get();
	return now >= LIFE_READ(c->start_ns) && (end == 0 || now < end);
}

/* Not idle for too long; it was seen now. */
static __always_inline int
life_touch(const struct tap_crit *c, struct tap_count *n, __u32 crit)
{
	__u64 idle = LIFE_READ(n->idle_ns), start = LIFE_READ(c->start_ns), now, seen, since;

	if (idle == 0)
		return LIFE_READ(n->seen_ns) != TAP_SEEN_ENDED;
	now = now_get();
	for (int i = 0; i < LIFE_TRIES; i++) {
		seen = LIFE_READ(n->seen_ns);
		if (seen == TAP_SEEN_ENDED)
			return 0;
		since = seen > start ? seen : start;
		if (now > since && now - since >= idle) {
			if (__sync_val_compare_and_swap(&n->seen_ns, seen, TAP_SEEN_ENDED) == seen) {
				life_mark_ended(crit);
				return 0;
			}
		} else if (now <= seen || __sync_val_compare_and_swap(&n->seen_ns, seen, now) == seen) {
			return 1;
		}
	}
	/* Others see it all the time. */
	return LIFE_READ(n->seen_ns) != TAP_SEEN_ENDED;
}

/* 0: nothing was left. */
static __always_inline int
life_take(__s64 *left, __u64 n, __u32 crit)
{
	__s64 old = (__s64)__sync_fetch_and_add((__u64 *)left, -n);

	if (old <= 0)
		return 0;
	if (old <= (__s64)n)
		life_mark_ended(crit);
	return 1;
}

/* A packet that matches all else, within start and end: whether it may, once. */
static __always_inline int
life_admit(const struct tap_crit *c, struct tap_count *n, __u32 crit, __u32 packets, __u64 bytes)
{
	__u64 limited = LIFE_READ(c->packets);

	if (!life_is_bounded(c, n))
		return 1;
	if (!life_touch(c, n, crit))
		return 0;
	if (limited && !life_take(&n->packets_left, packets, crit))
		return 0;
	if (!LIFE_READ(c->bytes) || life_take(&n->bytes_left, bytes, crit))
		return 1;
	/* It ended by its bytes: this packet took none of the others. */
	if (limited)
		__sync_fetch_and_add((__u64 *)&n->packets_left, (__u64)packets);
	return 0;
}

#endif
