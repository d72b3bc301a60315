/* SPDX-License-Identifier: BSD-2-Clause */
/* What an answer about users and groups means: whose number is known, and of whom it has to be asked again. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "accounts.h"
#include "parent_names.h"

#define AGENCIES "services { flow-tap { agency lea1; agency lea2 { user police; } } }"
#define LOGIN "system { login { class c { permissions view; } user ann { class c; } } }"

enum { AUDITORS, OFFICERS, LOGINS, ASKER, FIRST };

struct case_names {
	struct conf *conf;
	struct ipc_name_found v[FIRST + 3]; /* two agencies, one login */
	struct ipc_named a;
	struct parent_numbers out;
};

/* Everybody is there, groups are 100 to 102 and users from 1000 on. */
static void
begin(struct case_names *t, const char *text)
{
	struct conf_error err;

	*t = (struct case_names){0};
	assert_int_equal(conf_parse(text, strlen(text), &t->conf, &err), 0);
	for (uint32_t i = 0; i < FIRST + 3; i++)
		t->v[i] = (struct ipc_name_found){
		    .number = i < FIRST ? 100 + i : 1000 + i - FIRST, .group = 100 + LOGINS};
	t->a = (struct ipc_named){.n = FIRST + t->conf->nagency + t->conf->nlogin, .v = t->v};
}

static void
fails(struct case_names *t, uint32_t i, uint32_t err)
{
	t->v[i] = (struct ipc_name_found){.err = err};
}

static void
resolved(struct case_names *t, bool check, uint32_t lacking, bool failed, const char *why)
{
	assert_int_equal(parent_names_resolve(t->conf, &t->a, check, &t->out), 0);
	assert_int_equal(t->out.n, t->conf->nagency + t->conf->nlogin + DAEMON_NUMBERS);
	assert_int_equal(t->out.lacking, lacking);
	assert_int_equal(t->out.failed, failed);
	assert_string_equal(t->out.why, why);
}

static void
end(struct case_names *t)
{
	free(t->out.uid);
	conf_free(t->conf);
}

static void
all_there(void **state)
{
	struct case_names t;

	(void)state;
	begin(&t, AGENCIES LOGIN);
	resolved(&t, false, 0, false, "");
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(t.out.uid[i], 1000 + i);
	assert_int_equal(t.out.uid[3 + DAEMON_NUMBER_AUDITORS], 100 + AUDITORS);
	assert_int_equal(t.out.uid[3 + DAEMON_NUMBER_OFFICERS], 100 + OFFICERS);
	end(&t);
}

/* Agencies lack; a login that is not there, or that we did not make, and our groups do not. */
static void
not_there(void **state)
{
	struct case_names t;

	(void)state;
	begin(&t, AGENCIES LOGIN);
	fails(&t, FIRST + 1, ENOENT);
	fails(&t, FIRST + 2, ENOENT);
	fails(&t, AUDITORS, ENOENT);
	resolved(&t, false, 1, false, "agency lea2: no such system user police");
	assert_int_equal(t.out.uid[0], 1000);
	assert_int_equal(t.out.uid[1], 0);
	assert_int_equal(t.out.uid[2], 0);
	assert_int_equal(t.out.uid[3 + DAEMON_NUMBER_AUDITORS], UINT32_MAX);
	free(t.out.uid);
	resolved(&t, true, 1, false, "agency lea2: no such system user police");
	assert_true(t.out.uid[2] != 0);
	end(&t);
	begin(&t, AGENCIES LOGIN);
	t.v[FIRST].number = 0;
	t.v[FIRST + 2].group = 7;
	resolved(&t, false, 1, false, "agency lea1: root can't be an agency's user");
	assert_int_equal(t.out.uid[2], 0);
	end(&t);
}

/* Nobody knows: each of them is asked again, but for the asker, whose number does. */
static void
not_known(void **state)
{
	static const struct {
		uint32_t i;
		const char *why;
	} cases[] = {{FIRST, "agency lea1: its system user can't be looked up: Input/output error"},
	    {FIRST + 2, "login ann can't be looked up: Input/output error"},
	    {AUDITORS, "group " DAEMON_GROUP_AUDITORS " can't be looked up: Input/output error"},
	    {OFFICERS, "group " DAEMON_GROUP_OFFICERS " can't be looked up: Input/output error"},
	    {LOGINS, "group " ACCOUNTS_GROUP " can't be looked up: Input/output error"}};
	struct case_names t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(&t, AGENCIES LOGIN);
		fails(&t, cases[i].i, EIO);
		resolved(&t, false, 1, true, cases[i].why);
		end(&t);
	}
	begin(&t, AGENCIES LOGIN);
	fails(&t, ASKER, EIO);
	resolved(&t, false, 0, false, "");
	end(&t);
}

/* Without any answer all lack, be there agencies or not, so that whatever a later one says is more. */
static void
no_answer(void **state)
{
	static const struct {
		const char *text;
		uint32_t lacking;
	} cases[] = {{"", 3}, {LOGIN, 4}, {AGENCIES LOGIN, 6}};
	struct case_names t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(&t, cases[i].text);
		t.a = (struct ipc_named){.err = EIO, .why = "they do not answer"};
		resolved(&t, false, cases[i].lacking, true, "users can't be looked up: they do not answer");
		for (uint32_t k = 0; k < t.conf->nagency + t.conf->nlogin; k++)
			assert_int_equal(t.out.uid[k], 0);
		end(&t);
	}
}

/* Nobody is let in as either, whatever their names are; a login of that number is none of them. */
static void
one_number(void **state)
{
	struct case_names t;

	(void)state;
	for (int check = 0; check < 2; check++) {
		begin(&t, AGENCIES LOGIN);
		t.v[FIRST + 1].number = 1000;
		resolved(&t, check, 2, false, "");
		assert_int_equal(t.out.shared, 2);
		assert_string_equal(
		    t.out.why_shared, "agencies lea1 and lea2: their system users have one number, 1000");
		assert_int_equal(t.out.uid[0], 0);
		assert_int_equal(t.out.uid[1], 0);
		assert_int_equal(t.out.uid[2], 1002);
		end(&t);
	}
	begin(&t, "services { flow-tap { agency a; agency b; agency c; } }");
	for (uint32_t i = 1; i < 3; i++)
		t.v[FIRST + i].number = 1000;
	resolved(&t, false, 3, false, "");
	assert_int_equal(t.out.shared, 3);
	end(&t);
	/* Two that are not there share nothing. */
	begin(&t, AGENCIES);
	fails(&t, FIRST, ENOENT);
	fails(&t, FIRST + 1, ENOENT);
	resolved(&t, false, 2, false, "agency lea1: no such system user");
	assert_int_equal(t.out.shared, 0);
	assert_string_equal(t.out.why_shared, "");
	end(&t);
}

static void
another_question(void **state)
{
	struct case_names t;

	(void)state;
	begin(&t, AGENCIES);
	t.a.n++;
	assert_int_equal(parent_names_resolve(t.conf, &t.a, false, &t.out), -EPROTO);
	end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_there), cmocka_unit_test(not_there),
	    cmocka_unit_test(not_known), cmocka_unit_test(no_answer), cmocka_unit_test(one_number),
	    cmocka_unit_test(another_question)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
