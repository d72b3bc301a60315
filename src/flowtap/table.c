/* SPDX-License-Identifier: BSD-2-Clause */
/* table.c - every command, one row each; the small ones themselves. */
#include <errno.h>
#include <string.h>

#include "audit_cmd.h"
#include "commit_cmd.h"
#include "conf_perm.h"
#include "configure.h"
#include "help.h"
#include "router_cmd.h"
#include "show.h"
#include "show_router.h"
#include "terminal.h"
#include "warrant_cmd.h"

/* ---- what the daemon is asked ---- */

static int
answer_print(struct shell *sh, const struct cmd *row, const struct buf *answer)
{
	json_t *j = json_loadb((const char *)answer->p, answer->len, 0, NULL);
	int code;

	if (j == NULL) {
		shell_say("flowtap: the daemon's answer is not understood");
		return EXIT_TRANSPORT;
	}
	code = shell_put(sh, j, row->text);
	if (code == EXIT_OK && json_object_get(j, "broken"))
		code = EXIT_REFUSED; /* a self-test that failed */
	json_decref(j);
	return fflush(stdout) == 0 ? code : EXIT_TRANSPORT;
}

static int
run_ask(struct shell *sh, const struct cmd_call *call)
{
	cleanup_buf struct buf answer = {0};
	cleanup_fd int fd = -1;
	int r;

	if ((fd = ctl_ask(sh->socket, call->row->ask, (struct slice){"", 0}, &r)) < 0)
		return r;
	if ((r = ctl_read(fd, &answer)) < 0)
		return EXIT_TRANSPORT;
	return r == IPC_C_JSON ? answer_print(sh, call->row, &answer) : ctl_error(&answer);
}

/* ---- the shell's own ---- */

static int
run_quit(struct shell *sh, const struct cmd_call *call)
{
	(void)call;
	sh->quit = true;
	return EXIT_OK;
}

static int
run_version(struct shell *sh, const struct cmd_call *call)
{
	json_t *o;
	int code;

	(void)call;
	if (!sh->json && sh->display == DISPLAY_TEXT) {
		puts("flowtap " FLOWTAP_VERSION);
		return EXIT_OK;
	}
	o = json_pack("{s:s,s:s}", "program", "flowtap", "version", FLOWTAP_VERSION);
	code = shell_put_json(sh, o);
	json_decref(o);
	return code;
}

static int
run_screen_length(struct shell *sh, const struct cmd_call *call)
{
	uint64_t n = 0;
	const char *s = cmd_arg(call, "NUMBER");

	if (slice_u64((struct slice){s, strlen(s)}, 100000, &n) < 0 || n == 1) {
		shell_say("flowtap: expected 0, or a number from 2 to 100000");
		return EXIT_USAGE;
	}
	sh->screen_length = (unsigned)n;
	return EXIT_OK;
}

/* ---- help ---- */

static struct help
help_of(const struct shell *sh)
{
	return (struct help){table_commands, sh->hidden, shell_width(sh)};
}

static int
help_print(const struct buf *text)
{
	term_text((struct slice){(char *)text->p, text->len}); /* names of the configuration are in it */
	return text->err ? EXIT_TRANSPORT : EXIT_OK;
}

static int
run_help(struct shell *sh, const struct cmd_call *call)
{
	const struct help h = help_of(sh);
	cleanup_buf struct buf out = {0};

	(void)call;
	help_commands(&h, sh->candidate ? CMD_CONF : CMD_OPER, &out);
	help_commands(&h, CMD_PIPE, &out);
	return help_print(&out);
}

static int
run_help_topic(struct shell *sh, const struct cmd_call *call)
{
	const struct help h = help_of(sh);
	cleanup_buf struct buf out = {0};

	if (help_topic(&h, cmd_arg(call, "TOPIC"), &out))
		return help_print(&out);
	shell_say("error: there is no help on %s", cmd_arg(call, "TOPIC"));
	help_topics(&h, &out);
	(void)help_print(&out);
	return EXIT_NO_OBJECT;
}

