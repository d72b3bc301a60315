/* SPDX-License-Identifier: BSD-2-Clause */
#include <stddef.h>
#include <time.h>

#include <errno.h>
#include <sys/timex.h>

#include "clock.h"

#define NS_PER_MS INT64_C(1000000)

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

static int64_t
wall_ns(void)
{
	struct timespec t;

	if (fixed_wall)
		return *fixed_wall * NS_PER_MS;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t
clock_wall_ms(void)
{
	return wall_ns() / NS_PER_MS;
}

uint64_t
clock_boot_at(int64_t wall_ms, enum clock_side side)
{
	const uint64_t before = clock_boot_ns();
	const int64_t wall = wall_ns();
	const uint64_t after = clock_boot_ns();
	int64_t at;

	if (__builtin_mul_overflow(wall_ms, NS_PER_MS, &at) || __builtin_sub_overflow(at, wall, &at) ||
	    __builtin_add_overflow(at, side == CLOCK_NOT_AFTER ? before : after, &at))
		return wall_ms < 0 ? 1 : INT64_MAX;
	return at > 0 ? (uint64_t)at : 1;
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
