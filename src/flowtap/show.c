/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "jsonout.h"
#include "layout.h"
#include "show.h"

#define NARROW 60 /* columns of a screen that has none to give away */

void
show_put(show_text *text, const json_t *answer, unsigned width, struct buf *out)
{
	cleanup_buf struct buf lines = {0};
	json_t *shown = jsonout_shown(answer);

	text(shown, width, &lines);
	json_decref(shown);
	if (lines.err)
		out->err = lines.err;
	layout_fold((struct slice){(char *)lines.p, lines.len}, width, 2, out);
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static intmax_t
number_of(const json_t *o, const char *key)
{
	return (intmax_t)json_integer_value(json_object_get(o, key));
}

/* "3d 04:05:06" */
static const char *
duration(intmax_t s, char buf[static 32])
{
	int n = s >= 86400 ? snprintf(buf, 32, "%jdd ", s / 86400) : 0;

	snprintf(buf + n, 32 - (size_t)n, "%02d:%02d:%02d", (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
	return buf;
}

static const char *
utc(intmax_t s, char buf[static 32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strcpy(buf, "-");
	return buf;
}

/* ---- show services flow-tap ---- */

static void
put_interfaces(const json_t *list, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"Interfaces", .usual = 18},
	    {"", .wraps = true},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns), .indent = 2};
	const json_t *i;
	size_t n;

	buf_printf(out, "\n");
	json_array_foreach (list, n, i) {
		bool tapped = json_is_true(json_object_get(i, "tapped"));

		layout_cell(&t, "%s", text_of(i, "name"));
		layout_cell(&t, "%s%s%s", tapped ? "tapped" : "not tapped", tapped ? "" : ": ",
		    tapped ? "" : text_of(i, "why"));
	}
	layout_table_end(&t, width, out);
}

static void
put_services_interfaces(const json_t *list, struct buf *out)
{
	const json_t *i;
	size_t n;

	buf_printf(out, "Services interfaces:");
	json_array_foreach (list, n, i)
		buf_printf(out, " %s", json_string_value(i));
	buf_printf(out, "\n");
}

/* Nothing before the first copy. */
static void
put_content_interfaces(const json_t *list, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"Copies leave by", .usual = 18},
	    {"", .wraps = true},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns), .indent = 2};
	const json_t *i;
	size_t n;

	if (json_array_size(list) == 0)
		return;
	buf_printf(out, "\n");
	json_array_foreach (list, n, i) {
		layout_cell(&t, "%s", text_of(i, "name"));
		layout_cell(&t, "%s", text_of(i, "way"));
	}
	layout_table_end(&t, width, out);
}

static void
put_programs(const json_t *list, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"Programs", .usual = 16},
	    {"id", .usual = 6, .right = true},
	    {"tag", .usual = 16, .gap = 1, .rank = 1},
	    {"loaded for", .gap = 1},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns), .indent = 2};
	char age[32];
	const json_t *p;
	size_t n;

	if (json_array_size(list) == 0)
		return;
	buf_printf(out, "\n");
	json_array_foreach (list, n, p) {
		layout_cell(&t, "%s", text_of(p, "name"));
		layout_cell(&t, "%jd", number_of(p, "id"));
		layout_cell(&t, "%s", text_of(p, "tag"));
		layout_cell(&t, "%s", duration(number_of(p, "loaded-seconds"), age));
	}
	layout_table_end(&t, width, out);
}

