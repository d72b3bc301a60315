/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "conf_diff.h"

#define TAP(words) "services { flow-tap { " words " } }"
#define SIGNER(name, key) "warrants { officer " name " { ssh-ed25519 \"ssh-ed25519 " key "\"; } }"
#define SSH(words) "system { services { flow-tap-dtcp { ssh { " words " } } } }"

static struct conf *
parsed(const char *text)
{
	struct conf_error err;
	struct conf *c = NULL;

	assert_int_equal(conf_parse(text, strlen(text), &c, &err), 0);
	return c;
}

static void
put_names(struct buf *out, const char *what, const struct conf_names *n)
{
	for (uint32_t i = 0; i < n->n; i++)
		buf_printf(out, "%s%s ", what, n->name[i]);
}

/* "+a -b *c" for agencies, then "tap +x -y", then the line for the log. */
static void
describe(const struct conf_diff *d, struct buf *out)
{
	put_names(out, "+", &d->agency_added);
	put_names(out, "-", &d->agency_removed);
	put_names(out, "*", &d->agency_changed);
	put_names(out, "tap+", &d->tap_added);
	put_names(out, "tap-", &d->tap_removed);
	buf_printf(out, "(");
	conf_diff_format(d, out);
	buf_printf(out, ")");
	buf_put_u8(out, 0);
}

static void
test_make(void **state)
{
	static const struct {
		const char *old, *next, *diff;
	} row[] = {
	    {"", "", "(nothing)"},
	    {TAP("agency a;"), TAP("agency a { user a; } /* the same */"), "(nothing)"},
	    {TAP("agency a; agency c;"), TAP("agency c; agency b; agency d;"),
		"+b +d -a (agencies added: 2, agencies removed: 1)"},
	    {TAP("agency a; agency b;"), TAP("agency a { user b; } agency b { user a; }"),
		"*a *b (agencies changed: 2)"},
	    {"", TAP(""), "tap+all (tapped interfaces added: 1)"},
	    {TAP("tapped-interfaces [ e f ];"), "", "tap-e tap-f (tapped interfaces removed: 2)"},
	    {TAP(""), TAP("tapped-interfaces [ f e ];"),
		"tap+e tap+f tap-all (tapped interfaces added: 2, tapped interfaces removed: 1)"},
	    {TAP("tapped-interfaces [ f e ];"), TAP("tapped-interfaces [ g e f ];"),
		"tap+g (tapped interfaces added: 1)"},
	    {TAP("source-address [ 192.0.2.1 192.0.2.2 ];"), TAP("source-address [ 192.0.2.2 192.0.2.1 ];"),
		"(source addresses changed)"},
	    {TAP("family inet;"), TAP("family inet; family inet6;"), "(families changed)"},
	    {TAP("family inet; family inet6;"), TAP(""), "(nothing)"},
	    {SSH("rate-limit 1;"), SSH("connection-limit 1;"), "(limits of sessions changed)"},
	    {"", TAP("warrants { signatures-required; }"),
		"tap+all (tapped interfaces added: 1, signatures under "
		"warrants changed)"},
	    {TAP(SIGNER("a", "AAAA")), TAP(SIGNER("a", "AAAB")), "(signatures under warrants changed)"},
	    {TAP(SIGNER("a", "AAAA")), TAP(SIGNER("b", "AAAA")), "(signatures under warrants changed)"},
	    {TAP(SIGNER("a", "AAAA")), TAP(SIGNER("a", "AAAA")), "(nothing)"},
	    {TAP("attach auto;"), TAP("attach tcx;"), "(nothing)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct conf *old = parsed(row[i].old), *next = parsed(row[i].next);
		cleanup_buf struct buf got = {0};
		struct conf_diff d;

		assert_int_equal(conf_diff_make(old, next, &d), 0);
		describe(&d, &got);
		assert_string_equal((char *)got.p, row[i].diff);
		assert_int_equal(conf_diff_is_empty(&d), strcmp(row[i].diff, "(nothing)") == 0);
		conf_diff_fini(&d);
		conf_free(old);
		conf_free(next);
	}
}

static void
test_restart(void **state)
{
	static const struct {
		const char *old, *next, *why;
	} row[] = {
	    {"", "", ""},
	    {"", TAP("maximum-criteria 131072; attach auto; state-directory /var/lib/flowtap;") SSH("port 32001;"), ""},
	    {TAP("agency a;"), TAP("agency b; family inet; tapped-interfaces x;") SSH("rate-limit 3;"), ""},
	    {"", TAP("maximum-criteria 2048;"), "services flow-tap maximum-criteria"},
	    {TAP("attach tcx;"), TAP("attach auto;"), "services flow-tap attach"},
	    {"", TAP("state-directory /s;"), "services flow-tap state-directory"},
	    {"", TAP("run-directory /r;"), "services flow-tap run-directory"},
	    {"", SSH("port 1;"), "system services flow-tap-dtcp ssh port"},
	    {TAP("attach tcx;"), TAP("attach clsact; run-directory /r;"),
		"services flow-tap attach, services flow-tap run-directory"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct conf *old = parsed(row[i].old), *next = parsed(row[i].next);
		char why[256] = "x", small[10];

		assert_int_equal(conf_diff_restart(old, next, why, sizeof why), row[i].why[0] != '\0');
		assert_string_equal(why, row[i].why);
		conf_diff_restart(old, next, small, sizeof small);
		assert_true(strncmp(small, row[i].why, sizeof small - 1) == 0);
		conf_free(old);
		conf_free(next);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_make),
	    cmocka_unit_test(test_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
