/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <errno.h>
#include <string.h>

#include "cmd_path.h"
#include "cmd_type.h"
#include "conf_level.h"

#define STATES_MAX 256

struct state {
	const struct cmd *row;
	const char *p; /* a word of its syntax, or the end */
};

struct states {
	struct state s[STATES_MAX];
	size_t n;
};

/* What a word says that other words follow. */
static const struct {
	const char *word, *help;
} groups[] = {
    {"and-quit", "Leave configuration mode if it succeeds"},
    {"audit", "The record of every use"},
    {"clear", "Have counters begin anew, or something that waits forgotten"},
    {"cli", "This command line"},
    {"comment", "Say why, for the history"},
    {"confirmed", "Take it back by itself unless it is confirmed in time"},
    {"display", "Show in another form"},
    {"flow-tap", "Lawful interception"},
    {"help", "What commands and statements are for"},
    {"known", "A line that is known from elsewhere"},
    {"key", "The public key of the record"},
    {"load", "Read statements from a file"},
    {"interfaces", "Interfaces of the router"},
    {"interval", "Seconds from one look to the next"},
    {"request", "Have something done"},
    {"no-comments", "Without a word on where it is from"},
    {"rollback", "An earlier configuration"},
    {"screen-length", "Lines of the screen; 0: do not stop after each"},
    {"services", "Services applied to packets"},
    {"set", "Set something"},
    {"show", "Show something"},
    {"system", "The system"},
    {"terminal", "What is typed or pasted, up to Control-D"},
    {"warrant", "What warrant officers do"},
};

static size_t
word_len(const char *p)
{
	return strcspn(p, " []()|");
}

static bool
is_arg(const char *p)
{
	return *p >= 'A' && *p <= 'Z';
}

static bool
is_name(const char *p, const char *name)
{
	return strlen(name) == word_len(p) && strncmp(p, name, strlen(name)) == 0;
}

static const struct cmd_type *
type_of(const char *p)
{
	return cmd_type_find((struct slice){p, word_len(p)});
}

static bool
is_one_of(const char *p, const char *const *names)
{
	while (*names && !is_name(p, *names))
		names++;
	return *names != NULL;
}

/* Commands follow, of which mode: 0: none do. */
static unsigned
commands_follow(const char *p)
{
	return is_name(p, "COMMAND") ? CMD_OPER : is_name(p, "ACTION") ? CMD_CONF : 0;
}

static bool
swallows_path(const char *p)
{
	return is_one_of(p, (const char *const[]){"STATEMENT", "PATH", NULL});
}

/* Words of which nothing is known here. */
static bool
swallows_any(const char *p)
{
	return is_one_of(p, (const char *const[]){"OPTIONS", "TARGET", "NAMES", "WHICH", NULL});
}

static bool
swallows(const char *p)
{
	return commands_follow(p) || swallows_path(p) || swallows_any(p);
}

/* ---- states ---- */

/* From an opening bracket, or the bar between two alternatives, to behind its closing one. */
static const char *
behind(const char *p, char open, char close)
{
	int depth = *p == open ? 0 : 1;

	for (; *p; p++) {
		depth += (*p == open) - (*p == close);
		if (depth == 0)
			return p + 1;
	}
	return p;
}

static void
states_add(struct states *set, const struct cmd *row, const char *p)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->s[i].p == p)
			return;
	if (set->n < STATES_MAX)
		set->s[set->n++] = (struct state){row, p};
}

/* All that may come next, seen from p. */
static void
closure(struct states *set, const struct cmd *row, const char *p)
{
	for (;;) {
		if (*p == ' ' || *p == ']')
			p++;
		else if (*p == '[') {
			closure(set, row, behind(p, '[', ']'));
			p++;
		} else if (*p == '(') {
			const char *end = behind(p, '(', ')');

			for (const char *q = p; q < end; q++)
				if (*q == '(' || *q == '|')
					closure(set, row, q + 1);
			return;
		} else if (*p == '|' || *p == ')')
			p = *p == ')' ? p + 1 : behind(p, '(', ')');
		else
			break;
	}
	states_add(set, row, p);
}

static void
states_start(struct states *set, const struct cmd_context *ctx)
{
	set->n = 0;
	for (const struct cmd *row = ctx->table; row->syntax; row++)
		if ((row->where & ctx->where) && (row->needs & ctx->hidden) == 0)
			closure(set, row, row->syntax);
}

/* ---- one word ---- */

enum match { MATCH_NONE, MATCH_PREFIX, MATCH_ARG, MATCH_EXACT };

