/* SPDX-License-Identifier: BSD-2-Clause */
#include "xml.h"

#include <string.h>

#define DEPTH_MAX 200

/* A line feed within a value is no line of ours; what XML has no way to write is U+FFFD. */
static void
text_put(const char *s, struct buf *out)
{
	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;
		const char *as = c == '&'    ? "&amp;"
				 : c == '<'  ? "&lt;"
				 : c == '>'  ? "&gt;"
				 : c == '"'  ? "&quot;"
				 : c == '\n' ? "&#10;"
				 : c == '\t' ? "&#9;"
				 : c == '\r' ? "&#13;"
					     : NULL;

		if (as == NULL && (c < ' ' || c == 0x7f))
			as = "\xef\xbf\xbd";
		if (as)
			buf_put(out, as, strlen(as));
		else
			buf_put(out, s, 1);
	}
}

static bool
is_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	return *s && strchr(letters, *s) &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
			   "0123456789-.")] == '\0' &&
	       strncmp(s, "xml", 3) != 0;
}

static void
open_put(const char *key, unsigned depth, struct buf *out)
{
	buf_printf(out, "%*s<", (int)(4 * depth), "");
	if (is_name(key))
		buf_printf(out, "%s>", key);
	else {
		buf_printf(out, "element name=\"");
		text_put(key, out);
		buf_printf(out, "\">");
	}
}

static void
close_put(const char *key, struct buf *out)
{
	buf_printf(out, "</%s>\n", is_name(key) ? key : "element");
}

static void
scalar_put(const json_t *v, struct buf *out)
{
	if (json_is_string(v))
		text_put(json_string_value(v), out);
	else if (json_is_integer(v))
		buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		buf_printf(out, "%.6g", json_real_value(v));
	else if (json_is_boolean(v))
		buf_printf(out, json_is_true(v) ? "true" : "false");
}

static void value_put(const char *key, const json_t *v, unsigned depth, struct buf *out);

static void
members_put(const json_t *o, unsigned depth, struct buf *out)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)o, key, v)
		value_put(key, v, depth, out);
}

static void
value_put(const char *key, const json_t *v, unsigned depth, struct buf *out)
{
	const json_t *item;
	size_t i;

	if (depth > DEPTH_MAX)
		return;
	if (json_is_array(v)) {
		json_array_foreach (v, i, item)
			value_put(key, item, depth, out);
		return;
	}
	open_put(key, depth, out);
	if (json_is_object(v)) {
		buf_put(out, "\n", 1);
		members_put(v, depth + 1, out);
		buf_printf(out, "%*s", (int)(4 * depth), "");
	} else
		scalar_put(v, out);
	close_put(key, out);
}

void
xml_put(const json_t *o, struct buf *out)
{
	buf_printf(out, "<rpc-reply>\n");
	if (json_is_object(o))
		members_put(o, 1, out);
	else
		value_put("output", o, 1, out);
	buf_printf(out, "</rpc-reply>\n");
}
