/* SPDX-License-Identifier: BSD-2-Clause */
#include "show_router.h"

#include "layout.h"

#define NARROW 60 /* columns of a screen that has none to give away */

#include <stdio.h>
#include <string.h>

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool
has_flag(const json_t *link, const char *flag)
{
	const json_t *f;
	size_t i;

	json_array_foreach (json_object_get(link, "flags"), i, f)
		if (json_is_string(f) && strcmp(json_string_value(f), flag) == 0)
			return true;
	return false;
}

/* ---- show interfaces terse ---- */

static void
address_put(struct layout_table *t, const json_t *a)
{
	const char *peer = text_of(a, "address");

	layout_cell(t, "%s", text_of(a, "family"));
	layout_cell(t, "%s/%d%s%s", text_of(a, "local"), (int)json_integer_value(json_object_get(a, "prefixlen")),
	    *peer ? " --> " : "", peer);
}

static void
link_put(struct layout_table *t, const json_t *link)
{
	const json_t *list = json_object_get(link, "addr_info"), *a;
	size_t i;

	layout_cell(t, "%s", text_of(link, "ifname"));
	layout_cell(t, "%s", has_flag(link, "UP") ? "up" : "down");
	layout_cell(t, "%s", has_flag(link, "LOWER_UP") ? "up" : "down");
	json_array_foreach (list, i, a) {
		for (size_t k = 0; i > 0 && k < 3; k++)
			layout_cell(t, "%s", "");
		address_put(t, a);
	}
	for (size_t k = 0; i == 0 && k < 2; k++)
		layout_cell(t, "%s", "");
}

void
show_router_interfaces(const json_t *links, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"Interface", .usual = 23},
	    {"Admin", .usual = 5, .rank = 1},
	    {"Link", .usual = 4},
	    {"Proto", .usual = 8, .rank = 2},
	    {"Local", .wraps = true},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns)};
	const json_t *l;
	size_t i;

	json_array_foreach (links, i, l)
		if (*text_of(l, "ifname"))
			link_put(&t, l);
	layout_table_end(&t, width, out);
}

/* ---- show route ---- */

static void
hop_put(const json_t *hop, unsigned indent, struct buf *out)
{
	const json_t *via = json_object_get(hop, "via");
	const char *gateway = via ? text_of(via, "host") : text_of(hop, "gateway");

	buf_printf(out, "%*s> ", (int)indent, "");
	if (*gateway)
		buf_printf(out, "to %s ", gateway);
	buf_printf(out, "via %s\n", text_of(hop, "dev"));
}

static void
route_put(const json_t *r, unsigned indent, struct buf *out)
{
	const char *type = text_of(r, "type"), *protocol = text_of(r, "protocol"), *dst = text_of(r, "dst");
	const json_t *hops = json_object_get(r, "nexthops"), *hop;
	const char *source = strcmp(protocol, "kernel") == 0 ? "Direct" : *protocol ? protocol : "static";
	size_t i;

	buf_printf(out, "%-20s *[%s/%jd]%s%s\n", dst, source,
	    (intmax_t)json_integer_value(json_object_get(r, "metric")),
	    *type && strcmp(type, "unicast") != 0 ? " " : "", *type && strcmp(type, "unicast") != 0 ? type : "");
	if (json_object_get(r, "dev"))
		hop_put(r, indent, out);
	json_array_foreach (hops, i, hop)
		hop_put(hop, indent, out);
}

static void
table_put(const char *name, const json_t *routes, unsigned width, struct buf *out)
{
	const json_t *r;
	size_t i;

	if (json_array_size(routes) == 0)
		return;
	buf_printf(out, "%s%s: %zu destinations\n+ = Active Route, - = Last Active, * = Both\n\n", out->len ? "\n" : "",
	    name, json_array_size(routes));
	json_array_foreach (routes, i, r)
		route_put(r, width < NARROW ? 4 : 22, out);
}

void
show_router_routes(const json_t *tables, unsigned width, struct buf *out)
{
	table_put("inet.0", json_object_get(tables, "inet"), width, out);
	table_put("inet6.0", json_object_get(tables, "inet6"), width, out);
	if (out->len == 0)
		buf_printf(out, "No routes\n");
}

