/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memtables.h - the kernel's tables in shared memory of this process and its
 * children: what a killed child wrote stays, as in the kernel.
 */
#ifndef TESTS_LIB_MEMTABLES_H
#define TESTS_LIB_MEMTABLES_H

#include "tapset.h"

#define MEM_HASH_MAX 160

struct mem_hash {
	size_t key_size;
	uint32_t n, max; /* at most max elements */
	struct {
		uint8_t key[40];
		uint32_t value;
		bool used;
	} slot[MEM_HASH_MAX];
};

struct memtables {
	struct tap_ctl ctl;
	uint64_t bloom[TAP_BLOOM_PARTS(1024)];
	uint32_t slot4[256], slot6[256];
	struct tap_term4 term4[512];
	struct tap_term6 term6[512];
	struct tap_crit crit[384];
	struct tap_count count[384];
	uint64_t ended[6];
	struct tap_agency agency[8];
	struct tap_dest dest[64];
	struct mem_hash own;
};

struct memtables *memtables_new(void); /* shared; NULL: no memory */
void memtables_free(struct memtables *m);
struct tapset_tables memtables_tables(struct memtables *m);

/* What the kernel program would find, by the same steps (bpf/match.h): the uids of the
 * criteria that match, in no order; their number. */
unsigned memtables_match(const struct memtables *m, const struct packet *p, uint64_t *uid, unsigned max);

#endif
