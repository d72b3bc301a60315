/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "conf_edit.h"
#include "conf_index.h"
#include "conf_lex.h"
#include "conf_parse.h"
#include "conf_print.h"
#include "conf_value.h"

/* ---- is it a statement? ---- */

static int
wrong(struct conf_error *err, struct conf_path path, size_t i, const struct conf_place *place)
{
	cleanup_buf struct buf text = {0};
	size_t it = 0;
	struct conf_hint h;

	if (place->value)
		conf_value_describe_known(place->row, place->hidden, &text);
	while (!place->value && conf_schema_hint(place, (struct slice){"", 0}, &it, &h))
		buf_printf(&text, "%s%s", text.len ? ", " : "", h.word);
	if (text.len == 0)
		buf_printf(&text, "the end of the statement");
	return conf_error_set(err,
	    (struct conf_at){1, (unsigned)i + 1, i < path.n ? slice_of(path.word[i]) : (struct slice){"", 0}},
	    "expected %.*s", (int)text.len, (char *)text.p);
}

static bool
opens_list(const struct conf_place *place, const char *word)
{
	return place->value && place->row->kind == CONF_LEAF_LIST && strcmp(word, "[") == 0;
}

size_t
conf_edit_brackets(struct conf_path words)
{
	size_t open = words.n;

	for (size_t i = 0; i < words.n; i++)
		if (strcmp(words.word[i], "[") == 0 && open == words.n)
			open = i;
		else if (strcmp(words.word[i], "]") == 0 && open < words.n)
			open = words.n;
		else if (strcmp(words.word[i], "[") == 0 || strcmp(words.word[i], "]") == 0)
			return i;
	return open;
}

int
conf_edit_check(struct conf_path path, uint32_t hidden, struct conf_error *err)
{
	struct conf_place place = {.hidden = hidden};
	bool list = false;
	size_t wrong_at;

	for (size_t i = 0; i < path.n; i++) {
		if (place.closed && place.row->kind == CONF_OPAQUE) {
			wrong_at = i + conf_edit_brackets((struct conf_path){path.word + i, path.n - i});
			if (wrong_at < path.n)
				return conf_error_set(err,
				    (struct conf_at){1, (unsigned)wrong_at + 1, slice_of(path.word[wrong_at])},
				    "expected [ and ] in pairs, around words");
			break;
		}
		if (!list && opens_list(&place, path.word[i])) {
			list = true;
			continue;
		}
		if (list && place.closed && strcmp(path.word[i], "]") == 0) {
			list = false;
			continue;
		}
		if (list && place.closed)
			place = (struct conf_place){.row = place.row, .value = true, .hidden = hidden};
		if (conf_schema_step(&place, slice_of(path.word[i])) < 0)
			return wrong(err, path, i, &place);
	}
	if (list)
		return conf_error_set(err, (struct conf_at){1, (unsigned)path.n + 1, {"", 0}}, "expected ]");
	return path.n > 0 && place.complete ? 0 : wrong(err, path, path.n, &place);
}

/* ---- finding ---- */

static struct slice
canonical(const struct conf_schema *row, const char *word, char buf[static CONF_CANONICAL_MAX])
{
	return conf_value_canonical(row, slice_of(word), buf);
}

/* The newest first: statements of one entry come one after the other. */
static struct conf_node *
child_find(struct conf_tree *t, struct conf_node *parent, const struct conf_schema *row, const char *key)
{
	struct conf_node *n = TAILQ_LAST(&parent->child, conf_nodes);
	char buf[CONF_CANONICAL_MAX];
	struct slice want = {"", 0};

	if (row->kind == CONF_LIST)
		want = canonical(row, key, buf);
	if (t->index && conf_index_is_whole(t->index))
		return conf_index_child(t->index, parent, row, want);
	while (n && (n->row != row || (row->kind == CONF_LIST && !slice_eq(want, n->word[0].text)))) {
		n = TAILQ_PREV(n, conf_nodes, entry);
		t->steps++;
	}
	return n;
}

