/* SPDX-License-Identifier: BSD-2-Clause */
/* A command line and its completion: an error names a place in the line, a hint begins as what is typed. */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "conf_parse.h"

static const struct cmd table[] = {
    {CMD_CONF, "show [PATH]", ""},
    {CMD_CONF, "set STATEMENT", ""},
    {CMD_CONF, "commit [(check|confirmed [MINUTES])] [comment TEXT] [and-quit]", ""},
    {CMD_CONF, "run COMMAND", ""},
    {CMD_CONF, "up [NUMBER] [ACTION]", ""},
    {CMD_CONF, "rename PATH to TARGET", ""},
    {CMD_CONF, "annotate PATH TEXT", ""},
    {CMD_CONF, "insert PATH (before|after) TARGET", ""},
    {CMD_CONF, "load (merge|set) (FILE|terminal)", ""},
    {CMD_OPER, "show services [flow-tap [statistics]]", ""},
    {CMD_PIPE, "match PATTERN", ""},
    {CMD_PIPE, "compare [rollback N]", ""},
    {0, NULL, NULL},
};

static void
hint(void *arg, const struct cmd_hint *h)
{
	const struct word *w = arg;

	if (!h->arg && w && strncmp(h->word, w->text, strlen(w->text)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char text[] = "services { flow-tap { agency a; tapped-interfaces [ e0 e1 ]; } } chassis { b c; }";
	static struct conf_tree *tree;
	static struct words line;
	static struct cmd_call call;
	struct cmd_context ctx = {.table = table, .where = CMD_CONF};
	struct cmd_fault fault = {0};
	struct conf_error err;
	size_t prefix;

	if (tree == NULL && conf_parse_tree((struct slice){text, sizeof text - 1}, &tree, &err) < 0)
		abort();
	ctx.tree = tree;
	if (words_split((struct slice){(const char *)data, len}, &line) == 0) {
		const bool within = line.n > 0 && line.w[line.n - 1].end == line.len && !line.w[line.n - 1].pipe;

		if (cmd_parse(&ctx, &line, 0, cmd_segment(&line, 0), &call, &fault) < 0 &&
		    (fault.at > line.len || fault.text.len == 0))
			abort();
		buf_free(&fault.text);
		if (cmd_hints(&ctx, &line, &prefix, hint, within ? &line.w[line.n - 1] : NULL, &fault) >= 0 &&
		    prefix > line.len)
			abort();
		buf_free(&fault.text);
	}
	words_free(&line);
	return 0;
}
