/* SPDX-License-Identifier: BSD-2-Clause */
/* configure_show.c - configurations on the screen: in braces, as set lines, as JSON, and what differs.
 *
 * exports: configure_show */
#include <errno.h>
#include <string.h>

#include "commit_cmd.h"
#include "conf_compare.h"
#include "conf_groups.h"
#include "conf_print.h"
#include "configure.h"
#include "foreign.h"
#include "terminal.h"

/* ---- JSON, shaped as Junos does it ---- */

static json_t *node_json(const struct conf_node *n);

static json_t *
value_json(const struct conf_node *n, uint32_t i)
{
	if (n->row && n->row->type == CONF_NUMBER)
		return json_integer((json_int_t)strtoull(n->word[i].text, NULL, 10));
	return json_string(n->word[i].text);
}

static json_t *
words_json(const struct conf_node *n)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < n->nword; i++)
		json_array_append_new(list, value_json(n, i));
	return list;
}

static void
child_add(json_t *to, const struct conf_node *n)
{
	const char *name = conf_tree_name(n);
	json_t *list;

	if (n->row && n->row->kind != CONF_LIST) {
		json_object_set_new(to, name, node_json(n));
		if (n->inactive && (n->row->kind == CONF_LEAF || n->row->kind == CONF_LEAF_LIST)) {
			char key[128];

			snprintf(key, sizeof key, "@%s", name);
			json_object_set_new(to, key, json_pack("{s:b}", "inactive", 1));
		}
		return;
	}
	if ((list = json_object_get(to, name)) == NULL) {
		list = json_array();
		json_object_set_new(to, name, list);
	}
	json_array_append_new(list, node_json(n));
}

static json_t *
node_json(const struct conf_node *n)
{
	const struct conf_node *c;
	json_t *o;

	if (n->row && n->row->kind == CONF_LEAF)
		return value_json(n, 0);
	if (n->row && n->row->kind == CONF_LEAF_LIST)
		return words_json(n);
	o = json_object();
	if (n->inactive)
		json_object_set_new(o, "@", json_pack("{s:b}", "inactive", 1));
	if (n->row && n->row->kind == CONF_LIST)
		json_object_set_new(o, "name", json_string(n->word[0].text));
	if (n->row == NULL && n->parent)
		json_object_set_new(o, "words", words_json(n));
	TAILQ_FOREACH (c, &n->child, entry)
		child_add(o, c);
	return o;
}

static int
put_json(const struct shell *sh, const struct conf_node *n)
{
	json_t *o = json_pack("{s:o}", "configuration", node_json(n));
	int code = shell_put_json(sh, o);

	json_decref(o);
	return code;
}

/* ---- braces, lines, differences ---- */

/* A line of a difference in its colour. */
static void
put_coloured(const struct buf *text, bool color)
{
	cleanup_buf struct buf shown = {0};
	const char *p, *end, *nl;

	foreign_put(&shown, (struct slice){(const char *)text->p, text->len}, FOREIGN_TEXT);
	p = (const char *)shown.p;
	for (end = p + shown.len; p < end; p = nl + 1) {
		const char *on = !color      ? ""
				 : *p == '+' ? "\033[32m"
				 : *p == '-' ? "\033[31m"
				 : *p == '!' ? "\033[33m"
					     : "";

		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		printf("%s%.*s%s\n", on, (int)(nl - p), p, *on ? "\033[0m" : "");
	}
}

static int
put_difference(struct shell *sh, const struct conf_tree *t, const struct conf_tree *base)
{
	cleanup_buf struct buf out = {0};

	conf_compare_trees(base, t, &out);
	put_coloured(&out, sh->color);
	return out.err ? EXIT_TRANSPORT : EXIT_OK;
}

/* What the configuration stands for; the exit code, after a message to the user. */
static int
inherit(const struct conf_tree *t, bool marked, struct conf_tree **out)
{
	struct conf_error err;

	if (conf_groups_expand(t, marked, out, &err) == 0)
		return EXIT_OK;
	shell_say("error: %s", err.expected);
	return EXIT_REFUSED;
}

static int
put_inherited_difference(struct shell *sh, const struct conf_tree *t, const struct conf_tree *base)
{
	struct conf_tree *a = NULL, *b = NULL;
	int code = inherit(t, false, &a);

	if (code == EXIT_OK && (code = inherit(base, false, &b)) == EXIT_OK)
		code = put_difference(sh, a, b);
	conf_tree_free(a);
	conf_tree_free(b);
	return code;
}

static int
compare(struct shell *sh, const struct conf_tree *t, const struct conf_tree *active)
{
	int (*const put)(struct shell *, const struct conf_tree *,
	    const struct conf_tree *) = sh->inheritance ? put_inherited_difference : put_difference;
	struct conf_tree *base;
	int code;

	if (sh->compare == 0 && active)
		return put(sh, t, active);
	if ((code = candidate_fetch(sh->socket, sh->compare, &base, NULL)) != EXIT_OK)
		return code;
	code = put(sh, t, base);
	conf_tree_free(base);
	return code;
}

