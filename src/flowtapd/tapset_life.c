/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lives of criteria: written here, kept by the kernel (bpf/life.h).  What both write
 * is changed by one atomic operation on one word, so that an end is never undone:
 * who finds a limit used up, or TAP_SEEN_ENDED, has come too late.
 *
 * exports: life_ tapset_life_set tapset_ended */
#include <errno.h>
#include <string.h>

#include "tapset_int.h"

#define LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define SWAP_IF(p, old, v) __atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

static int64_t
left_of(uint64_t limit)
{
	return limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
}

static uint64_t
add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

/* When it ends if nothing matches from now on; UINT64_MAX: never. */
static uint64_t
idle_end(const struct tap_crit *k, const struct tap_count *n)
{
	uint64_t seen = LOAD(&n->seen_ns), since = seen > k->start_ns ? seen : k->start_ns;

	return n->idle_ns == 0 ? UINT64_MAX : add(since, n->idle_ns);
}

static uint64_t
time_end(const struct tap_crit *k)
{
	return k->end_ns == 0 ? UINT64_MAX : k->end_ns;
}

/* The kernel does the same when a packet comes. */
static bool
end_by_idleness(struct tap_count *n, uint64_t now_ns, const struct tap_crit *k)
{
	__u64 seen = LOAD(&n->seen_ns);

	while (seen != TAP_SEEN_ENDED && idle_end(k, n) <= now_ns)
		if (SWAP_IF(&n->seen_ns, &seen, TAP_SEEN_ENDED))
			return true;
	return seen == TAP_SEEN_ENDED;
}

enum tapset_end
life_judge(const struct tapset *s, uint32_t c, uint64_t now_ns)
{
	const struct tap_crit *k = &s->t.crit[c];
	struct tap_count *n = &s->t.count[c];

	if (k->packets != 0 && LOAD(&n->packets_left) <= 0)
		return TAPSET_END_PACKETS;
	if (k->bytes != 0 && LOAD(&n->bytes_left) <= 0)
		return TAPSET_END_BYTES;
	/* Of both times the earlier one ended it, however late we come. */
	if (time_end(k) <= now_ns && time_end(k) <= idle_end(k, n))
		return TAPSET_END_TIME;
	if (end_by_idleness(n, now_ns, k))
		return TAPSET_END_IDLE;
	return time_end(k) <= now_ns ? TAPSET_END_TIME : TAPSET_LIVE;
}

/* Without a limit nobody counts down. */
static uint64_t
used_of(uint64_t limit, const __s64 *left)
{
	int64_t used = limit == 0 ? 0 : left_of(limit) - LOAD(left);

	return used > 0 ? (uint64_t)used : 0;
}

struct life_used
life_used(const struct tapset *s, uint32_t c)
{
	const struct tap_crit *k = &s->t.crit[c];
	const struct tap_count *n = &s->t.count[c];

	return (struct life_used){.packets = used_of(k->packets, &n->packets_left),
	    .bytes = used_of(k->bytes, &n->bytes_left),
	    .seen_ns = LOAD(&n->seen_ns)};
}

void
life_begin(struct tapset *s, uint32_t c, const struct tapset_life *life, const struct life_used *used)
{
	struct tap_crit *k = &s->t.crit[c];
	struct tap_count *n = &s->t.count[c];

	k->start_ns = life->start_ns;
	k->end_ns = life->end_ns;
	k->packets = life->packets;
	k->bytes = life->bytes;
	n->idle_ns = life->idle_ns;
	n->packets_left = left_of(life->packets) - left_of(used->packets);
	n->bytes_left = left_of(life->bytes) - left_of(used->bytes);
	n->seen_ns = used->seen_ns;
	life_watch(s, c);
}

/* The kernel looks at what is left only while there is a limit: what is left comes first. */
static void
limit_begin(__u64 *limit, __s64 *left, uint64_t value)
{
	__atomic_store_n(left, left_of(value), __ATOMIC_SEQ_CST);
	STORE(limit, value);
}

/* Of one that is there.  `by` is added to what is left, or with `anew` takes its place; false: nothing was left. */
static bool
limit_move(__u64 *limit, __s64 *left, uint64_t value, int64_t by, bool anew)
{
	__s64 old = LOAD(left);

	/* If we die before the exchange, less is left than was asked for, never more. */
	if (value > *limit)
		STORE(limit, value);
	do {
		if (old <= 0)
			return false;
	} while (!SWAP_IF(left, &old, anew ? by : old + by));
	STORE(limit, value);
	return true;
}

