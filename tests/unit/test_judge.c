/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a criterion may be by the configuration, and whether a change of it may end one that is there. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "judge.h"

static struct conf *
parse(const char *statements)
{
	cleanup_buf struct buf text = {0};
	struct conf_error err;
	struct conf *conf;

	buf_printf(&text, "services { flow-tap { %s } }", statements);
	assert_int_equal(conf_parse((const char *)text.p, text.len, &conf, &err), 0);
	return conf;
}

static struct ip_addr
ip(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse((struct slice){text, strlen(text)}, &a), 0);
	return a;
}

#define LEA "agency lea { authority standing; content-destination 192.0.2.0/24 { port 7000-7999; } }"
#define STRICT "agency lea { content-destination 192.0.2.0/24 { port 7000-7999; } }"

static struct store_row
row(uint8_t family)
{
	return (struct store_row){.ncdest = 1,
	    .cdest = {{.addr = ip("192.0.2.10"), .port = 7000}},
	    .csrc = ip("192.0.2.1"),
	    .criteria = {.family = family}};
}

static enum judge_fault
judged(const char *statements, uint64_t before, struct store_row r)
{
	struct conf *conf = parse(statements);
	enum judge_fault f = judge_row(conf, conf_agency_find(conf, "lea"), before, &r);

	conf_free(conf);
	return f;
}

static void
test_rules(void **state)
{
	struct store_row r = row(4), two = row(4);

	(void)state;
	assert_int_equal(judged(LEA, 0, r), JUDGE_OK);
	for (uint8_t family = 0; family <= 6; family = (uint8_t)(family ? family + 2 : 4)) {
		assert_int_equal(judged(LEA, 0, row(family)), JUDGE_OK);
		assert_int_equal(judged("family inet; " LEA, 0, row(family)), family == 4 ? JUDGE_OK : JUDGE_FAMILY);
		assert_int_equal(judged("family inet6; " LEA, 0, row(family)), family == 6 ? JUDGE_OK : JUDGE_FAMILY);
	}
	assert_int_equal(judged("source-address 192.0.2.1; " LEA, 0, r), JUDGE_OK);
	assert_int_equal(judged("source-address [ 192.0.2.2 2001:db8::1 ]; " LEA, 0, r), JUDGE_SOURCE);
	two.ncdest = 2;
	two.cdest[1] = (struct dtcp_cdest){.addr = ip("192.0.2.10"), .port = 8000};
	assert_int_equal(judged(LEA, 0, two), JUDGE_DEST);
	assert_int_equal(judged("agency lea { authority standing; }", 0, r), JUDGE_DEST);
	assert_int_equal(
	    judged("agency lea { authority standing; maximum-criteria 2; content-destination 0.0.0.0/0; }", 1, r),
	    JUDGE_OK);
	assert_int_equal(
	    judged("agency lea { authority standing; maximum-criteria 2; content-destination 0.0.0.0/0; }", 2, r),
	    JUDGE_MANY);
	assert_int_equal(judged(STRICT, 0, r), JUDGE_STANDING);
	r.warrant = 1;
	assert_int_equal(judged(STRICT, 0, r), JUDGE_OK);
}

/* Each fault has an answer and a reason of its own. */
static void
test_faults(void **state)
{
	(void)state;
	assert_int_equal(judge_errno(JUDGE_OK), 0);
	assert_null(judge_reason(JUDGE_OK));
	for (enum judge_fault f = JUDGE_OK + 1; f < JUDGE_FAULTS; f++) {
		assert_true(judge_errno(f) < 0 && judge_reason(f));
		for (enum judge_fault g = JUDGE_OK + 1; g < f; g++)
			assert_true(judge_errno(f) != judge_errno(g) && strcmp(judge_reason(f), judge_reason(g)) != 0);
	}
}

/* What was settled stands by the configuration that settled it. */
static void
test_settled_stands(void **state)
{
	static const char *const confs[] = {LEA, "family inet; " LEA, "family inet6; " LEA,
	    "source-address [ 2001:db8::1 192.0.2.7 192.0.2.8 ]; " LEA, "family inet; source-address 192.0.2.1; " LEA};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(confs); i++) {
		struct conf *conf = parse(confs[i]);
		struct store_row r = row(0);

		judge_settle(conf, &r);
		assert_int_equal(judge_row(conf, conf_agency_find(conf, "lea"), 0, &r), JUDGE_OK);
		if (i == 3)
			assert_true(ip_equal(&r.csrc, &conf->source[1]));
		conf_free(conf);
	}
}

/* A change that may end something is never taken for one that can't: every pair of configurations, every row. */
static void
test_narrows(void **state)
{
	static const char *const confs[] = {LEA, STRICT, "family inet; " LEA, "family inet6; " LEA,
	    "source-address 192.0.2.1; " LEA, "source-address 192.0.2.2; " LEA,
	    "source-address [ 192.0.2.2 192.0.2.1 ]; " LEA,
	    "agency lea { authority standing; maximum-criteria 1; content-destination 192.0.2.0/24 { port 7000-7999; } "
	    "}",
	    "agency lea { authority standing; content-destination 192.0.2.0/24 { port 7001; } }",
	    "agency lea { authority standing; content-destination 0.0.0.0/0; content-destination 192.0.2.0/24 { port "
	    "7000-7999; } }",
	    "agency lea { authority standing; content-destination 2001:db8::/32 { port 7000; } }"};
	unsigned free_of_it = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(confs); i++)
		for (size_t k = 0; k < ARRAY_LEN(confs); k++) {
			struct conf *was = parse(confs[i]), *now = parse(confs[k]);
			const struct conf_agency *a = conf_agency_find(was, "lea"), *b = conf_agency_find(now, "lea");
			bool narrows = judge_narrows(was, a, now, b), falls = false;

			for (unsigned v = 0; v < 24; v++) {
				struct store_row r = row((uint8_t[]){0, 4, 6}[v % 3]);
				uint64_t before = v / 3 % 2;

				r.warrant = v / 6 % 2;
				r.csrc = ip(v / 12 ? "192.0.2.1" : "192.0.2.2");
				falls |= judge_row(was, a, before, &r) == JUDGE_OK &&
					 judge_row(now, b, before, &r) != JUDGE_OK;
			}
			assert_true(narrows || !falls);
			free_of_it += !narrows;
			conf_free(was);
			conf_free(now);
		}
	assert_true(free_of_it > ARRAY_LEN(confs)); /* more than of each to itself */
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_settled_stands),
	    cmocka_unit_test(test_narrows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
