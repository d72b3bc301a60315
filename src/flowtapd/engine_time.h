/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_time.h - the wall's clock may be set at any time: it is looked at once a second, and at once when the kernel
 * says that it was set, and then what ends by it is judged again, by wallclock.h's time.
 *
 * Invariants:
 *  1. What the kernel's tables have as an end is never later than the judged time says, but for the time that a look
 *     takes to come to it.
 *  2. What ended by the judged time does not begin again: the time goes back by engine_time_accept only, which revokes
 *     first what would.
 *  3. What the judged time was outlives daemons and boots, in the file "clock" of the state directory.  It is written
 *     in place, so that it needs no room on the disk.
 */
#ifndef FLOWTAPD_ENGINE_TIME_H
#define FLOWTAPD_ENGINE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENGINE_TIME_FILE "clock"

struct engine;
struct engine_time;

int engine_time_open(struct engine *e);  /* before the process is confined */
int engine_time_start(struct engine *e); /* with the record, before anything is judged by time */
void engine_time_stop(struct engine *e); /* what is known is written */
void engine_time_free(struct engine *e);
/* What ends by time is given to the kernel once more: agencies have come or gone while it was. */
void engine_time_again(struct engine *e);
/* Whether that moment is past, by the judged time. */
bool engine_time_is_past(const struct engine *e, int64_t end_ms);
/* Why the clock is an alarm, in text; false: it is none. */
bool engine_time_alarm(const struct engine *e, char *text, size_t size);
/* A warrant officer answers for the clock as it is.  0, or -errno and why, for the officer: -EALREADY: it is not
 * behind. */
int engine_time_accept(struct engine *e, uint32_t uid, char *why, size_t size);

#endif