static enum match
match(const char *p, const struct word *w)
{
	const size_t len = strlen(w->text);

	if (*p == '\0')
		return MATCH_NONE;
	if (is_name(p, "ACTION") && (w->text[0] < 'a' || w->text[0] > 'z'))
		return MATCH_NONE; /* a number of levels */
	if (is_arg(p))
		return swallows(p) || type_of(p)->ok((struct slice){w->text, len}) ? MATCH_ARG : MATCH_NONE;
	if (w->quoted || len > word_len(p) || len == 0 || strncmp(p, w->text, len) != 0)
		return MATCH_NONE;
	return len == word_len(p) ? MATCH_EXACT : MATCH_PREFIX;
}

/* Keeps the states that the word matches best. */
static enum match
states_match(struct states *set, const struct word *w)
{
	enum match best = MATCH_NONE, m;
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		if ((m = match(set->s[i].p, w)) > best)
			best = m;
	for (size_t i = 0; i < set->n; i++)
		if (best != MATCH_NONE && match(set->s[i].p, w) == best)
			set->s[n++] = set->s[i];
	if (best != MATCH_NONE)
		set->n = n;
	return best;
}

static bool
same_word(const char *a, const char *b)
{
	return word_len(a) == word_len(b) && strncmp(a, b, word_len(a)) == 0;
}

static bool
seen_before(const struct states *set, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (same_word(set->s[j].p, set->s[i].p))
			return true;
	return false;
}

static bool
is_ambiguous(const struct states *set)
{
	for (size_t i = 1; i < set->n; i++)
		if (!same_word(set->s[0].p, set->s[i].p))
			return true;
	return false;
}

static void
names_put(const struct states *set, struct buf *out)
{
	size_t listed = 0;

	for (size_t i = 0; i < set->n; i++) {
		const char *p = set->s[i].p;

		if (*p == '\0' || seen_before(set, i))
			continue;
		buf_printf(out, "%s%.*s", listed++ ? ", " : "", (int)word_len(p), p);
		if (is_arg(p)) /* what it may be */
			buf_printf(out, " (%s)", type_of(p)->help);
	}
	if (listed == 0)
		buf_printf(out, "nothing more");
}

static int
refuse(struct cmd_fault *fault, size_t at, const char *text, const struct states *set)
{
	fault->at = at;
	buf_printf(&fault->text, "%s", text);
	names_put(set, &fault->text);
	return -EINVAL;
}

/* A value is expected whose range says what is wrong: nothing else is, or the word is a number. */
static bool
is_value(const struct states *set, const struct word *w)
{
	bool some = false, all = set->n > 0;

	for (size_t i = 0; i < set->n; i++) {
		some |= is_arg(set->s[i].p);
		all &= is_arg(set->s[i].p);
	}
	return all || (some && *w->text && w->text[strspn(w->text, "0123456789")] == '\0');
}

static const char *
kept(const struct states *set, size_t i)
{
	return set->s[i].p;
}

/* The word decides; set is what may follow it. */
static int
step(struct states *set, const struct word *w, struct cmd_fault *fault)
{
	struct states next = {.n = 0};

	switch (states_match(set, w)) {
	case MATCH_NONE:
		return refuse(fault, w->at, is_value(set, w) ? "expected: " : "unknown word; expected: ", set);
	case MATCH_ARG:
	case MATCH_EXACT:
	case MATCH_PREFIX:
		break;
	}
	if (!is_arg(kept(set, 0)) && is_ambiguous(set))
		return refuse(fault, w->at, "ambiguous; it could be: ", set);
	for (size_t i = 0; i < set->n; i++)
		if (swallows(kept(set, i)))
			states_add(&next, set->s[i].row, kept(set, i));
		else
			closure(&next, set->s[i].row, kept(set, i) + word_len(kept(set, i)));
	*set = next;
	return 0;
}

/* ---- parsing ---- */

static int
word_record(struct cmd_call *out, const char *p, const struct word *w)
{
	struct cmd_word *to = &out->word[out->n++];

	to->name = p;
	to->name_len = word_len(p);
	to->text = w->text;
	return 0;
}

static int
swallow(const struct cmd_context *ctx, const char *p, const struct words *line, size_t i, size_t to,
    struct cmd_call *out, struct cmd_fault *fault)
{
	const size_t first = out->n;
	int r;

	out->rest = line->w[i].at;
	for (; i < to; i++)
		word_record(out, p, &line->w[i]);
	if (!swallows_path(p))
		return 0;
	r = cmd_path_expand(ctx, is_name(p, "STATEMENT"), line, to - (out->n - first), to, &out->word[first], fault);
	return r;
}