static void
put_capacity(const json_t *state, const json_t *c, unsigned width, struct buf *out)
{
	static const char *const rows[] = {
	    "criteria", "terms-ipv4", "terms-ipv6", "masks-ipv4", "masks-ipv6", "destinations"};
	static const struct layout_column columns[] = {
	    {"Capacity", .usual = 18},
	    {"in use", .usual = 9, .right = true},
	    {"room", .usual = 10, .right = true},
	    {"used", .usual = 7, .right = true, .rank = 1},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns), .indent = 2};

	buf_printf(out, "\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char key[64];
		intmax_t used = number_of(c, rows[i]), room;

		snprintf(key, sizeof key, "%s-limit", rows[i]);
		room = number_of(c, key);
		layout_cell(&t, "%s", rows[i]);
		layout_cell(&t, "%jd", used);
		layout_cell(&t, "%jd", room);
		layout_cell(&t, "%.1f%%", room > 0 ? (double)used * 100 / (double)room : 0.0);
	}
	layout_table_end(&t, width, out);
	buf_printf(out, "  %-16s %9jd %10jd  the most so far without a loss\n", "copies a second",
	    number_of(state, "copies-per-second"), number_of(state, "copies-per-second-most"));
	buf_printf(out, "  %-16s %17.1f MiB\n", "tables' memory", (double)number_of(c, "table-bytes") / 1048576);
}

static void
put_disk(const json_t *d, struct buf *out)
{
	buf_printf(out, "Disk: %s, %.1f MiB free, %.1f MiB kept for what ends taps", text_of(d, "state"),
	    (double)number_of(d, "free-bytes") / 1048576, (double)number_of(d, "reserve-bytes") / 1048576);
	if (number_of(d, "lines-owed") > 0)
		buf_printf(out, "; lines owed to the record: %jd", number_of(d, "lines-owed"));
	buf_printf(out, "\n");
}

void
show_flow_tap(const json_t *state, unsigned width, struct buf *out)
{
	const json_t *capacity = json_object_get(state, "capacity");
	char when[32];

	buf_printf(out, "Flow-tap: %s, flowtapd %s", text_of(state, "state"), text_of(state, "version"));
	if (capacity)
		buf_printf(out, ", attached by %s", text_of(state, "attach"));
	buf_printf(out, "\n");
	if (capacity)
		buf_printf(out, "Started %s; DTCP sessions: %jd; agencies: %zu\n",
		    utc(number_of(state, "start-time"), when), number_of(state, "sessions"),
		    json_array_size(json_object_get(state, "agencies")));
	if (json_object_get(state, "disk"))
		put_disk(json_object_get(state, "disk"), out);
	if (json_object_get(state, "pending-restart"))
		buf_printf(out, "Pending until the next start: %s\n", text_of(state, "pending-restart"));
	if (capacity) {
		put_interfaces(json_object_get(state, "interfaces"), width, out);
		put_content_interfaces(json_object_get(state, "content-interfaces"), width, out);
		put_programs(json_object_get(state, "programs"), width, out);
		put_capacity(state, capacity, width, out);
	} else {
		put_services_interfaces(json_object_get(state, "services-interfaces"), out);
		buf_printf(out, "\nFurther figures are shown to those entitled: root, the group _flowtap and the "
				"permission flow-tap.\n");
	}
}

/* ---- show services flow-tap statistics ---- */

static void
put_agencies(const json_t *list, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"Agency", .usual = 20},
	    {"sessions", .usual = 8, .right = true, .rank = 3},
	    {"criteria", .usual = 9, .right = true, .rank = 2},
	    {"copies due", .usual = 13, .right = true, .rank = 1},
	    {"sent", .usual = 13, .right = true},
	    {"lost", .usual = 9, .right = true},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns), .indent = 2};
	const json_t *a;
	size_t n;

	buf_printf(out, "\n");
	json_array_foreach (list, n, a) {
		layout_cell(&t, "%s", text_of(a, "agency"));
		layout_cell(&t, "%jd", number_of(a, "sessions"));
		layout_cell(&t, "%jd", number_of(a, "criteria"));
		layout_cell(&t, "%jd", number_of(a, "due"));
		layout_cell(&t, "%jd", number_of(a, "sent"));
		layout_cell(&t, "%jd", number_of(a, "lost-budget") + number_of(a, "lost-otherwise"));
	}
	layout_table_end(&t, width, out);
}

/* A heading, and below it names with a number each. */
#define COUNTERS(heading)                                                                                              \
	{                                                                                                              \
		{heading, .usual = 32}, {"", .usual = 21, .right = true},                                              \
		{                                                                                                      \
			"", .gap = 1, .wraps = true                                                                    \
		}                                                                                                      \
	}