/* ---- show arp ---- */

static void
neighbour_put(struct layout_table *t, const json_t *n)
{
	cleanup_buf struct buf states = {0};
	const json_t *state;
	size_t k;

	json_array_foreach (json_object_get(n, "state"), k, state)
		buf_printf(&states, "%s%s", k ? " " : "", json_is_string(state) ? json_string_value(state) : "");
	layout_cell(t, "%s", *text_of(n, "lladdr") ? text_of(n, "lladdr") : "-");
	layout_cell(t, "%s", text_of(n, "dst"));
	layout_cell(t, "%s", text_of(n, "dev"));
	layout_cell(t, "%.*s", (int)states.len, states.p ? (char *)states.p : "");
}

void
show_router_arp(const json_t *neighbours, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"MAC Address", .usual = 17},
	    {"Address", .usual = 15},
	    {"Interface", .usual = 15},
	    {"State", .rank = 1},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns)};
	const json_t *n;
	size_t i;

	json_array_foreach (neighbours, i, n)
		neighbour_put(&t, n);
	layout_table_end(&t, width, out);
	buf_printf(out, "Total entries: %zu\n", json_array_size(neighbours));
}

/* ---- show system ---- */

static const char *
span(intmax_t s, char buf[static 32])
{
	int n = s >= 86400 ? snprintf(buf, 32, "%jdd ", s / 86400) : 0;

	snprintf(buf + n, 32 - (size_t)n, "%02d:%02d", (int)(s / 3600 % 24), (int)(s / 60 % 60));
	return buf;
}

void
show_router_uptime(const json_t *o, unsigned width, struct buf *out)
{
	const intmax_t up = (intmax_t)json_integer_value(json_object_get(o, "up-seconds"));
	const json_t *load = json_object_get(o, "load");
	char text[32];

	(void)width;
	buf_printf(out, "Current time: %s\nSystem booted: %s (%s ago)\n", text_of(o, "time"), text_of(o, "booted"),
	    span(up, text));
	if (json_object_get(o, "protocols-started"))
		buf_printf(out, "Protocols started: %s\n", text_of(o, "protocols-started"));
	if (json_object_get(o, "configured"))
		buf_printf(out, "Last configured: %s by %s\n", text_of(o, "configured"), text_of(o, "configured-by"));
	buf_printf(out, "up %s, %jd users, load averages: %.2f, %.2f, %.2f\n", span(up, text),
	    (intmax_t)json_integer_value(json_object_get(o, "users")), json_real_value(json_array_get(load, 0)),
	    json_real_value(json_array_get(load, 1)), json_real_value(json_array_get(load, 2)));
}

void
show_router_users(const json_t *o, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"USER", .usual = 16},
	    {"TTY", .usual = 10, .rank = 2},
	    {"FROM", .usual = 28},
	    {"LOGIN", .rank = 1},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns)};
	const json_t *u;
	size_t i;

	json_array_foreach (json_object_get(o, "users"), i, u) {
		layout_cell(&t, "%s", text_of(u, "user"));
		layout_cell(&t, "%s", text_of(u, "tty"));
		layout_cell(&t, "%s", *text_of(u, "from") ? text_of(u, "from") : "-");
		layout_cell(&t, "%s", text_of(u, "login"));
	}
	layout_table_end(&t, width, out);
}

void
show_router_alarms(const json_t *o, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"Alarm time", .usual = 22},
	    {"Class", .usual = 7, .rank = 1},
	    {"Description", .wraps = true},
	};
	struct layout_table t = {columns, ARRAY_LEN(columns)};
	const json_t *list = json_object_get(o, "alarms"), *a;
	size_t i;

	if (json_array_size(list) == 0) {
		buf_printf(out, "No alarms currently active\n");
		return;
	}
	buf_printf(out, "%zu alarms currently active\n", json_array_size(list));
	json_array_foreach (list, i, a) {
		layout_cell(&t, "%s", text_of(a, "time"));
		layout_cell(&t, "Major");
		layout_cell(&t, "%s: %s", text_of(a, "kind"), text_of(a, "text"));
	}
	layout_table_end(&t, width, out);
}
