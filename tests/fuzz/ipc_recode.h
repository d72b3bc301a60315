/* SPDX-License-Identifier: BSD-2-Clause */
/* ipc_recode.h - every message of ipc.h: read one, insist on its end, write it again.
 * For test_ipc.c and fuzz_ipc.c. */
#ifndef TESTS_FUZZ_IPC_RECODE_H
#define TESTS_FUZZ_IPC_RECODE_H

#include "ipc.h"
#include "ipc_names.h"

#define RECODE(NAME, TYPE, FREE)                                                                                       \
	static int recode_##NAME(struct rd *r, struct buf *out)                                                        \
	{                                                                                                              \
		TYPE m;                                                                                                \
		int rc = ipc_##NAME##_get(&m, r);                                                                      \
                                                                                                                       \
		if (rc < 0)                                                                                            \
			return rc;                                                                                     \
		if ((rc = rd_end(r)) == 0)                                                                             \
			ipc_##NAME##_put(out, &m);                                                                     \
		FREE(&m);                                                                                              \
		return rc;                                                                                             \
	}

static inline void
nothing_to_free(const void *m)
{
	(void)m;
}

static inline void
config_free(struct ipc_config *m)
{
	free(m->uid);
}

static inline void
names_free(struct ipc_names *m)
{
	free(m->v);
}

static inline void
named_free(struct ipc_named *m)
{
	free(m->v);
}

static inline void
numbers_free(struct ipc_numbers *m)
{
	free(m->uid);
}

RECODE(addr, struct ip_addr, nothing_to_free)
RECODE(hello, struct ipc_hello, nothing_to_free)
RECODE(refused, struct ipc_refused, nothing_to_free)
RECODE(reply, struct ipc_reply, nothing_to_free)
RECODE(count, struct ipc_count, nothing_to_free)
RECODE(entry, struct ipc_entry, ipc_entry_free)
RECODE(put, struct ipc_put, ipc_put_free)
RECODE(life_set, struct ipc_life_set, nothing_to_free)
RECODE(budget_set, struct ipc_budget_set, nothing_to_free)
RECODE(agency_count, struct ipc_agency_count, nothing_to_free)
RECODE(use, struct ipc_use, nothing_to_free)
RECODE(ended, struct ipc_ended, nothing_to_free)
RECODE(canary, struct ipc_canary, nothing_to_free)
RECODE(config, struct ipc_config, config_free)
RECODE(ask, struct ipc_ask, nothing_to_free)
RECODE(aux, struct ipc_aux, nothing_to_free)
RECODE(wrong, struct ipc_wrong, nothing_to_free)
RECODE(names, struct ipc_names, names_free)
RECODE(named, struct ipc_named, named_free)
RECODE(numbers, struct ipc_numbers, numbers_free)

enum recode_type {
	RECODE_ADDR,
	RECODE_HELLO,
	RECODE_REFUSED,
	RECODE_REPLY,
	RECODE_COUNT,
	RECODE_ENTRY,
	RECODE_PUT,
	RECODE_CONFIG,
	RECODE_LIFE_SET,
	RECODE_BUDGET_SET,
	RECODE_AGENCY_COUNT,
	RECODE_ENDED,
	RECODE_ASK,
	RECODE_WRONG,
	RECODE_CANARY,
	RECODE_AUX,
	RECODE_NAMES,
	RECODE_NAMED,
	RECODE_USE,
	RECODE_NUMBERS,
	RECODE_TYPES
};

static int (*const recode[RECODE_TYPES])(struct rd *r, struct buf *out) = {
    [RECODE_ADDR] = recode_addr,
    [RECODE_HELLO] = recode_hello,
    [RECODE_REFUSED] = recode_refused,
    [RECODE_REPLY] = recode_reply,
    [RECODE_COUNT] = recode_count,
    [RECODE_ENTRY] = recode_entry,
    [RECODE_PUT] = recode_put,
    [RECODE_CONFIG] = recode_config,
    [RECODE_LIFE_SET] = recode_life_set,
    [RECODE_BUDGET_SET] = recode_budget_set,
    [RECODE_AGENCY_COUNT] = recode_agency_count,
    [RECODE_ENDED] = recode_ended,
    [RECODE_ASK] = recode_ask,
    [RECODE_WRONG] = recode_wrong,
    [RECODE_CANARY] = recode_canary,
    [RECODE_AUX] = recode_aux,
    [RECODE_NAMES] = recode_names,
    [RECODE_NAMED] = recode_named,
    [RECODE_USE] = recode_use,
    [RECODE_NUMBERS] = recode_numbers,
};

#endif
