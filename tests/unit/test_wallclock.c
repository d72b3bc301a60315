/* SPDX-License-Identifier: BSD-2-Clause */
/* The time that authority ends by: whatever is done to the wall's clock, it does not go back. */
#include "unit.h"

#include <errno.h>

#include "base.h"
#include "wallclock.h"

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define NS 1000000
#define NOW INT64_C(1795000000000)

static const uint8_t this_boot[WALLCLOCK_BOOT_LEN] = "this boot ......",
		     next_boot[WALLCLOCK_BOOT_LEN] = "the next one ...";

static uint64_t boot_ns;
static int64_t wall_ms;

static void
pass(int64_t ms)
{
	boot_ns += (uint64_t)ms * NS;
	wall_ms += ms;
}

static void
begin(void)
{
	boot_ns = (uint64_t)HOUR * NS;
	wall_ms = NOW;
	clock_override(&boot_ns, &wall_ms);
}

static bool
is_over(uint64_t end_ns)
{
	return boot_ns >= end_ns;
}

/* As the finding had it: the clock is behind by an hour at the first start, and set right later. */
static void
test_behind_and_set_right(void **state)
{
	struct wallclock w;
	struct wallclock_step s;

	(void)state;
	begin();
	wall_ms -= HOUR;
	wallclock_start(&w, this_boot, NULL, 0);
	assert_false(w.waits); /* nobody knows better */
	assert_true(wallclock_end_ns(&w, NOW + 30 * SECOND) == boot_ns + (uint64_t)(HOUR + 30 * SECOND) * NS);
	pass(8 * SECOND);
	assert_true(wallclock_look(&w).by_ms == 0);
	wall_ms += HOUR;
	s = wallclock_look(&w);
	assert_true(s.by_ms == HOUR);
	assert_false(s.begins);
	assert_true(wallclock_end_ns(&w, NOW + 30 * SECOND) == boot_ns + 22 * (uint64_t)SECOND * NS);
	assert_true(wallclock_look(&w).by_ms == 0);
}

/* Put back, with and without another start of the daemon: what ended stays so, and what did not ends when it would
 * have. */
static void
test_put_back(void **state)
{
	const int64_t end = NOW + HOUR;
	struct wallclock w;
	struct wallclock_kept k;

	(void)state;
	begin();
	wallclock_start(&w, this_boot, NULL, 0);
	wall_ms += 2 * HOUR; /* two hours ahead for a moment */
	assert_true(wallclock_look(&w).by_ms == 2 * HOUR);
	assert_true(is_over(wallclock_end_ns(&w, end)));
	wall_ms -= 2 * HOUR;
	assert_true(wallclock_look(&w).by_ms == -2 * HOUR);
	assert_true(is_over(wallclock_end_ns(&w, end)));
	assert_true(wallclock_ms(&w) >= end);
	assert_true(wallclock_behind_ms(&w) == 2 * HOUR);
	k = wallclock_keep(&w);
	pass(SECOND);
	wall_ms -= HOUR; /* while no daemon is there */
	wallclock_start(&w, this_boot, &k, 0);
	assert_false(w.waits); /* the boot clock went on */
	assert_true(wallclock_look(&w).by_ms == -HOUR);
	assert_true(is_over(wallclock_end_ns(&w, end)));
	assert_true(wallclock_ms(&w) == NOW + 2 * HOUR + SECOND);
	wallclock_accept(&w);
	assert_true(wallclock_ms(&w) == wall_ms);
	assert_true(wallclock_behind_ms(&w) == 0);
	assert_true(wallclock_look(&w).by_ms == 0);
}

/* After a boot the clock shows what had been: how long the machine was off nobody knows. */
static void
test_boot_with_a_clock_behind(void **state)
{
	struct wallclock w;
	struct wallclock_step s;
	struct wallclock_kept k;

	(void)state;
	begin();
	wallclock_start(&w, this_boot, NULL, 0);
	k = wallclock_keep(&w);
	boot_ns = (uint64_t)(5 * SECOND) * NS;
	wall_ms = 5 * SECOND; /* 1970 */
	wallclock_start(&w, next_boot, &k, 0);
	assert_true(w.waits);
	assert_true(wallclock_ms(&w) == NOW);
	assert_true(wallclock_start_ns(&w, NOW - HOUR) == WALLCLOCK_NEVER);
	k = wallclock_keep(&w);
	pass(SECOND);
	wallclock_start(&w, next_boot, &k, 0); /* a new daemon knows as little */
	assert_true(w.waits);
	assert_true(wallclock_ms(&w) == NOW + SECOND);
	wall_ms = NOW + 7 * HOUR;
	s = wallclock_look(&w);
	assert_true(s.begins && s.by_ms > 0);
	assert_false(w.waits);
	assert_true(wallclock_start_ns(&w, NOW - HOUR) < boot_ns);
	assert_true(wallclock_ms(&w) == NOW + 7 * HOUR);
}

/* A clock that a boot takes from a file, saved a minute before the power went, stops nobody. */
static void
test_boot_with_a_clock_from_a_file(void **state)
{
	struct wallclock w;
	struct wallclock_kept k;

	(void)state;
	begin();
	wallclock_start(&w, this_boot, NULL, 0);
	k = wallclock_keep(&w);
	boot_ns = (uint64_t)(5 * SECOND) * NS;
	wall_ms = NOW - 60 * SECOND;
	wallclock_start(&w, next_boot, &k, 0);
	assert_false(w.waits);
	assert_true(wallclock_ms(&w) == NOW);
	assert_true(wallclock_look(&w).by_ms == 0);
}

