/* SPDX-License-Identifier: BSD-2-Clause */
#include <stddef.h>
#include <time.h>

#include <errno.h>
#include <sys/timex.h>

#include "clock.h"

static const uint64_t *fixed_mono;
static const int64_t *fixed_wall;

static uint64_t
clock_ns(clockid_t id)
{
	struct timespec t;

	if (fixed_mono)
		return *fixed_mono;
	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t
clock_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

int64_t
clock_wall_ms(void)
{
	struct timespec t;

	if (fixed_wall)
		return *fixed_wall;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
clock_override(const uint64_t *mono_ns, const int64_t *wall_ms)
{
	fixed_mono = mono_ns;
	fixed_wall = wall_ms;
}

int
clock_error(int64_t *us)
{
	struct timex t = {0};
	const int state = adjtimex(&t);

	if (state < 0)
		return -errno;
	*us = state == TIME_ERROR || t.status & STA_UNSYNC ? -1 : t.maxerror;
	return 0;
}
