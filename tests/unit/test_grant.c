/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of limits: never more than the limit in all, at most one part less for each death, and few of them. */
#include "unit.h"

#include "base.h"
#include "grant.h"

#define LEAST 256

static uint64_t
part_max(uint64_t limit, uint64_t rate_2s)
{
	uint64_t part = limit / 8 > rate_2s ? limit / 8 : rate_2s;

	return (part > LEAST ? part : LEAST) + LEAST; /* a rest comes with the one before */
}

static void
test_small_limits_are_one_part(void **state)
{
	(void)state;
	for (uint64_t limit = 1; limit <= LEAST; limit++)
		assert_int_equal(grant_next(&(struct grant){.limit = limit, .least = LEAST, .passed_ms = 1}, 0), limit);
	assert_int_equal(grant_next(&(struct grant){.limit = 0, .least = LEAST}, 0), 0);
}

static void
test_first_parts(void **state)
{
	static const uint64_t row[][2] = {{257, 257}, {511, 511}, {512, 256}, {600, 256}, {2048, 256}, {8000, 1000},
	    {1000000, 125000}, {INT64_MAX, INT64_MAX / 8}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(grant_next(&(struct grant){.limit = row[i][0], .least = LEAST}, 0), row[i][1]);
}

/* Nothing new while half is there; with half gone, as much as was used in two seconds; never back. */
static void
test_rate(void **state)
{
	struct grant g = {.limit = 1000000, .least = LEAST, .given = 125000, .was = 0, .passed_ms = 1000};

	(void)state;
	assert_int_equal(grant_next(&g, 62499), 125000);
	assert_int_equal(grant_next(&g, 62500), 187500 + 0); /* 125,000 in two seconds: the eighth is as much */
	g.passed_ms = 100;
	assert_int_equal(grant_next(&g, 20000), 125000);  /* a burst is no rate: half of it is there */
	assert_int_equal(grant_next(&g, 100000), 500000); /* 100,000 in half a second */
	g.passed_ms = -5;                                 /* the clock was put back */
	assert_int_equal(grant_next(&g, 125000), 625000);
	g.passed_ms = 1000000;
	assert_int_equal(grant_next(&g, 125000), 250000);
	g.given = g.limit;
	assert_int_equal(grant_next(&g, 125000), 1000000);
	assert_int_equal(grant_next(&g, 2000000), 1000000); /* a train may have gone over the end */
}

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t
roll(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* A criterion's whole life, with packets at random and machines that die at random: what is durable is .given; a dead
 * machine takes all of it as used. */
static void
life(uint64_t limit, bool deaths)
{
	struct grant g = {.limit = limit, .least = LEAST};
	uint64_t used = 0, copied = 0, lost = 0, renewals = 0;
	uint64_t rate = 1 + roll(limit / 4 + 2), most = part_max(limit, rate * 20); /* a step is 100 ms */

	g.given = grant_next(&g, 0);
	assert_true(g.given > 0 && g.given <= limit);
	for (unsigned step = 0; used < limit && step < 100000; step++) {
		uint64_t n = roll(rate + 1), room = g.given - used, next;

		n = n < room ? n : room;
		used += n;
		copied += n;
		g.passed_ms += 100;
		if (deaths && roll(20) == 0) {
			assert_true(g.given - used <= most);
			lost += g.given - used;
			used = g.was = g.given; /* what a death took says nothing of the traffic */
		}
		next = grant_next(&g, used);
		assert_true(next >= g.given && next <= limit);
		if (next != g.given) {
			g.given = next;
			g.was = used;
			g.passed_ms = 0;
			renewals++;
		}
		assert_true(used == limit || g.given > used); /* it never stands still */
	}
	assert_int_equal(used, limit);
	assert_int_equal(copied + lost, limit);
	assert_true(deaths || renewals <= 32);
}

static void
test_whole_lives(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		life(1 + roll(1ull << (1 + roll(30))), i % 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_small_limits_are_one_part),
	    cmocka_unit_test(test_first_parts),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_whole_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
