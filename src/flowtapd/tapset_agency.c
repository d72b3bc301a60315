/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets and accounts of agencies; the kernel keeps both (bpf/budget.h).
 *
 * exports: tapset_budget_set tapset_agency_counts */
#include <errno.h>

#include "tapset_int.h"

#define RATE_MAX (1ull << 50) /* more cannot be reckoned with, nor sent */

static uint64_t
rate(uint64_t per_s)
{
	return per_s < RATE_MAX ? per_s : RATE_MAX;
}

int
tapset_budget_set(struct tapset *s, uint32_t agency, const struct tapset_budget *b)
{
	uint64_t packets = rate(b->packets_per_s), bytes = rate(b->bytes_per_s);
	uint64_t burst = (uint64_t)b->burst_ms * 1000000 << TAP_BUDGET_SHIFT;
	struct tap_agency *a = &s->t.agency[agency];

	if (agency == 0 || agency >= s->t.nagency)
		return -EINVAL;
	if (a->packets_per_s == packets && a->bytes_per_s == bytes && a->burst == burst)
		return 0;
	STORE(&a->packets_per_s, packets);
	STORE(&a->bytes_per_s, bytes);
	STORE(&a->burst, burst);
	/* What an agency owed under the old rate is no measure under the new one. */
	__atomic_store_n(&a->packets_until, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&a->bytes_until, 0, __ATOMIC_SEQ_CST);
	return 0;
}

int
tapset_agency_counts(const struct tapset *s, uint32_t agency, struct tapset_agency_count *out)
{
	const struct tap_agency *a = &s->t.agency[agency];
	uint64_t gone;

	if (agency == 0 || agency >= s->t.nagency)
		return -EINVAL;
	/* What was sent was due before: read in this order the difference is never negative. */
	out->sent = __atomic_load_n(&a->sent, __ATOMIC_ACQUIRE);
	out->lost_budget = __atomic_load_n(&a->lost_budget, __ATOMIC_ACQUIRE);
	out->due = __atomic_load_n(&a->due, __ATOMIC_ACQUIRE);
	out->matched = __atomic_load_n(&a->matched, __ATOMIC_ACQUIRE);
	gone = out->sent + out->lost_budget;
	out->lost_other = out->due > gone ? out->due - gone : 0;
	return 0;
}
