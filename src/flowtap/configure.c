/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * configure.c - configuration mode: the candidate, which is this process's own until it is committed.
 *
 * exports: configure_ */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "at_time.h"
#include "candidate.h"
#include "commit_cmd.h"
#include "configure.h"
#include "conf_print.h"
#include "foreign.h"
#include "jsonout.h"

struct conf_path
configure_level(const struct shell *sh)
{
	return sh->candidate ? candidate_level(sh->candidate) : (struct conf_path){NULL, 0};
}

struct conf_tree *
configure_tree(const struct shell *sh)
{
	return sh->candidate ? sh->candidate->tree : NULL;
}

struct conf_path
configure_path(const struct shell *sh, const struct cmd_call *call, const char **word)
{
	const struct conf_path level = configure_level(sh);
	struct conf_path path;

	if (level.n)
		memcpy(word, level.word, level.n * sizeof *word);
	path = cmd_path(call, word + level.n);
	return (struct conf_path){word, level.n + path.n};
}

int
configure_no_memory(int r)
{
	shell_say("flowtap: %s", strerror(-r));
	return EXIT_TRANSPORT;
}

/* Who has the configuration for themselves: changes may be made, but not committed. */
static void
others_show(const struct shell *sh)
{
	cleanup_buf struct buf body = {0};
	json_t *answer = ctl_try(sh->socket, "configure", &body) == IPC_C_JSON
			     ? json_loadb((const char *)body.p, body.len, 0, NULL)
			     : NULL;
	json_t *o = jsonout_shown(answer);
	const char *user = json_string_value(json_object_get(o, "user"));

	if (user)
		printf(
		    "Users currently editing the configuration:\n  %s (pid %d) on since %s\n      exclusive [edit]\n",
		    user, (int)json_integer_value(json_object_get(o, "pid")),
		    json_string_value(json_object_get(o, "since")));
	json_decref(o);
	json_decref(answer);
}

int
configure_enter(struct shell *sh, const struct cmd_call *call)
{
	const bool exclusive = cmd_arg(call, "exclusive") != NULL;
	int lock = -1, code = exclusive ? commit_lock(sh->socket, &lock) : EXIT_OK;

	if (code != EXIT_OK)
		return code;
	if ((code = candidate_new(sh->socket, &sh->candidate)) != EXIT_OK) {
		if (lock >= 0)
			close(lock);
		return code;
	}
	sh->candidate->lock = lock;
	if (exclusive)
		shell_say("warning: uncommitted changes will be discarded on exit");
	else
		others_show(sh);
	puts("Entering configuration mode");
	return EXIT_OK;
}

int
configure_leave(struct shell *sh)
{
	const bool changed = candidate_changed(sh->candidate);

	if (changed) {
		shell_say("The configuration has been changed but not committed");
		if (!shell_confirm(sh, "Discard uncommitted changes?", true))
			return EXIT_REFUSED;
	}
	candidate_free(TAKE_PTR(sh->candidate));
	if (changed && sh->script) {
		shell_say("error: the changes that were not committed are discarded");
		return EXIT_REFUSED;
	}
	shell_say("Exiting configuration mode");
	return EXIT_OK;
}

/* ---- changes ---- */

int
configure_settled(struct shell *sh, int r)
{
	struct conf_error err;

	if (r == 0)
		r = conf_tree_settle(sh->candidate->tree, &err);
	return r < 0 ? configure_no_memory(r) : EXIT_OK;
}

int
configure_set(struct shell *sh, const struct cmd_call *call)
{
	const char *word[2 * WORDS_MAX];
	struct conf_error err;
	int r = conf_edit_set(sh->candidate->tree, configure_path(sh, call, word), sh->hidden, &err);

	if (r != -EINVAL)
		return configure_settled(sh, r);
	shell_say("error: %s%s%s", err.word, *err.word ? ": " : "", err.expected);
	return EXIT_USAGE;
}

int
configure_not_there(void)
{
	shell_say("error: statement not found");
	return EXIT_NO_OBJECT;
}

