/* SPDX-License-Identifier: BSD-2-Clause */
#include "show_router.h"

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
address_put(const json_t *a, bool first, struct buf *out)
{
	char local[80];

	snprintf(local, sizeof local, "%s/%d", text_of(a, "local"),
	    (int)json_integer_value(json_object_get(a, "prefixlen")));
	if (!first)
		buf_printf(out, "%-34s", "");
	buf_printf(out, "%-8s %s", text_of(a, "family"), local);
	if (json_object_get(a, "address"))
		buf_printf(out, " --> %s", text_of(a, "address"));
	buf_printf(out, "\n");
}

void
show_router_interfaces(const json_t *links, struct buf *out)
{
	const json_t *l, *a;
	size_t i, k;

	buf_printf(out, "%-23s %-5s %-4s %-8s %s\n", "Interface", "Admin", "Link", "Proto", "Local");
	json_array_foreach (links, i, l) {
		const json_t *list = json_object_get(l, "addr_info");

		if (*text_of(l, "ifname") == '\0')
			continue;
		buf_printf(out, "%-23s %-5s %-4s", text_of(l, "ifname"), has_flag(l, "UP") ? "up" : "down",
		    has_flag(l, "LOWER_UP") ? "up" : "down");
		if (json_array_size(list) == 0)
			buf_printf(out, "\n");
		else
			buf_printf(out, " ");
		json_array_foreach (list, k, a)
			address_put(a, k == 0, out);
	}
}

/* ---- show route ---- */

static void
hop_put(const json_t *hop, struct buf *out)
{
	const json_t *via = json_object_get(hop, "via");
	const char *gateway = via ? text_of(via, "host") : text_of(hop, "gateway");

	buf_printf(out, "%-21s > ", "");
	if (*gateway)
		buf_printf(out, "to %s ", gateway);
	buf_printf(out, "via %s\n", text_of(hop, "dev"));
}

static void
route_put(const json_t *r, struct buf *out)
{
	const char *type = text_of(r, "type"), *protocol = text_of(r, "protocol"), *dst = text_of(r, "dst");
	const json_t *hops = json_object_get(r, "nexthops"), *hop;
	const char *source = strcmp(protocol, "kernel") == 0 ? "Direct" : *protocol ? protocol : "static";
	size_t i;

	buf_printf(out, "%-20s *[%s/%jd]%s%s\n", dst, source,
	    (intmax_t)json_integer_value(json_object_get(r, "metric")),
	    *type && strcmp(type, "unicast") != 0 ? " " : "", *type && strcmp(type, "unicast") != 0 ? type : "");
	if (json_object_get(r, "dev"))
		hop_put(r, out);
	json_array_foreach (hops, i, hop)
		hop_put(hop, out);
}

static void
table_put(const char *name, const json_t *routes, struct buf *out)
{
	const json_t *r;
	size_t i;

	if (json_array_size(routes) == 0)
		return;
	buf_printf(out, "%s%s: %zu destinations\n+ = Active Route, - = Last Active, * = Both\n\n", out->len ? "\n" : "",
	    name, json_array_size(routes));
	json_array_foreach (routes, i, r)
		route_put(r, out);
}

void
show_router_routes(const json_t *tables, struct buf *out)
{
	table_put("inet.0", json_object_get(tables, "inet"), out);
	table_put("inet6.0", json_object_get(tables, "inet6"), out);
	if (out->len == 0)
		buf_printf(out, "No routes\n");
}

/* ---- show arp ---- */

void
show_router_arp(const json_t *neighbours, struct buf *out)
{
	const json_t *n, *state;
	size_t i, k, known = 0;

	buf_printf(out, "%-17s %-15s %-15s %s\n", "MAC Address", "Address", "Interface", "State");
	json_array_foreach (neighbours, i, n) {
		buf_printf(out, "%-17s %-15s %-15s", *text_of(n, "lladdr") ? text_of(n, "lladdr") : "-",
		    text_of(n, "dst"), text_of(n, "dev"));
		json_array_foreach (json_object_get(n, "state"), k, state)
			buf_printf(out, " %s", json_is_string(state) ? json_string_value(state) : "");
		buf_printf(out, "\n");
		known++;
	}
	buf_printf(out, "Total entries: %zu\n", known);
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
show_router_uptime(const json_t *o, struct buf *out)
{
	const intmax_t up = (intmax_t)json_integer_value(json_object_get(o, "up-seconds"));
	const json_t *load = json_object_get(o, "load");
	char text[32];

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
show_router_users(const json_t *o, struct buf *out)
{
	const json_t *u;
	size_t i;

	buf_printf(out, "%-16s %-10s %-28s %s\n", "USER", "TTY", "FROM", "LOGIN");
	json_array_foreach (json_object_get(o, "users"), i, u)
		buf_printf(out, "%-16s %-10s %-28s %s\n", text_of(u, "user"), text_of(u, "tty"),
		    *text_of(u, "from") ? text_of(u, "from") : "-", text_of(u, "login"));
}

void
show_router_alarms(const json_t *o, struct buf *out)
{
	const json_t *list = json_object_get(o, "alarms"), *a;
	size_t i;

	if (json_array_size(list) == 0) {
		buf_printf(out, "No alarms currently active\n");
		return;
	}
	buf_printf(out, "%zu alarms currently active\n%-22s %-7s %s\n", json_array_size(list), "Alarm time", "Class",
	    "Description");
	json_array_foreach (list, i, a)
		buf_printf(
		    out, "%-22s %-7s %s: %s\n", text_of(a, "time"), "Major", text_of(a, "kind"), text_of(a, "text"));
}
