/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor_view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHART 40

static uint64_t
number(const json_t *o, const char *key)
{
	const json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 ? (uint64_t)v : 0;
}

static uint64_t
sum(const json_t *counters)
{
	const char *key;
	uint64_t n = 0;
	json_t *v;

	json_object_foreach ((json_t *)counters, key, v)
		n += json_integer_value(v) > 0 ? (uint64_t)json_integer_value(v) : 0;
	return n;
}

/* A second; a counter that is less than before has begun anew. */
static double
rate(uint64_t now, uint64_t before, double seconds)
{
	return now < before || seconds <= 0 ? 0 : (double)(now - before) / seconds;
}

static struct monitor_agency *
agency_find(struct monitor *m, const char *name)
{
	for (size_t i = 0; i < m->nagency; i++)
		if (strcmp(m->agency[i].name, name) == 0)
			return &m->agency[i];
	if (m->nagency == MONITOR_AGENCIES)
		return NULL;
	snprintf(m->agency[m->nagency].name, sizeof m->agency->name, "%s", name);
	return &m->agency[m->nagency++];
}

static void
agency_add(struct monitor *m, const json_t *o, double seconds)
{
	const char *name = json_string_value(json_object_get(o, "agency"));
	struct monitor_agency *a = name ? agency_find(m, name) : NULL;
	const uint64_t due = number(o, "due"), sent = number(o, "sent"),
		       lost = number(o, "lost-budget") + number(o, "lost-otherwise");

	if (a == NULL) {
		m->more++;
		return;
	}
	a->due_rate = rate(due, a->due, seconds);
	a->sent_rate = rate(sent, a->sent, seconds);
	a->lost_rate = rate(lost, a->lost, seconds);
	a->due = due;
	a->sent = sent;
	a->lost = lost;
	a->sessions = (int64_t)number(o, "sessions");
	a->criteria = (int64_t)number(o, "criteria");
	a->seen = true;
}

static void
agencies_add(struct monitor *m, const json_t *list, double seconds)
{
	const json_t *o;
	size_t i, n = 0;

	m->more = 0;
	for (i = 0; i < m->nagency; i++)
		m->agency[i].seen = false;
	json_array_foreach (list, i, o)
		agency_add(m, o, seconds);
	for (i = 0; i < m->nagency; i++)
		if (m->agency[i].seen)
			m->agency[n++] = m->agency[i];
	memset(&m->agency[n], 0, (m->nagency - n) * sizeof *m->agency);
	m->nagency = n;
}

int
monitor_view_add(struct monitor *m, const json_t *state, int64_t now_ms)
{
	const json_t *copies = json_object_get(state, "copies");
	const double seconds = m->looks ? (double)(now_ms - m->at_ms) / 1000 : 0;
	const size_t i = m->looks ? (m->looks - 1) % MONITOR_SAMPLES : 0;
	const uint64_t matched = number(copies, "matched"), due = number(copies, "due"), sent = number(copies, "sent"),
		       lost = sum(json_object_get(state, "losses"));

	if (!json_is_object(copies))
		return -EINVAL;
	m->restarted = m->looks && (matched < m->matched || due < m->due || sent < m->sent);
	m->m.rate[i] = rate(matched, m->matched, seconds);
	m->d.rate[i] = rate(due, m->due, seconds);
	m->s.rate[i] = rate(sent, m->sent, seconds);
	m->l.rate[i] = rate(lost, m->lost, seconds);
	m->matched = matched;
	m->due = due;
	m->sent = sent;
	m->lost = lost;
	m->at_ms = now_ms;
	agencies_add(m, json_object_get(state, "agencies"), seconds);
	m->looks++;
	return 0;
}

/* ---- on the screen ---- */

/* In at most 7 columns. */
static const char *
amount(double v, char buf[static 16])
{
	static const char units[] = " kMGT";
	size_t u = 0;

	while (v >= 9999.5 && u + 2 < sizeof units) {
		v /= 1000;
		u++;
	}
	if (u == 0)
		snprintf(buf, 16, v < 99.95 && v != (double)(unsigned)v ? "%.1f" : "%.0f", v);
	else
		snprintf(buf, 16, v < 99.95 ? "%.1f%c" : "%.0f%c", v, units[u]);
	return buf;
}

