/* SPDX-License-Identifier: BSD-2-Clause */
/* help.c - what the tables of commands and of statements say, told in words. */
#include "help.h"

#include <inttypes.h>
#include <string.h>

#include "conf_value.h"
#include "layout.h"

static void
line_put(struct buf *line, unsigned width, unsigned hang, struct buf *out)
{
	if (line->err)
		out->err = line->err;
	layout_fold((struct slice){(char *)line->p, line->len}, width, hang, out);
	buf_reset(line);
}

/* ---- a command ---- */

static bool
is_known(const struct cmd *row, unsigned where, uint32_t hidden)
{
	return (row->where & where) && (row->needs & hidden) == 0;
}

/* Where it may be given. */
static const char *
place_of(const struct cmd *row)
{
	return row->where & CMD_PIPE ? "| " : row->where & CMD_OPER ? "> " : row->where & CMD_CONF ? "# " : "flowtap ";
}

static void
command_put(const struct cmd *row, const char *place, unsigned width, struct buf *out)
{
	cleanup_buf struct buf line = {0};

	buf_printf(&line, "  %s%s", place, row->syntax);
	line_put(&line, width, 8, out);
	buf_printf(&line, "      %s", row->help);
	line_put(&line, width, 0, out);
}

/* The next keyword of a syntax from *p on; length 0: no more. */
static struct slice
keyword_next(const char **p)
{
	for (;;) {
		struct slice s;

		*p += strspn(*p, " []()|");
		s = (struct slice){*p, strcspn(*p, " []()|")};
		*p += s.len;
		if (s.len == 0 || s.p[0] < 'A' || s.p[0] > 'Z')
			return s;
	}
}

static bool
has_keyword(const struct cmd *row, const char *word)
{
	const char *p = row->syntax;
	struct slice s;

	while ((s = keyword_next(&p)).len > 0)
		if (slice_eq(s, word))
			return true;
	return false;
}

/* ---- a statement ---- */

/* Nor is anything below what the reader may not know. */
static bool
is_told(const struct conf_schema *row, uint32_t hidden)
{
	for (; row; row = conf_schema_parent(row))
		if (!conf_schema_is_known(row, hidden))
			return false;
	return true;
}

static void
path_put(const struct conf_schema *row, struct buf *out)
{
	const struct conf_schema *parent = conf_schema_parent(row);
	const char *label = conf_value_label(row->type);

	if (parent) {
		path_put(parent, out);
		buf_printf(out, " ");
	}
	buf_printf(out, "%s", row->name);
	if (row->type != CONF_NONE)
		buf_printf(out, " <%s>", label ? label : "word");
}

/* What may be given; only: one of them, NULL: all. */
static void
words_put(const struct conf_schema *row, const char *only, uint32_t hidden, unsigned width, struct buf *out)
{
	cleanup_buf struct buf line = {0};

	for (const struct conf_choice *c = row->choice; c && c->word; c++)
		if (!(c->see & hidden) && (only == NULL || strcmp(c->word, only) == 0)) {
			buf_printf(&line, "        %-*s %s", width < 60 ? 1 : 22, c->word, c->help);
			line_put(&line, width, width < 60 ? 2 : 23, out);
		}
}

static void
below_put(const struct conf_schema *row, uint32_t hidden, unsigned width, struct buf *out)
{
	cleanup_buf struct buf line = {0};

	for (const struct conf_schema *c = conf_schema_first(row); c; c = conf_schema_next(c))
		if (conf_schema_is_known(c, hidden))
			buf_printf(&line, "%s%s", line.len ? ", " : "      Below it: ", c->name);
	if (line.len)
		line_put(&line, width, 2, out);
}

static void
statement_put(const struct conf_schema *row, uint32_t hidden, bool whole, unsigned width, struct buf *out)
{
	cleanup_buf struct buf line = {0};

	buf_printf(&line, "  ");
	path_put(row, &line);
	line_put(&line, width, 8, out);
	buf_printf(&line, "      %s.", row->help);
	if (whole && row->type == CONF_NUMBER)
		buf_printf(&line, " From %" PRIu64 " to %" PRIu64 ".", row->min, row->max);
	if (whole && row->dflt)
		buf_printf(&line, " Default: %s.", row->dflt);
	if (whole && row->restart)
		buf_printf(&line, " A change holds from the next start of the daemon.");
	line_put(&line, width, 0, out);
	if (whole) {
		words_put(row, NULL, hidden, width, out);
		below_put(row, hidden, width, out);
	}
}