int
configure_delete(struct shell *sh, const struct cmd_call *call)
{
	const char *word[2 * WORDS_MAX];
	struct conf_path path = configure_path(sh, call, word);

	if (call->n == 1 &&
	    !shell_confirm(sh, "This will delete the entire configuration\nDelete everything under this level?", false))
		return EXIT_OK;
	return conf_edit_delete(sh->candidate->tree, path) < 0 ? configure_not_there() : EXIT_OK;
}

static int
activity(struct shell *sh, const struct cmd_call *call, bool active)
{
	const char *word[2 * WORDS_MAX];
	int r = conf_edit_active(sh->candidate->tree, configure_path(sh, call, word), active);

	return r == -ENOENT ? configure_not_there() : EXIT_OK;
}

int
configure_activate(struct shell *sh, const struct cmd_call *call)
{
	return activity(sh, call, true);
}

int
configure_deactivate(struct shell *sh, const struct cmd_call *call)
{
	return activity(sh, call, false);
}

int
configure_rollback(struct shell *sh, const struct cmd_call *call)
{
	const char *n = cmd_arg(call, "N");
	const unsigned which = cmd_arg(call, "rescue") ? COMMIT_RESCUE : n ? (unsigned)strtoul(n, NULL, 10) : 0;
	int code = candidate_rollback(sh->candidate, sh->socket, which);

	if (code == EXIT_OK)
		puts("load complete");
	return code;
}

/* ---- levels ---- */

int
configure_edit(struct shell *sh, const struct cmd_call *call)
{
	const char *word[WORDS_MAX];
	struct conf_path path = cmd_path(call, word);
	struct cmd_context ctx;
	struct conf_place place = {0};

	shell_context(sh, CMD_CONF, &ctx);
	for (size_t i = 0; i < ctx.level.n; i++)
		(void)conf_schema_step(&place, (struct slice){ctx.level.word[i], strlen(ctx.level.word[i])});
	for (size_t i = 0; i < path.n; i++)
		(void)conf_schema_step(&place, (struct slice){path.word[i], strlen(path.word[i])});
	if (!place.complete || (place.row->kind != CONF_CONTAINER && place.row->kind != CONF_LIST) ||
	    conf_schema_first(place.row) == NULL) {
		shell_say("error: %s is no level that can be edited", path.word[path.n - 1]);
		return EXIT_USAGE;
	}
	if (candidate_edit(sh->candidate, path) < 0)
		return configure_no_memory(-ENOMEM);
	sh->edited = true;
	return EXIT_OK;
}

int
configure_exit(struct shell *sh, const struct cmd_call *call)
{
	if (strcmp(call->word[0].text, "exit") == 0 && call->n == 1 && candidate_level(sh->candidate).n > 0) {
		candidate_back(sh->candidate);
		return EXIT_OK;
	}
	return configure_leave(sh);
}

int
configure_status(struct shell *sh, const struct cmd_call *call)
{
	const struct candidate *c = sh->candidate;

	(void)call;
	printf("Private candidate of process %d, %s\nMade from commit %llu, %s by %s\n", (int)getpid(),
	    candidate_changed(c) ? "changed" : "unchanged", (unsigned long long)c->base, c->time, c->user);
	return EXIT_OK;
}

/* ---- commit ---- */

/* Where in the hierarchy the line of the text is, as Junos says it. */
static void
wrong_show(const struct buf *text, const struct ipc_wrong *w)
{
	cleanup_buf struct buf where = {0}, line = {0};

	candidate_place((struct slice){(char *)text->p, text->len}, w->line, &where, &line);
	if (w->line && line.len) {
		shell_say("[edit%.*s]", (int)where.len, where.p ? (char *)where.p : "");
		shell_say("  '%.*s'", (int)line.len, (char *)line.p);
	}
	shell_say("    %s%s%s", w->word, *w->word ? ": " : "", w->expected);
	shell_say("error: configuration check-out failed");
}