/* Whether the word is one of those that may stand at q in the syntax: "to", "(before|after)". */
static bool
is_next(const char *q, const struct word *w)
{
	struct states set = {.n = 0};

	closure(&set, NULL, q);
	for (size_t i = 0; i < set.n; i++)
		if (!is_arg(set.s[i].p) && match(set.s[i].p, w) == MATCH_EXACT)
			return true;
	return false;
}

/* Up to where the argument at p takes the words: to the end, to the keyword that follows it, or to a last argument. */
static size_t
swallow_end(const char *p, const struct words *line, size_t i, size_t to)
{
	const char *q = p + word_len(p);

	q += strspn(q, " ]");
	if (*q == '\0')
		return to;
	if (is_arg(q))
		return to > i + 1 ? to - 1 : to;
	while (i < to && !is_next(q, &line->w[i]))
		i++;
	return i;
}

static const struct cmd *
accepted(const struct states *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (*kept(set, i) == '\0')
			return set->s[i].row;
	return NULL;
}

int
cmd_parse(const struct cmd_context *ctx, const struct words *line, size_t from, size_t to, struct cmd_call *out,
    struct cmd_fault *fault)
{
	struct states set;
	int r;

	out->row = NULL;
	out->n = 0;
	*fault = (struct cmd_fault){0};
	states_start(&set, ctx);
	for (size_t i = from; i < to; i++) {
		struct states before = set;

		if ((r = step(&set, &line->w[i], fault)) < 0)
			return r;
		(void)states_match(&before, &line->w[i]);
		if (swallows(kept(&before, 0))) {
			const size_t end = swallow_end(kept(&before, 0), line, i, to);

			if ((r = swallow(ctx, kept(&before, 0), line, i, end, out, fault)) < 0)
				return r;
			set.n = 0;
			closure(&set, before.s[0].row, kept(&before, 0) + word_len(kept(&before, 0)));
			i = end - 1;
			continue;
		}
		word_record(out, kept(&before, 0), &line->w[i]);
	}
	if ((out->row = accepted(&set)) == NULL)
		return refuse(fault, to < line->n ? line->w[to].at : line->len, "incomplete; expected: ", &set);
	return 0;
}

const char *
cmd_arg(const struct cmd_call *call, const char *name)
{
	for (size_t i = 0; i < call->n; i++)
		if (call->word[i].name_len == strlen(name) &&
		    strncmp(call->word[i].name, name, call->word[i].name_len) == 0)
			return call->word[i].text;
	return NULL;
}

struct conf_path
cmd_path(const struct cmd_call *call, const char **room)
{
	size_t n = 0;

	for (size_t i = 0; i < call->n; i++)
		if (swallows_path(call->word[i].name))
			room[n++] = call->word[i].text;
	return (struct conf_path){room, n};
}

struct conf_path
cmd_words(const struct cmd_call *call, const char *name, const char **room)
{
	size_t n = 0;

	for (size_t i = 0; i < call->n; i++)
		if (is_name(call->word[i].name, name))
			room[n++] = call->word[i].text;
	return (struct conf_path){room, n};
}

size_t
cmd_segment(const struct words *line, size_t i)
{
	while (i < line->n && !line->w[i].pipe)
		i++;
	return i;
}

/* ---- hints ---- */

static const char *
group_help(const char *p)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (is_name(p, groups[i].word))
			return groups[i].help;
	return NULL;
}

/* Of the keyword at p: the row's own if nothing must follow it. */
static const char *
keyword_help(const struct states *set, const char *p)
{
	for (size_t i = 0; i < set->n; i++) {
		struct states after = {.n = 0};

		if (!same_word(kept(set, i), p))
			continue;
		closure(&after, set->s[i].row, kept(set, i) + word_len(p));
		if (accepted(&after) || (after.n > 0 && is_arg(kept(&after, 0))))
			if (set->s[i].row->syntax == kept(set, i) || group_help(p) == NULL)
				return set->s[i].row->help;
	}
	return group_help(p);
}

struct name_copy {
	char text[64];
};

static const char *
name_of(const char *p, struct name_copy *room)
{
	size_t n = word_len(p);

	n = n < sizeof room->text ? n : sizeof room->text - 1;
	memcpy(room->text, p, n);
	room->text[n] = '\0';
	return room->text;
}

static void
states_hint(const struct cmd_context *c, const struct states *set, const char *prefix, bool quoted,
    void (*cb)(void *, const struct cmd_hint *), void *arg)
{
	struct name_copy room;

	for (size_t i = 0; i < set->n; i++) {
		const char *p = kept(set, i);
		struct cmd_hint h = {.arg = is_arg(p)};

		if (*p == '\0' || seen_before(set, i) || (swallows(p) && !swallows_any(p)))
			continue;
		if (!h.arg && (quoted || strlen(prefix) > word_len(p) || strncmp(p, prefix, strlen(prefix)) != 0))
			continue;
		h.help = h.arg ? type_of(p)->help : keyword_help(set, p);
		h.word = name_of(p, &room);
		cb(arg, &h);
		if (h.arg && type_of(p)->interfaces)
			cmd_path_interfaces(c, prefix, cb, arg);
	}
}

