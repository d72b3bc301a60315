/* SPDX-License-Identifier: BSD-2-Clause */
/* What groups make of a configuration, with what is expected written out. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conf_compare.h"
#include "conf_groups.h"
#include "conf_parse.h"
#include "conf_print.h"
#include "conf_warn.h"
#include "parsed.h"

static const char *
refused(const char *text)
{
	static struct conf_error err;
	struct conf *c = NULL;

	assert_int_equal(conf_parse(text, strlen(text), &c, &err), -EINVAL);
	return err.expected;
}

/* As lines of set, without "set services flow-tap " where that begins one. */
static void
stands_for(const char *text, const char *expected)
{
	static const char top[] = "set services flow-tap ";
	cleanup_buf struct buf lines = {0}, got = {0};
	struct conf *c = parsed(text);
	char *save, *line;

	conf_compare_set_lines(c->effect, NULL, &lines);
	buf_put(&lines, "", 1);
	for (line = strtok_r((char *)lines.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		buf_printf(&got, "%s\n", line + (strncmp(line, top, sizeof top - 1) == 0 ? sizeof top - 1 : 0));
	buf_put(&got, "", 1);
	print_message("# %s\n", text);
	assert_string_equal((char *)got.p, expected);
	conf_free(c);
}

#define TAP(statements) "services { flow-tap { " statements " } } "
#define GROUP(name, statements) "groups " name " { " TAP(statements) "} "

static void
test_who_wins(void **state)
{
	(void)state;
	/* what is nowhere applied does nothing */
	stands_for(GROUP("a", "attach tcx;") TAP(""), "set services flow-tap\n");
	/* a stanza that is not there is made */
	stands_for(GROUP("a", "attach tcx;") "apply-groups a;", "attach tcx\n");
	/* itself over a group */
	stands_for(GROUP("a", "attach tcx;") "apply-groups a; " TAP("attach clsact;"), "attach clsact\n");
	/* the first group over the second; what only the second has is there */
	stands_for(GROUP("a", "attach tcx;")
		       GROUP("b", "attach clsact; maximum-criteria 2048;") "apply-groups [ a b ];",
	    "maximum-criteria 2048\nattach tcx\n");
	stands_for(GROUP("a", "attach tcx;")
		       GROUP("b", "attach clsact; maximum-criteria 2048;") "apply-groups [ b a ];",
	    "maximum-criteria 2048\nattach clsact\n");
	/* further down over further up */
	stands_for(GROUP("a", "attach tcx;") GROUP("b", "attach clsact;") "apply-groups a; " TAP("apply-groups b;"),
	    "attach clsact\n");
	/* only what stands at or below the level where it is applied */
	stands_for("groups a { " TAP("attach tcx;") " system { login { message hi; } } } " TAP("apply-groups a;"),
	    "attach tcx\n");
	/* an inactive statement is none, wherever it is */
	stands_for(
	    GROUP("a", "inactive: attach tcx; maximum-criteria 2048;") "apply-groups a;", "maximum-criteria 2048\n");
	stands_for(GROUP("a", "attach tcx;") "apply-groups a; " TAP("inactive: attach clsact;"), "attach tcx\n");
	stands_for(GROUP("a", "attach tcx;") "inactive: apply-groups a; " TAP(""), "set services flow-tap\n");
}

static void
test_lists(void **state)
{
	(void)state;
	/* values: its own, then those of the groups, each once */
	stands_for(GROUP("a", "source-address [ 192.0.2.1 192.0.2.2 ];")
		       GROUP("b", "source-address 192.0.2.3;") "apply-groups [ a b ]; " TAP(
			   "source-address [ 192.0.2.2 192.0.2.9 ];"),
	    "source-address 192.0.2.2\nsource-address 192.0.2.9\nsource-address 192.0.2.1\nsource-address "
	    "192.0.2.3\n");
	/* entries: its own, then those of the groups; one of both is one */
	stands_for(GROUP("a", "agency y { user u; maximum-sessions 3; } agency x;") "apply-groups a; " TAP(
		       "agency z; agency y { user w; }"),
	    "agency z\nagency y user w\nagency y maximum-sessions 3\nagency x\n");
	/* spelled in another way it is the same */
	stands_for(GROUP("a", "agency x { content-destination 192.0.2.7/24 { port 1; } }") "apply-groups a; " TAP(
		       "agency x { content-destination 192.0.2.0/24; }"),
	    "agency x content-destination 192.0.2.0/24 port 1\n");
}

static void
test_wildcards(void **state)
{
	(void)state;
	/* they match entries and make none */
	stands_for(GROUP("a", "agency <lea*> { authority standing; }") "apply-groups a; " TAP("agency lea1; agency x;"),
	    "agency lea1 authority standing\nagency x\n");
	stands_for(GROUP("a", "agency <*> { authority standing; }") "apply-groups a;", "set services flow-tap\n");
	/* those of another group, too, and of the same */
	stands_for(GROUP("a", "agency <*> { authority standing; } agency a;")
		       GROUP("b", "agency b;") "apply-groups [ a b ];",
	    "agency a authority standing\nagency b authority standing\n");
	/* in one group the name counts before what matches it, in the order of the group */
	stands_for(
	    GROUP("a", "agency <*> { maximum-sessions 1; } agency <x?> { maximum-sessions 2; maximum-criteria 5; } "
		       "agency x1 { maximum-sessions 3; }") "apply-groups a; " TAP("agency x1; agency x2; agency y;"),
	    "agency x1 maximum-criteria 5\nagency x1 maximum-sessions 3\nagency x2 maximum-criteria 5\n"
	    "agency x2 maximum-sessions 1\nagency y maximum-sessions 1\n");
	/* but another group that is named first counts before */
	stands_for(GROUP("a", "agency <*> { maximum-sessions 1; }")
		       GROUP("b", "agency x { maximum-sessions 2; }") "apply-groups [ a b ]; " TAP("agency x;"),
	    "agency x maximum-sessions 1\n");
	/* at two levels, and applied at the entry itself */
	stands_for(GROUP("a", "agency <*> { content-destination <10.*> { port 7; } }") TAP(
		       "agency x { apply-groups a; content-destination 10.0.0.0/8; content-destination 11.0.0.0/8; } "
		       "agency y { content-destination 10.0.0.0/8; }"),
	    "agency x content-destination 10.0.0.0/8 port 7\nagency x content-destination 11.0.0.0/8\n"
	    "agency y content-destination 10.0.0.0/8\n");
	/* brackets, bare and in quotation marks, in braces and in lines of set */
	stands_for(
	    GROUP("a",
		"agency <l[1-3]> { maximum-sessions 1; } agency \"<l[!1-3]>\" { maximum-sessions 2; }") "apply-groups "
													"a; " TAP("agen"
														  "cy "
														  "l1; "
														  "agen"
														  "cy "
														  "l4"
														  ";"),
	    "agency l1 maximum-sessions 1\nagency l4 maximum-sessions 2\n");
	stands_for("set groups a services flow-tap agency <l[1-3]*> maximum-sessions 1\nset apply-groups [ a ]\n"
		   "set services flow-tap agency l2x\n",
	    "agency l2x maximum-sessions 1\n");
}

static void
test_pattern(void **state)
{
	static const struct {
		const char *pattern, *yes, *no;
	} row[] = {
	    {"<*>", "x", NULL},
	    {"<a*>", "a", "ba"},
	    {"<*a>", "aba", "ab"},
	    {"<a*b*c>", "a-b-b-c", "acb"},
	    {"<?>", "x", "xy"},
	    {"<a?c>", "abc", "ac"},
	    {"<[abc]1>", "b1", "d1"},
	    {"<[a-c][0-9]>", "c7", "cx"},
	    {"<[!a-c]>", "d", "b"},
	    {"<[^a]*>", "bc", "ab"},
	    {"<[]a]>", "a", "b"},
	    {"<ge-0/0/*>", "ge-0/0/1", "ge-0/1/0"},
	    {"<[a-]>", "-", "b"},
	};
	static const char *const bad[] = {
	    "", "<", "<>", "*", "<*", "*>", "<a b>", "<[>", "<[a>", "<[!>", "<a<>", "<\">", "<{>"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		print_message("# %s\n", row[i].pattern);
		assert_true(conf_groups_is_pattern((struct slice){row[i].pattern, strlen(row[i].pattern)}));
		assert_true(conf_groups_matches(row[i].pattern, row[i].yes));
		assert_false(row[i].no && conf_groups_matches(row[i].pattern, row[i].no));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		print_message("# not %s\n", bad[i]);
		assert_false(conf_groups_is_pattern((struct slice){bad[i], strlen(bad[i])}));
	}
}

static void
test_except(void **state)
{
	(void)state;
	stands_for(GROUP("a", "agency <*> { maximum-sessions 1; }")
		       GROUP("b", "agency <*> { maximum-criteria 2; }") "apply-groups [ a b ]; " TAP(
			   "agency x { apply-groups-except a; } agency y;"),
	    "agency x maximum-criteria 2\nagency y maximum-criteria 2\nagency y maximum-sessions 1\n");
	/* all below the level, and what the group brings along */
	stands_for(GROUP("a", "apply-groups b; attach tcx;")
		       GROUP("b", "agency <*> { maximum-sessions 1; }") "apply-groups a; " TAP(
			   "agency x { apply-groups-except a; } agency y;"),
	    "agency x\nagency y maximum-sessions 1\nattach tcx\n");
	/* it concerns what applies further up, not what is applied here */
	stands_for(
	    GROUP("a", "attach tcx;") "apply-groups a; " TAP("apply-groups a; apply-groups-except a;"), "attach tcx\n");
	stands_for(
	    GROUP("a", "attach tcx;") "apply-groups a; " TAP("inactive: apply-groups-except a;"), "attach tcx\n");
}

static void
test_nested(void **state)
{
	(void)state;
	/* what a group says counts before what the groups say that it applies, that before the next group */
	stands_for(
	    "groups a { apply-groups b; " TAP("attach tcx;") "} " GROUP("b", "attach auto; maximum-criteria 2048;")
		GROUP("c", "maximum-criteria 4096; source-address 192.0.2.1;") "apply-groups [ a c ];",
	    "source-address 192.0.2.1\nmaximum-criteria 2048\nattach tcx\n");
	/* round in a circle is once */
	stands_for("groups a { apply-groups b; " TAP("attach tcx;") "} groups b { apply-groups [ a b ]; " TAP(
		       "maximum-criteria 2048;") "} apply-groups b;",
	    "maximum-criteria 2048\nattach tcx\n");
}

static void
test_opaque(void **state)
{
	const char *text = "groups a { class-of-service { interfaces { vt-0/0/0 { unit 0 { forwarding-class "
			   "network-control; } } <ge-*> { x; } apply-groups z; } } chassis fpc 1; } apply-groups a; ";
	struct conf *c;

	(void)state;
	stands_for(text,
	    "set chassis fpc 1\nset class-of-service interfaces vt-0/0/0 unit 0 forwarding-class network-control\n");
	/* one that differs in its last word is the same */
	stands_for("groups a { interfaces { e { mtu 1; speed 2; } f; } } apply-groups a; interfaces { e { mtu 9; } }",
	    "set interfaces f\nset interfaces e speed 2\nset interfaces e mtu 9\n");
	/* and it has its effect, and its own counts more, however it is written */
	c = parsed(
	    "groups a { class-of-service { interfaces { vt-0/0/0 { unit 0 { forwarding-class network-control; } } "
	    "} } services { flow-tap { tunnel-interface vt-0/0/0.0; } } } apply-groups a;");
	assert_int_equal(c->copy_dscp, 48);
	conf_free(c);
	c = parsed(
	    "groups a { class-of-service { interfaces { vt-0/0/0 { unit 0 { forwarding-class network-control; } } "
	    "} } services { flow-tap { tunnel-interface vt-0/0/0.0; } } } apply-groups a; class-of-service { "
	    "interfaces vt-0/0/0 unit 0 forwarding-class assured-forwarding; }");
	assert_int_equal(c->copy_dscp, 10);
	conf_free(c);
}

static void
test_warnings(void **state)
{
	static const struct {
		const char *text, *warnings;
	} row[] = {
	    {"groups a { class-of-service { interfaces { <ge-*> { x; } } } } apply-groups a;",
		"groups class-of-service: apply-groups and names with wildcards in it are kept, without effect\n"},
	    {"groups a { class-of-service { x; } } class-of-service { apply-groups a; }",
		"class-of-service: apply-groups and names with wildcards in it are kept, without effect\n"},
	    {"groups a { chassis { x; } }", ""},
	    {"groups a { chassis { x; } } apply-groups a;", "chassis: kept, without effect\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct conf *c = parsed(row[i].text);
		cleanup_buf struct buf got = {0};

		assert_int_equal(conf_warn(c, &got), 0);
		buf_put(&got, "", 1);
		assert_string_equal((char *)got.p, row[i].warnings);
		conf_free(c);
	}
}

/* What the daemon works with. */
static void
test_effect(void **state)
{
	struct conf *c = parsed(
	    "groups g { system { login { class auditors { permissions audit; } user <au*> { class "
	    "auditors; } } } " TAP("agency <*> { authority standing; content-destination 192.0.2.0/24; } agency lea9; "
				   "attach tcx; "
				   "maximum-criteria 2048;") "} apply-groups g; system { login { user aud; user "
							     "other; } } " TAP("agency "
									       "lea1 { authority warrant; }"));
	const struct conf_agency *a = conf_agency_find(c, "lea9");

	(void)state;
	assert_int_equal(c->nagency, 2);
	assert_non_null(a);
	assert_true(a->standing);
	assert_int_equal(a->ndest, 1);
	assert_false(conf_agency_find(c, "lea1")->standing);
	assert_int_equal(c->attach, CONF_ATTACH_TCX);
	assert_int_equal(c->max_criteria, 2048);
	assert_int_equal(c->nlogin, 2);
	assert_string_equal(c->login[0].name, "aud");
	assert_non_null(c->login[0].class);
	assert_null(c->login[1].class);
	conf_free(c);
}

/* What a set value of a group is refused for, and what only comes of it. */
static void
test_refused(void **state)
{
	(void)state;
	assert_string_equal(refused("apply-groups x;"), "group x is not defined");
	assert_string_equal(refused("groups x; inactive: groups y; " TAP("agency a { apply-groups-except y; }")),
	    "group y is inactive");
	assert_string_equal(
	    refused(GROUP("a", "tapped-interfaces eth0;") "apply-groups a; " TAP("tapped-interfaces all;")),
	    "all stands alone, not among names: delete it to have only those");
	assert_string_equal(
	    refused(GROUP("a", "agency <*> { user shared; }") "apply-groups a; " TAP("agency x; agency y;")),
	    "already the user of agency x on line 1");
}

static void
test_marks(void **state)
{
	static const char text[] =
	    "groups g { services { flow-tap { source-address [ 192.0.2.1 192.0.2.2 ]; agency <*> { "
	    "maximum-sessions 7; copy-limit { burst 5; } } } } system { login { user u { "
	    "authentication { encrypted-password \"$6$x\"; } } } } } apply-groups g; services { flow-tap { "
	    "/* kept */ source-address 192.0.2.1; agency lea1; # too\n } }";
	static const char expected[] = "##\n"
				       "## 'system' was inherited from group 'g'\n"
				       "##\n"
				       "system {\n"
				       "    ##\n"
				       "    ## 'login' was inherited from group 'g'\n"
				       "    ##\n"
				       "    login {\n"
				       "        ##\n"
				       "        ## 'u' was inherited from group 'g'\n"
				       "        ##\n"
				       "        user u {\n"
				       "            ##\n"
				       "            ## 'authentication' was inherited from group 'g'\n"
				       "            ##\n"
				       "            authentication {\n"
				       "                ##\n"
				       "                ## 'encrypted-password' was inherited from group 'g'\n"
				       "                ##\n"
				       "                encrypted-password \"$6$x\";\n"
				       "            }\n"
				       "        }\n"
				       "    }\n"
				       "}\n"
				       "services {\n"
				       "    flow-tap {\n"
				       "        /* kept */\n"
				       "        ##\n"
				       "        ## '192.0.2.2' was inherited from group 'g'\n"
				       "        ##\n"
				       "        source-address [ 192.0.2.1 192.0.2.2 ];\n"
				       "        agency lea1 {\n"
				       "            ##\n"
				       "            ## '7' was inherited from group 'g'\n"
				       "            ##\n"
				       "            maximum-sessions 7;\n"
				       "            ##\n"
				       "            ## 'copy-limit' was inherited from group 'g'\n"
				       "            ##\n"
				       "            copy-limit {\n"
				       "                ##\n"
				       "                ## '5' was inherited from group 'g'\n"
				       "                ##\n"
				       "                burst 5;\n"
				       "            }\n"
				       "        } # too\n"
				       "    }\n"
				       "}\n";
	struct conf *c = parsed(text);
	cleanup_buf struct buf got = {0};
	struct conf_tree *t;
	struct conf_error err;

	(void)state;
	assert_int_equal(conf_groups_expand(c->tree, true, &t, &err), 0);
	conf_print_tree(t, &got);
	buf_put(&got, "", 1);
	assert_string_equal((char *)got.p, expected);
	conf_tree_free(t);
	conf_free(c);
}

/* A candidate that no check has seen: what is there twice stays so. */
static void
test_unchecked(void **state)
{
	static const char text[] =
	    GROUP("a", "agency x { maximum-sessions 1; } agency <*> { maximum-criteria 2; }") "apply-groups a; " TAP(
		"agency x; agency x { apply-groups-except a; } inactive: agency x;");
	cleanup_buf struct buf got = {0};
	struct conf_tree *t, *out;
	struct conf_error err;

	(void)state;
	assert_int_equal(conf_parse_tree((struct slice){text, sizeof text - 1}, &t, &err), 0);
	assert_int_equal(conf_groups_expand(t, false, &out, &err), 0);
	conf_print_tree(out, &got);
	buf_put(&got, "", 1);
	assert_string_equal((char *)got.p,
	    "services {\n    flow-tap {\n        agency x {\n            maximum-criteria 2;\n"
	    "        }\n        agency x;\n        agency x {\n            maximum-criteria 2;\n"
	    "            maximum-sessions 1;\n        }\n    }\n}\n");
	conf_tree_free(out);
	conf_tree_free(t);
}

/* ---- what an enemy writes ---- */

/* CPU time of the process in ms until the text is refused. */
static long
refused_within(const struct buf *text, const char *expected)
{
	struct conf_error err;
	struct conf *c;
	struct timespec a, b;

	assert_int_equal(text->err, 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	assert_int_equal(conf_parse((const char *)text->p, text->len, &c, &err), -EINVAL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	assert_non_null(strstr(err.expected, expected));
	return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
}

/* So many seconds that even a sanitizer on a busy machine keeps to them. */
#define TIME_MAX_MS 20000

static void
test_too_much(void **state)
{
	static const char too_much[] = "more than 1048576 statements, or takes too long";
	cleanup_buf struct buf product = {0}, names = {0}, deep = {0}, many = {0}, patterns = {0};

	(void)state;
	/* agencies times statements of a group */
	buf_printf(&product, "apply-groups g; groups g { services { flow-tap { agency <*> { ");
	for (unsigned i = 0; i < 2000; i++)
		buf_printf(&product, "content-destination 10.%u.%u.0/24;", i / 256, i % 256);
	buf_printf(&product, "} } } } services { flow-tap { ");
	for (unsigned i = 0; i < 2000; i++)
		buf_printf(&product, "agency a%u;", i);
	buf_printf(&product, "} }");
	assert_in_range(refused_within(&product, too_much), 0, TIME_MAX_MS);

	/* each entry looked up in a long group */
	buf_printf(&names, "groups g { services { flow-tap { ");
	for (unsigned i = 0; i < 9000; i++)
		buf_printf(&names, "agency a%u;", i);
	buf_printf(&names, "} } } services { flow-tap { ");
	for (unsigned i = 0; i < 9000; i++)
		buf_printf(&names, "agency a%u { apply-groups g; }", i);
	buf_printf(&names, "} }");
	assert_in_range(refused_within(&names, too_much), 0, TIME_MAX_MS);

	for (unsigned i = 0; i < 40; i++)
		buf_printf(&deep, "groups g%u { apply-groups g%u; } ", i, i + 1);
	buf_printf(&deep, "groups g40; apply-groups g0;");
	assert_in_range(refused_within(&deep, "at most 16 deep"), 0, TIME_MAX_MS);

	for (unsigned i = 0; i < 1001; i++)
		buf_printf(&many, "groups g%u;", i);
	assert_in_range(refused_within(&many, "at most 1000 groups"), 0, TIME_MAX_MS);

	buf_printf(&patterns, "groups g { services { flow-tap { ");
	for (unsigned i = 0; i < 10001; i++)
		buf_printf(&patterns, "agency <a*%u>;", i);
	buf_printf(&patterns, "} } }");
	assert_in_range(refused_within(&patterns, "at most 10000 names with wildcards"), 0, TIME_MAX_MS);
}

/* What a step of the matcher, an octet that is copied or compared costs is counted as such. */
static void
test_too_long(void **state)
{
	static const char too_much[] = "more than 1048576 statements, or takes too long";
	cleanup_buf struct buf wild = {0}, copied = {0}, compared = {0};

	(void)state;
	buf_printf(&wild, "apply-groups g; groups g { system { login { ");
	for (unsigned i = 0; i < 6000; i++)
		buf_printf(&wild, "class <*%.30s%u>; ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i);
	buf_printf(&wild, "} } } system { login { ");
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(
		    &wild, "class b%03u%.59s; ", i, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	buf_printf(&wild, "} }");
	assert_in_range(refused_within(&wild, too_much), 0, TIME_MAX_MS);

	/* one long word for each of many */
	buf_printf(&copied, "apply-groups g; groups g { services { dynamic-flow-capture { capture-group <*> { "
			    "pic-memory-threshold \"");
	for (unsigned i = 0; i < 32000; i++)
		buf_put(&copied, "x", 1);
	buf_printf(&copied, "\"; } } } } services { dynamic-flow-capture { ");
	for (unsigned i = 0; i < 6000; i++)
		buf_printf(&copied, "capture-group c%u; ", i);
	buf_printf(&copied, "} }");
	assert_in_range(refused_within(&copied, too_much), 0, TIME_MAX_MS);

	/* many that are alike for long */
	buf_printf(&compared, "apply-groups g; ");
	for (unsigned k = 0; k < 2; k++) {
		buf_printf(&compared, "%s", k ? "" : "groups g { ");
		buf_printf(&compared, "interfaces { ");
		for (unsigned i = 0; i < 2000; i++) {
			for (unsigned l = 0; l < 2000; l++)
				buf_put(&compared, "y", 1);
			buf_printf(&compared, "%u-%u x; ", k, i);
		}
		buf_printf(&compared, "%s", k ? "}" : "} } ");
	}
	assert_in_range(refused_within(&compared, too_much), 0, TIME_MAX_MS);
}

/* Applied by each other in every way, and each of them everywhere: it is small, and stays so. */
static void
test_knot(void **state)
{
	cleanup_buf struct buf text = {0};
	struct conf *c;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		buf_printf(&text, "groups g%u { apply-groups [", i);
		for (unsigned k = 0; k < 12; k++)
			buf_printf(&text, " g%u", k);
		buf_printf(&text, " ]; services { flow-tap { agency <*> { maximum-sessions %u; } } } } ", i + 1);
	}
	buf_printf(&text, "apply-groups g3; services { flow-tap { agency x; } }");
	buf_put(&text, "", 1);
	assert_int_equal(text.err, 0);
	c = parsed((const char *)text.p);
	assert_int_equal(conf_agency_find(c, "x")->max_sessions, 4);
	conf_free(c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_wins),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_wildcards),
	    cmocka_unit_test(test_pattern),
	    cmocka_unit_test(test_except),
	    cmocka_unit_test(test_nested),
	    cmocka_unit_test(test_opaque),
	    cmocka_unit_test(test_warnings),
	    cmocka_unit_test(test_effect),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_marks),
	    cmocka_unit_test(test_unchecked),
	    cmocka_unit_test(test_too_much),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_knot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
