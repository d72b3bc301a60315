/* SPDX-License-Identifier: BSD-2-Clause */
#include "pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#define LAST_DEFAULT 10
#define PATTERN_MAX 256

struct stage {
	STAILQ_ENTRY(stage) entry;
	enum pipe_kind kind;
	regex_t regex;
	bool compiled, found;
	uint64_t count, max;
	struct buf *line; /* max of them, a ring; the one of line i is i % max */
	int (*take)(void *arg, struct slice line);
	void *arg;
};

struct pipe {
	STAILQ_HEAD(, stage) stages;
	int (*sink)(void *arg, struct slice line);
	void *arg;
	struct buf rest; /* the line that has not ended */
	int stopped;
};

int
pipe_new(int (*sink)(void *arg, struct slice line), void *arg, struct pipe **out)
{
	struct pipe *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -ENOMEM;
	STAILQ_INIT(&p->stages);
	p->sink = sink;
	p->arg = arg;
	*out = p;
	return 0;
}

static void
stage_free(struct stage *s)
{
	if (s->compiled)
		regfree(&s->regex);
	for (uint64_t i = 0; s->line && i < s->max; i++)
		buf_free(&s->line[i]);
	free(s->line);
	free(s);
}

void
pipe_free(struct pipe *p)
{
	struct stage *s;

	if (p == NULL)
		return;
	while ((s = STAILQ_FIRST(&p->stages)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->stages, entry);
		stage_free(s);
	}
	buf_free(&p->rest);
	free(p);
}

static int
regex_set(struct stage *s, const char *text, char *why, size_t size)
{
	int r;

	if (strlen(text) > PATTERN_MAX) {
		snprintf(why, size, "a pattern has at most %d characters", PATTERN_MAX);
		return -EINVAL;
	}
	if ((r = regcomp(&s->regex, text, REG_EXTENDED | REG_ICASE | REG_NOSUB)) != 0) {
		regerror(r, &s->regex, why, size);
		return -EINVAL;
	}
	s->compiled = true;
	return 0;
}

static int
last_set(struct stage *s, const char *text, char *why, size_t size)
{
	s->max = LAST_DEFAULT;
	if (text && (slice_u64((struct slice){text, strlen(text)}, PIPE_LAST_MAX, &s->max) < 0 || s->max == 0)) {
		snprintf(why, size, "expected a number from 1 to %d", PIPE_LAST_MAX);
		return -EINVAL;
	}
	s->line = calloc(s->max, sizeof *s->line);
	if (s->line == NULL)
		snprintf(why, size, "not enough memory");
	return s->line ? 0 : -ENOMEM;
}

int
pipe_add(struct pipe *p, enum pipe_kind kind, const char *text, char *why, size_t size)
{
	struct stage *s = calloc(1, sizeof *s);
	int r = 0;

	if (s == NULL)
		return -ENOMEM;
	s->kind = kind;
	if (kind == PIPE_LAST)
		r = last_set(s, text, why, size);
	else if (kind != PIPE_COUNT)
		r = regex_set(s, text, why, size);
	if (r < 0)
		stage_free(s);
	else
		STAILQ_INSERT_TAIL(&p->stages, s, entry);
	return r;
}

int
pipe_take(struct pipe *p, int (*take)(void *arg, struct slice line), void *arg)
{
	struct stage *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -ENOMEM;
	*s = (struct stage){.kind = PIPE_TAKE, .take = take, .arg = arg};
	STAILQ_INSERT_TAIL(&p->stages, s, entry);
	return 0;
}

/* A NUL follows the line. */
static bool
matches(const struct stage *s, struct slice line)
{
	return regexec(&s->regex, line.p, 0, NULL, 0) == 0;
}

/* Whether the line goes on to the next stage. */
static bool
passes(struct pipe *p, struct stage *s, struct slice line)
{
	struct buf *b;

	switch (s->kind) {
	case PIPE_MATCH:
		return matches(s, line);
	case PIPE_EXCEPT:
		return !matches(s, line);
	case PIPE_FIND:
		return s->found = s->found || matches(s, line);
	case PIPE_COUNT:
		s->count++;
		return false;
	case PIPE_TAKE:
		if (p->stopped == 0)
			p->stopped = s->take(s->arg, line);
		return false;
	case PIPE_LAST:
		b = &s->line[s->count++ % s->max];
		buf_reset(b);
		buf_put(b, line.p, line.len + 1);
		return false;
	}
	return true;
}

/* From stage s on; NULL: to the sink. */
static int
line_pass(struct pipe *p, struct stage *s, struct slice line)
{
	for (; s; s = STAILQ_NEXT(s, entry))
		if (!passes(p, s, line))
			return p->stopped;
	if (p->stopped == 0)
		p->stopped = p->sink(p->arg, line);
	return p->stopped;
}

/* What was collected is one. */
static void
rest_pass(struct pipe *p)
{
	buf_put(&p->rest, "", 1);
	if (p->rest.err)
		p->stopped = p->rest.err;
	else
		line_pass(p, STAILQ_FIRST(&p->stages), (struct slice){(char *)p->rest.p, p->rest.len - 1});
	buf_reset(&p->rest);
}

int
pipe_write(struct pipe *p, const char *bytes, size_t len)
{
	const char *end = bytes + len, *nl;

	for (; p->stopped == 0 && (nl = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL; bytes = nl + 1) {
		buf_put(&p->rest, bytes, (size_t)(nl - bytes));
		rest_pass(p);
	}
	if (p->stopped == 0 && bytes < end)
		buf_put(&p->rest, bytes, (size_t)(end - bytes));
	return p->stopped ? p->stopped : p->rest.err;
}

static void
stage_end(struct pipe *p, struct stage *s)
{
	struct stage *next = STAILQ_NEXT(s, entry);
	uint64_t i = s->count > s->max ? s->count - s->max : 0;
	char text[64];

	if (s->kind == PIPE_COUNT) {
		snprintf(text, sizeof text, "Count: %" PRIu64 " line%s", s->count, s->count == 1 ? "" : "s");
		line_pass(p, next, (struct slice){text, strlen(text)});
	}
	for (; s->kind == PIPE_LAST && i < s->count; i++) {
		const struct buf *b = &s->line[i % s->max];

		line_pass(p, next, (struct slice){b->len ? (char *)b->p : "", b->len ? b->len - 1 : 0});
	}
}

int
pipe_end(struct pipe *p)
{
	struct stage *s;

	if (p->rest.len > 0)
		rest_pass(p);
	STAILQ_FOREACH (s, &p->stages, entry)
		stage_end(p, s);
	return p->stopped;
}
