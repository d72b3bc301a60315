/* SPDX-License-Identifier: BSD-2-Clause */
#include "command_perm.h"

#include <stdio.h>
#include <string.h>

#include "conf_allow.h"
#include "conf_perm.h"
#include "daemon.h"

#define AUTHORIZATION "cli authorization"
#define AUDITORS "for auditors only: root, the group " DAEMON_GROUP_AUDITORS " and the permission audit"
#define OFFICERS "for warrant officers only: root and the group " DAEMON_GROUP_OFFICERS

/* What each command takes; one that is not here nobody may give.  Why not is said without a word about what
 * somebody without rights need not know. */
static const struct {
	const char *words;
	uint32_t needs; /* all of them */
	const char *missing;
} commands[] = {
    {"configuration", CONF_PERM_READ, "permission denied"},
    {"system commit", CONF_PERM_READ, "permission denied"},
    {"commit", CONF_PERM_READ | CONF_PERM_CONFIGURE, "permission denied"},
    {"system alarms", CONF_PERM_VIEW, "permission denied"},
    {"clear services flow-tap statistics", CONF_PERM_FLOW_TAP | CONF_PERM_CLEAR, "permission denied"},
    {"clear system commit", CONF_PERM_READ | CONF_PERM_CONFIGURE, "permission denied"},
    {"configure", CONF_PERM_READ, "permission denied"},
    {"configure exclusive", CONF_PERM_READ | CONF_PERM_CONFIGURE, "permission denied"},
    {"request system configuration rescue save", CONF_PERM_READ | CONF_PERM_MAINTENANCE, "permission denied"},
    {"request system configuration rescue delete", CONF_PERM_READ | CONF_PERM_MAINTENANCE, "permission denied"},
    {"request system configuration reload", COMMAND_PERM_ROOT, "for root only, whose file it is"},
    {AUTHORIZATION, CONF_PERM_EVERYBODY, NULL},
    {"services flow-tap", CONF_PERM_EVERYBODY, NULL}, /* who lacks flow-tap is shown that it is there */
    {"services flow-tap statistics", CONF_PERM_FLOW_TAP, "permission denied"},
    {"services flow-tap sessions", CONF_PERM_FLOW_TAP, "permission denied"},
    {"services flow-tap content-destinations", CONF_PERM_FLOW_TAP, "permission denied"},
    {"services flow-tap events", CONF_PERM_FLOW_TAP, "permission denied"},
    {"audit export", CONF_PERM_AUDIT, AUDITORS},
    {"audit head", CONF_PERM_AUDIT, AUDITORS},
    {"audit archive", CONF_PERM_AUDIT, AUDITORS},
    {"warrant enter", CONF_PERM_OFFICER, OFFICERS},
    {"warrant approve", CONF_PERM_OFFICER, OFFICERS},
    {"warrant revoke", CONF_PERM_OFFICER, OFFICERS},
    {"warrant statement", CONF_PERM_OFFICER, OFFICERS},
    {"warrant show", CONF_PERM_OFFICER, OFFICERS},
    {"warrant accept-clock", CONF_PERM_OFFICER, OFFICERS},
    {"request services flow-tap self-test", CONF_PERM_FLOW_TAP, "permission denied"},
    {"request services flow-tap rotate-keys", CONF_PERM_FLOW_TAP | CONF_PERM_MAINTENANCE, "permission denied"},
    {"login-failed", COMMAND_PERM_ROOT, "for root only"},
};

const char *
command_perm_words(size_t i)
{
	return i < ARRAY_LEN(commands) ? commands[i].words : NULL;
}

void
command_perm_spell(const char *command, char out[static COMMAND_PERM_TYPED_MAX])
{
	static const char *const verbs[] = {
	    "audit", "clear", "commit", "configure", "login-failed", "request", "warrant"};
	bool has_verb = false;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		has_verb |= strncmp(command, verbs[i], strlen(verbs[i])) == 0;
	snprintf(out, COMMAND_PERM_TYPED_MAX, "%s%s", has_verb ? "" : "show ", command);
}

/* An expression gives nothing that no class can give: warrants, and what is root's. */
static bool
can_be_given(uint32_t needs)
{
	return (needs & ~(CONF_PERM_ALL | CONF_PERM_EVERYBODY)) == 0;
}

static enum conf_allow
expressions_ask(const struct conf_node *class, const char *command)
{
	char typed[COMMAND_PERM_TYPED_MAX];

	if (class == NULL || strcmp(command, AUTHORIZATION) == 0)
		return CONF_ALLOW_UNSAID;
	command_perm_spell(command, typed);
	return conf_allow_command(class, typed);
}

const char *
command_perm_missing(const struct conf_node *class, const char *command, uint32_t perm)
{
	const enum conf_allow said = expressions_ask(class, command);

	if (said == CONF_ALLOW_NO)
		return "permission denied";
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(command, commands[i].words) == 0)
			return (commands[i].needs & ~perm) == 0 ||
				       (said == CONF_ALLOW_YES && can_be_given(commands[i].needs))
				   ? NULL
				   : commands[i].missing;
	return "permission denied";
}
