/* SPDX-License-Identifier: BSD-2-Clause */
/* configure_move.c - objects renamed, copied, put elsewhere, commented, and changed by patterns.
 *
 * exports: configure_ */
#include <errno.h>
#include <string.h>

#include "conf_annotate.h"
#include "conf_compare.h"
#include "conf_move.h"
#include "conf_parse.h"
#include "conf_pattern.h"
#include "conf_print.h"
#include "configure.h"
#include "foreign.h"

static int
refused(int r, const struct conf_error *err)
{
	if (r == -ENOENT)
		return configure_not_there();
	if (r != -EINVAL)
		return configure_no_memory(r);
	shell_say("error: %s", err->expected);
	return EXIT_USAGE;
}

int
configure_annotate(struct shell *sh, const struct cmd_call *call)
{
	const char *word[2 * WORDS_MAX];
	struct conf_error err = {.expected = "a comment has neither */ nor control characters in it"};
	int r = conf_annotate(sh->candidate->tree, configure_path(sh, call, word), cmd_arg(call, "TEXT"));

	return r < 0 ? refused(r, &err) : EXIT_OK;
}

int
configure_copy(struct shell *sh, const struct cmd_call *call)
{
	const char *word[2 * WORDS_MAX], *target[WORDS_MAX];
	struct conf_error err;
	int r = conf_move_copy(
	    sh->candidate->tree, configure_path(sh, call, word), cmd_words(call, "TARGET", target), sh->hidden, &err);

	return r < 0 ? refused(r, &err) : configure_settled(sh, 0);
}

int
configure_rename(struct shell *sh, const struct cmd_call *call)
{
	const char *word[2 * WORDS_MAX], *target[WORDS_MAX];
	struct conf_error err;
	int r = conf_move_rename(
	    sh->candidate->tree, configure_path(sh, call, word), cmd_words(call, "TARGET", target), sh->hidden, &err);

	return r < 0 ? refused(r, &err) : EXIT_OK;
}

int
configure_insert(struct shell *sh, const struct cmd_call *call)
{
	const char *word[2 * WORDS_MAX], *target[WORDS_MAX];
	struct conf_error err;
	int r = conf_move_insert(sh->candidate->tree, configure_path(sh, call, word), cmd_arg(call, "before") != NULL,
	    cmd_words(call, "TARGET", target), &err);

	return r < 0 ? refused(r, &err) : EXIT_OK;
}

/* ---- replace pattern ---- */

/* The words may be anything now: what is parsed again is right. */
static int
reparsed(struct shell *sh, const struct conf_tree *changed)
{
	cleanup_buf struct buf text = {0};
	struct conf_error err = {0};
	struct conf_tree *t;
	int r;

	conf_print_tree(changed, &text);
	if (text.err)
		return configure_no_memory(text.err);
	r = conf_parse_tree_known((struct slice){(char *)text.p, text.len}, sh->hidden, &t, &err);
	if (r == 0) {
		candidate_replace(sh->candidate, t);
		return EXIT_OK;
	}
	shell_say("error: %s%s%s; nothing is replaced", err.word, *err.word ? ": " : "", err.expected);
	return EXIT_USAGE;
}

static int
replace(struct shell *sh, const struct cmd_call *call, struct conf_tree *copy, struct conf_node *below)
{
	const char *upto = cmd_arg(call, "NUMBER");
	char why[128] = "";
	unsigned changed;
	int r = conf_pattern_replace(copy, below, cmd_arg(call, "PATTERN"), cmd_arg(call, "TEXT"),
	    upto ? (unsigned)strtoul(upto, NULL, 10) : 0, &changed, why);

	if (r < 0 && r != -EINVAL)
		return configure_no_memory(r);
	if (r < 0)
		shell_say("error: %s; nothing is replaced", why);
	else if (changed == 0)
		shell_say("warning: nothing matches");
	return r < 0 ? EXIT_USAGE : changed ? reparsed(sh, copy) : EXIT_OK;
}

int
configure_replace(struct shell *sh, const struct cmd_call *call)
{
	struct conf_target x;
	struct conf_tree *copy;
	int code, r = conf_edit_copy(sh->candidate->tree, &copy);

	if (r < 0)
		return configure_no_memory(r);
	code = conf_edit_find(copy, configure_level(sh), &x) < 0 ? configure_not_there()
								 : replace(sh, call, copy, x.node);
	conf_tree_free(copy);
	return code;
}

/* ---- wildcard delete ---- */

struct found {
	struct conf_node **node; /* owned */
	size_t n;
	bool full;
};

static void
found_add(void *arg, struct conf_node *n)
{
	struct found *f = arg;
	struct conf_node **v = reallocarray(f->node, f->n + 1, sizeof(struct conf_node *));

	f->full |= v == NULL;
	if (v == NULL)
		return;
	f->node = v;
	v[f->n++] = n;
}

static bool
found_confirmed(const struct shell *sh, const struct found *f)
{
	char question[64];

	for (size_t i = 0; i < f->n; i++) {
		cleanup_buf struct buf path = {0}, shown = {0};

		conf_compare_path(f->node[i], &path);
		foreign_put(&shown, (struct slice){(char *)path.p, path.len}, FOREIGN_LINE);
		printf("  matched: %.*s\n", (int)shown.len, (char *)shown.p);
	}
	fflush(stdout);
	snprintf(question, sizeof question, "Delete %zu object%s?", f->n, f->n == 1 ? "" : "s");
	return shell_confirm(sh, question, false);
}

int
configure_wildcard_delete(struct shell *sh, const struct cmd_call *call)
{
	const char *word[2 * WORDS_MAX];
	const struct conf_path level = configure_path(sh, call, word);
	const struct conf_path names = cmd_words(call, "NAMES", word + level.n);
	struct found f = {0};
	char why[128] = "";
	int r = conf_pattern_find(sh->candidate->tree, (struct conf_path){word, level.n + names.n}, found_add, &f, why);
	int code = EXIT_OK;

	if (r == -EINVAL) {
		shell_say("error: %s", why);
		code = EXIT_USAGE;
	} else if (r < 0 || f.full)
		code = configure_no_memory(-ENOMEM);
	else if (f.n == 0)
		code = configure_not_there();
	else if (found_confirmed(sh, &f))
		for (size_t i = 0; i < f.n; i++)
			conf_tree_remove(sh->candidate->tree, f.node[i]);
	free(f.node);
	return code;
}
