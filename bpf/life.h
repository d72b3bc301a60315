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

/* The dataplane looks here several times a second for what has ended, or needs a new part of its limit. */
static __always_inline void
life_mark(__u32 crit)
{
	__u32 word = crit / 64;
	__u64 *w = bpf_map_lookup_elem(&ft_ended, &word), bit = 1ull << (crit % 64);

	if (w && !(LIFE_READ(*w) & bit))
		__sync_fetch_and_or(w, bit);
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
	__u64 idle = LIFE_READ(n->idle_ns), seen;
	__s64 start = (__s64)LIFE_READ(c->start_ns), now, since;

	if (idle == 0)
		return LIFE_READ(n->seen_ns) != TAP_SEEN_ENDED;
	now = (__s64)now_get();
	for (int i = 0; i < LIFE_TRIES; i++) {
		seen = LIFE_READ(n->seen_ns);
		if (seen == TAP_SEEN_ENDED)
			return 0;
		since = start && start > (__s64)seen ? start : (__s64)seen;
		if (now > since && (__u64)(now - since) >= idle) {
			if (__sync_val_compare_and_swap(&n->seen_ns, seen, TAP_SEEN_ENDED) == seen) {
				life_mark(crit);
				return 0;
			}
		} else if (now <= (__s64)seen || __sync_val_compare_and_swap(&n->seen_ns, seen, (__u64)now) == seen) {
			return 1;
		}
	}
	/* Others see it all the time. */
	return LIFE_READ(n->seen_ns) != TAP_SEEN_ENDED;
}

enum life { LIFE_OVER, LIFE_TAKEN, LIFE_WAITS };

/* Of a part of a limit: never more than there is.  Marked each time that half of it has gone, since then it is
 * time for the next part. */
static __always_inline enum life
life_take_part(__s64 *left, __u64 n, __u32 crit)
{
	__s64 old = (__s64)__sync_fetch_and_add((__u64 *)left, -n);
	__u64 rest = (__u64)old - n;

	if (old < (__s64)n) {
		__sync_fetch_and_add((__u64 *)left, n);
		life_mark(crit);
		return LIFE_WAITS;
	}
	if (((__u64)old ^ rest) > rest)
		life_mark(crit);
	return LIFE_TAKEN;
}

static __always_inline enum life
life_take(__u64 limit, __s64 *left, __u64 n, __u32 crit)
{
	__s64 old;

	if (limit & TAP_LIMIT_MORE)
		return life_take_part(left, n, crit);
	old = (__s64)__sync_fetch_and_add((__u64 *)left, -n);
	if (old <= 0)
		return LIFE_OVER;
	if (old <= (__s64)n)
		life_mark(crit);
	return LIFE_TAKEN;
}

/* A packet that matches all else, within start and end: whether it may, once. */
static __always_inline enum life
life_admit(const struct tap_crit *c, struct tap_count *n, __u32 crit, __u32 packets, __u64 bytes)
{
	__u64 limited = LIFE_READ(c->packets), limit = LIFE_READ(c->bytes);
	enum life got;

	if (!life_is_bounded(c, n))
		return LIFE_TAKEN;
	if (!life_touch(c, n, crit))
		return LIFE_OVER;
	if (limit & TAP_LIMIT_MORE && (__s64)LIFE_READ(n->bytes_left) < (__s64)bytes) {
		life_mark(crit);
		return LIFE_WAITS;
	}
	if (limited && (got = life_take(limited, &n->packets_left, packets, crit)) != LIFE_TAKEN)
		return got;
	if (!limit || (got = life_take(limit, &n->bytes_left, bytes, crit)) == LIFE_TAKEN)
		return LIFE_TAKEN;
	/* It ended, or waits, by its bytes: this packet took none of the others. */
	if (limited)
		__sync_fetch_and_add((__u64 *)&n->packets_left, (__u64)packets);
	return got;
}

#endif