static bool
opaque_is(const struct conf_word *w, const char *word)
{
	cleanup_buf struct buf text = {0};

	if (!w->quoted)
		return strcmp(w->text, word) == 0;
	conf_lex_unquote(&text, slice_of(w->text));
	return text.err == 0 && slice_eq((struct slice){(char *)text.p, text.len}, word);
}

/* begins: the first whose words begin with the path's will do. */
static struct conf_node *
opaque_find(struct conf_tree *t, struct conf_node *parent, struct conf_path path, bool begins)
{
	struct conf_node *n, *found;
	uint32_t i;

	TAILQ_FOREACH (n, &parent->child, entry) {
		t->steps += 4; /* words are unquoted */
		for (i = 0; i < n->nword && i < path.n && opaque_is(&n->word[i], path.word[i]); i++)
			;
		if (i == path.n && (begins || i == n->nword))
			return n;
		if (i < n->nword)
			continue;
		found = opaque_find(t, n, (struct conf_path){path.word + i, path.n - i}, begins);
		if (found)
			return found;
	}
	return NULL;
}

static int
word_find(struct conf_tree *t, struct conf_node *n, struct conf_path path, struct conf_target *out)
{
	const bool list = n->row->kind == CONF_LEAF_LIST;
	char buf[CONF_CANONICAL_MAX];
	struct slice want;
	int64_t at;

	if (path.n != 1)
		return -ENOENT;
	want = canonical(n->row, path.word[0], buf);
	if (list && t->index && conf_index_is_whole(t->index)) {
		if ((at = conf_index_value(t->index, n, want)) < 0)
			return -ENOENT;
		*out = (struct conf_target){n, true, (uint32_t)at};
		return 0;
	}
	for (uint32_t i = 0; i < n->nword; i++, t->steps++)
		if (slice_eq(want, n->word[i].text)) {
			*out = (struct conf_target){n, list, i};
			return 0;
		}
	return -ENOENT;
}

int
conf_edit_find(struct conf_tree *t, struct conf_path path, struct conf_target *out)
{
	struct conf_node *n = &t->root;

	for (size_t i = 0; i < path.n; i++) {
		const struct conf_schema *row = conf_schema_find(n->row, slice_of(path.word[i]));
		struct conf_path rest = {path.word + i + 1, path.n - i - 1};

		if (row == NULL || (row->kind == CONF_LIST && rest.n == 0) ||
		    (n = child_find(t, n, row, rest.n ? rest.word[0] : "")) == NULL)
			return -ENOENT;
		if (rest.n > 0 && (row->kind == CONF_LEAF || row->kind == CONF_LEAF_LIST))
			return word_find(t, n, rest, out);
		if (rest.n > 0 && row->kind == CONF_OPAQUE && (n = opaque_find(t, n, rest, true)) == NULL)
			return -ENOENT;
		if (row->kind == CONF_OPAQUE)
			break;
		i += row->kind == CONF_LIST;
	}
	*out = (struct conf_target){.node = n};
	return 0;
}

/* ---- changing ---- */

/* As it is written: with quotation marks if it needs them. */
static int
opaque_word_add(struct conf_tree *t, struct conf_node *n, const char *word)
{
	const bool bare = conf_lex_is_bare(slice_of(word)) || strcmp(word, "[") == 0 || strcmp(word, "]") == 0;
	cleanup_buf struct buf quoted = {0};
	struct conf_at at = {.line = t->line, .column = t->line != 0, .word = slice_of(word)};

	if (!bare) {
		conf_lex_quote(&quoted, slice_of(word));
		at.word = (struct slice){(char *)quoted.p + 1, quoted.len - 2};
	}
	return quoted.err ? quoted.err : conf_tree_add_word(t, n, at, !bare);
}

int
conf_edit_add_word(struct conf_tree *t, struct conf_node *n, const char *word)
{
	char buf[CONF_CANONICAL_MAX];
	struct slice s;

	if (conf_tree_is_opaque(n))
		return opaque_word_add(t, n, word);
	s = canonical(n->row, word, buf);
	return conf_tree_add_word(t, n, (struct conf_at){.line = t->line, .column = t->line != 0, .word = s}, false);
}

static int
child_get(struct conf_tree *t, struct conf_node *parent, const struct conf_schema *row, const char *key,
    struct conf_node **out)
{
	int r;

