/* SPDX-License-Identifier: BSD-2-Clause */
/* Outer identifications: none twice in a cycle, and nothing to be read in them. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "abi.h"

#define HALF 32768
#define SEED 0x123456789abcdef0ull

/* Each number of the half once, in every cycle. */
static void
test_datagrams(void **state)
{
	(void)state;
	for (uint64_t cycle = 0; cycle < 5; cycle++) {
		static bool seen[HALF];

		memset(seen, 0, sizeof seen);
		for (uint64_t n = 0; n < HALF; n++) {
			uint32_t id = tap_id(SEED, 7, cycle * HALF + n);

			assert_in_range(id, 0, HALF - 1);
			assert_false(seen[id]);
			seen[id] = true;
		}
	}
}

static void
test_blocks(void **state)
{
	(void)state;
	for (uint64_t cycle = 0; cycle < 5; cycle++) {
		bool seen[HALF / TAP_ID_BLOCK] = {false};

		for (uint64_t n = 0; n < HALF / TAP_ID_BLOCK; n++) {
			uint32_t id = tap_id_block(SEED, 7, cycle * (HALF / TAP_ID_BLOCK) + n);

			assert_in_range(id, HALF, 2 * HALF - TAP_ID_BLOCK);
			assert_int_equal(id % TAP_ID_BLOCK, 0);
			id = (id - HALF) / TAP_ID_BLOCK;
			assert_false(seen[id]);
			seen[id] = true;
		}
	}
}

/* Neither the next one, nor those of another cycle, place or seed, follow from one. */
static void
test_they_tell_nothing(void **state)
{
	uint32_t next = 0, cycle = 0, place = 0, seed = 0;

	(void)state;
	for (uint64_t n = 0; n < HALF - 1; n++) {
		next += (tap_id(SEED, 7, n) + 1) % HALF == tap_id(SEED, 7, n + 1);
		cycle += tap_id(SEED, 7, n) == tap_id(SEED, 7, n + HALF);
		place += tap_id(SEED, 7, n) == tap_id(SEED, 8, n);
		seed += tap_id(SEED, 7, n) == tap_id(SEED + 1, 7, n);
	}
	/* By chance it is one of each. */
	assert_in_range(next, 0, 20);
	assert_in_range(cycle, 0, 20);
	assert_in_range(place, 0, 20);
	assert_in_range(seed, 0, 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_datagrams),
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_they_tell_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
