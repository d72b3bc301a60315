/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lives of criteria: written here, kept by the kernel (bpf/life.h).  What both write
 * is changed by one atomic operation on one word, so that an end is never undone:
 * who finds a limit used up, or TAP_SEEN_ENDED, has come too late.
 *
 * Of a limit there may be a part only (TAP_LIMIT_MORE): nobody goes below zero of it, whoever finds it used up
 * waits, and what is given is added.  What was given is durable before it is here, so that a criterion copies
 * no more than its limit, whatever dies when.
 *
 * exports: life_ tapset_life_set tapset_ended tapset_grant tapset_collect tapset_use */
#include <errno.h>
#include <string.h>

#include "tapset_int.h"

#define IDLE_PART 8 /* a criterion's being seen is made durable once in such a part of its idle timeout, */
#define IDLE_PART_MIN_NS 5000000000ull /* or in so long */
#define SPINS 100000

#define LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define SWAP_IF(p, old, v) __atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

static int64_t
left_of(uint64_t limit)
{
	return limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
}

/* As the kernel's tables have it. */
static uint64_t
limit_word(uint64_t limit, bool more)
{
	return (uint64_t)left_of(limit) | (more ? TAP_LIMIT_MORE : 0);
}

static uint64_t
packets_word(const struct tapset_life *life)
{
	return limit_word(life->packets, life->more & TAPSET_LIFE_PACKETS);
}

static uint64_t
bytes_word(const struct tapset_life *life)
{
	return limit_word(life->bytes, life->more & TAPSET_LIFE_BYTES);
}

/* How much there is of the limit by now. */
static uint64_t
given(uint64_t word)
{
	return word & ~TAP_LIMIT_MORE;
}

