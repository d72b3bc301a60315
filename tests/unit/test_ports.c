/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "ports.h"

static void
test_parse(void **state)
{
	static const struct {
		const char *text[3];
		unsigned n;
		uint16_t v[8];
	} row[] = {
	    {{"7890"}, 1, {7890}},
	    {{"1,65535"}, 2, {1, 65535}},
	    {{"8000-8003"}, 4, {8000, 8001, 8002, 8003}},
	    {{"8001-8001"}, 1, {8001}},
	    {{"9,7,8,7-9"}, 3, {7, 8, 9}},
	    {{"30", "10-11", "20,10"}, 4, {10, 11, 20, 30}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct ports p = {0};

		for (unsigned k = 0; k < 3 && row[i].text[k]; k++)
			assert_int_equal(ports_parse(&p, row[i].text[k]), 0);
		assert_int_equal(p.n, row[i].n);
		assert_memory_equal(p.v, row[i].v, p.n * sizeof *p.v);
		ports_free(&p);
		assert_null(p.v);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
	} row[] = {
	    {"", -EINVAL},
	    {",", -EINVAL},
	    {"80,", -EINVAL},
	    {",80", -EINVAL},
	    {"a", -EINVAL},
	    {"80 ", -EINVAL},
	    {"-80", -EINVAL},
	    {"80-", -EINVAL},
	    {"80-90-100", -EINVAL},
	    {"+80", -EINVAL},
	    {"0", -ERANGE},
	    {"65536", -ERANGE},
	    {"99999999999999999999", -ERANGE},
	    {"0-5", -ERANGE},
	    {"90-80", -ERANGE},
	    {"1-4097", -E2BIG},
	};
	struct ports p = {0};

	(void)state;
	assert_int_equal(ports_parse(&p, "5"), 0);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(ports_parse(&p, row[i].text), row[i].err);
		assert_int_equal(p.n, 1); /* as before */
		assert_int_equal(p.v[0], 5);
	}
	assert_int_equal(ports_parse(&p, "1-4096"), 0);
	assert_int_equal(p.n, PORTS_MAX);
	ports_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
