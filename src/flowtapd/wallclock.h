/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wallclock.h - the time that authority ends by.  Anybody who sets the wall's clock may be wrong; so what counts is the
 * later of what it shows and of what it has shown, which goes on with the boot clock.  Pure but for clock.h.
 *
 * Invariants:
 *  1. The judged time never goes back, in one boot and over boots whose memory (struct wallclock_kept) is kept, but by
 *     wallclock_accept.
 *  2. It is never earlier than what the wall's clock shows.
 *  3. After a boot with a clock that is behind what it had shown, nobody knows how long the machine was off: waits is
 *     set until the clock is no longer behind.
 */
#ifndef FLOWTAPD_WALLCLOCK_H
#define FLOWTAPD_WALLCLOCK_H

#include "buf.h"
#include "clock.h"

#define WALLCLOCK_BOOT_LEN 16
#define WALLCLOCK_TEXT 128               /* at most, of what is kept */
#define WALLCLOCK_NEVER INT64_MAX        /* CLOCK_BOOTTIME, ns: the start of what waits */
#define WALLCLOCK_SLACK_MS 300000        /* a clock that a boot takes from a file is behind by about so much */
#define WALLCLOCK_SET_MS 100             /* a change of less is none */
#define WALLCLOCK_MAX_MS 253402300799999 /* the end of the year 9999 */

struct wallclock {
	uint8_t boot[WALLCLOCK_BOOT_LEN]; /* which boot of the machine this is */
	int64_t ahead_ms;                 /* the judged time is the boot clock and so much */
	int64_t last_ms;                  /* the wall's clock was, when it was last found to be set */
	bool waits;                       /* what time it is nobody knows */
};

/* What outlives processes and boots. */
struct wallclock_kept {
	uint8_t boot[WALLCLOCK_BOOT_LEN];
	int64_t ahead_ms, last_ms, seen_ms; /* seen_ms: the judged time when it was written */
	bool waits;
};

/* 0, or -EBADMSG and *out is left alone.  What is read is what wallclock_put writes, always of one length. */
int wallclock_parse(struct slice text, struct wallclock_kept *out);
void wallclock_put(struct buf *b, const struct wallclock_kept *k);
/* Of now. */
struct wallclock_kept wallclock_keep(const struct wallclock *w);

/* kept: NULL: none; least_ms: it has been so late at least, by other witness (0: none). */
void wallclock_start(struct wallclock *w, const uint8_t boot[static WALLCLOCK_BOOT_LEN],
    const struct wallclock_kept *kept, int64_t least_ms);

struct wallclock_step {
	int64_t by_ms; /* how far the wall's clock was set, above 0 forward; 0: it was not */
	bool begins;   /* what waited does not any more */
};
/* Now and then, and when it is set. */
struct wallclock_step wallclock_look(struct wallclock *w);

int64_t wallclock_ms(const struct wallclock *w);        /* the judged time, Unix time */
int64_t wallclock_behind_ms(const struct wallclock *w); /* by how much the wall's clock is before it */
/* CLOCK_BOOTTIME, ns, as the clocks go now: when the judged time is end_ms (1: it has been), and when the wall's clock
 * shows start_ms, at the earliest. */
uint64_t wallclock_end_ns(const struct wallclock *w, int64_t end_ms);
uint64_t wallclock_start_ns(const struct wallclock *w, int64_t start_ms);
/* Somebody answers for the wall's clock: it alone counts from now on. */
void wallclock_accept(struct wallclock *w);

#endif
