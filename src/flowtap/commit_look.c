/* SPDX-License-Identifier: BSD-2-Clause */
#include "commit_look.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_parse.h"

static int
parse(struct slice text, struct conf_tree **out)
{
	struct conf_error err;

	return conf_parse_tree(text, out, &err);
}

/* A statement is the first thing in it, and so it need not be read to be known to have one. */
static bool
begins_with_word(struct slice text)
{
	size_t i = 0;

	while (i < text.len && (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\r' || text.p[i] == '\n'))
		i++;
	return i < text.len && text.p[i] >= 'a' && text.p[i] <= 'z';
}

bool
commit_look_is_empty(struct slice text)
{
	struct conf_tree *t;
	bool empty;

	if (begins_with_word(text) || parse(text, &t) < 0)
		return false;
	empty = TAILQ_EMPTY(&t->root.child);
	conf_tree_free(t);
	return empty;
}

/* NULL: nothing that can be known here. */
static const char *
program_wrong(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? "there is no such file" : NULL;
	return S_ISREG(st.st_mode) && (st.st_mode & 0111) ? NULL : "it is not a program that can be run";
}

static void
warning_add(json_t *answer, const char *path, const char *why)
{
	json_t *list = json_object_get(answer, "warnings");
	cleanup_buf struct buf line = {0};

	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(answer, "warnings", list);
	}
	buf_printf(&line, "services flow-tap alarm-hook: %s: %s: no alarm is handed on", path, why);
	if (line.err == 0)
		json_array_append_new(list, json_stringn((const char *)line.p, line.len));
}

void
commit_look_warn(struct slice text, json_t *answer)
{
	const struct conf_node *hook;
	struct conf_tree *t;
	const char *why;

	/* a long text is not read once more for nothing */
	if (memmem(text.p, text.len, "alarm-hook", strlen("alarm-hook")) == NULL || parse(text, &t) < 0)
		return;
	hook = conf_tree_find(conf_tree_find(conf_tree_find(&t->root, "services"), "flow-tap"), "alarm-hook");
	if (hook && hook->nword > 0 && (why = program_wrong(hook->word[0].text)) != NULL)
		warning_add(answer, hook->word[0].text, why);
	conf_tree_free(t);
}
