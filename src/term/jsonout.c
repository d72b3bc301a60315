/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jsonout.h"

#define INDENT 2
#define PRECISION 12 /* digits of a number with a fraction */

static size_t
style(const struct jsonout *o)
{
	return JSON_REAL_PRECISION(PRECISION) | (o->pretty ? JSON_INDENT(INDENT) : JSON_COMPACT);
}

void
jsonout_object(const struct jsonout *o, json_t *object)
{
	char *text = object ? json_dumps(object, style(o)) : NULL;

	if (text)
		puts(text);
	free(text);
	json_decref(object);
}

const char *
jsonout_key(struct slice name, char key[static JSONOUT_KEY_MAX])
{
	size_t n = 0;

	for (; n < name.len && n < JSONOUT_KEY_MAX - 1; n++)
		key[n] = isalnum((unsigned char)name.p[n]) ? (char)tolower((unsigned char)name.p[n]) : '-';
	key[n] = '\0';
	return key;
}

json_t *
jsonout_string(const char *text)
{
	json_t *string = json_string(text);
	char *ascii;

	if (string)
		return string;
	ascii = strdup(text);
	for (char *p = ascii; p && *p; p++)
		*p = (*p >= ' ' && *p < 127) || *p == '\n' || *p == '\t' ? *p : '?';
	string = json_string(ascii ? ascii : "");
	free(ascii);
	return string;
}

void
jsonout_error(const char *word, const char *text)
{
	const struct jsonout compact = {0};

	jsonout_object(&compact, json_pack("{s:s, s:o}", "error", word, "text", jsonout_string(text)));
}

/* text with depth more levels of indentation in each line but the first. */
static void
put_deeper(const char *text, int depth)
{
	for (; *text; text++) {
		putchar(*text);
		if (*text == '\n')
			printf("%*s", depth * INDENT, "");
	}
}

static void
put_break(const struct jsonout *o, int depth)
{
	if (o->pretty)
		printf("\n%*s", depth * INDENT, "");
}

void
jsonout_list_begin(struct jsonout *o, const char *command, const char *name)
{
	const char *space = o->pretty ? " " : "";

	putchar('{');
	put_break(o, 1);
	printf("\"command\":%s\"%s\",", space, command);
	put_break(o, 1);
	printf("\"%s\":%s[", name, space);
	o->in_list = false;
}

void
jsonout_list_item(struct jsonout *o, json_t *item)
{
	char *text = item ? json_dumps(item, style(o)) : NULL;

	if (text) {
		if (o->in_list)
			putchar(',');
		put_break(o, 2);
		put_deeper(text, 2);
		o->in_list = true;
	}
	free(text);
	json_decref(item);
}

void
jsonout_list_end(struct jsonout *o, json_t *rest)
{
	char *text = rest ? json_dumps(rest, style(o)) : NULL;

	if (o->in_list)
		put_break(o, 1);
	/* rest is an object with members: what follows its brace goes on with ours. */
	printf("],%s\n", text ? text + 1 : "\"code\":500}");
	o->in_list = false;
	free(text);
	json_decref(rest);
}