	if ((*out = child_find(t, parent, row, key)) != NULL)
		return 0;
	if ((r = conf_tree_add(t, parent, row, out)) < 0)
		return r;
	(*out)->line = t->line;
	(*out)->column = t->line != 0;
	if ((row->kind == CONF_LIST && (r = conf_edit_add_word(t, *out, key)) < 0) ||
	    (t->index && (r = conf_index_add(t->index, *out)) < 0))
		conf_tree_remove(t, *out);
	return r;
}

/* The value of a leaf, or one more of a list of values.  The new one is there before the old one goes. */
static int
value_set(struct conf_tree *t, struct conf_node *n, const char *value)
{
	struct conf_target there;
	int r;

	if (word_find(t, n, (struct conf_path){&value, 1}, &there) == 0)
		return 0;
	if ((r = conf_edit_add_word(t, n, value)) < 0)
		return r;
	while (n->row->kind == CONF_LEAF && n->nword > 1)
		conf_tree_remove_word(t, n, 0);
	return t->index && n->row->kind == CONF_LEAF_LIST ? conf_index_add_value(t->index, n, n->nword - 1) : 0;
}

static int
values_set(struct conf_tree *t, struct conf_node *n, struct conf_path values)
{
	const bool list = n->row->kind == CONF_LEAF_LIST && values.n > 1; /* [ ... ] */
	int r = 0;

	for (size_t i = list; i + list < values.n && r == 0; i++)
		r = value_set(t, n, values.word[i]);
	return r;
}

static bool
opaque_has(struct conf_tree *t, struct conf_node *n, struct conf_path words)
{
	bool known, has = t->index && conf_index_opaque(t->index, n, words, &known);

	return has || ((t->index == NULL || !known) && opaque_find(t, n, words, false));
}

/* Within an opaque subtree words are kept as written: with their quotation marks, if they need them. */
static int
opaque_set(struct conf_tree *t, struct conf_node *n, struct conf_path words)
{
	struct conf_node *c;
	int r;

	if (words.n == 0 || opaque_has(t, n, words))
		return 0;
	r = conf_tree_add(t, n, NULL, &c);
	for (size_t i = 0; i < words.n && r == 0; i++)
		r = conf_edit_add_word(t, c, words.word[i]);
	return r == 0 && t->index ? conf_index_add(t->index, c) : r;
}

int
conf_edit_set(struct conf_tree *t, struct conf_path path, uint32_t hidden, struct conf_error *err)
{
	struct conf_node *n = &t->root;
	int r = conf_edit_check(path, hidden, err);

	if (r == 0 && t->index)
		r = conf_index_refresh(t->index, t);
	for (size_t i = 0; i < path.n && r == 0; i++) {
		const struct conf_schema *row = conf_schema_find(n->row, slice_of(path.word[i]));
		struct conf_path rest = {path.word + i + 1, path.n - i - 1};

		if ((r = child_get(t, n, row, rest.n ? rest.word[0] : "", &n)) < 0)
			break;
		if (row->kind == CONF_LEAF || row->kind == CONF_LEAF_LIST)
			return values_set(t, n, rest);
		if (row->kind == CONF_OPAQUE)
			return opaque_set(t, n, rest);
		i += row->kind == CONF_LIST;
	}
	return r;
}

int
conf_edit_delete(struct conf_tree *t, struct conf_path path)
{
	struct conf_target x;
	struct conf_node *n;

	if (conf_edit_find(t, path, &x) < 0)
		return -ENOENT;
	if (x.is_word && x.node->nword > 1) {
		conf_tree_remove_word(t, x.node, x.word);
		return 0;
	}
	if (x.node->parent) {
		const bool more = x.node->row == NULL; /* flat statements that begin alike */

		conf_tree_remove(t, x.node);
		while (more && conf_edit_find(t, path, &x) == 0)
			conf_tree_remove(t, x.node);
		return 0;
	}
	while ((n = TAILQ_FIRST(&x.node->child)) != NULL)
		conf_tree_remove(t, n);
	return 0;
}