static void
commit_say(const json_t *answer, const struct commit_opts *o)
{
	const json_t *at = json_object_get(answer, "scheduled");
	const char *time = json_string_value(json_object_get(at, "time"));
	char when[32];
	const json_int_t within = json_integer_value(json_object_get(answer, "confirm-within-seconds"));

	commit_say_warnings(answer);
	if (o->check)
		puts("configuration check succeeds");
	else if (o->at)
		printf("commit will be executed at %s\n", foreign_text(slice_of(time ? time : "-"), when, sizeof when));
	else if (within > 0 && o->confirmed)
		printf("commit confirmed will be automatically rolled back in %u minute%s unless confirmed\n"
		       "commit complete\n",
		    o->confirmed, o->confirmed == 1 ? "" : "s");
	else
		puts("commit complete");
	if (!o->at) {
		commit_say_ends(answer);
		commit_say_pending(answer);
	}
}

static bool
is_empty(const struct conf_tree *t)
{
	return TAILQ_EMPTY(&t->root.child);
}

/* A candidate in which nothing is left, as of a file that was empty: whether it is meant.  Scripts are warned only. */
static bool
emptied_meant(const struct shell *sh)
{
	if (!is_empty(sh->candidate->tree) || is_empty(sh->candidate->active))
		return true;
	shell_say(
	    "warning: the candidate has no statement: all taps and logins that you see in the active configuration "
	    "end with it");
	return shell_confirm(sh, "Commit an empty configuration?", false);
}

/* The candidate, to be in force as o says.  The exit code, after a message to the user. */
static int
commit_give(struct shell *sh, const struct commit_opts *o)
{
	cleanup_buf struct buf text = {0};
	struct ipc_wrong wrong;
	json_t *answer = NULL;
	int code;

	conf_print_tree(sh->candidate->tree, &text);
	if (text.len == 0)
		buf_put(&text, "\n", 1);
	if (text.err)
		return configure_no_memory(text.err);
	code = commit_send(sh->socket, o, (struct slice){(char *)text.p, text.len}, &answer, &wrong);
	if (code != EXIT_OK && *wrong.expected)
		wrong_show(&text, &wrong);
	if (code != EXIT_OK)
		return code;
	commit_say(answer, o);
	json_decref(answer);
	return EXIT_OK;
}

/* First whether it could be in force now; then it waits, and there is nothing more to be committed here. */
static int
commit_later(struct shell *sh, struct commit_opts *o, const char *time_text)
{
	time_t at;
	int code;

	if (at_time_parse(time_text, time(NULL), &at) < 0) {
		shell_say("error: expected hh:mm[:ss] or \"yyyy-mm-dd hh:mm[:ss]\", in the future");
		return EXIT_USAGE;
	}
	o->check = true;
	if ((code = commit_give(sh, o)) != EXIT_OK)
		return code;
	o->check = false;
	o->at = (int64_t)at;
	if ((code = commit_give(sh, o)) != EXIT_OK)
		return code;
	candidate_free(TAKE_PTR(sh->candidate));
	shell_say("Exiting configuration mode");
	return EXIT_OK;
}

int
configure_commit(struct shell *sh, const struct cmd_call *call)
{
	const char *minutes = cmd_arg(call, "MINUTES"), *comment = cmd_arg(call, "TEXT");
	struct commit_opts o = {.check = cmd_arg(call, "check") != NULL,
	    .confirmed = minutes                      ? (unsigned)strtoul(minutes, NULL, 10)
			 : cmd_arg(call, "confirmed") ? 10
						      : 0,
	    .base = sh->candidate->base,
	    .comment = comment && *comment ? comment : NULL,
	    .lock = sh->candidate->lock >= 0 ? &sh->candidate->lock : NULL};
	int code;

	if (sh->failed && !o.check) {
		shell_say("error: nothing is committed: line %u failed", sh->failed);
		return EXIT_REFUSED;
	}
	if (!o.check && !emptied_meant(sh))
		return EXIT_REFUSED;
	if (cmd_arg(call, "TIME"))
		return commit_later(sh, &o, cmd_arg(call, "TIME"));
	if ((code = commit_give(sh, &o)) != EXIT_OK)
		return code;
	if (!o.check && (code = candidate_committed(sh->candidate, sh->socket)) != EXIT_OK)
		return code;
	return cmd_arg(call, "and-quit") ? configure_leave(sh) : EXIT_OK;
}