static const struct state *
swallower(const struct states *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (swallows(kept(set, i)) && !swallows_any(kept(set, i)))
			return &set->s[i];
	return NULL;
}

static const struct word no_word = {.text = ""};

struct hint_sink {
	void (*cb)(void *arg, const struct cmd_hint *hint);
	void *arg;
};

/* Which commands follow, at which level. */
static void
commands_enter(struct cmd_context *c, const struct state *s, const struct words *line, size_t i)
{
	uint64_t n = 1;

	c->where = commands_follow(s->p);
	if (c->where != CMD_CONF)
		return;
	if (is_name(s->row->syntax, "top"))
		c->level.n = 0;
	else if (i > 0 && slice_u64((struct slice){line->w[i - 1].text, strlen(line->w[i - 1].text)}, 64, &n) < 0)
		n = 1;
	for (; c->level.n > 0 && n > 0; n--)
		c->level.n = conf_level_above(c->level);
}

/* Behind the words from *i on that the state's path takes, if a keyword ends it; else the path goes on. */
static bool
path_passed(struct states *set, const struct state *s, const struct words *line, size_t *i, size_t to)
{
	const size_t end = swallow_end(s->p, line, *i, to);
	const struct state at = *s;
	const char *q = at.p + word_len(at.p);

	q += strspn(q, " ]");
	if (end >= to || end == *i || *q == '\0' || is_arg(q))
		return false;
	set->n = 0;
	closure(set, at.row, q);
	*i = end;
	return true;
}

/* A path, and the keywords that may follow one that is whole. */
static int
path_hints(const struct cmd_context *c, const struct state *s, const struct words *line, size_t i, size_t to,
    const struct word *last, struct hint_sink *sink, struct cmd_fault *fault)
{
	struct states after = {.n = 0};
	int r = cmd_path_hints(c, line, i, to, last, sink->cb, sink->arg, fault);

	closure(&after, s->row, s->p + word_len(s->p));
	if (r < 0 || accepted(&after))
		return r;
	if (i < to)
		states_hint(c, &after, last->text, last->quoted, sink->cb, sink->arg);
	return 0;
}

/* What may stand behind the last whole word. */
static int
end_hints(struct cmd_context *c, struct states *set, const struct words *line, size_t i, size_t to,
    const struct word *last, struct hint_sink *sink, struct cmd_fault *fault)
{
	const struct state *s = swallower(set);
	const int may_end = accepted(set) != NULL;

	states_hint(c, set, last->text, last->quoted, sink->cb, sink->arg);
	if (s && swallows_path(s->p))
		return path_hints(c, s, line, i, to, last, sink, fault);
	if (s) {
		commands_enter(c, s, line, i);
		states_start(set, c);
		states_hint(c, set, last->text, last->quoted, sink->cb, sink->arg);
	}
	return last == &no_word ? may_end : 0;
}

int
cmd_hints(const struct cmd_context *ctx, const struct words *line, size_t *prefix,
    void (*cb)(void *arg, const struct cmd_hint *hint), void *arg, struct cmd_fault *fault)
{
	struct cmd_context c = *ctx;
	const bool within = line->n > 0 && !line->w[line->n - 1].pipe && line->w[line->n - 1].end == line->len;
	const size_t to = line->n - within;
	const struct word *last = within ? &line->w[to] : &no_word;
	struct hint_sink sink = {cb, arg};
	struct states set;
	const struct state *s;
	size_t i = 0, next;

	*fault = (struct cmd_fault){0};
	*prefix = within ? last->at : line->len;
	for (; (next = cmd_segment(line, i)) < line->n; i = next + 1)
		c.where = CMD_PIPE;
	for (states_start(&set, &c);; i++) {
		while ((s = swallower(&set)) != NULL && i < to && commands_follow(s->p) &&
		       match(s->p, &line->w[i]) != MATCH_NONE) {
			commands_enter(&c, s, line, i);
			states_start(&set, &c);
		}
		if (s && i < to && swallows_path(s->p) && !path_passed(&set, s, line, &i, to))
			return path_hints(&c, s, line, i, to, last, &sink, fault);
		if (i >= to)
			break;
		if (step(&set, &line->w[i], fault) < 0)
			return -EINVAL;
	}
	return end_hints(&c, &set, line, i, to, last, &sink, fault);
}