static double
last(const struct monitor *m, const struct monitor_series *s)
{
	return m->looks > 1 ? s->rate[(m->looks - 2) % MONITOR_SAMPLES] : 0;
}

static double
highest(const struct monitor *m, const struct monitor_series *s)
{
	double max = 0;

	for (uint64_t i = 0; i + 1 < m->looks && i < MONITOR_SAMPLES; i++)
		max = s->rate[i] > max ? s->rate[i] : max;
	return max;
}

/* The last CHART samples, the newest at the right. */
static void
chart(const struct monitor *m, const struct monitor_series *s, enum monitor_style style, struct buf *out)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const plain[] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};
	const uint64_t n = m->looks ? m->looks - 1 : 0;
	const double max = highest(m, s);

	for (uint64_t k = CHART; k > 0; k--) {
		const double v = n >= k ? s->rate[(n - k) % MONITOR_SAMPLES] : 0;
		size_t level = max > 0 ? (size_t)(v / max * 8 + 0.5) : 0;

		level = v > 0 && level == 0 ? 1 : level > 8 ? 8 : level;
		buf_printf(out, "%s", (style == MONITOR_UTF8 ? blocks : plain)[level]);
	}
}

static void
row(const struct monitor *m, const char *name, const struct monitor_series *s, uint64_t total, enum monitor_style style,
    const char *color, struct buf *out)
{
	char now[16], top[16];

	buf_printf(out, "  %-8s %8s %8s  %s", name, amount(last(m, s), now), amount(highest(m, s), top), color);
	chart(m, s, style, out);
	buf_printf(out, "%s %9s\n", *color ? "\033[0m" : "", amount((double)total, now));
}

static void
agency_row(const struct monitor_agency *a, bool color, struct buf *out)
{
	char due[16], sent[16], lost[16];
	const bool red = color && a->lost_rate > 0;

	buf_printf(out, "  %-30.30s %8jd %8jd %8s %8s %s%8s%s\n", a->name, (intmax_t)a->sessions, (intmax_t)a->criteria,
	    amount(a->due_rate, due), amount(a->sent_rate, sent), red ? "\033[31m" : "", amount(a->lost_rate, lost),
	    red ? "\033[0m" : "");
}

void
monitor_view_screen(const struct monitor *m, enum monitor_style style, bool color, unsigned rows, struct buf *out)
{
	const size_t fixed = 10, room = rows > fixed ? rows - fixed : 0;
	const size_t shown = m->nagency < room ? m->nagency : room;

	buf_printf(out, "%sPackets a second%s%s\n", color ? "\033[1m" : "", color ? "\033[0m" : "",
	    m->restarted ? "   (the counters began anew)" : "");
	buf_printf(out, "  %-8s %8s %8s  %-40s %9s\n", "", "now", "highest", "last 40 looks", "in all");
	row(m, "matched", &m->m, m->matched, style, color ? "\033[36m" : "", out);
	row(m, "due", &m->d, m->due, style, color ? "\033[36m" : "", out);
	row(m, "sent", &m->s, m->sent, style, color ? "\033[32m" : "", out);
	row(m, "lost", &m->l, m->lost, style, color ? "\033[31m" : "", out);
	buf_printf(out, "\n%s%-32s %8s %8s %8s %8s %8s%s\n", color ? "\033[1m" : "", "Agency", "sessions", "criteria",
	    "due/s", "sent/s", "lost/s", color ? "\033[0m" : "");
	for (size_t i = 0; i < shown; i++)
		agency_row(&m->agency[i], color, out);
	if (shown < m->nagency + m->more)
		buf_printf(out, "  and %zu others\n", m->nagency - shown + m->more);
}

void
monitor_view_heading(struct buf *out)
{
	buf_printf(out, "%-20s %11s %11s %11s %11s\n", "time", "matched/s", "due/s", "sent/s", "lost/s");
}

void
monitor_view_line(const struct monitor *m, const char *time, struct buf *out)
{
	buf_printf(out, "%-20s %11.1f %11.1f %11.1f %11.1f\n", time, last(m, &m->m), last(m, &m->d), last(m, &m->s),
	    last(m, &m->l));
}
