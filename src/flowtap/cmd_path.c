/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd_path.h"

#include <errno.h>
#include <string.h>

#include "conf_value.h"

/* Where in the schema, and whether within [ ]. */
struct at {
	struct conf_place place;
	bool list;
};

/* The keyword that the word is, or is the beginning of; NULL: none, or *many. */
static const char *
keyword(const struct at *a, struct slice word, bool *many)
{
	const char *found = NULL;
	struct conf_hint h;
	size_t it = 0;

	*many = false;
	while (conf_schema_hint(&a->place, word, &it, &h)) {
		if (h.value)
			continue;
		if (slice_eq(word, h.word))
			return h.word;
		*many |= found != NULL;
		found = h.word;
	}
	return *many || word.len == 0 ? NULL : found;
}

static bool
bracket(struct at *a, const struct word *w)
{
	if (w->quoted)
		return false;
	if (!a->list && a->place.value && a->place.row->kind == CONF_LEAF_LIST && strcmp(w->text, "[") == 0)
		return a->list = true;
	if (a->list && strcmp(w->text, "]") == 0) {
		a->list = false;
		a->place = (struct conf_place){
		    .row = a->place.row, .complete = true, .closed = true, .hidden = a->place.hidden};
		return true;
	}
	return false;
}

/* 0 and the word in full; -ENOENT; -EINVAL. */
static int
step(struct at *a, const struct word *w, const char **full)
{
	bool many;
	int r;

	*full = w->text;
	if (bracket(a, w))
		return 0;
	if (!w->quoted && !(a->place.value && conf_value_ok(a->place.row, slice_of(w->text))) && !a->place.closed &&
	    (*full = keyword(a, slice_of(w->text), &many)) == NULL)
		*full = w->text;
	if ((r = conf_schema_step(&a->place, slice_of(*full))) == 0 && a->list)
		a->place = (struct conf_place){.row = a->place.row, .value = true, .hidden = a->place.hidden};
	return r;
}

static void
expected_put(const struct at *a, struct slice prefix, struct buf *out)
{
	struct conf_hint h;
	size_t it = 0, n = 0;

	if (a->place.value) {
		conf_value_describe_known(a->place.row, a->place.hidden, out);
		return;
	}
	while (conf_schema_hint(&a->place, prefix, &it, &h))
		buf_printf(out, "%s%s", n++ ? ", " : "", h.word);
	if (n == 0)
		buf_printf(out, a->list ? "]" : "nothing more");
}

static int
refuse(const struct at *a, const struct word *w, size_t end, struct cmd_fault *fault)
{
	struct slice prefix = {"", 0};
	bool many = false;

	if (w && !a->place.value) {
		(void)keyword(a, slice_of(w->text), &many);
		if (many)
			prefix = slice_of(w->text);
	}
	fault->at = w ? w->at : end;
	buf_printf(&fault->text, "%s",
	    many             ? "ambiguous; it could be: "
	    : !w             ? "incomplete; expected: "
	    : a->place.value ? "expected "
			     : "unknown word; expected: ");
	expected_put(a, prefix, &fault->text);
	return -EINVAL;
}

static void
start(const struct cmd_context *ctx, struct at *a)
{
	*a = (struct at){.place.hidden = ctx->hidden};
	for (size_t i = 0; i < ctx->level.n; i++)
		(void)conf_schema_step(&a->place, slice_of(ctx->level.word[i]));
}

int
cmd_path_expand(const struct cmd_context *ctx, bool whole, const struct words *line, size_t from, size_t to,
    struct cmd_word *out, struct cmd_fault *fault)
{
	struct at a;

	start(ctx, &a);
	for (size_t i = from; i < to; i++)
		if (step(&a, &line->w[i], &out[i - from].text) < 0)
			return refuse(&a, &line->w[i], 0, fault);
	if (a.list || (whole && !a.place.complete))
		return refuse(&a, NULL, to < line->n ? line->w[to].at : line->len, fault);
	return 0;
}

/* ---- hints ---- */

/* Groups that there are, where one is to be named. */
static void
groups_hint(const struct cmd_context *ctx, const char *prefix, void (*cb)(void *, const struct cmd_hint *), void *arg)
{
	const struct conf_node *n;

	TAILQ_FOREACH (n, &ctx->tree->root.child, entry)
		if (n->row->inherit == CONF_INHERIT_GROUP && strncmp(n->word[0].text, prefix, strlen(prefix)) == 0)
			cb(arg, &(struct cmd_hint){n->word[0].text, false, NULL});
}

void
cmd_path_interfaces(
    const struct cmd_context *ctx, const char *prefix, void (*cb)(void *, const struct cmd_hint *), void *arg)
{
	for (const struct if_nameindex *i = ctx->interfaces; i && i->if_name; i++)
		if (strncmp(i->if_name, prefix, strlen(prefix)) == 0)
			cb(arg, &(struct cmd_hint){i->if_name, false, "An interface of this router"});
}

/* Keys and values that the candidate has there. */
static void
values_hint(const struct cmd_context *ctx, struct conf_path path, const struct at *a, const char *prefix,
    void (*cb)(void *, const struct cmd_hint *), void *arg)
{
	const struct conf_node *n;
	struct conf_target t;
	size_t left = 100;

	if (ctx->tree && a->place.row->inherit > CONF_INHERIT_GROUP)
		groups_hint(ctx, prefix, cb, arg);
	if (ctx->tree == NULL || a->place.row->kind != CONF_LIST ||
	    conf_edit_find(ctx->tree, (struct conf_path){path.word, path.n - 1}, &t) < 0)
		return;
	TAILQ_FOREACH (n, &t.node->child, entry)
		if (n->row == a->place.row && strncmp(n->word[0].text, prefix, strlen(prefix)) == 0 &&
		    conf_value_label(n->row->type) && left-- > 0)
			cb(arg, &(struct cmd_hint){n->word[0].text, false, NULL});
}

int
cmd_path_hints(const struct cmd_context *ctx, const struct words *line, size_t from, size_t to, const struct word *last,
    void (*cb)(void *arg, const struct cmd_hint *hint), void *arg, struct cmd_fault *fault)
{
	const char *path[2 * WORDS_MAX];
	struct conf_hint h;
	size_t it = 0, n = 0;
	struct at a;

	start(ctx, &a);
	for (; n < ctx->level.n && n < WORDS_MAX; n++)
		path[n] = ctx->level.word[n];
	for (size_t i = from; i < to; i++, n++)
		if (step(&a, &line->w[i], &path[n]) < 0)
			return refuse(&a, &line->w[i], 0, fault);
	while (conf_schema_hint(&a.place, slice_of(last->text), &it, &h))
		if (h.value || !last->quoted)
			cb(arg, &(struct cmd_hint){h.word, h.value, h.help});
	if (a.place.value && n > 0)
		values_hint(ctx, (struct conf_path){path, n}, &a, last->text, cb, arg);
	if (a.place.value && a.place.row->type == CONF_DEVICE)
		cmd_path_interfaces(ctx, last->text, cb, arg);
	return last->text[0] == '\0' && a.place.complete;
}
