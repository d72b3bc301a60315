/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_warn.h"

#include <string.h>

#include "conf_groups.h"

/* The row says it of the statement, or its list of words of the value. */
static const char *
warn_why(const struct conf_node *n)
{
	const struct conf_choice *c = n->row->choice;

	if (n->row->idle || n->row->danger)
		return n->row->idle ? n->row->idle : n->row->danger;
	for (; c && c->word && n->nword; c++)
		if (c->idle && strcmp(c->word, n->word[0].text) == 0)
			return c->idle;
	return NULL;
}

static bool
is_said(const struct buf *out, const struct buf *line)
{
	return out->len && memmem(out->p, out->len, line->p, line->len) != NULL;
}

static void
say(const struct conf_node *n, const char *why, struct buf *out)
{
	cleanup_buf struct buf line = {0};

	conf_schema_path(n->row, &line);
	if (n->row->choice)
		buf_printf(&line, " %s", n->word[0].text);
	buf_printf(&line, ": %s\n", why);
	if (line.err)
		out->err = line.err;
	else if (!is_said(out, &line))
		buf_put(out, line.p, line.len);
}

/* Of what would say something to groups, in a subtree that is not understood and has an effect all the same. */
static const char *
groups_why(const struct conf_node *n)
{
	return conf_tree_is_opaque(n) && conf_groups_is_idle(n)
		   ? "apply-groups and names with wildcards in it are kept, without effect"
		   : NULL;
}

static void
walk(const struct conf_node *parent, struct buf *out)
{
	const struct conf_node *n;
	const char *why;

	if (conf_tree_is_opaque(parent))
		return;
	TAILQ_FOREACH (n, &parent->child, entry) {
		if (n->inactive)
			continue;
		if ((why = warn_why(n)) != NULL || (why = groups_why(n)) != NULL)
			say(n, why, out);
		else
			walk(n, out);
	}
}

/* What groups do not hand on. */
static void
groups_walk(const struct conf_node *parent, struct buf *out)
{
	const struct conf_node *n;

	if (conf_tree_is_opaque(parent))
		return;
	TAILQ_FOREACH (n, &parent->child, entry)
		if (!n->inactive && conf_schema_is_grouped(n->row) && groups_why(n))
			say(n, groups_why(n), out);
		else if (!n->inactive && (conf_schema_is_grouped(n->row) || n->row->inherit))
			groups_walk(n, out);
}

int
conf_warn(const struct conf *c, struct buf *out)
{
	walk(&c->effect->root, out);
	if (c->effect != c->tree)
		groups_walk(&c->tree->root, out);
	return out->err;
}