/* Without its own memory the record's last line says how late it is at least. */
static void
test_by_the_record(void **state)
{
	struct wallclock w;

	(void)state;
	begin();
	wallclock_start(&w, this_boot, NULL, NOW + HOUR);
	assert_true(w.waits);
	assert_true(wallclock_ms(&w) == NOW + HOUR);
	wallclock_start(&w, this_boot, NULL, NOW - HOUR);
	assert_false(w.waits);
	assert_true(wallclock_ms(&w) == NOW);
}

static void
test_small_steps(void **state)
{
	struct wallclock w;
	int64_t told = 0;

	(void)state;
	begin();
	wallclock_start(&w, this_boot, NULL, 0);
	for (int i = 0; i < 100; i++) {
		pass(SECOND);
		wall_ms += 30;
		told += wallclock_look(&w).by_ms;
	}
	assert_true(told > 2800); /* what is too small is told together */
	assert_true(wallclock_behind_ms(&w) == 0);
}

static void
test_kept(void **state)
{
	static const char *const bad[] = {"", "1",
	    "2 0123456789abcdef0123456789abcdef +0000000000000000000 +0000000000000000000 +0000000000000000000 0\n",
	    "1 0123456789abcdef0123456789abcdeF +0000000000000000000 +0000000000000000000 +0000000000000000000 0\n",
	    "1 0123456789abcdef0123456789abcdef +0000000000000000000 +0000000000000000000 +0000000000000000000 2\n",
	    "1 0123456789abcdef0123456789abcdef +0253402300800000000 +0000000000000000000 +0000000000000000000 0\n",
	    "1 0123456789abcdef0123456789abcdef +0000000000000000000 +0000000000000000000 +0000000000000000000 0"};
	struct wallclock_kept k = {.ahead_ms = -5, .last_ms = NOW, .seen_ms = NOW + 1, .waits = true}, back = {0};
	cleanup_buf struct buf b = {0}, zero = {0};

	(void)state;
	memcpy(k.boot, this_boot, sizeof k.boot);
	wallclock_put(&b, &k);
	assert_int_equal(wallclock_parse((struct slice){(char *)b.p, b.len}, &back), 0);
	assert_true(memcmp(back.boot, k.boot, sizeof k.boot) == 0 && back.ahead_ms == -5 && back.last_ms == NOW &&
		    back.seen_ms == NOW + 1 && back.waits);
	assert_true(b.len < WALLCLOCK_TEXT);
	wallclock_put(&zero, &(struct wallclock_kept){0});
	assert_int_equal(zero.len, b.len); /* written over one another, they leave nothing */
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(wallclock_parse(slice_of(bad[i]), &back), -EBADMSG);
}

/* ---- a world whose clock is set at will ---- */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t
below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static void
set_the_clock(int64_t now)
{
	static const int64_t by[] = {0, -HOUR, HOUR, -10 * SECOND, 3 * SECOND, -100000 * HOUR, 600000 * HOUR};

	wall_ms = now + (below(2) ? 0 : by[below(ARRAY_LEN(by))]);
	if (wall_ms < 0)
		wall_ms = 0;
}

/*
 * Its time goes on, whatever the clock shows; daemons and machines are started anew; the kernel has an end by each
 * look.  What was over stays so; and nothing is copied past its end from the first look at a clock that is right on.
 */
static void
test_random_worlds(void **state)
{
	(void)state;
	for (int world = 0; world < 3000; world++) {
		int64_t now = NOW;
		const int64_t end = NOW + 1 + (int64_t)below(3 * HOUR);
		struct wallclock_kept k;
		struct wallclock w;
		uint8_t boot[WALLCLOCK_BOOT_LEN] = {1};
		bool over = false, right = true;
		uint64_t end_ns;

		begin();
		wallclock_start(&w, boot, NULL, 0);
		for (int i = 0; i < 60; i++) {
			const int64_t by = (int64_t)below(10 * 60 * SECOND), was = wallclock_ms(&w);

			pass(by);
			now += by;
			assert_true(wallclock_ms(&w) >= was);
			k = wallclock_keep(&w);
			switch (below(6)) {
			case 0: /* another daemon */
				wallclock_start(&w, boot, &k, 0);
				break;
			case 1: /* another boot */
				boot[0]++;
				now += (int64_t)below(HOUR);
				boot_ns = below(60) * SECOND * NS + NS;
				set_the_clock(now);
				right = wall_ms >= now;
				wallclock_start(&w, boot, &k, 0);
				break;
			case 2:
			case 3:
				set_the_clock(now);
				break;
			default:
				break;
			}
			(void)wallclock_look(&w);
			right = right || wall_ms >= now;
			end_ns = w.waits ? 1 : wallclock_end_ns(&w, end); /* what waits copies nothing */
			if (over)
				assert_true(w.waits || is_over(end_ns));
			if (right && now >= end)
				assert_true(is_over(end_ns));
			over = over || (!w.waits && is_over(end_ns));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_behind_and_set_right),
	    cmocka_unit_test(test_put_back),
	    cmocka_unit_test(test_boot_with_a_clock_behind),
	    cmocka_unit_test(test_boot_with_a_clock_from_a_file),
	    cmocka_unit_test(test_by_the_record),
	    cmocka_unit_test(test_small_steps),
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_random_worlds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
