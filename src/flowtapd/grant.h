/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grant.h - how large a part of a limit the kernel is given.  Pure.
 *
 * What was given is written as used before the kernel has it, so whoever dies forfeits at most one part: the criterion
 * copies less than its limit, never more.  A part is an eighth of the limit, or what is used in two seconds as
 * it went since the part before, over half a second at least, if that is more; and at least `least`.
 */
#ifndef FLOWTAPD_GRANT_H
#define FLOWTAPD_GRANT_H

#include <stdint.h>

#define GRANT_LEAST_PACKETS 256
#define GRANT_LEAST_BYTES (1u << 20)

struct grant {
	uint64_t limit; /* 0: none */
	uint64_t least;
	uint64_t given;    /* so far; the limit: all of it */
	uint64_t was;      /* used when it was given */
	int64_t passed_ms; /* since then */
};

/* How much is to have been given, when so much is used: what was given already as long as half of it is there. */
uint64_t grant_next(const struct grant *g, uint64_t used);

#endif
