/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "show.h"

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
put_interfaces(const json_t *list, struct buf *out)
{
	const json_t *i;
	size_t n;

	buf_printf(out, "\nInterfaces\n");
	json_array_foreach (list, n, i) {
		bool tapped = json_is_true(json_object_get(i, "tapped"));

		buf_printf(out, "  %-16s %s%s%s\n", text_of(i, "name"), tapped ? "tapped" : "not tapped",
		    tapped ? "" : ": ", tapped ? "" : text_of(i, "why"));
	}
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
put_content_interfaces(const json_t *list, struct buf *out)
{
	const json_t *i;
	size_t n;

	if (json_array_size(list) > 0)
		buf_printf(out, "\nCopies leave by\n");
	json_array_foreach (list, n, i)
		buf_printf(out, "  %-16s %s\n", text_of(i, "name"), text_of(i, "way"));
}

static void
put_programs(const json_t *list, struct buf *out)
{
	char age[32];
	const json_t *p;
	size_t n;

	if (json_array_size(list) > 0)
		buf_printf(out, "\nPrograms             id  tag               loaded for\n");
	json_array_foreach (list, n, p)
		buf_printf(out, "  %-14s %6jd  %-16s  %s\n", text_of(p, "name"), number_of(p, "id"), text_of(p, "tag"),
		    duration(number_of(p, "loaded-seconds"), age));
}

static void
put_capacity(const json_t *state, const json_t *c, struct buf *out)
{
	static const char *const rows[] = {
	    "criteria", "terms-ipv4", "terms-ipv6", "masks-ipv4", "masks-ipv6", "destinations"};

	buf_printf(out, "\nCapacity              in use       room    used\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char key[64];
		intmax_t used = number_of(c, rows[i]), room;

		snprintf(key, sizeof key, "%s-limit", rows[i]);
		room = number_of(c, key);
		buf_printf(out, "  %-16s %9jd %10jd %6.1f%%\n", rows[i], used, room,
		    room > 0 ? (double)used * 100 / (double)room : 0.0);
	}
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
		buf_printf(out, ";\n  lines owed to the record: %jd", number_of(d, "lines-owed"));
	buf_printf(out, "\n");
}

void
show_flow_tap(const json_t *state, struct buf *out)
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
		put_interfaces(json_object_get(state, "interfaces"), out);
		put_content_interfaces(json_object_get(state, "content-interfaces"), out);
		put_programs(json_object_get(state, "programs"), out);
		put_capacity(state, capacity, out);
	} else {
		put_services_interfaces(json_object_get(state, "services-interfaces"), out);
		buf_printf(out, "\nFurther figures are shown to those entitled: root, the group _flowtap and the\n"
				"permission flow-tap.\n");
	}
}

/* ---- show services flow-tap statistics ---- */

static void
put_agencies(const json_t *list, struct buf *out)
{
	const json_t *a;
	size_t n;

	buf_printf(
	    out, "\n%-20s %8s %9s %13s %13s %9s\n", "Agency", "sessions", "criteria", "copies due", "sent", "lost");
	json_array_foreach (list, n, a)
		buf_printf(out, "  %-18s %8jd %9jd %13jd %13jd %9jd\n", text_of(a, "agency"), number_of(a, "sessions"),
		    number_of(a, "criteria"), number_of(a, "due"), number_of(a, "sent"),
		    number_of(a, "lost-budget") + number_of(a, "lost-otherwise"));
}

