/* SPDX-License-Identifier: BSD-2-Clause */
#include "wallclock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS 1000000
#define LOOKS 5
#define LOOK_NS 100000u /* a look at both clocks that takes longer is tried again */

static int64_t
boot_ms(void)
{
	return (int64_t)(clock_boot_ns() / NS_PER_MS);
}

/* By how much the wall's clock is before the boot clock, by the best of some looks; rather more than less. */
static int64_t
offset_ms(void)
{
	uint64_t best = UINT64_MAX;
	int64_t ms = 0;

	for (unsigned i = 0; i < LOOKS && best >= LOOK_NS; i++) {
		const uint64_t before = clock_boot_ns();
		const int64_t wall = clock_wall_ms();
		const uint64_t took = clock_boot_ns() - before;

		if (took < best) {
			best = took;
			ms = wall - (int64_t)(before / NS_PER_MS);
		}
	}
	return ms;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- what is kept ---- */

static void
boot_hex(const uint8_t boot[static WALLCLOCK_BOOT_LEN], char out[static 2 * WALLCLOCK_BOOT_LEN + 1])
{
	for (unsigned i = 0; i < WALLCLOCK_BOOT_LEN; i++)
		snprintf(out + 2 * i, 3, "%02x", boot[i]);
}

void
wallclock_put(struct buf *b, const struct wallclock_kept *k)
{
	char hex[2 * WALLCLOCK_BOOT_LEN + 1];

	boot_hex(k->boot, hex);
	buf_printf(b, "1 %s %+020" PRId64 " %+020" PRId64 " %+020" PRId64 " %d\n", hex, k->ahead_ms, k->last_ms,
	    k->seen_ms, k->waits);
}

static bool
is_time(int64_t ms)
{
	return ms >= -WALLCLOCK_MAX_MS && ms <= WALLCLOCK_MAX_MS;
}

static int
boot_parse(const char *hex, uint8_t out[static WALLCLOCK_BOOT_LEN])
{
	for (unsigned i = 0; i < WALLCLOCK_BOOT_LEN; i++) {
		unsigned v;

		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			return -EBADMSG;
		out[i] = (uint8_t)v;
	}
	return 0;
}

int
wallclock_parse(struct slice text, struct wallclock_kept *out)
{
	char copy[WALLCLOCK_TEXT], hex[2 * WALLCLOCK_BOOT_LEN + 1];
	cleanup_buf struct buf again = {0};
	struct wallclock_kept k = {0};
	unsigned waits;

	if (text.len >= sizeof copy || memchr(text.p, '\0', text.len))
		return -EBADMSG;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	if (sscanf(copy, "1 %32[0-9a-f] %20" SCNd64 " %20" SCNd64 " %20" SCNd64 " %1u", hex, &k.ahead_ms, &k.last_ms,
		&k.seen_ms, &waits) != 5 ||
	    strlen(hex) != 2 * WALLCLOCK_BOOT_LEN || boot_parse(hex, k.boot) < 0)
		return -EBADMSG;
	k.waits = waits;
	wallclock_put(&again, &k);
	if (!is_time(k.ahead_ms) || !is_time(k.last_ms) || !is_time(k.seen_ms) || again.err || again.len != text.len ||
	    memcmp(again.p, text.p, text.len) != 0)
		return -EBADMSG;
	*out = k;
	return 0;
}

/* A clock beyond all dates is taken for the last one. */
static int64_t
bounded(int64_t ms)
{
	return ms > WALLCLOCK_MAX_MS ? WALLCLOCK_MAX_MS : ms < -WALLCLOCK_MAX_MS ? -WALLCLOCK_MAX_MS : ms;
}

struct wallclock_kept
wallclock_keep(const struct wallclock *w)
{
	struct wallclock_kept k = {.ahead_ms = bounded(w->ahead_ms),
	    .last_ms = bounded(w->last_ms),
	    .seen_ms = bounded(wallclock_ms(w)),
	    .waits = w->waits};

	memcpy(k.boot, w->boot, sizeof k.boot);
	return k;
}

/* ---- looking ---- */

void
wallclock_start(struct wallclock *w, const uint8_t boot[static WALLCLOCK_BOOT_LEN], const struct wallclock_kept *kept,
    int64_t least_ms)
{
	const bool same = kept && memcmp(kept->boot, boot, WALLCLOCK_BOOT_LEN) == 0;
	const int64_t now = offset_ms();

	*w = (struct wallclock){.ahead_ms = now, .last_ms = same ? kept->last_ms : now};
	memcpy(w->boot, boot, sizeof w->boot);
	if (least_ms > 0)
		w->ahead_ms = later(w->ahead_ms, least_ms - boot_ms());
	if (kept)
		w->ahead_ms = later(w->ahead_ms, same ? kept->ahead_ms : kept->seen_ms - boot_ms());
	w->waits = same ? kept->waits : now + WALLCLOCK_SLACK_MS < w->ahead_ms;
}

struct wallclock_step
wallclock_look(struct wallclock *w)
{
	const int64_t now = offset_ms(), by = now - w->last_ms;
	struct wallclock_step s = {0};

	w->ahead_ms = later(w->ahead_ms, now);
	if (by >= WALLCLOCK_SET_MS || by <= -WALLCLOCK_SET_MS) {
		s.by_ms = by;
		w->last_ms = now;
	}
	if (w->waits && now + WALLCLOCK_SLACK_MS >= w->ahead_ms) {
		w->waits = false;
		s.begins = true;
	}
	return s;
}

void
wallclock_accept(struct wallclock *w)
{
	w->ahead_ms = w->last_ms = offset_ms();
	w->waits = false;
}

/* ---- judging ---- */

int64_t
wallclock_ms(const struct wallclock *w)
{
	return later(boot_ms() + w->ahead_ms, clock_wall_ms());
}

int64_t
wallclock_behind_ms(const struct wallclock *w)
{
	return later(w->ahead_ms - offset_ms(), 0);
}

uint64_t
wallclock_end_ns(const struct wallclock *w, int64_t end_ms)
{
	const uint64_t by_wall = clock_boot_at(end_ms, CLOCK_NOT_AFTER);
	int64_t at;

	if (__builtin_sub_overflow(end_ms, w->ahead_ms, &at) || __builtin_mul_overflow(at, NS_PER_MS, &at))
		return by_wall;
	at = later(at, 1);
	return (uint64_t)at < by_wall ? (uint64_t)at : by_wall;
}

uint64_t
wallclock_start_ns(const struct wallclock *w, int64_t start_ms)
{
	return w->waits ? WALLCLOCK_NEVER : clock_boot_at(start_ms, CLOCK_NOT_BEFORE);
}
