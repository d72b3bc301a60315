/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies as programs read them. */
#include "unit.h"

#include <string.h>

#include "answer.h"

#define WORD(s)                                                                                                        \
	{                                                                                                              \
		s, sizeof(s) - 1                                                                                       \
	}

/* Statistics that the router has left out are zero, those that it sent are what it sent, and each is there once. */
static void
test_statistics(void **state)
{
	static const struct {
		struct dtcp_reply_entry entry;
		const char *json;
	} row[] = {
	    {{.n = 2, .name = {WORD("Criteria-ID"), WORD("Cdest-ID")}, .value = {WORD("7"), WORD("x")}},
		"{\"criteria-id\":7,\"cdest-id\":\"x\"}"},
	    {{.n = 1, .name = {WORD("Matching-Packets")}, .value = {WORD("0")}},
		"{\"matching-packets\":0,\"average-bandwidth\":0,\"matching-bytes\":0,\"num-refresh\":0}"},
	    {{.n = 4,
		 .name = {WORD("MATCHING-PACKETS"), WORD("MATCHING-BYTES"), WORD("AVERAGE-BANDWIDTH"),
		     WORD("NUM-REFRESH")},
		 .value = {WORD("1"), WORD("2"), WORD("3"), WORD("4")}},
		"{\"matching-packets\":1,\"matching-bytes\":2,\"average-bandwidth\":3,\"num-refresh\":4}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		json_t *got = answer_entry_json(&row[i].entry), *want = json_loads(row[i].json, 0, NULL);

		assert_non_null(want);
		if (!json_equal(got, want))
			fail_msg("row %zu: %s", i, json_dumps(got, JSON_COMPACT));
		json_decref(want);
		json_decref(got);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_statistics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
