/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "hashmap.h"

#define KEYS 4096

static void
test_basics(void **state)
{
	struct hashmap *m;

	(void)state;
	assert_int_equal(hashmap_new(&m), 0);
	assert_int_equal(hashmap_get(m, 1), 0);
	assert_int_equal(hashmap_remove(m, 1), 0);
	assert_int_equal(hashmap_put(m, 0, 1), -EINVAL);
	assert_int_equal(hashmap_put(m, 1, 0), -EINVAL);
	assert_int_equal(hashmap_put(m, 1, 10), 0);
	assert_int_equal(hashmap_put(m, UINT64_MAX, UINT32_MAX), 0);
	assert_int_equal(hashmap_put(m, 1, 11), 0);
	assert_int_equal(hashmap_count(m), 2);
	assert_int_equal(hashmap_get(m, 1), 11);
	assert_true(hashmap_get(m, UINT64_MAX) == UINT32_MAX);
	assert_int_equal(hashmap_get(m, 0), 0);
	assert_int_equal(hashmap_remove(m, 1), 11);
	assert_int_equal(hashmap_get(m, 1), 0);
	assert_int_equal(hashmap_count(m), 1);
	hashmap_free(m);
	hashmap_free(NULL);
}

/* Keys that crowd: small numbers, equal low halves, equal high halves. */
static uint64_t
key(unsigned i)
{
	switch (i % 3) {
	case 0:
		return i + 1;
	case 1:
		return (uint64_t)(i + 1) << 32;
	default:
		return 0xdeadbeef00000000ull + i;
	}
}

static void
check(const struct hashmap *m, const uint32_t *want)
{
	size_t it = 0, n = 0, seen = 0;
	uint64_t k;
	uint32_t v;

	for (unsigned i = 0; i < KEYS; i++) {
		assert_true(hashmap_get(m, key(i)) == want[i]);
		n += want[i] != 0;
	}
	assert_int_equal(hashmap_count(m), n);
	while (hashmap_next(m, &it, &k, &v)) {
		assert_true(v != 0 && hashmap_get(m, k) == v);
		seen++;
	}
	assert_int_equal(seen, n);
}

/* The same operations on the map and on a plain array must agree. */
static void
test_against_array(void **state)
{
	static uint32_t want[KEYS];
	struct hashmap *m;
	unsigned seed = 42;

	(void)state;
	assert_int_equal(hashmap_new(&m), 0);
	for (unsigned step = 0; step < 100000; step++) {
		unsigned i = (unsigned)rand_r(&seed) % KEYS;
		/* Grow for a while, then shrink: both long runs and many gaps. */
		bool add = (unsigned)rand_r(&seed) % 8 < ((step / 10000) % 2 ? 2u : 6u);

		if (add) {
			want[i] = step + 1;
			assert_int_equal(hashmap_put(m, key(i), step + 1), 0);
		} else {
			assert_true(hashmap_remove(m, key(i)) == want[i]);
			want[i] = 0;
		}
		if (step % 5000 == 0)
			check(m, want);
	}
	check(m, want);
	hashmap_free(m);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_basics),
	    cmocka_unit_test(test_against_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