static void
limit_confirm(__u64 *limit, __s64 *left, uint64_t value)
{
	if (*limit == value)
		return;
	if (*limit == 0)
		limit_begin(limit, left, value);
	else
		(void)limit_move(limit, left, value, value ? left_of(value) - left_of(*limit) : INT64_MAX, value == 0);
}

/* So many more from now on. */
static bool
limit_set(__u64 *limit, __s64 *left, uint64_t value)
{
	if (*limit != 0)
		return limit_move(limit, left, value, value ? left_of(value) : INT64_MAX, true);
	if (value != 0)
		limit_begin(limit, left, value);
	return true;
}

void
life_confirm(struct tapset *s, uint32_t c, const struct tapset_life *life, uint64_t now_ns)
{
	struct tap_crit *k = &s->t.crit[c];
	struct tap_count *n = &s->t.count[c];

	if (life_judge(s, c, now_ns) == TAPSET_LIVE) {
		STORE(&k->start_ns, life->start_ns);
		STORE(&k->end_ns, life->end_ns);
		STORE(&n->idle_ns, life->idle_ns);
		limit_confirm(&k->packets, &n->packets_left, life->packets);
		limit_confirm(&k->bytes, &n->bytes_left, life->bytes);
	}
	life_watch(s, c);
}

static bool
idle_set(struct tap_count *n, uint64_t idle_ns, uint64_t now_ns)
{
	__u64 seen = LOAD(&n->seen_ns);

	do {
		if (seen == TAP_SEEN_ENDED)
			return false;
	} while (!SWAP_IF(&n->seen_ns, &seen, now_ns));
	STORE(&n->idle_ns, idle_ns);
	return true;
}

int
tapset_life_set(struct tapset *s, uint64_t uid, unsigned which, const struct tapset_life *life, uint64_t now_ns)
{
	uint32_t c = hashmap_get(s->by_uid, uid);
	struct tap_crit *k = &s->t.crit[c];
	struct tap_count *n = &s->t.count[c];
	bool live;

	if (c == 0 || life_judge(s, c, now_ns) != TAPSET_LIVE)
		return -ENOENT;
	live = (!(which & TAPSET_LIFE_IDLE) || idle_set(n, life->idle_ns, now_ns)) &&
	       (!(which & TAPSET_LIFE_PACKETS) || limit_set(&k->packets, &n->packets_left, life->packets)) &&
	       (!(which & TAPSET_LIFE_BYTES) || limit_set(&k->bytes, &n->bytes_left, life->bytes));
	if (live && which & TAPSET_LIFE_START)
		STORE(&k->start_ns, life->start_ns);
	if (live && which & TAPSET_LIFE_END)
		STORE(&k->end_ns, life->end_ns);
	life_watch(s, c);
	return live ? 0 : -ENOENT;
}

/* ---- who has ended ---- */

void
life_watch(struct tapset *s, uint32_t c)
{
	const struct tap_crit *k = &s->t.crit[c];
	const struct tap_count *n = &s->t.count[c];

	if (s->flag[c] & TOLD || !(k->end_ns | k->packets | k->bytes | n->idle_ns))
		dues_remove(&s->dues, c);
	else
		dues_set(&s->dues, c, 0);
}

void
life_collect(struct tapset *s)
{
	for (uint32_t w = 0; w < s->crits.fresh; w += 64) {
		uint64_t *word = &s->t.ended[w / 64], bits;

		if (LOAD(word) == 0)
			continue;
		for (bits = __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST); bits != 0; bits &= bits - 1) {
			uint32_t c = w + (uint32_t)__builtin_ctzll(bits);

			if (c < s->t.ncrit && s->t.crit[c].state == TAP_CRIT_ACTIVE)
				life_watch(s, c);
		}
	}
}

bool
tapset_ended(struct tapset *s, uint64_t now_ns, struct tapset_ended *out)
{
	uint32_t c;

	while ((c = dues_first(&s->dues, now_ns)) != 0) {
		const struct tap_crit *k = &s->t.crit[c];
		enum tapset_end end = life_judge(s, c, now_ns);
		uint64_t next = idle_end(k, &s->t.count[c]);

		if (end != TAPSET_LIVE) {
			s->flag[c] |= TOLD;
			dues_remove(&s->dues, c);
			*out = (struct tapset_ended){.uid = k->uid, .reason = end, .count = s->t.count[c]};
			return true;
		}
		if (time_end(k) < next)
			next = time_end(k);
		if (next == UINT64_MAX)
			dues_remove(&s->dues, c); /* the kernel says when a limit is reached */
		else
			dues_set(&s->dues, c, next);
	}
	return false;
}
