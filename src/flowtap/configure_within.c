/* SPDX-License-Identifier: BSD-2-Clause */
/* configure_within.c - a command within another: `run show version', `top show', `up 2 edit ...'.
 *
 * exports: configure_run configure_up configure_top */
#include <errno.h>
#include <string.h>

#include "configure.h"

/* The command that begins at call->rest in the present line; the caller frees *words. */
static int
inner_parse(struct shell *sh, unsigned where, const struct cmd_call *call, struct words *w, struct cmd_call *inner)
{
	struct cmd_fault fault = {0};
	struct cmd_context ctx;
	size_t from = 0;
	int r = words_split((struct slice){sh->line, strlen(sh->line)}, w);

	if (r < 0)
		return r;
	shell_context(sh, where, &ctx);
	if (where != CMD_CONF)
		ctx.tree = NULL;
	while (from < w->n && w->w[from].at < call->rest)
		from++;
	if ((r = cmd_parse(&ctx, w, from, cmd_segment(w, 0), inner, &fault)) < 0)
		shell_fault(sh->line, &fault);
	buf_free(&fault.text);
	return r;
}

/* The exit code.  refused: commands that may not stand here. */
static int
inner_run(struct shell *sh, unsigned where, const struct cmd_call *call, bool (*refused)(const struct cmd *row))
{
	struct words *w = calloc(1, sizeof *w);
	struct cmd_call *inner = malloc(sizeof *inner);
	int code = EXIT_USAGE;

	if (w && inner && inner_parse(sh, where, call, w, inner) == 0) {
		if (refused(inner->row))
			shell_say("error: not here");
		else
			code = shell_call(sh, inner);
	}
	if (w)
		words_free(w);
	free(w);
	free(inner);
	return code;
}

/* ---- run ---- */

static bool
changes_mode(const struct cmd *row)
{
	return row->run == configure_enter || strcmp(row->help, "Leave") == 0;
}

int
configure_run(struct shell *sh, const struct cmd_call *call)
{
	struct candidate *mine = TAKE_PTR(sh->candidate);
	int code = inner_run(sh, CMD_OPER, call, changes_mode);

	sh->candidate = mine;
	return code;
}

/* ---- up, top ---- */

static bool
moves(const struct cmd *row)
{
	return row->run == configure_up || row->run == configure_top || row->run == configure_exit ||
	       row->run == configure_run;
}

static int
above(struct shell *sh, const struct cmd_call *call, size_t levels)
{
	struct candidate_level was;
	int code;

	if (cmd_arg(call, "ACTION") == NULL) {
		candidate_up(sh->candidate, levels);
		return EXIT_OK;
	}
	if ((code = candidate_level_save(sh->candidate, &was)) < 0)
		return configure_no_memory(code);
	candidate_up(sh->candidate, levels);
	code = inner_run(sh, CMD_CONF, call, moves);
	if (sh->candidate == NULL || sh->edited)
		candidate_level_free(&was);
	else
		candidate_level_restore(sh->candidate, &was);
	sh->edited = false;
	return code;
}

int
configure_up(struct shell *sh, const struct cmd_call *call)
{
	const char *n = cmd_arg(call, "NUMBER");

	return above(sh, call, n ? strtoul(n, NULL, 10) : 1);
}

int
configure_top(struct shell *sh, const struct cmd_call *call)
{
	return above(sh, call, SIZE_MAX);
}