static int
run_help_apropos(struct shell *sh, const struct cmd_call *call)
{
	const struct help h = help_of(sh);
	cleanup_buf struct buf out = {0};

	if (help_apropos(&h, cmd_arg(call, "TEXT"), &out))
		return help_print(&out);
	shell_say("error: no command and no statement tells of %s", cmd_arg(call, "TEXT"));
	return EXIT_NO_OBJECT;
}

static int
run_help_reference(struct shell *sh, const struct cmd_call *call)
{
	const struct help h = help_of(sh);
	const char *word[WORDS_MAX];
	const struct conf_path path = cmd_path(call, word);
	struct conf_place place = {.hidden = sh->hidden};
	struct cmd_context ctx;
	cleanup_buf struct buf out = {0};

	shell_context(sh, CMD_CONF, &ctx);
	for (size_t i = 0; i < ctx.level.n; i++)
		(void)conf_schema_step(&place, slice_of(ctx.level.word[i]));
	for (size_t i = 0; i < path.n; i++)
		(void)conf_schema_step(&place, slice_of(path.word[i]));
	help_reference(&h, place.row, &out);
	return help_print(&out);
}

/* ---- pipes ---- */

static int
pipe_stage(struct shell *sh, enum pipe_kind kind, const char *text)
{
	char why[128] = "";

	if (pipe_add(sh->pipe, kind, text, why, sizeof why) == 0)
		return EXIT_OK;
	shell_say("flowtap: %s: %s", text ? text : "|", why);
	return EXIT_USAGE;
}

static int
run_match(struct shell *sh, const struct cmd_call *call)
{
	return pipe_stage(sh, PIPE_MATCH, cmd_arg(call, "PATTERN"));
}

static int
run_except(struct shell *sh, const struct cmd_call *call)
{
	return pipe_stage(sh, PIPE_EXCEPT, cmd_arg(call, "PATTERN"));
}

static int
run_find(struct shell *sh, const struct cmd_call *call)
{
	return pipe_stage(sh, PIPE_FIND, cmd_arg(call, "PATTERN"));
}

static int
run_count(struct shell *sh, const struct cmd_call *call)
{
	(void)call;
	return pipe_stage(sh, PIPE_COUNT, NULL);
}

static int
run_last(struct shell *sh, const struct cmd_call *call)
{
	return pipe_stage(sh, PIPE_LAST, cmd_arg(call, "NUMBER"));
}

static int
run_no_more(struct shell *sh, const struct cmd_call *call)
{
	(void)call;
	sh->no_more = true;
	return EXIT_OK;
}

static int
run_display_set(struct shell *sh, const struct cmd_call *call)
{
	(void)call;
	sh->display = DISPLAY_SET;
	return EXIT_OK;
}

static int
run_display_inheritance(struct shell *sh, const struct cmd_call *call)
{
	sh->inheritance = true;
	sh->plain = cmd_arg(call, "no-comments") != NULL;
	return EXIT_OK;
}

static int
run_display_json(struct shell *sh, const struct cmd_call *call)
{
	(void)call;
	sh->display = DISPLAY_JSON;
	return EXIT_OK;
}

static int
run_display_xml(struct shell *sh, const struct cmd_call *call)
{
	(void)call;
	sh->display = DISPLAY_XML;
	return EXIT_OK;
}

static int
run_save(struct shell *sh, const struct cmd_call *call)
{
	return shell_save_to(sh, cmd_arg(call, "OUTPUT"));
}

static int
run_compare(struct shell *sh, const struct cmd_call *call)
{
	const char *n = cmd_arg(call, "N");

	sh->compare = n ? (unsigned)strtoul(n, NULL, 10) : 0;
	sh->comparing = true;
	return EXIT_OK;
}

/* ---- the table ---- */

#define ASKED (CMD_OPER | CMD_ONCE)

