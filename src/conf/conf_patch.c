/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_patch.h"

#include <errno.h>
#include <string.h>

#include "conf_edit.h"
#include "conf_level.h"
#include "conf_lex.h"
#include "conf_parse.h"

#define PATH_WORDS 256

struct patch {
	struct conf_tree *tree;
	struct conf_node *level; /* NULL: none was named */
	uint32_t hidden;
	struct conf_error *err;
	unsigned line, from; /* the present one; the first in the two texts */
	struct buf minus, plus;
	struct buf held[2]; /* comments to be taken out and put in, until it is seen what they belong to */
	bool inside[2];     /* the last of them has not ended */
};

static int
wrong(struct patch *p, unsigned line, struct slice word, const char *why)
{
	return conf_error_set(p->err, (struct conf_at){line, 1, word}, "%s", why);
}

/* ---- what was gathered for a level ---- */

static void
level_open(const struct conf_node *n, struct buf *out, unsigned *depth)
{
	if (n->parent == NULL)
		return;
	level_open(n->parent, out, depth);
	if (n->row)
		buf_printf(out, "%s ", n->row->name);
	for (uint32_t i = 0; i < n->nword; i++)
		if (!conf_tree_is_opaque(n))
			conf_lex_quote(out, (struct slice){n->word[i].text, strlen(n->word[i].text)});
		else
			buf_printf(out, n->word[i].quoted ? "\"%s\" " : "%s ", n->word[i].text);
	buf_put(out, "{ ", 2);
	++*depth;
}

/* So many levels down, of which each has one statement; NULL: the text closed braces that are not its own. */
static struct conf_node *
only_below(struct conf_node *n, unsigned depth)
{
	while (depth-- > 0 && n) {
		n = TAILQ_FIRST(&n->child);
		n = n && TAILQ_NEXT(n, entry) == NULL ? n : NULL;
	}
	return n;
}

/* The lines in the braces that lead to their level. */
static int
lines_parse(struct patch *p, const struct buf *lines, struct conf_tree **out, struct conf_node **level)
{
	cleanup_buf struct buf text = {0};
	unsigned depth = 0;
	int r;

	level_open(p->level, &text, &depth);
	buf_put(&text, lines->p, lines->len);
	for (unsigned i = 0; i < depth; i++)
		buf_put(&text, "}\n", 2);
	if (text.err)
		return conf_error_errno(p->err, text.err);
	if ((r = conf_parse_tree_known((struct slice){(char *)text.p, text.len}, p->hidden, out, p->err)) < 0) {
		p->err->line += p->from - 1;
		return r;
	}
	if ((*level = only_below(&(*out)->root, depth)) != NULL)
		return 0;
	conf_tree_free(TAKE_PTR(*out));
	return wrong(p, p->from, (struct slice){"", 0}, "the braces of its statements do not match");
}

static bool
word_is(const struct conf_node *n, const char *text, uint32_t *at)
{
	for (uint32_t i = 0; i < n->nword; i++)
		if (strcmp(n->word[i].text, text) == 0) {
			*at = i;
			return true;
		}
	return false;
}

/* Values of a leaf or a list of values. */
static int
values_remove(struct patch *p, struct conf_node *n, const struct conf_node *what)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < what->nword; i++) {
		if (!word_is(n, what->word[i].text, &at))
			return -ENOENT;
		conf_tree_remove_word(p->tree, n, at);
	}
	if (n->nword == 0)
		conf_tree_remove(p->tree, n);
	return 0;
}

static int
statement_remove(struct patch *p, const struct conf_node *what)
{
	struct conf_node *n = conf_edit_counterpart(p->level, what);
	int r = n ? 0 : -ENOENT;

	if (n && n->row && (n->row->kind == CONF_LEAF || n->row->kind == CONF_LEAF_LIST))
		r = values_remove(p, n, what);
	else if (n)
		conf_tree_remove(p->tree, n);
	return r == 0 ? 0
		      : conf_error_set(p->err, (struct conf_at){what->line + p->from - 1, 1, conf_tree_at(what).word},
			    "no such statement to be taken out");
}

