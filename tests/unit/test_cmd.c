/* SPDX-License-Identifier: BSD-2-Clause */
/* The grammar of the command line, on a small table of its own. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "conf_parse.h"

#define CONF (CMD_CONF | CMD_ONCE)

static const struct cmd table[] = {
    {CMD_OPER, "show services flow-tap", "State"},
    {CMD_OPER, "show services flow-tap statistics", "Counters"},
    {CMD_OPER, "show system commit", "History"},
    {CMD_OPER, "show configuration [PATH]", "Configuration"},
    {CMD_OPER, "monitor [interval SECONDS] [count NUMBER]", "Live"},
    {CMD_OPER, "configure [(private|exclusive)]", "Change it"},
    {CMD_OPER, "audit verify OPTIONS", "Prove"},
    {CMD_OPER, "undo WHICH", "Back"},
    {CMD_OPER, "ping HOST", "Ask", .needs = 1u << 14},
    {CONF, "set STATEMENT", "Add"},
    {CONF, "delete [PATH]", "Take out"},
    {CONF, "commit", "Now"},
    {CONF, "commit comment TEXT [and-quit]", "Now, and why"},
    {CONF, "commit confirmed [MINUTES] [comment TEXT]", "For a while"},
    {CONF, "run COMMAND", "Elsewhere"},
    {CMD_PIPE, "match PATTERN", "Only"},
    {CMD_PIPE, "count", "How many"},
    {0},
};

static struct words line;
static uint32_t hidden; /* what the user lacks */

static struct cmd_context
context(unsigned where)
{
	return (struct cmd_context){.table = table, .where = where, .hidden = hidden};
}

/* "row: word word", or "at: text". */
static void
check(unsigned where, const char *text, const char *expected)
{
	struct cmd_context ctx = context(where);
	cleanup_buf struct buf got = {0};
	struct cmd_fault fault;
	struct cmd_call call;

	assert_int_equal(words_split((struct slice){text, strlen(text)}, &line), 0);
	if (cmd_parse(&ctx, &line, 0, cmd_segment(&line, 0), &call, &fault) == 0) {
		buf_printf(&got, "%s:", call.row->help);
		for (size_t i = 0; i < call.n; i++)
			buf_printf(&got, " %s", call.word[i].text);
	} else
		buf_printf(&got, "%zu: %.*s", fault.at, (int)fault.text.len, (char *)fault.text.p);
	buf_put(&got, "", 1);
	assert_string_equal((char *)got.p, expected);
	buf_free(&fault.text);
	words_free(&line);
}

static void
test_parse(void **state)
{
	(void)state;
	check(CMD_OPER, "show services flow-tap", "State: show services flow-tap");
	check(CMD_OPER, "sh ser fl st", "Counters: sh ser fl st");
	check(CMD_OPER, "sh s", "3: ambiguous; it could be: services, system");
	check(CMD_OPER, "show servces", "5: unknown word; expected: services, system, configuration");
	check(CMD_OPER, "show", "4: incomplete; expected: services, system, configuration");
	check(CMD_OPER, "show services flow-tap | count", "State: show services flow-tap");
	check(CMD_OPER, "show services flow-tap now", "23: unknown word; expected: statistics");
	check(CMD_OPER, "mon", "Live: mon");
	check(CMD_OPER, "mon count 3", "Live: mon count 3");
	check(CMD_OPER, "mon int 2 count 3", "Live: mon int 2 count 3");
	check(CMD_OPER, "mon count 3 int 2", "12: unknown word; expected: nothing more");
	check(CMD_OPER, "mon count x", "10: expected: NUMBER (A number)");
	check(CMD_CONF, "commit confirmed 70000", "17: expected: comment, MINUTES (Minutes, 1 to 65535)");
	check(CMD_CONF, "commit confirmed soon", "17: unknown word; expected: comment, MINUTES (Minutes, 1 to 65535)");
	check(CMD_OPER, "undo",
	    "4: incomplete; expected: WHICH (Number of an earlier configuration, 0 to 49; options before it: see "
	    "flowtap(8))");
	check(CMD_OPER, "mon int 0", "8: expected: SECONDS (Seconds, 1 to 65535)");
	check(CMD_OPER, "configure ex", "Change it: configure ex");
	check(CMD_OPER, "configure both", "10: unknown word; expected: private, exclusive");
	check(CMD_OPER, "audit verify -k 00 file", "Prove: audit verify -k 00 file");
	check(CMD_OPER, "ping host", "Ask: ping host");
	check(CMD_OPER, "set system", "0: unknown word; expected: show, monitor, configure, audit, undo, ping");
	check(CMD_CONF, "commit", "Now: commit");
	check(CMD_CONF, "com com \"a | b\" and", "Now, and why: com com a | b and");
	check(CMD_CONF, "commit confirmed", "For a while: commit confirmed");
	check(CMD_CONF, "commit confirmed 5 comment x", "For a while: commit confirmed 5 comment x");
	check(CMD_CONF, "commit \"comment\" x", "7: unknown word; expected: comment, confirmed");
	check(CMD_PIPE, "match",
	    "5: incomplete; expected: PATTERN (A regular expression, in quotation marks if it has blanks)");
}

