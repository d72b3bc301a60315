/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's commands as the shell spells them, and what a class's expressions say of them. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "command_perm.h"
#include "conf_perm.h"
#include "shell.h"

/* ---- spelling ---- */

static void
nothing(void *arg, const struct cmd_hint *hint)
{
	(void)arg;
	(void)hint;
}

/* Whether a command begins with these words. */
static bool
is_known(const char *typed)
{
	const struct cmd_context ctx = {.table = table_commands, .where = CMD_OPER | CMD_ONCE};
	struct words *w = calloc(1, sizeof *w);
	struct cmd_fault fault;
	char line[COMMAND_PERM_TYPED_MAX + 1];
	size_t prefix;
	bool known;

	assert_non_null(w);
	snprintf(line, sizeof line, "%s ", typed);
	assert_int_equal(words_split((struct slice){line, strlen(line)}, w), 0);
	known = cmd_hints(&ctx, w, &prefix, nothing, NULL, &fault) >= 0;
	buf_free(&fault.text);
	words_free(w);
	free(w);
	return known;
}

/* Expressions are written as commands are typed. */
static void
test_spelling(void **state)
{
	const char *words;

	(void)state;
	for (size_t i = 0; (words = command_perm_words(i)) != NULL; i++) {
		char typed[COMMAND_PERM_TYPED_MAX];

		command_perm_spell(words, typed);
		for (const struct cmd *row = table_commands; row->syntax; row++)
			if (row->ask && strcmp(row->ask, words) == 0)
				assert_string_equal(typed, row->syntax);
		if (strcmp(words, "login-failed") != 0 && !is_known(typed)) /* sshd's own program gives that one */
			fail_msg("%s", typed);
	}
}

/* ---- expressions ---- */

static const char *
missing(const char *expressions, uint32_t perm, const char *command)
{
	char text[512];
	struct conf_error err;
	struct conf *c;
	const char *why;

	snprintf(text, sizeof text, "system { login { user u { class c; } class c { %s } } }", expressions);
	assert_int_equal(conf_parse(text, strlen(text), &c, &err), 0);
	why = command_perm_missing(conf_perm_login(c, "u")->class, command, perm);
	conf_free(c);
	return why;
}

static void
test_expressions(void **state)
{
	static const char *const given[] = {"allow-commands \"^show\";", "allow-commands \"^clear\";",
	    "allow-commands \"^configure exclusive\";", "deny-commands \"^clear\";", "deny-commands \"^configure\";",
	    "deny-commands \"show .*\";", "allow-commands \".*\";"};
	static const struct {
		const char *command;
		uint32_t perm;
		const char *may; /* of given: y or n each */
	} row[] = {
	    {"services flow-tap statistics", 0, "ynnnnny"},
	    {"services flow-tap statistics", CONF_PERM_FLOW_TAP, "yyyyyny"},
	    {"clear services flow-tap statistics", 0, "nynnnny"},
	    {"clear services flow-tap statistics", CONF_PERM_FLOW_TAP | CONF_PERM_CLEAR, "yyynyyy"},
	    {"configure exclusive", 0, "nnynnny"},
	    {"configure exclusive", CONF_PERM_READ | CONF_PERM_CONFIGURE, "yyyynyy"},
	    {"cli authorization", CONF_PERM_EVERYBODY, "yyyyyyy"},
	    {"warrant show", CONF_PERM_ALL, "nnnnnnn"},
	    {"login-failed", CONF_PERM_ALL, "nnnnnnn"},
	    {"no such command", CONF_PERM_ALL, "nnnnnnn"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		for (size_t k = 0; k < ARRAY_LEN(given); k++)
			if ((missing(given[k], row[i].perm, row[i].command) == NULL) != (row[i].may[k] == 'y'))
				fail_msg("%s %s", row[i].command, given[k]);
	assert_null(command_perm_missing(NULL, "login-failed", COMMAND_PERM_ROOT));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_spelling),
	    cmocka_unit_test(test_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