int
conf_edit_active(struct conf_tree *t, struct conf_path path, bool active)
{
	struct conf_target x;

	if (path.n == 0 || conf_edit_find(t, path, &x) < 0)
		return -ENOENT;
	if (x.node->inactive == !active)
		return -EALREADY;
	x.node->inactive = !active;
	return 0;
}

/* ---- whole trees ---- */

static int merge(struct conf_tree *t, struct conf_node *to, const struct conf_node *from);

struct conf_node *
conf_edit_counterpart(const struct conf_node *parent, const struct conf_node *n)
{
	const bool named = n->row == NULL || n->row->kind == CONF_LIST || n->row->kind == CONF_OPAQUE;
	struct conf_node *m = TAILQ_LAST(&parent->child, conf_nodes);

	while (m && (m->row != n->row || (named && !conf_tree_same_words(m, n))))
		m = TAILQ_PREV(m, conf_nodes, entry);
	return m;
}

/* All comments at one of a node's places instead of those that are there. */
static int
comments_take(char **to, const char *from)
{
	cleanup_buf struct buf b = {0};
	char *copy = NULL;
	int r;

	if (from == NULL)
		return 0;
	for (const char *s = from; *s; s += strlen(s) + 1)
		buf_put(&b, s, strlen(s) + 1);
	if (b.err || (r = conf_tree_add_comments(&copy, &b)) < 0)
		return b.err ? b.err : r;
	free(*to);
	*to = copy;
	return 0;
}

static int
all_comments_take(struct conf_node *to, const struct conf_node *from)
{
	int r;

	if ((r = comments_take(&to->above, from->above)) < 0 || (r = comments_take(&to->beside, from->beside)) < 0)
		return r;
	return comments_take(&to->within, from->within);
}

static int
words_copy(struct conf_tree *t, struct conf_node *n, const struct conf_node *from)
{
	int r = 0;

	for (uint32_t i = 0; i < from->nword && r == 0; i++)
		r = conf_tree_add_word(t, n, conf_tree_word_at(&from->word[i]), from->word[i].quoted);
	return r;
}

static int
merge_one(struct conf_tree *t, struct conf_node *to, const struct conf_node *from)
{
	const bool values = from->row && (from->row->kind == CONF_LEAF || from->row->kind == CONF_LEAF_LIST);
	struct conf_node *n = conf_edit_counterpart(to, from);
	int r = 0;

	if (n == NULL) {
		if ((r = conf_tree_add(t, to, from->row, &n)) < 0)
			return r;
		n->line = from->line;
		n->column = from->column;
		r = words_copy(t, n, from);
	} else
		for (uint32_t i = 0; values && i < from->nword && r == 0; i++)
			r = value_set(t, n, from->word[i].text);
	n->inactive = from->inactive;
	if (r < 0 || (r = all_comments_take(n, from)) < 0)
		return r;
	return merge(t, n, from);
}

static int
merge(struct conf_tree *t, struct conf_node *to, const struct conf_node *from)
{
	const struct conf_node *n;
	int r = 0;

	TAILQ_FOREACH (n, &from->child, entry)
		if ((r = merge_one(t, to, n)) < 0)
			break;
	return r;
}

int
conf_edit_merge_below(struct conf_tree *t, struct conf_node *to, const struct conf_node *from)
{
	return merge(t, to, from);
}

int
conf_edit_merge(struct conf_tree *t, const struct conf_tree *from)
{
	return merge(t, &t->root, &from->root);
}

int
conf_edit_copy(const struct conf_tree *from, struct conf_tree **out)
{
	cleanup_buf struct buf text = {0};
	struct conf_error err;

	conf_print_tree(from, &text);
	return text.err ? text.err : conf_parse_tree((struct slice){(char *)text.p, text.len}, out, &err);
}

int
conf_edit_equal(const struct conf_tree *a, const struct conf_tree *b)
{
	cleanup_buf struct buf x = {0}, y = {0};

	conf_print_tree(a, &x);
	conf_print_tree(b, &y);
	if (x.err || y.err)
		return -ENOMEM;
	return x.len == y.len && (x.len == 0 || memcmp(x.p, y.p, x.len) == 0);
}
