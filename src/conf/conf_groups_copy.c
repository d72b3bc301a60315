/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of statements, and where they are from.
 *
 * exports: conf_groups_ groups_ */
#include <errno.h>
#include <string.h>

#include "conf_groups.h"
#include "conf_groups_int.h"

#define WORK_MAX 32000000u /* comparisons: about half a second */
#define COPY_OCTETS 4u     /* copied are one */
#define SAME_OCTETS 64u    /* compared are one */

int
groups_spend(struct expand *x, size_t steps)
{
	if (steps > WORK_MAX - x->work)
		return -E2BIG;
	x->work += (uint32_t)steps;
	return 0;
}

/* Where it is known only afterwards: the next step is one too many. */
void
groups_spent(struct expand *x, size_t steps)
{
	if (groups_spend(x, steps) < 0)
		x->work = WORK_MAX;
}

/* ---- comments ---- */

static int
comments_copy(char **to, const char *from)
{
	cleanup_buf struct buf b = {0};

	for (const char *s = from; s && *s; s += strlen(s) + 1)
		buf_put(&b, s, strlen(s) + 1);
	return b.err ? b.err : conf_tree_add_comments(to, &b);
}

int
groups_comments_copy(struct conf_node *to, const struct conf_node *from)
{
	int r;

	if ((r = comments_copy(&to->above, from->above)) < 0 || (r = comments_copy(&to->beside, from->beside)) < 0)
		return r;
	return comments_copy(&to->within, from->within);
}

/* As Junos writes it, above the statement. */
int
groups_mark(const struct expand *x, struct conf_node *n, const char *what, const struct conf_node *group)
{
	cleanup_buf struct buf b = {0};

	if (!x->marked)
		return 0;
	buf_put(&b, "##", 3);
	buf_printf(&b, "## '%s' was inherited from group '%s'", what, group->word[0].text);
	buf_put(&b, "\0##", 4);
	return b.err ? b.err : conf_tree_add_comments(&n->above, &b);
}

/* What of it is said to be inherited: a value or a name, unless it is a secret. */
const char *
groups_mark_name(const struct conf_node *n)
{
	const bool named = n->nword > 0 && !(n->row && n->row->secret);

	return named ? n->word[n->nword - 1].text : conf_tree_name(n);
}

/* ---- copies ---- */

int
groups_word_copy(struct expand *x, struct conf_node *to, const struct conf_word *w)
{
	const struct conf_at at = conf_tree_word_at(w);
	int r = groups_spend(x, at.word.len / COPY_OCTETS);

	return r < 0 ? r : conf_tree_add_word(x->out, to, at, w->quoted);
}

/* Its place and words, without what is below it. */
int
groups_node_copy(struct expand *x, struct conf_node *parent, const struct conf_schema *row,
    const struct conf_node *from, struct conf_node **out)
{
	int r = conf_tree_add(x->out, parent, row, out);

	if (r < 0)
		return r;
	(*out)->line = from->line;
	(*out)->column = from->column;
	(*out)->inactive = from->inactive;
	for (uint32_t i = 0; r == 0 && i < from->nword; i++)
		r = groups_word_copy(x, *out, &from->word[i]);
	return r;
}

/* A statement of the configuration itself with all below it, as it stands. */
int
groups_own_copy(struct expand *x, struct conf_node *parent, const struct conf_node *from)
{
	const struct conf_node *c;
	struct conf_node *n;
	int r = groups_node_copy(x, parent, from->row, from, &n);

	if (r < 0 || (r = groups_comments_copy(n, from)) < 0)
		return r;
	TAILQ_FOREACH (c, &from->child, entry)
		if (!(c->row && c->row->inherit) && (r = groups_own_copy(x, n, c)) < 0)
			break;
	return r;
}

/* ---- what is not understood ---- */

static bool
is_idle_word(const struct conf_node *n, uint32_t i)
{
	return groups_is_pattern(n->word[i].text) || strcmp(n->word[i].text, "apply-groups") == 0 ||
	       strcmp(n->word[i].text, "apply-groups-except") == 0;
}

static bool
has_idle_word(const struct conf_node *n)
{
	for (uint32_t i = 0; i < n->nword; i++)
		if (is_idle_word(n, i))
			return true;
	return false;
}

bool
conf_groups_is_idle(const struct conf_node *n)
{
	const struct conf_node *c;

	if (has_idle_word(n))
		return true;
	TAILQ_FOREACH (c, &n->child, entry)
		if (conf_groups_is_idle(c))
			return true;
	return false;
}

/* Behind what is there already the last of several counts: so what is inherited stands before it. */
static int
opaque_copy(struct expand *x, struct conf_node *parent, const struct conf_schema *row, const struct conf_node *from,
    const struct conf_node *group, struct conf_node *before)
{
	const struct conf_node *c;
	struct conf_node *n;
	int r;

	if (from->inactive || has_idle_word(from))
		return 0;
	if ((r = groups_node_copy(x, parent, row, from, &n)) < 0 ||
	    (r = groups_mark(x, n, groups_mark_name(n), group)) < 0)
		return r;
	if (before) {
		TAILQ_REMOVE(&parent->child, n, entry);
		TAILQ_INSERT_BEFORE(before, n, entry);
	}
	TAILQ_FOREACH (c, &from->child, entry)
		if ((r = opaque_copy(x, n, NULL, c, group, NULL)) < 0)
			break;
	return r;
}

/* With statements in both the same words; without, the same but the last of several, which is a value. */
static bool
is_same_opaque(struct expand *x, const struct conf_node *a, const struct conf_node *b)
{
	const bool value = TAILQ_EMPTY(&b->child) && b->nword > 1;

	if (a->inactive || a->nword != b->nword)
		return false;
	if (TAILQ_EMPTY(&a->child) != TAILQ_EMPTY(&b->child))
		return a->nword == 0;
	for (uint32_t i = 0; i + value < b->nword; i++) {
		groups_spent(x, 1 + strlen(b->word[i].text) / SAME_OCTETS);
		if (strcmp(a->word[i].text, b->word[i].text) != 0)
			return false;
	}
	return true;
}

/* One statement of a group to the others of the parent from first on. */
int
groups_opaque_add(struct expand *x, struct conf_node *parent, const struct conf_schema *row,
    const struct conf_node *from, const struct conf_node *group, struct conf_node *first)
{
	struct conf_node *n;
	int r = 0;

	for (n = first; n && r == 0; n = TAILQ_NEXT(n, entry))
		if ((r = groups_spend(x, 1)) == 0 && n->row == row && !from->inactive && is_same_opaque(x, n, from))
			return groups_opaque_merge(x, n, from, group);
	return r < 0 ? r : opaque_copy(x, parent, row, from, group, first);
}

int
groups_opaque_merge(struct expand *x, struct conf_node *to, const struct conf_node *from, const struct conf_node *group)
{
	struct conf_node *first = TAILQ_FIRST(&to->child);
	const struct conf_node *c;
	int r = 0;

	TAILQ_FOREACH (c, &from->child, entry)
		if ((r = groups_opaque_add(x, to, NULL, c, group, first)) < 0)
			break;
	return r;
}
