/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpftables.h - tap_classify and its maps, loaded for a test or a benchmark:
 * nothing is pinned, nothing is attached, all goes with the process.
 */
#ifndef TESTS_LIB_BPFTABLES_H
#define TESTS_LIB_BPFTABLES_H

#include "tapset.h"

#define BPFTABLES_AGENCIES 64

struct tap_bpf;

struct bpftables {
	struct tap_bpf *skel;
	int classify_fd; /* for BPF_PROG_TEST_RUN; what it found is in *trace */
	int own, stats;
	struct tap_trace *trace;
	struct tapset_tables t;
};

/* Room for ncrit criteria and destinations and nterm terms of each family.  0, -errno. */
int bpftables_load(uint32_t ncrit, uint32_t nterm, struct bpftables **out);
void bpftables_free(struct bpftables *b); /* NULL is legal */

#endif
