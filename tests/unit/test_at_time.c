/* SPDX-License-Identifier: BSD-2-Clause */
/* Moments to come. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "at_time.h"
#include "base.h"

#define NOW 1796040000 /* 2026-11-30 12:00:00 UTC */

static void
test_times(void **state)
{
	static const struct {
		const char *text;
		time_t after; /* NOW; -1: refused */
	} rows[] = {
	    {"12:01", 60},
	    {"12:00:01", 1},
	    {"23:59:59", 43199},
	    {"2026-12-01 12:00", 86400},
	    {"2026-11-30 12:00:30", 30},
	    {"2028-02-29 12:00", 456 * 86400L},
	    {"12:00", -1},
	    {"11:59", -1},
	    {"24:00", -1},
	    {"12:60", -1},
	    {"2026-11-29 13:00", -1},
	    {"2027-02-29 12:00", -1},
	    {"2026-11-31 12:00", -1},
	    {"12:01 x", -1},
	    {"", -1},
	    {"tomorrow", -1},
	    {"2026-12-01", -1},
	};

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		time_t t = 0;
		int r = at_time_parse(rows[i].text, NOW, &t);

		assert_int_equal(r, rows[i].after < 0 ? -EINVAL : 0);
		if (r == 0)
			assert_int_equal(t - NOW, rows[i].after);
	}
}

/* An hour that the clocks leave out is none. */
static void
test_summer_time(void **state)
{
	time_t t;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_int_equal(at_time_parse("2027-03-28 02:30", NOW, &t), -EINVAL);
	assert_int_equal(at_time_parse("2027-03-28 03:30", NOW, &t), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_summer_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
