/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "foreign.h"
#include "jsonout.h"

#define INDENT 2
#define PRECISION 12 /* digits of a number with a fraction */

static size_t
style(const struct jsonout *o)
{
	return JSON_REAL_PRECISION(PRECISION) | (o->pretty ? JSON_INDENT(INDENT) : JSON_COMPACT);
}

/* What json_dumps does not escape and a terminal obeys (DEL, C1) is. */
static char *
dumped(const json_t *object, size_t flags)
{
	cleanup_free char *text = object ? json_dumps(object, flags) : NULL;
	struct buf b = {0};

	if (text == NULL)
		return NULL;
	foreign_put(&b, slice_of(text), FOREIGN_JSON);
	buf_put_u8(&b, '\0');
	if (b.err)
		buf_free(&b);
	return (char *)b.p;
}

char *
jsonout_dumps(const json_t *v, bool pretty)
{
	return v ? json_dumps(v, style(&(struct jsonout){.pretty = pretty})) : NULL;
}

void
jsonout_object(const struct jsonout *o, json_t *object)
{
	char *text = dumped(object, style(o));

	if (text)
		puts(text);
	free(text);
	json_decref(object);
}

void
jsonout_text(struct slice text)
{
	cleanup_buf struct buf b = {0};

	foreign_put(&b, text, FOREIGN_JSON);
	fwrite(b.p, 1, b.len, stdout);
}

json_t *
jsonout_shown(const json_t *v)
{
	cleanup_buf struct buf b = {0};
	json_t *copy, *item;
	const char *key;
	size_t i;

	if (json_is_object(v)) {
		copy = json_object();
		json_object_foreach ((json_t *)v, key, item) {
			buf_reset(&b);
			foreign_put(&b, slice_of(key), FOREIGN_LINE);
			buf_put_u8(&b, '\0');
			json_object_set_new(copy, b.err ? "" : (const char *)b.p, jsonout_shown(item));
		}
		return copy;
	}
	if (json_is_array(v)) {
		copy = json_array();
		json_array_foreach (v, i, item)
			json_array_append_new(copy, jsonout_shown(item));
		return copy;
	}
	if (!json_is_string(v))
		return json_deep_copy(v);
	foreign_put(&b, (struct slice){json_string_value(v), json_string_length(v)}, FOREIGN_LINE);
	return json_stringn(b.len ? (const char *)b.p : "", b.len);
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
	char *text = dumped(item, style(o));

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
	char *text = dumped(rest, style(o));

	if (o->in_list)
		put_break(o, 1);
	/* rest is an object with members: what follows its brace goes on with ours. */
	printf("],%s\n", text ? text + 1 : "\"code\":500}");
	o->in_list = false;
	free(text);
	json_decref(rest);
}