static void
put_copies(const json_t *copies, struct buf *out)
{
	buf_printf(out, "Copies\n  %-30s %21jd\n  %-30s %21jd\n  %-30s %21jd\n", "matched",
	    number_of(copies, "matched"), "due (matched x destinations)", number_of(copies, "due"), "sent",
	    number_of(copies, "sent"));
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
put_counters(const char *title, const json_t *counters, bool places, struct buf *out)
{
	const char *reason;
	bool any = false;
	json_t *v;

	buf_printf(out, "\n%s\n", title);
	json_object_foreach ((json_t *)counters, reason, v) {
		if (json_integer_value(v) == 0)
			continue;
		any = true;
		buf_printf(out, "  %-30s %21jd%s%s\n", reason, (intmax_t)json_integer_value(v), places ? "  at: " : "",
		    places ? place_of(reason) : "");
	}
	if (!any)
		buf_printf(out, "  %-30s %21s\n", "none", "0");
}

/* From a mark on that an operator set, if there is one; the account of agencies has none. */
void
show_statistics(const json_t *state, struct buf *out)
{
	const json_t *since = json_object_get(state, "since-cleared"), *from = since ? since : state;

	if (since)
		buf_printf(out, "Since %s, when %s\ncleared them; %jd matched, %jd sent before and since\n\n",
		    text_of(since, "time"), text_of(since, "user"),
		    number_of(json_object_get(state, "copies"), "matched"),
		    number_of(json_object_get(state, "copies"), "sent"));
	put_copies(json_object_get(from, "copies"), out);
	put_counters("Losses", json_object_get(from, "losses"), true, out);
	put_counters("For information, not lost", json_object_get(from, "information"), false, out);
	put_agencies(json_object_get(state, "agencies"), out);
}

void
show_cleared(const json_t *state, struct buf *out)
{
	buf_printf(out, "Statistics are shown from %s on\n", text_of(json_object_get(state, "since-cleared"), "time"));
}

/* ---- show services flow-tap sessions | content-destinations | events ---- */

void
show_sessions(const json_t *answer, struct buf *out)
{
	const json_t *list = json_object_get(answer, "sessions"), *s;
	char age[32];
	size_t n;

	if (json_array_size(list) == 0) {
		buf_printf(out, "No DTCP session is open.\n");
		return;
	}
	buf_printf(out, "%-20s %-26s %12s %9s %8s\n", "Agency", "from", "open for", "requests", "refused");
	json_array_foreach (list, n, s)
		buf_printf(out, "%-20s %-26s %12s %9jd %8jd\n", text_of(s, "agency"), text_of(s, "address"),
		    duration(number_of(s, "open-seconds"), age), number_of(s, "requests"), number_of(s, "refused"));
}

void
show_content_destinations(const json_t *answer, struct buf *out)
{
	const json_t *list = json_object_get(answer, "content-destinations"), *d;
	char state[64], age[32];
	size_t n;

	if (json_array_size(list) == 0) {
		buf_printf(out, "No criterion sends anywhere.\n");
		return;
	}
	json_array_foreach (list, n, d) {
		intmax_t since = number_of(d, "unresolved-seconds");

		snprintf(state, sizeof state, "%s%s%s", text_of(d, "state"), since ? " for " : "",
		    since ? duration(since, age) : "");
		buf_printf(out, "%s port %jd, agency %s, %jd criteria\n  %s", text_of(d, "address"),
		    number_of(d, "port"), text_of(d, "agency"), number_of(d, "criteria"), state);
		if (json_object_get(d, "interface"))
			buf_printf(out, "; by %s, %s", text_of(d, "interface"), text_of(d, "way"));
		if (json_object_get(d, "next-hop"))
			buf_printf(out, "\n  next hop %s", text_of(d, "next-hop"));
		buf_printf(out, "\n");
	}
	if (json_is_true(json_object_get(answer, "more")))
		buf_printf(out, "There are more.\n");
}

/* A line of at most 80 columns; what is longer goes on below. */
static void
put_wrapped(const char *s, size_t indent, struct buf *out)
{
	size_t room = 80 - indent;

	while (strlen(s) > room) {
		size_t n = room;

		while (n > 0 && s[n] != ' ')
			n--;
		if (n == 0)
			n = room;
		buf_printf(out, "%.*s\n%*s", (int)n, s, (int)indent, "");
		s += n + (s[n] == ' ');
	}
	buf_printf(out, "%s\n", s);
}

void
show_events(const json_t *answer, struct buf *out)
{
	const json_t *list = json_object_get(answer, "events"), *k;
	char when[32], line[512];
	size_t n;

	if (json_array_size(list) == 0)
		buf_printf(out, "Nothing has happened yet.\n");
	json_array_foreach (list, n, k) {
		buf_printf(out, "%s %-8s", utc(number_of(k, "time-ms") / 1000, when), text_of(k, "severity"));
		snprintf(line, sizeof line, "%s: %s", text_of(k, "kind"), text_of(k, "text"));
		put_wrapped(line, 29, out);
	}
}

void
show_rotation(const json_t *answer, struct buf *out)
{
	buf_printf(out, "Rotation of keys: %s, %jd rows to seal anew\n", text_of(answer, "rotation"),
	    (intmax_t)json_integer_value(json_object_get(answer, "reseal-rows")));
}

void
show_self_test(const json_t *answer, struct buf *out)
{
	const json_t *list = json_object_get(answer, "links"), *l;
	size_t n;

	json_array_foreach (list, n, l) {
		buf_printf(out, "  %-24s %s\n", text_of(l, "link"), text_of(l, "state"));
		if (json_string_length(json_object_get(l, "why")) > 0) {
			buf_printf(out, "    ");
			put_wrapped(text_of(l, "why"), 4, out);
		}
	}
	if (json_object_get(answer, "broken"))
		buf_printf(out, "Self-test: broken: %s\n", text_of(answer, "broken"));
	else
		buf_printf(out, "Self-test: works\n");
}

/* ---- show cli authorization ---- */

void
show_authorization(const json_t *answer, struct buf *out)
{
	const json_t *list = json_object_get(answer, "permissions"), *p;
	size_t n;

	buf_printf(out, "User number %jd, login %s\n", number_of(answer, "uid"), text_of(answer, "login"));
	if (json_array_size(list) == 0)
		buf_printf(out, "No permissions\n");
	json_array_foreach (list, n, p)
		buf_printf(out, "  %s\n", json_string_value(p));
}
