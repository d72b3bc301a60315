/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_pattern.h"

#include <errno.h>
#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "conf_lex.h"

#define GROUPS 10
#define WORD_MAX 65536 /* bytes that a word may become */

static int
compile(regex_t *re, const char *pattern, const char *begin, const char *end, char why[static 128])
{
	char text[CONF_PATTERN_MAX + 8];
	int r;

	if (strlen(pattern) > CONF_PATTERN_MAX || *pattern == '\0') {
		snprintf(why, 128, "a pattern has 1 to %d characters", CONF_PATTERN_MAX);
		return -EINVAL;
	}
	snprintf(text, sizeof text, "%s%s%s", begin, pattern, end);
	if ((r = regcomp(re, text, REG_EXTENDED)) != 0) {
		regerror(r, re, why, 128);
		return -EINVAL;
	}
	return 0;
}

/* ---- replace ---- */

struct replace {
	struct conf_tree *tree;
	regex_t re;
	const char *text;
	unsigned left, changed; /* left: of upto */
};

static void
group_put(struct buf *out, const char *s, const regmatch_t *m)
{
	if (m->rm_so >= 0)
		buf_put(out, s + m->rm_so, (size_t)(m->rm_eo - m->rm_so));
}

static void
text_put(struct buf *out, const char *text, const char *s, const regmatch_t *m)
{
	for (; *text; text++)
		if (*text == '&')
			group_put(out, s, &m[0]);
		else if (*text == '\\' && text[1] >= '1' && text[1] <= '9')
			group_put(out, s, &m[*++text - '0']);
		else {
			text += *text == '\\' && text[1];
			buf_put(out, text, 1);
		}
}

/* 1 and the word with all that matched replaced; 0: nothing does; -ENOMEM. */
static int
word_make(const struct replace *x, const char *s, struct buf *out)
{
	regmatch_t m[GROUPS];
	bool any = false;

	while (regexec(&x->re, s, GROUPS, m, any ? REG_NOTBOL : 0) == 0 && out->len < WORD_MAX) {
		const size_t step = m[0].rm_eo > m[0].rm_so ? 0 : s[m[0].rm_eo] != '\0'; /* an empty match moves on */

		any = true;
		buf_put(out, s, (size_t)m[0].rm_so);
		text_put(out, x->text, s, m);
		buf_put(out, s + m[0].rm_eo, step);
		s += m[0].rm_eo + (regoff_t)step;
		if (*s == '\0')
			break;
	}
	buf_put(out, s, strlen(s) + 1);
	return out->err ? out->err : any;
}

/* Within an opaque subtree words are as written. */
static int
word_read(const struct conf_node *n, const struct conf_word *w, struct buf *out)
{
	if (n->row == NULL && w->quoted)
		conf_lex_unquote(out, (struct slice){w->text, strlen(w->text)});
	else
		buf_put(out, w->text, strlen(w->text));
	buf_put(out, "", 1);
	return out->err;
}

/* The words are taken off the front and put on again behind, in the same order. */
static int
node_replace(struct replace *x, struct conf_node *n)
{
	bool changed = false;
	int r = 0;

	for (uint32_t i = n->nword; i > 0 && r >= 0; i--) {
		cleanup_buf struct buf old = {0}, new = {0};

		if ((r = word_read(n, &n->word[0], &old)) < 0 || (r = word_make(x, (char *)old.p, &new)) < 0)
			break;
		changed |= r == 1;
		if ((r = conf_edit_add_word(x->tree, n, (char *)new.p)) == 0)
			conf_tree_remove_word(x->tree, n, 0);
	}
	if (changed) {
		x->changed++;
		x->left--;
	}
	return r < 0 ? r : 0;
}

static int
below_replace(struct replace *x, struct conf_node *parent)
{
	struct conf_node *n;
	int r = 0;

	TAILQ_FOREACH (n, &parent->child, entry)
		if (x->left == 0 || (r = node_replace(x, n)) < 0)
			return r;
	TAILQ_FOREACH (n, &parent->child, entry)
		if ((r = below_replace(x, n)) < 0)
			break;
	return r;
}

/* An entry whose name another entry of its list has, too. */
static const struct conf_node *
twice(const struct conf_node *parent)
{
	const struct conf_node *n, *found;

	TAILQ_FOREACH (n, &parent->child, entry) {
		if (n->row && n->row->kind == CONF_LIST && conf_edit_counterpart(parent, n) != n)
			return n;
		if ((found = twice(n)) != NULL)
			return found;
	}
	return NULL;
}

int
conf_pattern_replace(struct conf_tree *t, struct conf_node *below, const char *pattern, const char *text, unsigned upto,
    unsigned *changed, char why[static 128])
{
	struct replace x = {.tree = t, .text = text, .left = upto ? upto : UINT32_MAX};
	int r = compile(&x.re, pattern, "", "", why);
	const struct conf_node *n;

	if (r < 0)
		return r;
	r = below_replace(&x, below);
	regfree(&x.re);
	*changed = x.changed;
	if (r == 0 && x.changed && (n = twice(below)) != NULL) {
		snprintf(why, 128, "there would be two of the name %s %.80s", n->row->name, n->word[0].text);
		return -EINVAL;
	}
	return r;
}

/* ---- find ---- */

struct find {
	void (*cb)(void *arg, struct conf_node *n);
	void *arg;
	char *why;
	int found;
};

static int
name_matches(struct find *f, const char *pattern, const char *name)
{
	regex_t re;
	int r;

	if (strpbrk(pattern, ".+()|^$\\{") == NULL)
		return fnmatch(pattern, name, FNM_NOESCAPE) == 0;
	if ((r = compile(&re, pattern, "^(", ")$", f->why)) < 0)
		return r;
	r = regexec(&re, name, 0, NULL, 0) == 0;
	regfree(&re);
	return r;
}

static int find_below(struct find *f, struct conf_node *parent, struct conf_path path);

/* How many words of the path the node takes; 0: it is another; -EINVAL. */
static int
node_matches(struct find *f, const struct conf_node *n, struct conf_path path)
{
	size_t used = 0;
	int r;

	if (n->row && strcmp(n->row->name, path.word[used++]) != 0)
		return 0;
	if (n->row && n->row->kind != CONF_LIST)
		return (int)used;
	for (uint32_t i = 0; i < n->nword && used < path.n; i++, used++) {
		cleanup_buf struct buf name = {0};

		if (word_read(n, &n->word[i], &name) < 0)
			return -ENOMEM;
		if ((r = name_matches(f, path.word[used], (char *)name.p)) <= 0)
			return r;
	}
	return n->row && used < 2 ? 0 : (int)used;
}

static int
find_below(struct find *f, struct conf_node *parent, struct conf_path path)
{
	struct conf_node *n;
	int r;

	TAILQ_FOREACH (n, &parent->child, entry) {
		if ((r = node_matches(f, n, path)) < 0)
			return r;
		if (r > 0 && (size_t)r == path.n) {
			f->found++;
			f->cb(f->arg, n);
		} else if (r > 0 && (r = find_below(f, n, (struct conf_path){path.word + r, path.n - (size_t)r})) < 0)
			return r;
	}
	return 0;
}

int
conf_pattern_find(struct conf_tree *t, struct conf_path path, void (*cb)(void *arg, struct conf_node *n), void *arg,
    char why[static 128])
{
	struct find f = {cb, arg, why, 0};
	int r = path.n ? find_below(&f, &t->root, path) : 0;

	return r < 0 ? r : f.found;
}