static void
test_statements(void **state)
{
	(void)state;
	check(CMD_CONF, "set ser flow-t max 2048", "Add: set services flow-tap maximum-criteria 2048");
	check(CMD_CONF, "set ser flow-t age lea1 maximum-s 4",
	    "Add: set services flow-tap agency lea1 maximum-sessions 4");
	check(CMD_CONF, "set ser flow-t ta", "15: ambiguous; it could be: tapped-interfaces, tapped-routing-instances");
	check(CMD_CONF, "set ser flow-t agency lea1 maximum-s 251", "37: expected a number from 1 to 250");
	check(CMD_CONF, "delete", "Take out: delete");
	check(CMD_CONF, "delete ser fl", "Take out: delete services flow-tap");
	check(CMD_CONF, "run show nonsense", "Elsewhere: run show nonsense");
}

/* ---- hints ---- */

static void
hint_add(void *arg, const struct cmd_hint *h)
{
	buf_printf(arg, h->arg ? "<%s> " : "%s ", h->word);
}

static void
hints(unsigned where, struct conf_tree *tree, const char *text, const char *expected)
{
	struct cmd_context ctx = context(where);
	cleanup_buf struct buf got = {0};
	struct cmd_fault fault;
	size_t prefix;
	int r;

	ctx.tree = tree;
	assert_int_equal(words_split((struct slice){text, strlen(text)}, &line), 0);
	r = cmd_hints(&ctx, &line, &prefix, hint_add, &got, &fault);
	buf_printf(&got, r < 0 ? "wrong" : r == 1 ? "." : "");
	buf_put(&got, "", 1);
	assert_string_equal((char *)got.p, expected);
	buf_free(&fault.text);
	words_free(&line);
}

static void
test_hints(void **state)
{
	static const char text[] = "groups base { services { flow-tap { agency <l*>; } } } groups other; "
				   "services { flow-tap { agency lea1; agency lea2; } }";
	struct conf_error err;
	struct conf_tree *tree;

	(void)state;
	assert_int_equal(conf_parse_tree((struct slice){text, strlen(text)}, &tree, &err), 0);
	hints(CMD_OPER, NULL, "", "show monitor configure audit undo ping ");
	hints(CMD_OPER, NULL, "sh", "show ");
	hints(CMD_OPER, NULL, "show s", "services system ");
	hints(CMD_OPER, NULL, "show services flow-tap ", "statistics .");
	hints(CMD_OPER, NULL, "show servces ", "wrong");
	hints(CMD_OPER, NULL, "monitor interval ", "<SECONDS> ");
	hints(CMD_OPER, NULL, "monitor ", "count interval .");
	hints(CMD_OPER, NULL, "show system commit | ", "match count ");
	hints(CMD_OPER, NULL, "show system commit | c", "count ");
	hints(CMD_CONF, tree, "set services d", "dynamic-flow-capture ");
	hints(CMD_CONF, tree, "delete services flow-tap agency ", "<name> lea1 lea2 ");
	hints(CMD_CONF, tree, "run show sy", "system ");
	hints(CMD_CONF, tree, "set gro", "groups ");
	hints(CMD_CONF, tree, "set groups ", "<name> base other ");
	hints(CMD_CONF, tree, "set groups base serv", "services ");
	hints(CMD_CONF, tree, "delete groups base services flow-tap agency ", "<name> <l*> ");
	hints(CMD_CONF, tree, "set apply-groups ", "<name> base other ");
	hints(CMD_CONF, tree, "set services flow-tap agency lea1 apply-groups-except [ base o", "<name> other ");
	conf_tree_free(tree);
}

/* Of what one may not do one is told nothing. */
static void
test_needs(void **state)
{
	(void)state;
	hidden = 1u << 14;
	check(CMD_OPER, "ping host", "0: unknown word; expected: show, monitor, configure, audit, undo");
	hints(CMD_OPER, NULL, "", "show monitor configure audit undo ");
	hints(CMD_OPER, NULL, "p", "");
	hidden = 0;
}

static void
words_check(const char *text, const char *expected)
{
	cleanup_buf struct buf got = {0};

	assert_int_equal(words_split((struct slice){text, strlen(text)}, &line), 0);
	for (size_t i = 0; i < line.n; i++)
		buf_printf(&got, "%s(%s)", line.w[i].pipe ? "pipe" : "", line.w[i].text);
	buf_printf(&got, "%s", line.open_quote ? " open" : "");
	buf_put(&got, "", 1);
	assert_string_equal((char *)got.p, expected);
	words_free(&line);
}

static void
test_words(void **state)
{
	char *argv[] = {"show", "a b", "|", "match", "x|y", NULL}, *typed;

	(void)state;
	words_check("", "");
	words_check("  a\tb ", "(a)(b)");
	words_check("a \"b c\" \"\\\"\\\\\"", "(a)(b c)(\"\\)");
	words_check("a|count", "(a)pipe(|)(count)");
	words_check("a \"x | y\"", "(a)(x | y)");
	words_check("set x [ a b ]", "(set)(x)([)(a)(b)(])");
	words_check("a \"b", "(a)(b) open");
	words_check("agency <l[1-3]*>[ <a]", "(agency)(<l[1-3]*>)([)(<a)(])");
	words_check("agency \"<l[1 2]>\" <a>|x", "(agency)(<l[1 2]>)(<a>)pipe(|)(x)");
	assert_int_equal(words_of_argv(5, argv, &line, &typed), 0);
	assert_string_equal(typed, "show \"a b\" | match \"x|y\"");
	assert_true(line.n == 5 && line.w[2].pipe && strcmp(line.w[4].text, "x|y") == 0);
	free(typed);
	words_free(&line);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_statements),
	    cmocka_unit_test(test_hints),
	    cmocka_unit_test(test_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
