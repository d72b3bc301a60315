/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "foreign.h"
#include "jsonout.h"
#include "layout.h"
#include "terminal.h"

#define ENTRY_INDENT 12
#define NAME_COLUMNS 22
#define SINCE_LEN 19           /* "2026-11-23 20:58:26" */
#define ROW_LEAST LAYOUT_USUAL /* columns of the screen for a name and its figures in one line */

static void
put_shown(struct buf *out, struct slice s)
{
	foreign_put(out, s, FOREIGN_LINE);
}

/* ---- text ---- */

static void
done_add(struct buf *out, const struct dtcp_reply *r)
{
	buf_printf(out, "criterion %" PRIu64 " added", r->id);
}

static void
done_delete(struct buf *out, const struct dtcp_reply *r)
{
	buf_printf(out, "%" PRIu64 " %s deleted", r->count, r->count == 1 ? "criterion" : "criteria");
}

static void
done_list(struct buf *out, const struct dtcp_reply *r)
{
	buf_printf(out, "%" PRIu32 " %s", r->nentries, r->nentries == 1 ? "criterion" : "criteria");
}

static void
done_refresh(struct buf *out, const struct dtcp_reply *r)
{
	buf_printf(out, "%" PRIu64 " %s refreshed", r->count, r->count == 1 ? "criterion" : "criteria");
}

static void
done_noop(struct buf *out, const struct dtcp_reply *r)
{
	buf_printf(out, "the server answers (DTCP/%u.%u)", r->version / 10, r->version % 10);
}

static void
done_other(struct buf *out, const struct dtcp_reply *r)
{
	buf_printf(out, "%u ", r->code);
	put_shown(out, r->text);
}

static const struct {
	const char *method;
	void (*put)(struct buf *out, const struct dtcp_reply *r);
} done_by_method[] = {
    {"ADD", done_add},
    {"DELETE", done_delete},
    {"REFRESH", done_refresh},
    {"LIST", done_list},
    {"NOOP", done_noop},
};

void
answer_put_done(struct buf *out, const char *method, const struct dtcp_reply *r)
{
	for (size_t i = 0; i < ARRAY_LEN(done_by_method); i++)
		if (strcasecmp(done_by_method[i].method, method) == 0) {
			done_by_method[i].put(out, r);
			return;
		}
	done_other(out, r);
}

void
answer_put_refusal(struct buf *out, const struct dtcp_reply *r)
{
	buf_printf(out, "%u ", r->code);
	if (r->text.len)
		put_shown(out, r->text);
	else
		buf_printf(out, "%s", dtcp_code_text(r->code));
	if (r->reason.len) {
		buf_printf(out, ": ");
		put_shown(out, r->reason);
	}
}

void
answer_put_wrapped(struct buf *out, const char *text, unsigned indent, unsigned width)
{
	cleanup_buf struct buf line = {0};

	buf_printf(&line, "%*s%s", (int)indent, "", text);
	if (line.err == 0)
		layout_fold((struct slice){(const char *)line.p, line.len}, width, 0, out);
}

static struct slice
entry_get(const struct dtcp_reply_entry *e, const char *name)
{
	for (unsigned i = 0; i < e->n; i++)
		if (slice_eq_nocase(e->name[i], name))
			return e->value[i];
	return (struct slice){"", 0};
}

/* Our routers do not send statistics that are zero, except this one, which says that there are any. */
static bool
has_statistics(const struct dtcp_reply_entry *e)
{
	return entry_get(e, "Matching-Packets").len > 0;
}

/* A number made short, "-" if there is none. */
static const char *
entry_human(const struct dtcp_reply_entry *e, const char *name, char text[static TERM_HUMAN_LEN])
{
	uint64_t v;

	if (entry_get(e, name).len == 0 && has_statistics(e))
		return term_human(0, text);
	if (slice_u64(entry_get(e, name), UINT64_MAX, &v) < 0)
		return "-";
	return term_human(v, text);
}

void
answer_put_list_head(struct buf *out, unsigned width)
{
	buf_printf(out, "%10s  %s", "ID", "DESTINATION");
	if (width >= ROW_LEAST)
		buf_printf(out, "%*s %7s %7s %7s  %s", NAME_COLUMNS - (int)strlen("DESTINATION"), "", "PACKETS",
		    "BYTES", "BIT/S", "SINCE");
	buf_printf(out, "\n");
}