static int
minus_apply(struct patch *p)
{
	const struct conf_node *n;
	struct conf_node *level;
	struct conf_tree *t;
	int r = lines_parse(p, &p->minus, &t, &level);

	if (r < 0)
		return r;
	TAILQ_FOREACH (n, &level->child, entry)
		if ((r = statement_remove(p, n)) < 0)
			break;
	conf_tree_free(t);
	return r;
}

static int
plus_apply(struct patch *p)
{
	struct conf_node *level;
	struct conf_tree *t;
	int r = lines_parse(p, &p->plus, &t, &level);

	if (r < 0)
		return r;
	if ((r = conf_edit_merge_below(p->tree, p->level, level)) < 0)
		(void)conf_error_errno(p->err, r);
	conf_tree_free(t);
	return r;
}

static bool
is_blank(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->p[i] != '\n')
			return false;
	return true;
}

static int
flush(struct patch *p)
{
	int r = 0;

	if (p->minus.err || p->plus.err)
		return conf_error_errno(p->err, -ENOMEM);
	if (!is_blank(&p->minus))
		r = minus_apply(p);
	if (r == 0 && !is_blank(&p->plus))
		r = plus_apply(p);
	buf_reset(&p->minus);
	buf_reset(&p->plus);
	p->from = p->line;
	return r;
}

/* ---- comments ---- */

static const char not_alone[] = "expected a comment, all of it, and nothing else";

/* A list of comments, as a node has it, from lines that have nothing else; the caller's to free. */
static int
comments_parse(struct patch *p, struct slice lines, char **out)
{
	struct conf_tree *t;
	int r;

	if (lines.len == 0)
		return 0;
	if ((r = conf_parse_tree(lines, &t, p->err)) < 0)
		return r == -EINVAL ? wrong(p, p->line, lines, not_alone) : r;
	if (!TAILQ_EMPTY(&t->root.child))
		r = wrong(p, p->line, lines, not_alone);
	else
		*out = TAKE_PTR(t->root.within);
	conf_tree_free(t);
	return r;
}

static int
comments_remove(char *list, const char *what)
{
	for (char *s = list; s && *s; s += strlen(s) + 1)
		if (strcmp(s, what) == 0) {
			memmove(s, s + strlen(s) + 1, conf_tree_comments_len(s + strlen(s) + 1) + 1);
			return 0;
		}
	return -ENOENT;
}

/* One of a node's three lists without some comments and with others, each NULL or a list. */
static int
comments_change(struct patch *p, char **list, const char *out, const char *in)
{
	cleanup_buf struct buf more = {0};
	int r;

	for (const char *s = out; s && *s; s += strlen(s) + 1)
		if (comments_remove(*list, s) < 0)
			return wrong(p, p->line, slice_of(s), "no such comment to be taken out");
	if (*list && **list == '\0') {
		free(*list);
		*list = NULL;
	}
	buf_put(&more, in, conf_tree_comments_len(in));
	if (more.len == 0)
		return 0;
	r = more.err ? more.err : conf_tree_add_comments(list, &more);
	return r < 0 ? conf_error_errno(p->err, r) : 0;
}

static bool
is_held(const struct patch *p)
{
	return p->held[0].len || p->held[1].len;
}

/* What is held belongs to that list. */
static int
held_apply(struct patch *p, char **list)
{
	cleanup_free char *out = NULL, *in = NULL;
	int r;

	if ((r = comments_parse(p, (struct slice){(char *)p->held[0].p, p->held[0].len}, &out)) == 0 &&
	    (r = comments_parse(p, (struct slice){(char *)p->held[1].p, p->held[1].len}, &in)) == 0)
		r = comments_change(p, list, out, in);
	buf_reset(&p->held[0]);
	buf_reset(&p->held[1]);
	p->inside[0] = p->inside[1] = false;
	return r;
}

/* It belongs to a statement that is taken out or put in. */
static void
held_release(struct patch *p)
{
	buf_put(&p->minus, p->held[0].p, p->held[0].len);
	buf_put(&p->plus, p->held[1].p, p->held[1].len);
	buf_reset(&p->held[0]);
	buf_reset(&p->held[1]);
	p->inside[0] = p->inside[1] = false;
}

/* Nothing more comes at this level. */
static int
level_end(struct patch *p)
{
	int r = flush(p);

	return r == 0 && is_held(p) ? held_apply(p, &p->level->within) : r;
}

