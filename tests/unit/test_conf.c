/* SPDX-License-Identifier: BSD-2-Clause */
/* What a text means: the fields of struct conf.  Its print and its errors: tests/golden/conf. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "parsed.h"

#define COS(BODY) "class-of-service { interfaces { " BODY " } } "
#define TAP(BODY) "services { flow-tap { " BODY " } }"

/* The class that everybody sees, and flow-tap's own word, which comes first. */
static void
test_class_of_copies(void **state)
{
	static const struct {
		const char *text;
		uint32_t dscp, priority;
	} rows[] = {
	    {COS("vt-0/0/0 { unit 7 { forwarding-class expedited-forwarding; } }") TAP("tunnel-interface vt-0/0/0.7;"),
		46, 6},
	    {COS("sp-1/2/0 unit 0 forwarding-class network-control;") TAP("interface sp-1/2/0;"), 48, 7},
	    {COS("sp-1/2/0 unit 0 { forwarding-class best-effort; forwarding-class assured-forwarding; }")
		    TAP("interface sp-1/2/0.0;"),
		10, 4},
	    {COS("sp-1/2/0 unit 1 forwarding-class network-control;") TAP("interface sp-1/2/0;"), 0, 0},
	    {COS("sp-1/2/1 unit 0 forwarding-class network-control;") TAP("interface sp-1/2/0;"), 0, 0},
	    {COS("sp-1/2/0 unit 0 { inactive: forwarding-class network-control; }") TAP("interface sp-1/2/0;"), 0, 0},
	    {COS("sp-1/2/0 unit 0 forwarding-class;") TAP("interface sp-1/2/0;"), 0, 0},
	    {COS("sp-1/2/0 unit 0 forwarding-class voice;") TAP("interface sp-1/2/0;"), 0, 0},
	    {COS("sp-1/2/0 unit 0 forwarding-class network-control;") TAP(""), 0, 0},
	    {TAP("copies { dscp 12; } interface sp-1/2/0;") COS("sp-1/2/0 unit 0 forwarding-class network-control;"),
		12, 7},
	    {TAP("copies { forwarding-class best-effort; } interface sp-1/2/0;")
		    COS("sp-1/2/0 unit 0 forwarding-class network-control;"),
		0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf *c = parsed(rows[i].text);

		print_message("# %s\n", rows[i].text);
		assert_int_equal(c->copy_dscp, rows[i].dscp);
		assert_int_equal(c->copy_priority, rows[i].priority);
		conf_free(c);
	}
}

static void
test_defaults(void **state)
{
	struct conf *c = parsed("");

	(void)state;
	assert_false(c->flow_tap);
	assert_true(c->tap_all);
	assert_int_equal(c->ntapped + c->nsource + c->nagency, 0);
	assert_int_equal(c->max_criteria, 131072);
	assert_int_equal(c->attach, CONF_ATTACH_AUTO);
	assert_string_equal(c->state_dir, "/var/lib/flowtap");
	assert_string_equal(c->run_dir, "/run/flowtap");
	assert_true(c->family_inet && c->family_inet6);
	assert_int_equal(c->ssh_port, 32001);
	assert_int_equal(c->connection_limit, 0);
	assert_int_equal(c->rate_limit, 0);
	assert_null(conf_agency_find(c, "lea1"));
	conf_free(c);
}

static void
test_everything(void **state)
{
	struct conf *c = parsed("services { flow-tap { tapped-interfaces [ eth1 eth0 ]; source-address [ 2001:db8::1 "
				"192.0.2.1 ]; agency lea2 { user u2; } agency lea1; maximum-criteria 1024; attach "
				"clsact; state-directory /s; run-directory \"/r\"; family inet6; } }\n"
				"system { services { flow-tap-dtcp { ssh { port 22; connection-limit 1; rate-limit "
				"250; } } } }");
	char text[IP_STRLEN];

	(void)state;
	assert_true(c->flow_tap);
	assert_false(c->tap_all);
	assert_int_equal(c->ntapped, 2);
	assert_string_equal(c->tapped[0], "eth1");
	assert_string_equal(c->tapped[1], "eth0");
	assert_int_equal(c->nsource, 2);
	assert_string_equal(ip_format(&c->source[0], text), "2001:db8::1");
	assert_string_equal(ip_format(&c->source[1], text), "192.0.2.1");
	assert_int_equal(c->nagency, 2);
	assert_string_equal(c->agency[0].name, "lea1");
	assert_string_equal(c->agency[0].user, "lea1");
	assert_string_equal(c->agency[1].name, "lea2");
	assert_string_equal(c->agency[1].user, "u2");
	assert_int_equal(c->max_criteria, 1024);
	assert_int_equal(c->attach, CONF_ATTACH_CLSACT);
	assert_string_equal(c->state_dir, "/s");
	assert_string_equal(c->run_dir, "/r");
	assert_true(c->family_inet6 && !c->family_inet);
	assert_int_equal(c->ssh_port, 22);
	assert_int_equal(c->connection_limit, 1);
	assert_int_equal(c->rate_limit, 250);
	assert_ptr_equal(conf_agency_find(c, "lea2"), &c->agency[1]);
	assert_null(conf_agency_find(c, "u2"));
	conf_free(c);
}

static void
test_inactive(void **state)
{
	struct conf *c = parsed("inactive: system { services { flow-tap-dtcp { ssh { port 22; } } } }\n"
				"services { flow-tap { inactive: agency a; agency b { inactive: user u; }"
				"inactive: family inet; inactive: tapped-interfaces eth0; inactive: attach tcx; } }");

	(void)state;
	assert_int_equal(c->ssh_port, 32001);
	assert_int_equal(c->nagency, 1);
	assert_string_equal(c->agency[0].user, "b");
	assert_true(c->family_inet && c->family_inet6 && c->tap_all);
	assert_int_equal(c->attach, CONF_ATTACH_AUTO);
	conf_free(c);
	c = parsed("services { inactive: flow-tap { agency a; } }");
	assert_false(c->flow_tap);
	assert_int_equal(c->nagency, 0);
	conf_free(c);
}

static void
agencies(unsigned n, struct buf *out)
{
	buf_printf(out, "services { flow-tap {\n");
	for (unsigned i = n; i > 0; i--)
		buf_printf(out, "agency lea%05u { user u%05u; }\n", i, i);
	buf_printf(out, "} }\n");
	assert_int_equal(out->err, 0);
}

static void
test_many(void **state)
{
	cleanup_buf struct buf text = {0};
	struct conf *c = (struct conf *)0x1;
	struct conf_error err;

	(void)state;
	agencies(CONF_AGENCIES_MAX, &text);
	assert_int_equal(conf_parse((char *)text.p, text.len, &c, &err), 0);
	assert_int_equal(c->nagency, CONF_AGENCIES_MAX);
	for (unsigned i = 1; i < c->nagency; i++)
		assert_true(strcmp(c->agency[i - 1].name, c->agency[i].name) < 0);
	assert_string_equal(conf_agency_find(c, "lea07777")->user, "u07777");
	conf_free(c);
	c = (struct conf *)0x1;
	buf_reset(&text);
	agencies(CONF_AGENCIES_MAX + 1, &text);
	assert_int_equal(conf_parse((char *)text.p, text.len, &c, &err), -EINVAL);
	assert_int_equal(err.line, CONF_AGENCIES_MAX + 2);
	assert_string_equal(err.expected, "at most 10000 agencies");
	assert_ptr_equal(c, (struct conf *)0x1);
}

/* Hostile sizes end in an error, not in memory without end. */
static void
test_too_many(void **state)
{
	static const char *const unit[] = {"a;", "a {} ", "a [ b b b b ];"};
	struct conf_error err;
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unit); i++) {
		cleanup_buf struct buf text = {0};

		buf_printf(&text, "chassis {");
		for (unsigned k = 0; k < (1u << 20) + 1; k++)
			buf_put(&text, unit[i], strlen(unit[i]));
		buf_printf(&text, "}");
		assert_int_equal(text.err, 0);
		assert_int_equal(conf_parse((char *)text.p, text.len, &c, &err), -EINVAL);
		assert_string_equal(err.expected, "at most 1048576 statements and as many values are possible");
	}
}