/* The n-th item of a comma list, blanks around it removed. */
static struct slice
list_item(struct slice list, unsigned n)
{
	const char *p = list.p, *end = list.p + list.len, *comma;

	for (;; p = comma + 1, n--) {
		comma = memchr(p, ',', (size_t)(end - p));
		if (n == 0)
			return slice_trim((struct slice){p, (size_t)((comma ? comma : end) - p)});
		if (comma == NULL)
			return (struct slice){"", 0};
	}
}

static void
put_endpoint(struct buf *out, struct slice addr, struct slice port)
{
	bool v6 = addr.len && memchr(addr.p, ':', addr.len);

	buf_printf(out, "%s", v6 ? "[" : "");
	put_shown(out, addr);
	buf_printf(out, "%s:", v6 ? "]" : "");
	put_shown(out, port);
}

/* "to 192.0.2.10:7890 from 192.0.2.1:49153 ttl 64" */
static void
put_destination(struct buf *out, const struct dtcp_reply_entry *e)
{
	struct slice addr = entry_get(e, "X-JTap-Cdest-Dest-Address"), port = entry_get(e, "X-JTap-Cdest-Dest-Port");
	struct slice from = entry_get(e, "X-JTap-Cdest-Source-Address"), ttl = entry_get(e, "X-JTap-Cdest-TTL");

	for (unsigned i = 0; list_item(addr, i).len; i++) {
		buf_printf(out, i ? ", " : "to ");
		put_endpoint(out, list_item(addr, i), list_item(port, i));
	}
	if (from.len) {
		buf_printf(out, " from ");
		put_endpoint(out, from, entry_get(e, "X-JTap-Cdest-Source-Port"));
	}
	if (ttl.len) {
		buf_printf(out, " ttl ");
		put_shown(out, ttl);
	}
}

/* "protocol 17, dest-port 53": the elements that say something. */
static void
put_filter(struct buf *out, const struct dtcp_reply_entry *e)
{
	unsigned said = 0;

	for (unsigned i = 0; i < CRIT_FIELDS; i++) {
		struct slice v = entry_get(e, criteria_field_name(i));

		if (v.len == 0 || slice_eq(v, "*"))
			continue;
		buf_printf(out, "%s", said++ ? ", " : "");
		for (const char *p = criteria_field_name(i); *p; p++)
			buf_put_u8(out, (uint8_t)tolower((unsigned char)*p));
		buf_printf(out, " ");
		put_shown(out, v);
	}
	if (said == 0)
		buf_printf(out, "no filter element");
}

/* To the second. */
static void
put_since(struct buf *out, const struct dtcp_reply_entry *e)
{
	struct slice since = entry_get(e, "Last-Refresh");

	since.len = since.len < SINCE_LEN ? since.len : SINCE_LEN;
	put_shown(out, since);
}

static void
put_indented(struct buf *out, void (*put)(struct buf *out, const struct dtcp_reply_entry *e),
    const struct dtcp_reply_entry *e, unsigned width)
{
	cleanup_buf struct buf text = {0};

	put(&text, e);
	if (text.len == 0)
		return;
	buf_put_u8(&text, '\0');
	if (text.err == 0)
		answer_put_wrapped(out, (const char *)text.p, ENTRY_INDENT, width);
}

/* "3 packets, 252 bytes, 0 bit/s since 2026-11-23 20:58:26" */
static void
put_figures(struct buf *out, const struct dtcp_reply_entry *e)
{
	char packets[TERM_HUMAN_LEN], bytes[TERM_HUMAN_LEN], bps[TERM_HUMAN_LEN];

	if (!has_statistics(e))
		return;
	buf_printf(out, "%s packets, %s bytes, %s bit/s since ", entry_human(e, "Matching-Packets", packets),
	    entry_human(e, "Matching-Bytes", bytes), entry_human(e, "Average-Bandwidth", bps));
	put_since(out, e);
}

/* The same in columns, behind a name of so many. */
static void
put_columns(struct buf *out, const struct dtcp_reply_entry *e, unsigned used)
{
	char packets[TERM_HUMAN_LEN], bytes[TERM_HUMAN_LEN], bps[TERM_HUMAN_LEN];

	buf_printf(out, "%*s %7s %7s %7s  ", (int)(NAME_COLUMNS - used), "",
	    entry_human(e, "Matching-Packets", packets), entry_human(e, "Matching-Bytes", bytes),
	    entry_human(e, "Average-Bandwidth", bps));
	put_since(out, e);
	buf_printf(out, "\n");
}