/* When it ends if nothing matches from now on; UINT64_MAX: never. */
static uint64_t
idle_end(const struct tap_crit *k, const struct tap_count *n)
{
	int64_t start = (int64_t)k->start_ns, seen = (int64_t)LOAD(&n->seen_ns), end;
	int64_t since = start && start > seen ? start : seen; /* seen may be before the boot, that is below 0 */

	if (n->idle_ns == 0 || __builtin_add_overflow(since, left_of(n->idle_ns), &end))
		return UINT64_MAX;
	return end > 0 ? (uint64_t)end : 0;
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

static bool
is_used_up(uint64_t word, const __s64 *left)
{
	return word != 0 && !(word & TAP_LIMIT_MORE) && LOAD(left) <= 0;
}

enum tapset_end
life_judge(const struct tapset *s, uint32_t c, uint64_t now_ns)
{
	const struct tap_crit *k = &s->t.crit[c];
	struct tap_count *n = &s->t.count[c];

	if (is_used_up(k->packets, &n->packets_left))
		return TAPSET_END_PACKETS;
	if (is_used_up(k->bytes, &n->bytes_left))
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
	int64_t used = limit == 0 ? 0 : (int64_t)given(limit) - LOAD(left);

	return used > 0 ? (uint64_t)used : 0;
}

struct tapset_used
life_used(const struct tapset *s, uint32_t c)
{
	const struct tap_crit *k = &s->t.crit[c];
	const struct tap_count *n = &s->t.count[c];

	return (struct tapset_used){.packets = used_of(k->packets, &n->packets_left),
	    .bytes = used_of(k->bytes, &n->bytes_left),
	    .seen_ns = (int64_t)LOAD(&n->seen_ns)};
}

void
life_begin(struct tapset *s, uint32_t c, const struct tapset_life *life, const struct tapset_used *used)
{
	struct tap_crit *k = &s->t.crit[c];
	struct tap_count *n = &s->t.count[c];

	k->start_ns = life->start_ns;
	k->end_ns = life->end_ns;
	k->packets = packets_word(life);
	k->bytes = bytes_word(life);
	n->idle_ns = life->idle_ns;
	n->packets_left = left_of(life->packets) - left_of(used->packets);
	n->bytes_left = left_of(life->bytes) - left_of(used->bytes);
	n->seen_ns = (uint64_t)used->seen_ns;
	life_watch(s, c);
}

/* The kernel looks at what is left only while there is a limit: what is left comes first. */
static void
limit_begin(__u64 *limit, __s64 *left, uint64_t word)
{
	__atomic_store_n(left, left_of(given(word)), __ATOMIC_SEQ_CST);
	STORE(limit, word);
}

/* Of a part nobody takes more than there is: below zero is a packet that has yet to give back what it took. */
static __s64
left_settled(uint64_t word, const __s64 *left)
{
	__s64 v = LOAD(left);

	for (unsigned i = 0; word & TAP_LIMIT_MORE && v < 0 && i < SPINS; i++)
		v = LOAD(left);
	return v;
}

/* Of one that is there.  `by` is added to what is left, or with `anew` takes its place; false: nothing was left. */
static bool
limit_move(__u64 *limit, __s64 *left, uint64_t word, int64_t by, bool anew)
{
	const uint64_t more = *limit & TAP_LIMIT_MORE;
	__s64 old = left_settled(*limit, left);

	/* If we die before the exchange, less is left than was asked for, never more.  Nor does a packet find a limit
	 * that is the last of its parts before there is something left of it. */
	if (given(word) > given(*limit))
		STORE(limit, given(word) | more);
	do {
		if (old <= 0 && !more)
			return false;
	} while (!SWAP_IF(left, &old, anew ? by : old + by));
	STORE(limit, word);
	return true;
}

static void
limit_confirm(__u64 *limit, __s64 *left, uint64_t word)
{
	if (*limit == word)
		return;
	if (*limit == 0)
		limit_begin(limit, left, word);
	else
		(void)limit_move(
		    limit, left, word, word ? (int64_t)(given(word) - given(*limit)) : INT64_MAX, word == 0);
}

/* So many more from now on. */
static bool
limit_set(__u64 *limit, __s64 *left, uint64_t word)
{
	if (*limit != 0)
		return limit_move(limit, left, word, word ? left_of(given(word)) : INT64_MAX, true);
	if (word != 0)
		limit_begin(limit, left, word);
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
		limit_confirm(&k->packets, &n->packets_left, packets_word(life));
		limit_confirm(&k->bytes, &n->bytes_left, bytes_word(life));
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
	       (!(which & TAPSET_LIFE_PACKETS) || limit_set(&k->packets, &n->packets_left, packets_word(life))) &&
	       (!(which & TAPSET_LIFE_BYTES) || limit_set(&k->bytes, &n->bytes_left, bytes_word(life)));
	if (live && which & TAPSET_LIFE_START)
		STORE(&k->start_ns, life->start_ns);
	if (live && which & TAPSET_LIFE_END)
		STORE(&k->end_ns, life->end_ns);
	life_watch(s, c);
	watch_note(s, c);
	return live ? 0 : -ENOENT;
}

int
tapset_grant(struct tapset *s, uint64_t uid, const struct tapset_life *life, uint64_t now_ns)
{
	uint32_t c = hashmap_get(s->by_uid, uid);
	struct tap_crit *k = &s->t.crit[c];
	struct tap_count *n = &s->t.count[c];

	if (c == 0 || life_judge(s, c, now_ns) != TAPSET_LIVE)
		return -ENOENT;
	if (k->packets & TAP_LIMIT_MORE && life->packets >= given(k->packets))
		limit_confirm(&k->packets, &n->packets_left, packets_word(life));
	if (k->bytes & TAP_LIMIT_MORE && life->bytes >= given(k->bytes))
		limit_confirm(&k->bytes, &n->bytes_left, bytes_word(life));
	life_watch(s, c);
	watch_note(s, c);
	return 0;
}

/* ---- what has been used ---- */

/* What there is no memory for, the kernel marks again. */
static void
use_add(struct tapset *s, uint32_t c)
{
	if (s->flag[c] & USED)
		return;
	if (s->nuse == s->capuse) {
		uint32_t cap = s->capuse ? 2 * s->capuse : 256;
		uint32_t *v = reallocarray(s->use, cap, sizeof *v);

		if (v == NULL)
			return;
		s->use = v;
		s->capuse = cap;
	}
	s->use[s->nuse++] = c;
	s->flag[c] |= USED;
}

bool
tapset_use(struct tapset *s, struct tapset_use *out)
{
	while (s->nuse > 0) {
		uint32_t c = s->use[--s->nuse];
		const struct tap_crit *k = &s->t.crit[c];

		if (!(s->flag[c] & USED)) /* removed meanwhile */
			continue;
		if (k->state != TAP_CRIT_ACTIVE || s->flag[c] & TOLD || LOAD(&s->t.count[c].seen_ns) == TAP_SEEN_ENDED)
			continue;
		*out = (struct tapset_use){.uid = k->uid,
		    .anew = s->flag[c] & ANEW,
		    .packets_given = given(k->packets),
		    .bytes_given = given(k->bytes),
		    .used = life_used(s, c)};
		s->flag[c] &= (uint8_t) ~(USED | ANEW);
		return true;
	}
	return false;
}

void
life_begun(struct tapset *s, uint32_t c)
{
	if (s->flag[c] & ANEW && (s->t.crit[c].packets | s->t.crit[c].bytes) & TAP_LIMIT_MORE)
		use_add(s, c);
}

void
tapset_collect(struct tapset *s)
{
	life_collect(s);
}

/* Of one that lives on: whether it waits for more, or was seen since we looked; when to look again for the latter. */
static uint64_t
use_look(struct tapset *s, uint32_t c, uint64_t now_ns)
{
	const struct tap_crit *k = &s->t.crit[c];
	const struct tap_count *n = &s->t.count[c];
	uint64_t every = n->idle_ns / IDLE_PART > IDLE_PART_MIN_NS ? n->idle_ns / IDLE_PART : IDLE_PART_MIN_NS;

	if ((k->packets & TAP_LIMIT_MORE && LOAD(&n->packets_left) <= 0) ||
	    (k->bytes & TAP_LIMIT_MORE && LOAD(&n->bytes_left) <= 0))
		use_add(s, c);
	if (n->idle_ns == 0)
		return UINT64_MAX;
	if (LOAD(&n->packets) != 0 && (int64_t)LOAD(&n->seen_ns) > (int64_t)(now_ns - every))
		use_add(s, c);
	return now_ns + every;
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

			if (c >= s->t.ncrit || s->t.crit[c].state != TAP_CRIT_ACTIVE)
				continue;
			life_watch(s, c);
			if ((s->t.crit[c].packets | s->t.crit[c].bytes) & TAP_LIMIT_MORE)
				use_add(s, c);
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
		uint64_t next = idle_end(k, &s->t.count[c]), look;

		if (end != TAPSET_LIVE) {
			s->flag[c] |= TOLD;
			dues_remove(&s->dues, c);
			*out = (struct tapset_ended){.uid = k->uid, .reason = end, .count = s->t.count[c]};
			return true;
		}
		if (time_end(k) < next)
			next = time_end(k);
		if ((look = use_look(s, c, now_ns)) < next)
			next = look;
		if (next == UINT64_MAX)
			dues_remove(&s->dues, c); /* the kernel says when a limit is reached */
		else
			dues_set(&s->dues, c, next);
	}
	return false;
}
