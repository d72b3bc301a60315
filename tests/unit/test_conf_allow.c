/* SPDX-License-Identifier: BSD-2-Clause */
/* What a class's expressions say beside its permissions, and what is said of statements that do nothing. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conf_allow.h"
#include "conf_perm.h"
#include "conf_tree.h"
#include "conf_warn.h"

static struct conf *
parse(const char *text)
{
	struct conf_error err;
	struct conf *c;

	assert_int_equal(conf_parse(text, strlen(text), &c, &err), 0);
	return c;
}

/* The longer match decides, a tie allows, case does not count, and without a match the permissions do. */
static void
test_precedence(void **state)
{
	static const struct {
		const char *allow, *deny, *command;
		enum conf_allow want;
	} row[] = {
	    {NULL, NULL, "show version", CONF_ALLOW_UNSAID},
	    {"show", NULL, "request services flow-tap self-test", CONF_ALLOW_UNSAID},
	    {NULL, "show services", "show services flow-tap", CONF_ALLOW_NO},
	    {NULL, "SHOW Services", "show services flow-tap", CONF_ALLOW_NO},
	    {NULL, "^services", "show services flow-tap", CONF_ALLOW_UNSAID},
	    {"show services", "show services flow-tap sessions", "show services flow-tap sessions", CONF_ALLOW_NO},
	    {"show services flow-tap sessions", "show services", "show services flow-tap sessions", CONF_ALLOW_YES},
	    {"show services", "show services", "show services flow-tap", CONF_ALLOW_YES},
	    {"(show)|(request .*)", "request", "request services flow-tap self-test", CONF_ALLOW_YES},
	    {"^show version$", ".*", "show version", CONF_ALLOW_YES},
	    {"^show version$", ".*", "show version detail", CONF_ALLOW_NO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf b = {0};
		struct conf *c;

		buf_printf(&b, "system { login { user u { class c; } class c { permissions view; ");
		if (row[i].allow)
			buf_printf(&b, "allow-commands \"%s\"; ", row[i].allow);
		if (row[i].deny)
			buf_printf(&b, "deny-commands \"%s\"; ", row[i].deny);
		buf_printf(&b, "} } }");
		buf_put(&b, "", 1);
		c = parse((const char *)b.p);
		assert_int_equal(conf_allow_command(conf_perm_login(c, "u")->class, row[i].command), row[i].want);
		conf_free(c);
	}
}

static void
test_costly_expressions_are_refused(void **state)
{
	static const char *const bad[] = {"", "(", "[", "*", "a{1,65}", "a{2}{2}{2}", "(a)\\1",
	    "((((((((((((a)+)+)+)+)+)+)+)+)+)+)+)+", "a++++", "((a*)+{2}?)+"};
	static const char *const good[] = {"(show .+)|(request .+)", "(a)+(b)+", "((((a)*)?)*)?", "[a-z]+[0-9]+-+a+"};
	char longest[CONF_REGEX_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(conf_allow_regex_ok((struct slice){bad[i], strlen(bad[i])}));
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(conf_allow_regex_ok((struct slice){good[i], strlen(good[i])}));
	memset(longest, 'a', sizeof longest);
	assert_true(conf_allow_regex_ok((struct slice){longest, CONF_REGEX_MAX}));
	assert_false(conf_allow_regex_ok((struct slice){longest, CONF_REGEX_MAX + 1}));
	assert_false(conf_allow_regex_ok((struct slice){"a\0b", 3}));
}

#define LEA1 "agency lea1 { maximum-sessions 2; } "

/* Whatever way leads to a statement: alone, with a whole agency that is new, or one that goes. */
static void
test_denied_statements(void **state)
{
	static const struct {
		const char *expressions, *before, *after;
		int want;
	} row[] = {
	    {"", LEA1, "agency lea1 { maximum-sessions 3; } ", 0},
	    {"deny-configuration maximum-sessions; ", LEA1, "agency lea1 { maximum-sessions 3; } ", -EPERM},
	    {"deny-configuration maximum-sessions; ", LEA1, LEA1 "agency lea2 { maximum-sessions 3; } ", -EPERM},
	    {"deny-configuration maximum-sessions; ", LEA1, "", -EPERM},
	    {"deny-configuration maximum-sessions; ", LEA1, LEA1 "agency lea2; ", 0},
	    {"deny-configuration maximum-sessions; ", LEA1, "inactive: " LEA1, -EPERM},
	    {"deny-configuration \"agency .*\"; allow-configuration \"services flow-tap agency lea2.*\"; ", LEA1,
		LEA1 "agency lea2 { maximum-sessions 3; } ", 0},
	    {"deny-configuration \"agency .*\"; allow-configuration \"services flow-tap agency lea2.*\"; ", LEA1,
		"agency lea1 { maximum-sessions 4; } ", -EPERM},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char before[512], after[512];
		struct conf_error err = {0};
		struct conf *a, *b;

		snprintf(before, sizeof before,
		    "system { login { class c { permissions all; %s} user u { class c; } } } services { flow-tap { %s} "
		    "}",
		    row[i].expressions, row[i].before);
		snprintf(after, sizeof after,
		    "system { login { class c { permissions all; %s} user u { class c; } } } services { flow-tap { %s} "
		    "}",
		    row[i].expressions, row[i].after);
		a = parse(before);
		b = parse(after);
		assert_int_equal(conf_perm_expressions(a, b, "u", &err), row[i].want);
		assert_int_equal(conf_perm_expressions(a, b, NULL, &err), 0);
		assert_int_equal(conf_perm_expressions(a, b, "nobody", &err), 0);
		conf_free(a);
		conf_free(b);
	}
}

/* What somebody writes does not keep the engine busy, whatever the expressions of their class are. */
static void
test_long_statements(void **state)
{
	static const char now[] = "system { login { class c { permissions all; deny-configuration \"(x*)(x*)(x*)y\"; } "
				  "user u { class c; } } } ";
	static const struct {
		unsigned words, octets;
		int want;
	} row[] = {{1, 1000, 0}, {1, 1100, -EPERM}, {1, 80000, -EPERM}, {4000, 1000, -EPERM}, {4000, 20, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf text = {0};
		struct timespec begin, end;
		struct conf_error err = {0};
		struct conf *a, *b;

		buf_printf(&text, "%s interfaces { ", now);
		for (unsigned k = 0; k < row[i].words; k++) {
			for (unsigned l = 0; l < row[i].octets; l++)
				buf_put(&text, "x", 1);
			buf_printf(&text, "%u; ", k);
		}
		buf_put(&text, "}", 2);
		a = parse(now);
		b = parse((const char *)text.p);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
		assert_int_equal(conf_perm_expressions(a, b, "u", &err), row[i].want);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
		assert_in_range(end.tv_sec - begin.tv_sec, 0, 20);
		conf_free(a);
		conf_free(b);
	}
}

/* An expression can give any command, so who lacks a permission gives nobody one. */
static void
test_expressions_are_not_given_by_those_who_lack(void **state)
{
	struct conf *now = parse("system { login { class c { permissions [ admin-control configure ]; } } }"), *next;
	const char *with = "system { login { class c { permissions [ admin-control configure ]; "
			   "allow-commands \"request .*\"; } } }";
	uint32_t perm = CONF_PERM_EVERYBODY | CONF_PERM_READ | CONF_PERM_CONFIGURE | CONF_PERM_LOGIN |
			CONF_PERM_LOGIN_CONTROL;
	struct conf_error err;

	(void)state;
	assert_int_equal(conf_perm_judge(now, (struct slice){with, strlen(with)}, perm, &next, &err), -EPERM);
	assert_int_equal(
	    conf_perm_judge(now, (struct slice){with, strlen(with)}, CONF_PERM_ALL | CONF_PERM_VIEW, &next, &err), 0);
	conf_free(next);
	conf_free(now);
}

static void
test_warnings_are_said_once(void **state)
{
	struct conf *c = parse("version 21.4R1; chassis { a; } interfaces { b; } system { services { ssh; } login { "
			       "retry-options { c 3; } } } services { flow-tap { family inet; family ccc; "
			       "inactive: audit; agency lea1 { description \"x\"; } } radius-flow-tap { d; } }");
	cleanup_buf struct buf b = {0};

	(void)state;
	assert_int_equal(conf_warn(c, &b), 0);
	buf_put(&b, "", 1);
	assert_string_equal((char *)b.p,
	    "version: kept, without effect\n"
	    "system login retry-options: kept, without effect; sshd_config(5) has MaxAuthTries\n"
	    "system services ssh: kept, without effect; the machine's own sshd has its own configuration\n"
	    "chassis: kept, without effect\n"
	    "services radius-flow-tap: kept, without effect\n"
	    "services flow-tap family ccc: layer 2 circuits are not tapped\n"
	    "interfaces: kept, without effect\n");
	conf_free(c);
}

static void
test_ccc_alone_taps_neither_family(void **state)
{
	struct conf *c = parse("services { flow-tap { family ccc; } }");

	(void)state;
	assert_false(c->family_inet || c->family_inet6);
	conf_free(c);
	c = parse("services { flow-tap { inactive: family ccc; } }");
	assert_true(c->family_inet && c->family_inet6);
	conf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_precedence),
	    cmocka_unit_test(test_costly_expressions_are_refused),
	    cmocka_unit_test(test_denied_statements),
	    cmocka_unit_test(test_long_statements),
	    cmocka_unit_test(test_expressions_are_not_given_by_those_who_lack),
	    cmocka_unit_test(test_warnings_are_said_once),
	    cmocka_unit_test(test_ccc_alone_taps_neither_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