static void
put_counter(struct layout_table *t, const char *name, intmax_t v, const char *place)
{
	layout_cell(t, "%s", name);
	layout_cell(t, "%jd", v);
	layout_cell(t, "%s%s", place ? "at: " : "", place ? place : "");
}

static void
put_copies(const json_t *copies, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = COUNTERS("Copies");
	struct layout_table t = {columns, ARRAY_LEN(columns), .indent = 2};

	put_counter(&t, "matched", number_of(copies, "matched"), NULL);
	put_counter(&t, "due (matched x destinations)", number_of(copies, "due"), NULL);
	put_counter(&t, "sent", number_of(copies, "sent"), NULL);
	layout_table_end(&t, width, out);
}

/* Where on its way a copy was when it was lost for that reason. */
static const char *
place_of(const char *reason)
{
	static const struct {
		const char *reason, *place;
	} places[] = {
	    {"agency-budget", "before copying"},
	    {"timeout-grant", "before copying"},
	    {"copy-limit", "before copying"},
	    {"internal-queue", "stage device"},
	    {"encapsulation", "stage device"},
	    {"encapsulation-gso", "stage device"},
	    {"criterion-removed-early", "stage device"},
	    {"too-big", "stage device"},
	    {"no-route", "routing"},
	    {"no-neighbour", "next hop"},
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strcmp(places[i].reason, reason) == 0)
			return places[i].place;
	return "outgoing interface";
}

/* Only reasons that occurred; a clean account is one line. */
static void
put_counters(const struct layout_column *columns, const json_t *counters, bool places, unsigned width, struct buf *out)
{
	struct layout_table t = {columns, 3, .indent = 2};
	const char *reason;
	json_t *v;

	buf_printf(out, "\n");
	json_object_foreach ((json_t *)counters, reason, v)
		if (json_integer_value(v) != 0)
			put_counter(&t, reason, (intmax_t)json_integer_value(v), places ? place_of(reason) : NULL);
	if (t.ncell == 0)
		put_counter(&t, "none", 0, NULL);
	layout_table_end(&t, width, out);
}

/* From a mark on that an operator set, if there is one; the account of agencies has none. */
void
show_statistics(const json_t *state, unsigned width, struct buf *out)
{
	static const struct layout_column losses[] = COUNTERS("Losses");
	static const struct layout_column information[] = COUNTERS("For information, not lost");
	const json_t *since = json_object_get(state, "since-cleared"), *from = since ? since : state;

	if (since)
		buf_printf(out, "Since %s, when %s cleared them; %jd matched, %jd sent before and since\n\n",
		    text_of(since, "time"), text_of(since, "user"),
		    number_of(json_object_get(state, "copies"), "matched"),
		    number_of(json_object_get(state, "copies"), "sent"));
	put_copies(json_object_get(from, "copies"), width, out);
	put_counters(losses, json_object_get(from, "losses"), true, width, out);
	put_counters(information, json_object_get(from, "information"), false, width, out);
	put_agencies(json_object_get(state, "agencies"), width, out);
}

void
show_cleared(const json_t *state, unsigned width, struct buf *out)
{
	(void)width;
	buf_printf(out, "Statistics are shown from %s on\n", text_of(json_object_get(state, "since-cleared"), "time"));
}

/* ---- show services flow-tap sessions | content-destinations | events ---- */

void
show_sessions(const json_t *answer, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"Agency", .usual = 20},
	    {"from", .usual = 26},
	    {"open for", .usual = 12, .right = true},
	    {"requests", .usual = 9, .right = true, .rank = 2},
	    {"refused", .usual = 8, .right = true, .rank = 1},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns)};
	const json_t *list = json_object_get(answer, "sessions"), *s;
	char age[32];
	size_t n;

	if (json_array_size(list) == 0) {
		buf_printf(out, "No DTCP session is open.\n");
		return;
	}
	json_array_foreach (list, n, s) {
		layout_cell(&t, "%s", text_of(s, "agency"));
		layout_cell(&t, "%s", text_of(s, "address"));
		layout_cell(&t, "%s", duration(number_of(s, "open-seconds"), age));
		layout_cell(&t, "%jd", number_of(s, "requests"));
		layout_cell(&t, "%jd", number_of(s, "refused"));
	}
	layout_table_end(&t, width, out);
}

