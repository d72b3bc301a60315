/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "record_share.h"

#define S 1000000000ull
#define LINE 400

/* Takes as much as it can get from `from` on for so many seconds, in requests refused with so many bytes of words;
 * how many bytes of record that is, at LINE for each line. */
static uint64_t
refused_bytes(struct record_share *s, uint64_t from, unsigned seconds, size_t words, uint64_t *counted)
{
	uint64_t sum = 0, now = from;

	*counted = 0;
	while (now < from + seconds * S) {
		uint64_t wait = share_wait_ns(s, now, true, words);

		now += wait + 1000;
		switch (share_form(s, now, words, true)) {
		case SHARE_FULL:
			sum += words + LINE;
			share_charge(s, now, words + LINE);
			break;
		case SHARE_DIGEST:
			sum += LINE;
			share_charge(s, now, LINE);
			break;
		case SHARE_COUNT:
			++*counted;
			sum += LINE;
			share_charge(s, now, LINE);
			share_summed(s, now);
			break;
		}
	}
	return sum;
}

/* Whatever the size of its requests, a flood of refused ones leaves this much, and no more, and no request is lost. */
static void
test_flood(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 4096, 65536};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct record_share s = {0};
		uint64_t counted, sum = refused_bytes(&s, S, 100, sizes[i], &counted);

		assert_true(sum <= SHARE_WORDS_BYTES + SHARE_LINES * LINE +
				       100 * (SHARE_WORDS_RATE + (SHARE_LINES_RATE + 4 + 1) * LINE));
		assert_true(counted > 350 && counted <= 401);
	}
}

/* Who refrains has all of it again. */
static void
test_comes_back(void **state)
{
	struct record_share s = {0};
	uint64_t counted, now = 7 * S;

	(void)state;
	assert_int_equal(share_form(&s, now, SHARE_WORDS_BYTES, true), SHARE_FULL);
	assert_int_equal(share_form(&s, now, 1, true), SHARE_DIGEST);
	(void)refused_bytes(&s, now, 1, 1000, &counted);
	assert_true(counted > 0);
	now += 1000 * S;
	assert_int_equal(share_form(&s, now, SHARE_WORDS_BYTES, false), SHARE_FULL);
	assert_int_equal(share_wait_ns(&s, now, true, 10), 0);
}

/* What looks often gives back no less. */
static void
test_used_up(void **state)
{
	struct record_share s = {0};
	uint64_t wait, now = S;

	(void)state;
	assert_false(share_is_used_up(&s, now));
	share_charge(&s, now, SHARE_RECORD_BYTES + SHARE_RECORD_RATE);
	assert_true(share_is_used_up(&s, now));
	assert_int_equal(share_form(&s, now, 0, false), SHARE_COUNT);
	for (unsigned i = 0; i < SHARE_ENDS; i++) {
		assert_int_equal(share_wait_ns(&s, now, false, 0), 0);
		share_end_charge(&s, now);
	}
	wait = share_wait_ns(&s, now, false, 0);
	assert_true(wait > 0 && wait <= S / SHARE_ENDS_RATE + 1);
	assert_int_equal(share_wait_ns(&s, now + wait, false, 0), 0);
	/* In steps too small for a unit. */
	for (uint64_t end = now + S - S / 100; now < end; now += 1000)
		assert_true(share_is_used_up(&s, now));
	assert_false(share_is_used_up(&s, now + S / 50));
	/* The clock of another boot is smaller: nothing comes back, nothing breaks. */
	share_charge(&s, now, SHARE_RECORD_BYTES * 2ull);
	assert_true(share_is_used_up(&s, 5));
}

static void
test_sum(void **state)
{
	struct share_sum sum = {0};
	char one[AUDIT_HASH_HEX + 1], both[2 * AUDIT_HASH_HEX + 1], want[AUDIT_HASH_HEX + 1];

	(void)state;
	assert_int_equal(share_sum_add(&sum, (struct slice){"abc", 3}), 0);
	assert_int_equal(audit_digest("abc", 3, one), 0);
	assert_int_equal(audit_digest(one, AUDIT_HASH_HEX, want), 0);
	assert_string_equal(sum.hash, want);
	assert_int_equal(share_sum_add(&sum, (struct slice){"", 0}), 0);
	memcpy(both, want, AUDIT_HASH_HEX);
	assert_int_equal(audit_digest("", 0, both + AUDIT_HASH_HEX), 0);
	assert_int_equal(audit_digest(both, 2 * AUDIT_HASH_HEX, want), 0);
	assert_string_equal(sum.hash, want);
	assert_int_equal(sum.n, 2);
	assert_int_equal(sum.bytes, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_flood), cmocka_unit_test(test_comes_back),
	    cmocka_unit_test(test_used_up), cmocka_unit_test(test_sum)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
