/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf_lines.h"

#include <errno.h>
#include <string.h>

#include "conf_edit.h"
#include "conf_index.h"
#include "conf_lex.h"

#define LINE_WORDS 1024

struct line {
	struct conf_lex lex;
	uint32_t hidden;
	unsigned no;
	/* of the present line; words are owned */
	size_t n;
	char *word[LINE_WORDS];
	struct {
		unsigned column;
		bool string;
	} at[LINE_WORDS];
};

/* ---- one line ---- */

static void
words_free(struct line *l)
{
	while (l->n > 0)
		free(l->word[--l->n]);
}

static bool
is_word(const struct conf_lex *lex)
{
	return lex->token == CONF_TOKEN_WORD || lex->token == CONF_TOKEN_STRING || lex->token == CONF_TOKEN_LIST_OPEN ||
	       lex->token == CONF_TOKEN_LIST_CLOSE;
}

static int
word_take(struct line *l, struct conf_error *err)
{
	const struct conf_lex *lex = &l->lex;
	const char *bracket = lex->token == CONF_TOKEN_LIST_OPEN    ? "["
			      : lex->token == CONF_TOKEN_LIST_CLOSE ? "]"
								    : NULL;

	if (!is_word(lex))
		return conf_error_set(err, conf_lex_at(lex), "expected a word or the end of the line");
	if (l->n == LINE_WORDS)
		return conf_error_set(err, conf_lex_at(lex), "at most %d words in a line", LINE_WORDS);
	l->at[l->n].column = lex->column;
	l->at[l->n].string = lex->token == CONF_TOKEN_STRING;
	l->word[l->n] = bracket ? strdup(bracket) : strndup(lex->text.p, lex->text.len);
	if (l->word[l->n] == NULL)
		return conf_error_errno(err, -ENOMEM);
	l->n++;
	return 0;
}

static int
next(struct line *l, struct conf_error *err)
{
	int r = conf_lex_next(&l->lex, err);

	return r == 0 || r == -EINVAL ? r : conf_error_errno(err, r);
}

/* From the present token to the last one on its line. */
static int
line_read(struct line *l, struct conf_error *err)
{
	int r = 0;

	words_free(l);
	l->no = l->lex.line;
	while (r == 0 && l->lex.token != CONF_TOKEN_EOF && l->lex.line == l->no)
		if ((r = word_take(l, err)) == 0)
			r = next(l, err);
	return r;
}

/* Word i of the line, or where one more would be. */
static struct conf_at
place(const struct line *l, size_t i)
{
	struct conf_at at = {.line = l->no};

	if (i >= l->n) {
		at.column = l->at[l->n - 1].column + (unsigned)strlen(l->word[l->n - 1]);
		at.word = (struct slice){"end of the line", 15};
		return at;
	}
	at.column = l->at[i].column;
	/* a string is not repeated: it may be a password */
	at.word = l->at[i].string ? (struct slice){"...", 3} : (struct slice){l->word[i], strlen(l->word[i])};
	return at;
}

static int
wrong(const struct line *l, int r, struct conf_error *err)
{
	const struct conf_error e = *err;

	if (r == -ENOENT)
		return conf_error_set(err, place(l, l->n - 1), "no such statement");
	if (r == -EINVAL)
		return conf_error_set(err, place(l, e.column), "%s", e.expected);
	return conf_error_errno(err, r);
}

/* ---- what the first word says ---- */

static int
apply_delete(struct conf_tree *t, struct conf_path path, uint32_t hidden, struct conf_error *err)
{
	(void)hidden;
	(void)err;
	return conf_edit_delete(t, path);
}

static int
apply_active(struct conf_tree *t, struct conf_path path, bool active)
{
	int r = conf_edit_active(t, path, active);

	return r == -EALREADY ? 0 : r;
}

static int
apply_activate(struct conf_tree *t, struct conf_path path, uint32_t hidden, struct conf_error *err)
{
	(void)hidden;
	(void)err;
	return apply_active(t, path, true);
}

static int
apply_deactivate(struct conf_tree *t, struct conf_path path, uint32_t hidden, struct conf_error *err)
{
	(void)hidden;
	(void)err;
	return apply_active(t, path, false);
}

static const struct {
	const char *word;
	int (*apply)(struct conf_tree *t, struct conf_path path, uint32_t hidden, struct conf_error *err);
} verbs[4] = {
    {"set", conf_edit_set},
    {"delete", apply_delete},
    {"activate", apply_activate},
    {"deactivate", apply_deactivate},
};

static int
line_apply(struct conf_tree *t, const struct line *l, struct conf_error *err)
{
	const struct conf_path path = {(const char *const *)l->word + 1, l->n - 1};
	int r;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(l->word[0], verbs[i].word) != 0)
			continue;
		t->line = l->no;
		r = verbs[i].apply(t, path, l->hidden, err);
		t->line = 0;
		return r < 0 ? wrong(l, r, err) : 0;
	}
	return conf_error_set(err, place(l, 0), "expected set, delete, activate or deactivate");
}

int
conf_lines_are(struct slice text)
{
	struct conf_error err;
	struct conf_lex lex;
	int r;

	conf_lex_init(&lex, text);
	if ((r = conf_lex_next(&lex, &err)) == 0 && lex.token == CONF_TOKEN_WORD)
		for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
			r |= slice_eq(lex.text, verbs[i].word);
	conf_lex_fini(&lex);
	return r == -EINVAL ? 0 : r;
}

static int
lines_apply(struct conf_tree *t, struct line *l, struct conf_error *err)
{
	int r = next(l, err);

	while (r == 0 && l->lex.token != CONF_TOKEN_EOF)
		if ((r = line_read(l, err)) == 0 && (r = line_apply(t, l, err)) == 0 && t->steps_max &&
		    t->steps > t->steps_max)
			r = conf_error_set(err, place(l, 0), "so many lines take too long: write them in braces");
	return r;
}

int
conf_lines_apply(struct conf_tree *t, struct slice text, uint32_t hidden, struct conf_error *err)
{
	struct line *l = calloc(1, sizeof *l);
	int r = l ? conf_index_new(&t->index) : -ENOMEM;

	t->steps = 0;
	if (r < 0)
		(void)conf_error_errno(err, r);
	else {
		l->hidden = hidden;
		conf_lex_init(&l->lex, text);
		r = lines_apply(t, l, err);
		words_free(l);
		conf_lex_fini(&l->lex);
	}
	conf_index_free(TAKE_PTR(t->index));
	free(l);
	return r < 0 ? r : conf_tree_settle(t, err);
}
