/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * take.h - what a match takes: of the criterion's life, of the agency's budget; and
 * both their accounts.
 */
#ifndef FLOWTAP_TAKE_H
#define FLOWTAP_TAKE_H

#include "budget.h"
#include "life.h"

enum take { TAKE_NOTHING = 0, TAKE_MATCH = 1, TAKE_FIRST = 2, TAKE_SECOND = 4 };

/* A copy for the agency; within the TAP_COPIES_MAX of a packet it has to be in the budget. */
static __always_inline int
take_copy(struct tap_agency *a, __u32 agency, __u32 segs, __u64 bytes, __u32 room)
{
	if (room == 0 || budget_take(agency, segs, bytes))
		return 1;
	count_add(TAP_C_COPIES_DUE, segs);
	count_add(TAP_C_LOST_BUDGET, segs);
	__sync_fetch_and_add(&a->lost_budget, segs);
	return 0;
}

/*
 * A packet matches the criterion's filter, within start and end.  room: copies that
 * still fit.  enum take: whether it is the criterion's, and which destinations have a
 * copy due that the budget did not refuse.
 */
__noinline int
take_match(__u32 crit, __u32 segs, __u64 bytes, __u32 room)
{
	const struct tap_crit *c = bpf_map_lookup_elem(&ft_crit, &crit);
	struct tap_count *count = bpf_map_lookup_elem(&ft_count, &crit);
	struct tap_agency *a;
	__u32 agency, first, second;
	int got = TAKE_MATCH;
	enum life life;
	__u64 due;

	if (!c || !count)
		return TAKE_NOTHING;
	agency = *(volatile const __u32 *)&c->agency;
	first = *(volatile const __u32 *)&c->dest[0];
	second = *(volatile const __u32 *)&c->dest[1];
	a = bpf_map_lookup_elem(&ft_agency, &agency);
	/* Agency 0: it was deleted just now. */
	if (!a || !agency || (life = life_admit(c, count, crit, segs, bytes)) == LIFE_OVER)
		return TAKE_NOTHING;
	due = (__u64)((first != 0) + (second != 0)) * segs;
	if (life == LIFE_WAITS) {
		count_add(TAP_C_COPIES_DUE, due);
		count_add(TAP_C_LOST_GRANT, due);
		first = second = 0;
	}
	if (first && take_copy(a, agency, segs, bytes, room)) {
		got |= TAKE_FIRST;
		room -= room != 0;
	}
	if (second && take_copy(a, agency, segs, bytes, room))
		got |= TAKE_SECOND;
	__sync_fetch_and_add(&count->packets, segs);
	__sync_fetch_and_add(&count->bytes, bytes);
	__sync_fetch_and_add(&count->copies_due, due);
	__sync_fetch_and_add(&a->matched, segs);
	__sync_fetch_and_add(&a->due, due);
	return got;
}

#endif