const struct cmd table_commands[] = {
    {ASKED, "show services flow-tap", "State, tapped interfaces, copies and losses", run_ask,
	.ask = "services flow-tap", .text = show_flow_tap},
    {ASKED, "show services flow-tap statistics", "Copies and losses, with the reason and the place", run_ask,
	.ask = "services flow-tap statistics", .text = show_statistics},
    {ASKED, "clear services flow-tap statistics", "Show counters from now on; the account itself stays as it is",
	run_ask, .ask = "clear services flow-tap statistics", .text = show_cleared},
    {ASKED, "show services flow-tap sessions", "DTCP sessions that are open", run_ask,
	.ask = "services flow-tap sessions", .text = show_sessions},
    {ASKED, "show services flow-tap content-destinations", "Where copies go, and whether they get there", run_ask,
	.ask = "services flow-tap content-destinations", .text = show_content_destinations},
    {ASKED, "show services flow-tap events", "What happened lately", run_ask, .ask = "services flow-tap events",
	.text = show_events},
    {ASKED | CMD_ASIS | CMD_CONFIG, "show configuration [PATH]", "The active configuration", configure_show_active},
    {ASKED | CMD_ASIS | CMD_CONFIG, "show configuration rollback N", "A configuration that was active before",
	configure_show_rollback},
    {ASKED | CMD_ASIS | CMD_CONFIG, "show system rollback N", "A configuration that was active before",
	configure_show_rollback},
    {ASKED, "show system commit", "Who committed what, when and why", run_ask, .ask = "system commit",
	.text = commit_show_history},
    {ASKED | CMD_ASIS | CMD_CONFIG, "show system configuration rescue", "The rescue configuration",
	configure_show_rescue},
    {ASKED, "clear system commit", "Forget the commit that waits for its time", run_ask, .ask = "clear system commit",
	.text = commit_show_cleared},
    {ASKED, "request system configuration reload",
	"Have the configuration's file read again, and wait till it is in force", run_ask,
	.ask = "request system configuration reload", .text = commit_show_reloaded},
    {ASKED, "request system configuration rescue save", "Keep what is in force as the rescue configuration", run_ask,
	.ask = "request system configuration rescue save", .text = commit_show_rescue},
    {ASKED, "request system configuration rescue delete", "Have no rescue configuration any more", run_ask,
	.ask = "request system configuration rescue delete", .text = commit_show_rescue},
    {ASKED | CMD_FORMS, "show interfaces [INTERFACE] terse", "Interfaces of the router and their addresses",
	router_interfaces, .needs = CONF_PERM_VIEW},
    {ASKED | CMD_FORMS, "show interfaces terse INTERFACE", "An interface and its addresses", router_interfaces,
	.needs = CONF_PERM_VIEW},
    {ASKED | CMD_FORMS, "show route [table TABLE]", "Routes of the router", router_route, .needs = CONF_PERM_VIEW},
    {ASKED | CMD_FORMS, "show arp", "Neighbours of the router", router_arp, .needs = CONF_PERM_VIEW},
    {ASKED | CMD_TEXT | CMD_ASIS, "show log [NAME]", "The journal of Flowtap's services, or a file of /var/log",
	router_log, .needs = CONF_PERM_TRACE},
    {ASKED | CMD_FORMS, "show system uptime", "Since when the router, the daemon and the configuration are there",
	router_uptime, .needs = CONF_PERM_VIEW},
    {ASKED | CMD_FORMS, "show system users", "Who is logged in", router_users, .needs = CONF_PERM_VIEW},
    {ASKED, "show system alarms", "Alarms that last", run_ask, .ask = "system alarms", .text = show_router_alarms},
    {ASKED | CMD_TEXT | CMD_ASIS, "ping HOST [inet6] [count COUNT] [size BYTES] [interval SECONDS] [source FROM]",
	"Ask a host whether it is there", router_ping, .needs = CONF_PERM_NETWORK},
    {ASKED | CMD_TEXT | CMD_ASIS, "traceroute HOST [inet6] [ttl COUNT] [source FROM]", "The way to a host",
	router_traceroute, .needs = CONF_PERM_NETWORK},
    {ASKED | CMD_FORMS, "show version", "Version of this program", run_version},
    {ASKED, "request services flow-tap self-test", "Send packets of our own the whole way of a tap", run_ask,
	.ask = "request services flow-tap self-test", .text = show_self_test},
    {ASKED, "request services flow-tap rotate-keys", "Make a new key for each agency's stored rows", run_ask,
	.ask = "request services flow-tap rotate-keys", .text = show_rotation},
    {ASKED, "monitor [services flow-tap] [interval SECONDS] [count COUNT]", "Rates of copies and losses, live",
	monitor_run},
    {ASKED, "monitor [services flow-tap] count COUNT interval SECONDS", "Rates of copies and losses, live",
	monitor_run},
    {ASKED | CMD_ASIS, "audit export [LINE]", "Print the record of every use", .main = audit_main},
    {ASKED | CMD_ASIS, "audit head", "Its public key and its last line", .main = audit_main},
    {ASKED, "audit verify OPTIONS", "Prove an exported record: -k KEY [-K LINE:HASH] [-b LINE:HASH] FILE...",
	.main = audit_main},
    {ASKED, "audit archive LINE:HASH", "Take what was exported and proved, up to this line, out of the record",
	.main = audit_main},
    {ASKED, "audit report FILE", "Print an exported record for people", .main = audit_main},
    {ASKED, "warrant enter FILE [SIGNATURE]", "Enter a warrant, for another officer to approve", .main = warrant_main},
    {ASKED, "warrant fingerprint FILE", "What a warrant's text is known by, for the paper", .main = warrant_main},
    {ASKED, "warrant statement enter FILE", "What an officer signs to have a warrant entered", .main = warrant_main},
    {ASKED, "warrant statement approve AGENCY REFERENCE", "What an officer signs to approve it", .main = warrant_main},
    {ASKED, "warrant approve AGENCY REFERENCE [FINGERPRINT] [SIGNATURE]",
	"Approve what another has entered, by the paper's fingerprint", .main = warrant_main},
    {ASKED, "warrant revoke AGENCY REFERENCE", "End a warrant and all that stands on it", .main = warrant_main},
    {ASKED, "warrant accept-clock", "Answer for the router's clock, which is behind what it has shown",
	.main = warrant_main},
    {ASKED, "warrant show [AGENCY REFERENCE]", "References, agencies, states and times; or one order's text",
	.main = warrant_main},
    {CMD_ONCE, "commit [OPTIONS]",
	"Have a file be the configuration: [--check] [--confirmed MINUTES] [--comment TEXT] [--base COMMIT] [--empty] "
	"[FILE]",
	.main = commit_main},
    {CMD_ONCE, "rollback WHICH",
	"Have an earlier configuration back: [--check] [--confirmed MINUTES] [--comment TEXT] [--empty] N",
	.main = rollback_main},
    {CMD_OPER, "configure [(private|exclusive)]", "Enter configuration mode", configure_enter},
    {ASKED, "show cli authorization", "What you may do", run_ask, .ask = "cli authorization",
	.text = show_authorization},
    {CMD_OPER, "set cli screen-length NUMBER", "Lines of the screen; 0: never stop", run_screen_length},
    {CMD_OPER | CMD_TEXT, "help", "All commands", run_help},
    {CMD_OPER | CMD_CONF | CMD_TEXT, "help apropos TEXT", "Commands and statements that tell of something",
	run_help_apropos},
    {CMD_OPER | CMD_CONF | CMD_TEXT, "help reference PATH", "What a statement of the configuration is for",
	run_help_reference},
    {CMD_OPER | CMD_CONF | CMD_TEXT, "help topic TOPIC", "What a word of commands and statements is for",
	run_help_topic},
    {CMD_OPER, "quit", "Leave", run_quit},
    {CMD_OPER, "exit", "Leave", run_quit},

    {CMD_CONF, "activate PATH", "Take the inactive: mark off a statement", configure_activate},
    {CMD_CONF, "annotate PATH TEXT", "Write a comment above a statement; an empty one takes it away",
	configure_annotate},
    {CMD_CONF, "commit [and-quit]", "Put the candidate into force, or confirm the last commit", configure_commit},
    {CMD_CONF, "commit at TIME [comment TEXT]", "Commit later: at hh:mm[:ss], or \"yyyy-mm-dd hh:mm[:ss]\"",
	configure_commit},
    {CMD_CONF, "commit check", "Only see whether it could be", configure_commit},
    {CMD_CONF, "commit comment TEXT [and-quit]", "Commit, and say why, for the history", configure_commit},
    {CMD_CONF, "commit confirmed [MINUTES] [comment TEXT] [and-quit]",
	"Commit, and take it back by itself unless confirmed in time (10 minutes)", configure_commit},
    {CMD_CONF, "copy PATH to TARGET", "Have an object twice, under another name", configure_copy},
    {CMD_CONF, "deactivate PATH", "Mark a statement: it stays, without effect", configure_deactivate},
    {CMD_CONF, "delete [PATH]", "Take a statement out, with all below it", configure_delete},
    {CMD_CONF, "edit PATH", "Go to a lower level", configure_edit},
    {CMD_CONF, "exit [configuration-mode]", "Go back to the level before, or leave configuration mode", configure_exit},
    {CMD_CONF | CMD_TEXT, "help", "All commands", run_help},
    {CMD_CONF, "insert PATH (before|after) TARGET", "Put an object into another place of its list", configure_insert},
    {CMD_CONF, "load (merge|override|patch|replace|set|update) (FILE|terminal) [relative]",
	"Read statements from a file", configure_load},
    {CMD_CONF, "quit", "Leave configuration mode", configure_exit},
    {CMD_CONF, "rename PATH to TARGET", "Give an object another name", configure_rename},
    {CMD_CONF, "replace pattern PATTERN with TEXT [upto NUMBER]", "Change names and values by a regular expression",
	configure_replace},
    {CMD_CONF, "rollback [N]", "Have an earlier configuration in the candidate", configure_rollback},
    {CMD_CONF, "rollback rescue", "Have the rescue configuration in the candidate", configure_rollback},
    {CMD_CONF, "run COMMAND", "A command of operational mode", configure_run},
    {CMD_CONF, "save (OUTPUT|terminal)", "Write the candidate, from the present level on, to a file", configure_save},
    {CMD_CONF, "set STATEMENT", "Add a statement, or give it another value", configure_set},
    {CMD_CONF | CMD_ASIS | CMD_CONFIG, "show [PATH]", "The candidate", configure_show},
    {CMD_CONF, "status", "What the candidate was made from", configure_status},
    {CMD_CONF, "top [ACTION]", "Go to the top level, or give a command from there", configure_top},
    {CMD_CONF, "up [NUMBER] [ACTION]", "Go up a level, or several, or give a command from there", configure_up},
    {CMD_CONF, "wildcard delete NAMES", "Take out all statements whose names match", configure_wildcard_delete},

    {CMD_PIPE, "compare [rollback N]", "Only what differs from the active, or an earlier one", run_compare},
    {CMD_PIPE, "count", "Only how many lines", run_count},
    {CMD_PIPE, "display inheritance [no-comments]", "With what groups add, and which of them", run_display_inheritance},
    {CMD_PIPE, "display json", "As JSON", run_display_json},
    {CMD_PIPE, "display set", "As lines of set", run_display_set},
    {CMD_PIPE, "display xml", "As XML", run_display_xml},
    {CMD_PIPE, "except PATTERN", "Only lines that do not match", run_except},
    {CMD_PIPE, "find PATTERN", "From the first line that matches on", run_find},
    {CMD_PIPE, "last [NUMBER]", "Only the last lines (10)", run_last},
    {CMD_PIPE, "match PATTERN", "Only lines that match", run_match},
    {CMD_PIPE, "no-more", "Do not stop after each screen", run_no_more},
    {CMD_PIPE, "save OUTPUT", "Write what comes to here to a file, instead of showing it", run_save},
    {0, NULL},
};