static int
put(struct shell *sh, const struct conf_tree *t, const struct conf_target *x)
{
	cleanup_buf struct buf out = {0};

	if (sh->json || sh->display == DISPLAY_JSON || sh->display == DISPLAY_XML)
		return put_json(sh, x->node);
	if (sh->display == DISPLAY_SET)
		conf_compare_set_lines(t, x->node, &out);
	else if (x->is_word ||
		 (x->node->row && (x->node->row->kind == CONF_LEAF || x->node->row->kind == CONF_LEAF_LIST)))
		conf_print_node(x->node, 0, &out);
	else
		conf_print_children(x->node, 0, &out);
	term_text((struct slice){(char *)out.p, out.len});
	return out.err ? EXIT_TRANSPORT : EXIT_OK;
}

/* All entries of a list, whose name ends the path; nothing if it is none. */
static int
put_list(struct shell *sh, struct conf_tree *t, struct conf_path path)
{
	struct conf_target x;
	const struct conf_schema *row;
	cleanup_buf struct buf out = {0};
	const char *name = path.word[path.n - 1];
	const struct conf_node *n;

	if (sh->json || sh->display == DISPLAY_JSON || sh->display == DISPLAY_XML ||
	    conf_edit_find(t, (struct conf_path){path.word, path.n - 1}, &x) < 0 || x.is_word ||
	    conf_tree_is_opaque(x.node))
		return EXIT_OK;
	row = conf_schema_find(x.node->row, (struct slice){name, strlen(name)});
	TAILQ_FOREACH (n, &x.node->child, entry)
		if (n->row == row && sh->display == DISPLAY_SET)
			conf_compare_set_lines(t, n, &out);
		else if (n->row == row)
			conf_print_node(n, 0, &out);
	term_text((struct slice){(char *)out.p, out.len});
	return out.err ? EXIT_TRANSPORT : EXIT_OK;
}

/* The statement of the path; nothing if it is not there. */
static int
show(struct shell *sh, struct conf_tree *t, const struct conf_tree *active, struct conf_path path)
{
	struct conf_tree *expanded = NULL;
	struct conf_target x;
	int code = EXIT_OK;

	if (sh->comparing)
		return compare(sh, t, active);
	/* what stands in a group inherits nothing */
	if (sh->inheritance && (path.n == 0 || strcmp(path.word[0], "groups") != 0) &&
	    (code = inherit(t, !sh->plain, &expanded)) != EXIT_OK)
		return code;
	t = expanded ? expanded : t;
	if (conf_edit_find(t, path, &x) == 0)
		code = put(sh, t, &x);
	else
		code = put_list(sh, t, path);
	conf_tree_free(expanded);
	return code;
}

int
configure_show(struct shell *sh, const struct cmd_call *call)
{
	const struct conf_path level = configure_level(sh);
	const char *word[2 * WORDS_MAX];
	struct conf_path path;

	if (level.n)
		memcpy(word, level.word, level.n * sizeof *word);
	path = cmd_path(call, word + level.n);
	return show(sh, sh->candidate->tree, sh->candidate->active, (struct conf_path){word, level.n + path.n});
}

/* The daemon's own words, for programs. */
static int
show_raw(struct shell *sh, unsigned n)
{
	json_t *answer;
	int code = commit_fetch(sh->socket, n, &answer);

	if (code != EXIT_OK)
		return code;
	code = shell_put_json(sh, answer);
	json_decref(answer);
	return code;
}

static int
show_fetched(struct shell *sh, unsigned n, struct conf_path path)
{
	struct candidate info = {0};
	struct conf_tree *t;
	int code;

	if (sh->json && path.n == 0 && !sh->inheritance)
		return show_raw(sh, n);
	if ((code = candidate_fetch(sh->socket, n, &t, &info)) != EXIT_OK)
		return code;
	if (code != EXIT_OK)
		return code;
	if (!sh->once && sh->display == DISPLAY_TEXT && !sh->comparing && path.n == 0 && n != COMMIT_RESCUE)
		printf("## Last commit: %s by %s\n", info.time, info.user);
	code = show(sh, t, NULL, path);
	conf_tree_free(t);
	return code;
}

int
configure_show_active(struct shell *sh, const struct cmd_call *call)
{
	const char *word[WORDS_MAX];

	return show_fetched(sh, 0, cmd_path(call, word));
}

int
configure_show_rollback(struct shell *sh, const struct cmd_call *call)
{
	return show_fetched(sh, (unsigned)strtoul(cmd_arg(call, "N"), NULL, 10), (struct conf_path){NULL, 0});
}

int
configure_show_rescue(struct shell *sh, const struct cmd_call *call)
{
	(void)call;
	return show_fetched(sh, COMMIT_RESCUE, (struct conf_path){NULL, 0});
}