static void
test_public(void **state)
{
	struct conf *c = parsed("system { login { user u { authentication { encrypted-password \"$6$x\"; ssh-rsa "
				"\"ssh-rsa AAAA\"; } } } }");
	cleanup_buf struct buf all = {0}, public = {0};

	(void)state;
	conf_print(c, &all);
	conf_print_public(c, &public);
	buf_put_u8(&all, 0);
	buf_put_u8(&public, 0);
	assert_non_null(strstr((char *)all.p, "encrypted-password \"$6$x\";"));
	assert_null(strstr((char *)public.p, "$6$x"));
	assert_non_null(strstr((char *)public.p, "encrypted-password \"*\";"));
	assert_non_null(strstr((char *)public.p, "ssh-rsa \"ssh-rsa AAAA\";"));
	conf_free(c);
}

static void
load_refused(const char *path, int want, const char *text)
{
	cleanup_buf struct buf out = {0};
	struct conf_error err;
	struct conf *c = NULL;

	assert_int_equal(conf_load(path, &c, &err), want);
	assert_null(c);
	conf_error_format(&err, path, &out);
	buf_put_u8(&out, 0);
	assert_non_null(strstr((char *)out.p, text));
}

static void
test_load(void **state)
{
	char path[] = "/tmp/test_conf.XXXXXX";
	int fd = mkstemp(path);
	struct conf_error err;
	struct conf *c;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "services { flow-tap; }\n", 23), 23);
	assert_int_equal(conf_load(path, &c, &err), 0);
	assert_true(c->flow_tap);
	conf_free(c);
	assert_int_equal(ftruncate(fd, CONF_TEXT_MAX + 1), 0);
	load_refused(path, -EFBIG, "File too large");
	assert_int_equal(ftruncate(fd, 24), 0);
	load_refused(path, -EINVAL, ":2:1: ?: control character 0x00");
	close(fd);
	unlink(path);
	load_refused(path, -ENOENT, ": No such file or directory");
	load_refused("/", -EISDIR, "/: Is a directory");
	conf_free(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_class_of_copies),
	    cmocka_unit_test(test_everything),
	    cmocka_unit_test(test_inactive),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_public),
	    cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