/* A line that is only a comment, or goes on with one. */
static bool
hold(struct patch *p, unsigned which, struct slice line)
{
	const struct slice s = slice_trim(line);
	const bool begins = s.len >= 2 && memcmp(s.p, "/*", 2) == 0;
	const bool ends = s.len >= 2 && memcmp(s.p + s.len - 2, "*/", 2) == 0 && (p->inside[which] || s.len >= 4);

	if (!p->inside[which] && !(begins && (ends || memmem(s.p, s.len, "*/", 2) == NULL)) && !(s.len && *s.p == '#'))
		return false;
	if (p->inside[which] || begins)
		p->inside[which] = !ends;
	buf_put(&p->held[which], line.p, line.len);
	buf_put(&p->held[which], "\n", 1);
	return true;
}

/* ---- lines ---- */

/* A copy that ends with a NUL, and its words. */
static int
words_take(struct patch *p, struct slice text, struct buf *store, const char **word)
{
	int n;

	buf_put(store, text.p, text.len);
	buf_put(store, "", 1);
	if (store->err)
		return conf_error_errno(p->err, store->err);
	n = conf_level_words((char *)store->p, word, PATH_WORDS);
	return n < 0 ? wrong(p, p->line, text, "too many words") : n;
}

static int
level_set(struct patch *p, struct slice line)
{
	cleanup_buf struct buf store = {0};
	const char *word[PATH_WORDS];
	struct conf_target x;
	int n;

	if (line.len < 6 || memcmp(line.p, "[edit", 5) != 0 || line.p[line.len - 1] != ']')
		return wrong(p, p->line, line, "expected [edit ...], or a line that begins with +, - or !");
	line = (struct slice){line.p + 5, line.len - 6};
	if ((n = words_take(p, line, &store, word)) < 0)
		return n;
	if (conf_edit_find(p->tree, (struct conf_path){word, (size_t)n}, &x) < 0 || x.is_word)
		return wrong(p, p->line, line, "there is no such level");
	p->level = x.node;
	return 0;
}

/* Of a path below the present level. */
static int
below_find(struct patch *p, struct conf_path path, struct conf_node **out)
{
	struct conf_node *n;

	TAILQ_FOREACH (n, &p->level->child, entry) {
		uint32_t i = 0;
		size_t at = 0;

		if (n->row && strcmp(n->row->name, path.word[at++]) != 0)
			continue;
		while (i < n->nword && at < path.n && strcmp(n->word[i].text, path.word[at]) == 0)
			i++, at++;
		if (at == path.n && i == n->nword) {
			*out = n;
			return 0;
		}
	}
	return -ENOENT;
}

/* Without what ends it: "agency a" of "agency a { ... }", "port 1" of "port 1;". */
static struct slice
head_cut(struct slice line)
{
	line = slice_trim(line);
	if (line.len > 8 && memcmp(line.p + line.len - 8, " { ... }", 8) == 0)
		line.len -= 8;
	else if (line.len > 1 && line.p[line.len - 1] == ';')
		line.len--;
	return line;
}

/* "inactive: agency a { ... }", "active: port 1;" */
static int
activity_set(struct patch *p, struct slice line)
{
	cleanup_buf struct buf store = {0};
	const char *word[PATH_WORDS];
	struct conf_node *node;
	int n;

	line = head_cut(line);
	if ((n = words_take(p, line, &store, word)) < 0)
		return n;
	if (n < 2 || (strcmp(word[0], "inactive:") != 0 && strcmp(word[0], "active:") != 0))
		return wrong(p, p->line, line, "expected active: or inactive: and a statement");
	if (below_find(p, (struct conf_path){word + 1, (size_t)n - 1}, &node) < 0)
		return wrong(p, p->line, line, "no such statement");
	node->inactive = word[0][0] == 'i';
	return 0;
}