static bool
has_word(const struct conf_schema *row, const char *word, uint32_t hidden)
{
	if (strcmp(row->name, word) == 0)
		return true;
	for (const struct conf_choice *c = row->choice; c && c->word; c++)
		if (strcmp(c->word, word) == 0 && !(c->see & hidden))
			return true;
	return false;
}

/* ---- topics ---- */

bool
help_topic(const struct help *h, const char *word, struct buf *out)
{
	const struct conf_schema *row = NULL;
	bool any = false;

	for (const struct cmd *c = h->table; c->syntax; c++)
		if (is_known(c, ~0u, h->hidden) && has_keyword(c, word)) {
			buf_printf(out, "%s", any ? "" : "Commands:\n");
			any = true;
			command_put(c, place_of(c), h->width, out);
		}
	any = false;
	while ((row = conf_schema_walk(row)) != NULL)
		if (is_told(row, h->hidden) && has_word(row, word, h->hidden)) {
			buf_printf(out, "%s", any ? "" : "Statements of the configuration:\n");
			any = true;
			statement_put(row, h->hidden, strcmp(row->name, word) == 0, h->width, out);
			if (strcmp(row->name, word) != 0)
				words_put(row, word, h->hidden, h->width, out);
		}
	return out->len > 0;
}

/* Whether needle is in one of them, of any case. */
static bool
is_in(const char *needle, const char *a, const char *b)
{
	return strcasestr(a, needle) || strcasestr(b, needle);
}

bool
help_apropos(const struct help *h, const char *text, struct buf *out)
{
	const struct conf_schema *row = NULL;

	for (const struct cmd *c = h->table; c->syntax; c++)
		if (is_known(c, ~0u, h->hidden) && is_in(text, c->syntax, c->help))
			command_put(c, place_of(c), h->width, out);
	while ((row = conf_schema_walk(row)) != NULL)
		if (is_told(row, h->hidden) && is_in(text, row->name, row->help))
			statement_put(row, h->hidden, false, h->width, out);
	return out->len > 0;
}

void
help_reference(const struct help *h, const struct conf_schema *row, struct buf *out)
{
	statement_put(row, h->hidden, true, h->width, out);
}

void
help_commands(const struct help *h, unsigned where, struct buf *out)
{
	for (const struct cmd *c = h->table; c->syntax; c++)
		if (is_known(c, where, h->hidden))
			command_put(c, where == CMD_PIPE ? place_of(c) : "", h->width, out);
}

struct topics {
	struct slice *word;
	size_t n, room;
};

static void
topic_add(struct topics *t, struct slice s)
{
	if (t->n == t->room) {
		const size_t room = t->room ? 2 * t->room : 256;
		struct slice *more = reallocarray(t->word, room, sizeof *more);

		if (more == NULL)
			return;
		t->word = more;
		t->room = room;
	}
	t->word[t->n++] = s;
}

static int
by_name(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	const int r = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);

	return r ? r : (x->len > y->len) - (x->len < y->len);
}

static void
topics_get(const struct help *h, struct topics *t)
{
	const struct conf_schema *row = NULL;

	for (const struct cmd *c = h->table; c->syntax; c++) {
		const char *p = c->syntax;
		struct slice s;

		while (is_known(c, ~0u, h->hidden) && (s = keyword_next(&p)).len > 0)
			topic_add(t, s);
	}
	while ((row = conf_schema_walk(row)) != NULL)
		if (is_told(row, h->hidden))
			topic_add(t, slice_of(row->name));
	if (t->n)
		qsort(t->word, t->n, sizeof *t->word, by_name);
}

void
help_topics(const struct help *h, struct buf *out)
{
	cleanup_buf struct buf line = {0};
	struct topics t = {0};

	topics_get(h, &t);
	for (size_t i = 0; i < t.n; i++)
		if (i == 0 || by_name(&t.word[i - 1], &t.word[i]) != 0)
			buf_printf(
			    &line, "%s%.*s", line.len ? ", " : "There is help on: ", (int)t.word[i].len, t.word[i].p);
	line_put(&line, h->width, 2, out);
	free(t.word);
}
