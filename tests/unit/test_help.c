/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "unit.h"

#include "conf_perm.h"
#include "help.h"

static const struct cmd table[] = {
    {CMD_OPER | CMD_ONCE, "show agency NAME", "An agency", .needs = CONF_PERM_FLOW_TAP},
    {CMD_OPER, "ping HOST [count COUNT]", "Ask a host"},
    {CMD_CONF, "insert PATH (before|after) TARGET", "Put an object into another place of its list"},
    {CMD_PIPE, "count", "Only how many"},
    {0, NULL},
};

static void
check(bool (*ask)(const struct help *, const char *, struct buf *), uint32_t hidden, const char *word,
    const char *expected)
{
	const struct help h = {table, hidden, 60};
	cleanup_buf struct buf out = {0};

	assert_int_equal(ask(&h, word, &out), *expected != '\0');
	buf_put_u8(&out, 0);
	assert_string_equal((char *)out.p, expected);
	for (const char *line = (char *)out.p; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= h.width);
}

static void
test_topic(void **state)
{
	(void)state;
	check(help_topic, 0, "count",
	    "Commands:\n  > ping HOST [count COUNT]\n      Ask a host\n  | count\n      Only how many\n");
	check(help_topic, 0, "after",
	    "Commands:\n  # insert PATH (before|after) TARGET\n      Put an object into another place of its list\n");
	check(help_topic, 0, "PATH", "");
	check(help_topic, 0, "maximum-sessions",
	    "Statements of the configuration:\n  services flow-tap agency <name> maximum-sessions <number>\n"
	    "      How many DTCP sessions it may have at the same time.\n      From 1 to 250. Default: 32.\n");
	check(help_topic, 0, "clsact",
	    "Statements of the configuration:\n  services flow-tap attach <word>\n"
	    "      How programs are attached to tapped interfaces.\n"
	    "        clsact                 the clsact queueing\n                              discipline, of any "
	    "kernel\n");
	check(help_topic, 0, "nonsense", "");
	check(help_topic, 0, "", "");
}

/* To who lacks the right, as if it were not there. */
static void
test_hidden(void **state)
{
	const struct help h = {table, CONF_PERM_FLOW_TAP, 80};
	cleanup_buf struct buf out = {0};

	(void)state;
	check(help_topic, CONF_PERM_FLOW_TAP, "agency", "");
	check(help_topic, CONF_PERM_FLOW_TAP, "flow-tap-control", "");
	check(help_apropos, CONF_PERM_FLOW_TAP, "agency", "");
	help_topics(&h, &out);
	help_commands(&h, ~0u, &out);
	buf_put_u8(&out, 0);
	assert_null(strstr((char *)out.p, "agency"));
	assert_non_null(strstr((char *)out.p, "ping"));
}

static void
test_apropos(void **state)
{
	(void)state;
	check(help_apropos, 0, "A HOST", "  > ping HOST [count COUNT]\n      Ask a host\n");
	check(help_apropos, 0, "idle",
	    "  system login class <name> idle-timeout <number>\n"
	    "      Minutes without a key at the prompt after which the\n      shell of a user of the class ends; 0: "
	    "never.\n");
	check(help_apropos, 0, "no such text", "");
}

static void
test_topics(void **state)
{
	const struct help h = {table, 0, 200};
	cleanup_buf struct buf out = {0};

	(void)state;
	help_topics(&h, &out);
	buf_put_u8(&out, 0);
	assert_int_equal(strncmp((char *)out.p, "There is help on: address, after, agency, ", 42), 0);
	assert_null(strstr((char *)out.p, "TARGET"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_topic),
	    cmocka_unit_test(test_hidden),
	    cmocka_unit_test(test_apropos),
	    cmocka_unit_test(test_topics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
