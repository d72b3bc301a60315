/* SPDX-License-Identifier: BSD-2-Clause */
#include "candidate.h"

#include <errno.h>
#include <string.h>

#include "commit_cmd.h"
#include "conf_level.h"
#include "conf_parse.h"
#include "conf_print.h"
#include "ctl.h"
#include "foreign.h"
#include "words.h"
#include "terminal.h"

#define LINE_DEPTH_MAX 64

/* ---- from the daemon ---- */

static void
copy(char *to, size_t size, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	foreign_text(slice_of(s ? s : "-"), to, size);
}

int
candidate_fetch(const char *socket, unsigned n, struct conf_tree **out, struct candidate *info)
{
	struct conf_error err;
	json_t *answer, *text;
	int r, code = commit_fetch(socket, n, &answer);

	if (code != EXIT_OK)
		return code;
	text = json_object_get(answer, "text");
	r = conf_parse_tree((struct slice){json_string_value(text), json_string_length(text)}, out, &err);
	if (r == 0 && info) {
		info->base = (uint64_t)json_integer_value(json_object_get(answer, "generation"));
		copy(info->time, sizeof info->time, answer, "time");
		copy(info->user, sizeof info->user, answer, "user");
	}
	json_decref(answer);
	if (r == 0)
		return EXIT_OK;
	term_say("flowtap: line %u of the configuration: %s: %s", err.line, err.word, err.expected);
	return EXIT_TRANSPORT;
}

void
candidate_free(struct candidate *c)
{
	if (c == NULL)
		return;
	conf_tree_free(c->tree);
	conf_tree_free(c->active);
	if (c->lock >= 0)
		close(c->lock);
	for (size_t i = 0; i < c->n; i++)
		free(c->word[i]);
	free(c);
}

int
candidate_new(const char *socket, struct candidate **out)
{
	struct candidate *c = calloc(1, sizeof *c);
	int code = EXIT_TRANSPORT;

	if (c)
		c->lock = -1;
	if (c == NULL || (code = candidate_fetch(socket, 0, &c->active, c)) != EXIT_OK ||
	    conf_edit_copy(c->active, &c->tree) < 0) {
		candidate_free(c);
		return code == EXIT_OK ? EXIT_TRANSPORT : code;
	}
	*out = c;
	return EXIT_OK;
}

int
candidate_rollback(struct candidate *c, const char *socket, unsigned n)
{
	struct conf_tree *t;
	int code = candidate_fetch(socket, n, &t, n ? NULL : c);

	if (code != EXIT_OK)
		return code;
	if (n == 0) {
		conf_tree_free(c->active);
		if (conf_edit_copy(t, &c->active) < 0) {
			c->active = t;
			return EXIT_TRANSPORT;
		}
	}
	candidate_replace(c, t);
	return EXIT_OK;
}

int
candidate_committed(struct candidate *c, const char *socket)
{
	return candidate_rollback(c, socket, 0);
}

bool
candidate_changed(const struct candidate *c)
{
	return conf_edit_equal(c->tree, c->active) != 1;
}

void
candidate_replace(struct candidate *c, struct conf_tree *tree)
{
	conf_tree_free(c->tree);
	c->tree = tree;
}

/* ---- levels ---- */

struct conf_path
candidate_level(const struct candidate *c)
{
	return (struct conf_path){(const char *const *)c->word, c->n};
}

static void
cut(struct candidate *c, size_t n)
{
	while (c->n > n)
		free(c->word[--c->n]);
	while (c->edits > 0 && c->before[c->edits - 1] >= c->n)
		c->edits--;
}

int
candidate_edit(struct candidate *c, struct conf_path below)
{
	const size_t before = c->n;

	if (c->n + below.n > CANDIDATE_WORDS || c->edits == CANDIDATE_WORDS)
		return -E2BIG;
	for (size_t i = 0; i < below.n; i++) {
		if ((c->word[c->n] = strdup(below.word[i])) == NULL) {
			cut(c, before);
			return -ENOMEM;
		}
		c->n++;
	}
	c->before[c->edits++] = before;
	return 0;
}

void
candidate_up(struct candidate *c, size_t levels)
{
	while (levels-- > 0 && c->n > 0)
		cut(c, conf_level_above(candidate_level(c)));
}

void
candidate_back(struct candidate *c)
{
	cut(c, c->edits ? c->before[c->edits - 1] : 0);
}

int
candidate_level_save(const struct candidate *c, struct candidate_level *out)
{
	out->edits = c->edits;
	memcpy(out->before, c->before, sizeof out->before);
	for (out->n = 0; out->n < c->n; out->n++)
		if ((out->word[out->n] = strdup(c->word[out->n])) == NULL) {
			candidate_level_free(out);
			return -ENOMEM;
		}
	return 0;
}

void
candidate_level_restore(struct candidate *c, struct candidate_level *was)
{
	cut(c, 0);
	memcpy(c->word, was->word, sizeof c->word);
	memcpy(c->before, was->before, sizeof c->before);
	c->n = was->n;
	c->edits = was->edits;
}

void
candidate_level_free(struct candidate_level *was)
{
	while (was->n > 0)
		free(was->word[--was->n]);
}

/* ---- texts ---- */

int
candidate_read(FILE *f, struct buf *out)
{
	while (!feof(f)) {
		uint8_t *room = buf_room(out, 65536);

		if (room)
			out->len += fread(room, 1, 65536, f);
		if (room == NULL || ferror(f) || out->len > CONF_TEXT_MAX) {
			term_say("flowtap: %s", out->len > CONF_TEXT_MAX ? "too long" : strerror(errno));
			return EXIT_TRANSPORT;
		}
	}
	return EXIT_OK;
}

static size_t
depth_of(struct slice line)
{
	size_t n = 0;

	while (n < line.len && line.p[n] == ' ')
		n++;
	return n / 4;
}

/* The line, and of each depth the last block that begins before it. */
static struct slice
blocks_find(struct slice text, unsigned line, struct slice up[static LINE_DEPTH_MAX])
{
	const char *p = text.p, *end = text.p + text.len, *nl;

	for (; p < end; p = nl + 1) {
		struct slice l;

		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		l = (struct slice){p, (size_t)(nl - p)};
		if (--line == 0)
			return l;
		if (l.len > 0 && nl[-1] == '{' && depth_of(l) < LINE_DEPTH_MAX)
			up[depth_of(l)] = slice_trim(l);
	}
	return (struct slice){"", 0};
}

void
candidate_place(struct slice text, unsigned line, struct buf *where, struct buf *self)
{
	struct slice up[LINE_DEPTH_MAX] = {0}, s = blocks_find(text, line, up);

	for (size_t i = 0; i < depth_of(s) && i < LINE_DEPTH_MAX; i++)
		if (up[i].len > 2)
			buf_printf(where, " %.*s", (int)up[i].len - 2, up[i].p);
	s = slice_trim(s);
	buf_put(self, s.p, s.len);
}