void
show_content_destinations(const json_t *answer, unsigned width, struct buf *out)
{
	const json_t *list = json_object_get(answer, "content-destinations"), *d;
	char state[64], age[32];
	size_t n;

	(void)width;
	if (json_array_size(list) == 0) {
		buf_printf(out, "No criterion sends anywhere.\n");
		return;
	}
	json_array_foreach (list, n, d) {
		intmax_t since = number_of(d, "unresolved-seconds");

		snprintf(state, sizeof state, "%s%s%s", text_of(d, "state"), since ? " for " : "",
		    since ? duration(since, age) : "");
		buf_printf(out, "%s port %jd, agency %s, %jd %s\n  %s", text_of(d, "address"), number_of(d, "port"),
		    text_of(d, "agency"), number_of(d, "criteria"),
		    number_of(d, "criteria") == 1 ? "criterion" : "criteria", state);
		if (json_object_get(d, "interface"))
			buf_printf(out, "; by %s, %s", text_of(d, "interface"), text_of(d, "way"));
		if (json_object_get(d, "next-hop"))
			buf_printf(out, "\n  next hop %s", text_of(d, "next-hop"));
		buf_printf(out, "\n");
	}
	if (json_is_true(json_object_get(answer, "more")))
		buf_printf(out, "There are more.\n");
}

void
show_events(const json_t *answer, unsigned width, struct buf *out)
{
	const json_t *list = json_object_get(answer, "events"), *k;
	char when[32];
	size_t n;

	if (json_array_size(list) == 0)
		buf_printf(out, "Nothing has happened yet.\n");
	json_array_foreach (list, n, k) {
		cleanup_buf struct buf line = {0};

		buf_printf(&line, "%s %-8s%s: %s", utc(number_of(k, "time-ms") / 1000, when), text_of(k, "severity"),
		    text_of(k, "kind"), text_of(k, "text"));
		layout_fold((struct slice){(char *)line.p, line.len}, width, width < NARROW ? 4 : 29, out);
	}
}

void
show_rotation(const json_t *answer, unsigned width, struct buf *out)
{
	(void)width;
	buf_printf(out, "Rotation of keys: %s, %jd rows to seal anew\n", text_of(answer, "rotation"),
	    (intmax_t)json_integer_value(json_object_get(answer, "reseal-rows")));
}

void
show_self_test(const json_t *answer, unsigned width, struct buf *out)
{
	const json_t *list = json_object_get(answer, "links"), *l;
	size_t n;

	(void)width;
	json_array_foreach (list, n, l) {
		buf_printf(out, "  %-24s %s\n", text_of(l, "link"), text_of(l, "state"));
		if (json_string_length(json_object_get(l, "why")) > 0) {
			buf_printf(out, "    %s\n", text_of(l, "why"));
		}
	}
	if (json_object_get(answer, "broken"))
		buf_printf(out, "Self-test: broken: %s\n", text_of(answer, "broken"));
	else
		buf_printf(out, "Self-test: works\n");
}

/* ---- show cli authorization ---- */

void
show_authorization(const json_t *answer, unsigned width, struct buf *out)
{
	const json_t *list = json_object_get(answer, "permissions"), *p;
	size_t n;

	(void)width;
	buf_printf(out, "User number %jd, login %s\n", number_of(answer, "uid"), text_of(answer, "login"));
	if (json_array_size(list) == 0)
		buf_printf(out, "No permissions\n");
	json_array_foreach (list, n, p)
		buf_printf(out, "  %s\n", json_string_value(p));
	if (json_is_true(json_object_get(answer, "warrant-officer")))
		buf_printf(out, "May enter and approve warrants\n");
}
