/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - time, replaceable in tests. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC, as bpf_ktime_get_ns() */
uint64_t clock_boot_ns(void); /* CLOCK_BOOTTIME, as bpf_ktime_get_boot_ns() */
int64_t clock_wall_ms(void);  /* Unix time, milliseconds */
/* CLOCK_BOOTTIME, ns, when the wall's clock will show wall_ms, as it goes now: what comes between the two looks at
 * clocks makes it earlier (an end, which nothing may pass) or later (a start).  1: it was before the boot. */
enum clock_side { CLOCK_NOT_AFTER, CLOCK_NOT_BEFORE };
uint64_t clock_boot_at(int64_t wall_ms, enum clock_side side);
/* What the kernel knows of the wall clock's error: *us, or -1: nobody keeps it.  -EPERM: we may not ask. */
int clock_error(int64_t *us);
/* Tests: fixed values instead, mono_ns also for the boot clock; NULL restores. */
void clock_override(const uint64_t *mono_ns, const int64_t *wall_ms);

#endif
