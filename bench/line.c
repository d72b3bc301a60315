/* SPDX-License-Identifier: BSD-2-Clause */
#include "line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base.h"

#define WORDS_MAX 32

static int
run_line(const struct line_command *c, size_t n, void *ctx, char *line, json_t *out)
{
	char *word[WORDS_MAX + 1] = {0};
	int words = 0;

	for (char *w; words < WORDS_MAX && (w = strsep(&line, " \n")) != NULL;)
		if (*w)
			word[words++] = w;
	for (size_t i = 0; words > 0 && i < n; i++)
		if (strcmp(word[0], c[i].name) == 0)
			return c[i].run(ctx, word + 1, out);
	return -EINVAL;
}

void
line_serve(const struct line_command *c, size_t n, void *ctx)
{
	cleanup_free char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		json_t *out = json_object();
		int r = run_line(c, n, ctx, line, out);

		json_object_set_new(out, "ok", json_boolean(r == 0));
		if (r != 0)
			json_object_set_new(out, "error", json_string(strerror(-r)));
		json_dumpf(out, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		json_decref(out);
	}
}

const char *
line_text(char **word, const char *key)
{
	size_t len = strlen(key);

	for (; *word; word++)
		if (strncmp(*word, key, len) == 0 && (*word)[len] == '=')
			return *word + len + 1;
	return NULL;
}

int
line_number(char **word, const char *key, uint64_t max, uint64_t *out)
{
	const char *text = line_text(word, key);

	return text ? slice_u64((struct slice){text, strlen(text)}, max, out) : 0;
}

int
line_number32(char **word, const char *key, uint32_t max, uint32_t *out)
{
	uint64_t v = *out;
	int r = line_number(word, key, max, &v);

	*out = (uint32_t)v;
	return r;
}

void
line_put(json_t *out, const char *key, uint64_t value)
{
	json_object_set_new(out, key, json_integer((json_int_t)value));
}
