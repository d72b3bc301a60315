/* SPDX-License-Identifier: BSD-2-Clause */
/* mix.h - named mixtures of criteria, by the number of mask pairs they need. */
#ifndef BENCH_MIX_H
#define BENCH_MIX_H

#include "filter.h"
#include "spec.h"

struct mix {
	const struct mix_pair *pair;
	uint32_t npair;
	struct space space; /* whose targets they name */
	bool v4, v6;        /* by turns */
};

/*
 * Sets pair and npair: "dst" (hosts as destinations), "hosts" (as sources and as
 * destinations by turns: 2 masks), "fields" (host and ports, host and prefix), "masks4",
 * "masks16".  -EINVAL
 */
int mix_find(const char *name, struct mix *m);
#define MIX_TEXT 48

/* As an agency would write them. */
struct mix_words {
	char src[MIX_TEXT], dst[MIX_TEXT];
	const char *proto, *dports;
};

void mix_words(const struct mix *m, uint32_t i, struct mix_words *out);
/* The i-th criterion, compiled. */
int mix_filter(const struct mix *m, uint32_t i, struct tap_filter *out);

#endif