/* "agency a { ... }", "port 1;", perhaps with a mark before it. */
static int
head_find(struct patch *p, struct slice head, struct conf_node **out)
{
	cleanup_buf struct buf store = {0};
	const char *word[PATH_WORDS];
	size_t skip;
	int n;

	head = head_cut(head);
	if ((n = words_take(p, head, &store, word)) < 0)
		return n;
	skip = n > 1 && strcmp(word[0], "inactive:") == 0;
	if (n == 0 || below_find(p, (struct conf_path){word + skip, (size_t)n - skip}, out) < 0)
		return wrong(p, p->line, head, "no such statement");
	return 0;
}

/* A line that is there in both: comments before it stand above that statement. */
static int
context_line(struct patch *p, struct slice line)
{
	struct conf_node *n;
	int r;

	if (!is_held(p))
		return 0;
	if ((r = flush(p)) < 0 || (r = head_find(p, line, &n)) < 0)
		return r;
	return held_apply(p, &n->above);
}

/* "agency a { ... } / * a comment * /": what stands beside a block's end. */
static int
beside_line(struct patch *p, unsigned which, struct slice line, const char *end)
{
	const struct slice rest = {end, (size_t)(line.p + line.len - end)};
	cleanup_free char *list = NULL;
	struct conf_node *n;
	int r;

	held_release(p);
	if ((r = flush(p)) < 0 || (r = head_find(p, (struct slice){line.p, (size_t)(end - line.p)}, &n)) < 0 ||
	    (r = comments_parse(p, rest, &list)) < 0)
		return r;
	return comments_change(p, &n->beside, which ? NULL : list, which ? list : NULL);
}

/* Where the dots of a block end that has a comment beside it; NULL: it is no such line. */
static const char *
dots_end(struct slice line)
{
	const char *dots = memmem(line.p, line.len, " { ... }", 8);
	struct slice rest;
	bool quoted = false;

	for (const char *s = line.p; dots && s < dots; s++)
		quoted ^= *s == '"';
	if (dots == NULL || quoted)
		return NULL;
	rest = slice_trim((struct slice){dots + 8, (size_t)(line.p + line.len - dots) - 8});
	return rest.len && (*rest.p == '#' || *rest.p == '/') ? dots + 8 : NULL;
}

static int
signed_line(struct patch *p, char sign, struct slice rest)
{
	const unsigned which = sign == '+';
	const char *dots;
	int r;

	if (p->level == NULL)
		return wrong(p, p->line, rest, "expected [edit ...] first");
	if (sign == '!')
		return (r = level_end(p)) < 0 ? r : activity_set(p, rest);
	/* what stands before each line, be it within a comment */
	for (unsigned i = 0; i < 3 && rest.len > 0 && *rest.p == ' '; i++)
		rest = (struct slice){rest.p + 1, rest.len - 1};
	if (hold(p, which, rest))
		return 0;
	if ((dots = dots_end(rest)) != NULL)
		return beside_line(p, which, rest, dots);
	held_release(p);
	buf_put(which ? &p->plus : &p->minus, rest.p, rest.len);
	return 0;
}

static int
line_take(struct patch *p, struct slice line)
{
	int r;

	if (line.len > 0 && strchr("+-!", line.p[0])) {
		r = signed_line(p, line.p[0], (struct slice){line.p + 1, line.len - 1});
	} else if (slice_trim(line).len == 0 || line.p[0] == ' ' || line.p[0] == '\t') {
		r = slice_trim(line).len && p->level ? context_line(p, line) : 0;
	} else if ((r = level_end(p)) == 0)
		r = level_set(p, slice_trim(line));
	buf_put(&p->minus, "\n", 1);
	buf_put(&p->plus, "\n", 1);
	return r;
}

int
conf_patch_apply(struct conf_tree *t, struct slice text, uint32_t hidden, struct conf_error *err)
{
	struct patch p = {.tree = t, .hidden = hidden, .err = err, .from = 1};
	const char *end = text.p + text.len, *nl;
	int r = 0;

	*err = (struct conf_error){0};
	for (const char *s = text.p; r == 0 && s < end; s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		nl = nl ? nl : end;
		p.line++;
		r = line_take(&p, (struct slice){s, (size_t)(nl - s)});
	}
	if (r == 0)
		r = level_end(&p);
	buf_free(&p.held[0]);
	buf_free(&p.held[1]);
	buf_free(&p.minus);
	buf_free(&p.plus);
	return r < 0 ? r : conf_tree_settle(t, err);
}