/* A name is shown whole, since DELETE wants it so: its figures stand below if it is long. */
static void
put_row(struct buf *out, const struct dtcp_reply_entry *e, unsigned width)
{
	cleanup_buf struct buf line = {0}, name = {0};
	unsigned used;

	put_shown(&name, entry_get(e, "Cdest-ID"));
	used = layout_columns((struct slice){(const char *)name.p, name.len});
	buf_printf(&line, "%10" PRIu64 "  ", e->id);
	buf_put(&line, name.p, name.len);
	if (width >= ROW_LEAST && used <= NAME_COLUMNS) {
		buf_put(out, line.p, line.len);
		put_columns(out, e, used);
		return;
	}
	layout_fold((struct slice){(const char *)line.p, line.len}, width, 2, out);
	if (width < ROW_LEAST) {
		put_indented(out, put_figures, e, width);
		return;
	}
	buf_printf(out, "%*s", ENTRY_INDENT, "");
	put_columns(out, e, 0);
}

void
answer_put_list_entry(struct buf *out, const struct dtcp_reply_entry *e, bool figures, unsigned width)
{
	put_row(out, e, width);
	put_indented(out, put_destination, e, width);
	if (!figures)
		put_indented(out, put_filter, e, width);
}

void
answer_put_list_foot(struct buf *out, uint64_t entries)
{
	buf_printf(out, "%" PRIu64 " %s\n", entries, entries == 1 ? "criterion" : "criteria");
}

/* ---- JSON ---- */

json_t *
answer_string_json(struct slice s)
{
	cleanup_buf struct buf b = {0};

	put_shown(&b, s);
	return json_stringn(b.len ? (const char *)b.p : "", b.len);
}

json_t *
answer_json(const struct dtcp_reply *r)
{
	json_t *o = json_pack("{s:i, s:o}", "code", (int)r->code, "text", answer_string_json(r->text));

	if (r->have_seq)
		json_object_set_new(o, "seq", json_integer((json_int_t)r->seq));
	if (r->timestamp.len)
		json_object_set_new(o, "timestamp", answer_string_json(r->timestamp));
	if (r->reason.len)
		json_object_set_new(o, "reason", answer_string_json(r->reason));
	if (r->code != DTCP_OK)
		json_object_update_new(
		    o, json_pack("{s:s, s:s}", "error", "refused", "advice", dtcp_code_advice(r->code)));
	else if (r->nentries == 0 && r->id)
		json_object_set_new(o, "criteria-id", json_integer((json_int_t)r->id));
	return o;
}

/* Parameters whose value is one number. */
static bool
is_number(struct slice name)
{
	static const char *const names[] = {"Criteria-ID", "Criteria-Num", "Criteria-Count", "Average-Bandwidth",
	    "Matching-Packets", "Matching-Bytes", "Num-Refresh", "Timeout-Idle", "Timeout-Total", "Timeout-Packets",
	    "Timeout-Bytes", "X-JTap-Cdest-TTL", "X-JTap-Cdest-Source-Port"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_eq_nocase(name, names[i]))
			return true;
	return false;
}

json_t *
answer_entry_json(const struct dtcp_reply_entry *e)
{
	static const char *const zeros[] = {"average-bandwidth", "matching-bytes", "num-refresh"};
	json_t *o = json_object();

	for (unsigned i = 0; o && i < e->n; i++) {
		char key[JSONOUT_KEY_MAX];
		uint64_t v;

		jsonout_key(e->name[i], key);
		if (is_number(e->name[i]) && slice_u64(e->value[i], INT64_MAX, &v) == 0)
			json_object_set_new(o, key, json_integer((json_int_t)v));
		else
			json_object_set_new(o, key, answer_string_json(e->value[i]));
	}
	for (size_t i = 0; o && has_statistics(e) && i < ARRAY_LEN(zeros); i++)
		if (json_object_get(o, zeros[i]) == NULL)
			json_object_set_new(o, zeros[i], json_integer(0));
	return o;
}
