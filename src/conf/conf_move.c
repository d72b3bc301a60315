/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_move.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf_value.h"

static int
wrong(struct conf_error *err, const char *why)
{
	*err = (struct conf_error){0};
	snprintf(err->expected, sizeof err->expected, "%s", why);
	return -EINVAL;
}

static int
object_find(struct conf_tree *t, struct conf_path path, struct conf_node **out, struct conf_error *err)
{
	struct conf_target x;

	if (path.n == 0 || conf_edit_find(t, path, &x) < 0)
		return -ENOENT;
	if (x.is_word || (x.node->row && x.node->row->kind != CONF_LIST))
		return wrong(err, "that is no object with a name");
	*out = x.node;
	return 0;
}

static bool
is_keyword(const struct conf_node *n, const char *word)
{
	return *word && strncmp(n->row->name, word, strlen(word)) == 0;
}

/* The object's words if it were named like that. */
static int
name_take(
    const struct conf_node *n, struct conf_path to, uint32_t hidden, struct conf_path *words, struct conf_error *err)
{
	cleanup_buf struct buf text = {0};
	char why[sizeof err->expected];

	*words = to;
	if (n->row == NULL)
		return to.n > 0 && conf_edit_brackets(to) == to.n ? 0 : wrong(err, "expected the words of a statement");
	if (to.n != 2 || !is_keyword(n, to.word[0])) {
		snprintf(why, sizeof why, "expected %s and a name", n->row->name);
		return wrong(err, why);
	}
	*words = (struct conf_path){to.word + 1, 1};
	if (conf_value_ok(n->row, slice_of(to.word[1])) && !conf_value_is_hidden(n->row, slice_of(to.word[1]), hidden))
		return 0;
	conf_value_describe_known(n->row, hidden, &text);
	snprintf(why, sizeof why, "%.100s: expected %.*s", to.word[1], (int)text.len, (char *)text.p);
	return wrong(err, why);
}

static bool
is_named(const struct conf_node *n, struct conf_path words)
{
	char buf[CONF_CANONICAL_MAX];

	if (n->nword != words.n)
		return false;
	for (uint32_t i = 0; i < n->nword; i++) {
		const struct slice want = n->row ? conf_value_canonical(n->row, slice_of(words.word[i]), buf)
						 : slice_of(words.word[i]);

		if (!slice_eq(want, n->word[i].text))
			return false;
	}
	return true;
}

static struct conf_node *
sibling_find(const struct conf_node *n, struct conf_path words)
{
	struct conf_node *m;

	TAILQ_FOREACH (m, &n->parent->child, entry)
		if (m->row == n->row && is_named(m, words))
			return m;
	return NULL;
}

/* Adds all of the words, or none. */
static int
words_add(struct conf_tree *t, struct conf_node *n, struct conf_path words)
{
	const uint32_t had = n->nword;
	int r = 0;

	for (size_t i = 0; i < words.n && r == 0; i++)
		r = conf_edit_add_word(t, n, words.word[i]);
	while (r < 0 && n->nword > had)
		conf_tree_remove_word(t, n, n->nword - 1);
	return r;
}

/* The object, and its new name, which no other has. */
static int
both_take(struct conf_tree *t, struct conf_path path, struct conf_path to, uint32_t hidden, struct conf_node **n,
    struct conf_path *words, struct conf_error *err)
{
	int r = object_find(t, path, n, err);

	if (r < 0 || (r = name_take(*n, to, hidden, words, err)) < 0)
		return r;
	return sibling_find(*n, *words) ? wrong(err, "there is one of that name") : 0;
}

int
conf_move_rename(
    struct conf_tree *t, struct conf_path path, struct conf_path to, uint32_t hidden, struct conf_error *err)
{
	struct conf_path words;
	struct conf_node *n;
	int r = both_take(t, path, to, hidden, &n, &words, err);
	uint32_t had;

	if (r < 0)
		return r;
	had = n->nword;
	if ((r = words_add(t, n, words)) < 0)
		return r;
	while (had-- > 0)
		conf_tree_remove_word(t, n, 0);
	return 0;
}

int
conf_move_copy(struct conf_tree *t, struct conf_path path, struct conf_path to, uint32_t hidden, struct conf_error *err)
{
	struct conf_node *n, *c;
	struct conf_path words;
	int r = both_take(t, path, to, hidden, &n, &words, err);

	if (r < 0 || (r = conf_tree_add(t, n->parent, n->row, &c)) < 0)
		return r;
	c->inactive = n->inactive;
	if ((r = words_add(t, c, words)) < 0 || (r = conf_edit_merge_below(t, c, n)) < 0)
		conf_tree_remove(t, c);
	return r;
}

int
conf_move_insert(struct conf_tree *t, struct conf_path path, bool before, struct conf_path to, struct conf_error *err)
{
	struct conf_node *n, *m;
	struct conf_path words;
	int r = object_find(t, path, &n, err);

	if (r < 0 || (r = name_take(n, to, 0, &words, err)) < 0)
		return r;
	if ((m = sibling_find(n, words)) == NULL)
		return wrong(err, "there is none of that name to put it next to");
	if (m == n)
		return 0;
	TAILQ_REMOVE(&n->parent->child, n, entry);
	if (before)
		TAILQ_INSERT_BEFORE(m, n, entry);
	else
		TAILQ_INSERT_AFTER(&n->parent->child, m, n, entry);
	return 0;
}
