/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor_view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "jsonout.h"
#include "screen.h"

#define CHART_BESIDE 40 /* columns of a row that are not its chart's */
#define CHART_LEAST 8
#define AGENCY_LEAST 10 /* columns of its name */
#define AGENCY_MOST 63

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

/* How many samples a screen has room for; 0: none. */
static unsigned
chart_width(unsigned columns)
{
	const unsigned n = columns > CHART_BESIDE ? columns - CHART_BESIDE : 0;

	return n < CHART_LEAST ? 0 : n < MONITOR_SAMPLES ? n : MONITOR_SAMPLES;
}

/* The last width samples, the newest at the right. */
static void
chart(
    const struct monitor *m, const struct monitor_series *s, enum monitor_style style, unsigned width, struct buf *out)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const plain[] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};
	const uint64_t n = m->looks ? m->looks - 1 : 0;
	const double max = highest(m, s);

	for (uint64_t k = width; k > 0; k--) {
		const double v = n >= k ? s->rate[(n - k) % MONITOR_SAMPLES] : 0;
		size_t level = max > 0 ? (size_t)(v / max * 8 + 0.5) : 0;

		level = v > 0 && level == 0 ? 1 : level > 8 ? 8 : level;
		buf_printf(out, "%s", (style == MONITOR_UTF8 ? blocks : plain)[level]);
	}
}

struct view {
	const struct monitor *m;
	enum monitor_style style;
	unsigned columns;
	struct buf *out;
};

static void
row(const struct view *v, const char *name, const struct monitor_series *s, uint64_t total, const char *color)
{
	char now[16], top[16];
	const unsigned width = chart_width(v->columns);

	buf_printf(
	    v->out, "  %-8s %8s %8s  %s", name, amount(last(v->m, s), now), amount(highest(v->m, s), top), color);
	if (width)
		chart(v->m, s, v->style, width, v->out);
	buf_printf(v->out, "%s%s%9s\n", SCREEN_PLAIN, width ? " " : "", amount((double)total, now));
}

static void
rows_head(const struct view *v)
{
	const unsigned width = chart_width(v->columns);
	char looks[32] = "";

	if (width >= 16)
		snprintf(looks, sizeof looks, "last %u looks", width);
	buf_printf(v->out, "%sPackets a second%s%s\n", SCREEN_BOLD, SCREEN_PLAIN,
	    !v->m->restarted  ? ""
	    : v->columns < 50 ? " (begun anew)"
			      : "   (the counters began anew)");
	buf_printf(
	    v->out, "  %-8s %8s %8s  %-*s%s%9s\n", "", "now", "highest", (int)width, looks, width ? " " : "", "in all");
}

/* A narrow screen has no room for sessions and criteria. */
static bool
has_counts(unsigned columns)
{
	return columns >= 2 + AGENCY_LEAST + 5 * 9;
}

static int
agency_width(unsigned columns)
{
	const unsigned beside = 2 + (has_counts(columns) ? 5 : 3) * 9;
	const unsigned n = columns > beside ? columns - beside : 0;

	return (int)(n < AGENCY_LEAST ? AGENCY_LEAST : n < AGENCY_MOST ? n : AGENCY_MOST);
}

static void
agencies_head(const struct view *v)
{
	buf_printf(v->out, "\n%s%-*s", SCREEN_BOLD, agency_width(v->columns) + 2, "Agency");
	if (has_counts(v->columns))
		buf_printf(v->out, " %8s %8s", "sessions", "criteria");
	buf_printf(v->out, " %8s %8s %8s\n", "due/s", "sent/s", "lost/s");
}

static void
agency_row(const struct view *v, const struct monitor_agency *a)
{
	const int width = agency_width(v->columns);
	char due[16], sent[16], lost[16];

	buf_printf(v->out, "  %-*.*s", width, width, a->name);
	if (has_counts(v->columns))
		buf_printf(v->out, " %8jd %8jd", (intmax_t)a->sessions, (intmax_t)a->criteria);
	buf_printf(v->out, " %8s %8s %s%8s\n", amount(a->due_rate, due), amount(a->sent_rate, sent),
	    a->lost_rate > 0 ? SCREEN_RED : "", amount(a->lost_rate, lost));
}

void
monitor_view_screen(const struct monitor *m, enum monitor_style style, unsigned columns, unsigned rows, struct buf *out)
{
	const struct view v = {m, style, columns, out};
	const size_t fixed = 9; /* and a line for "and others" */
	size_t shown = rows > fixed ? rows - fixed : 0;

	shown = m->nagency < shown ? m->nagency : shown;
	rows_head(&v);
	row(&v, "matched", &m->m, m->matched, SCREEN_CYAN);
	row(&v, "due", &m->d, m->due, SCREEN_CYAN);
	row(&v, "sent", &m->s, m->sent, SCREEN_GREEN);
	row(&v, "lost", &m->l, m->lost, SCREEN_RED);
	agencies_head(&v);
	for (size_t i = 0; i < shown; i++)
		agency_row(&v, &m->agency[i]);
	if (shown < m->nagency + m->more)
		buf_printf(out, "  and %zu other%s\n", m->nagency - shown + m->more,
		    m->nagency - shown + m->more == 1 ? "" : "s");
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

void
monitor_view_json(const struct monitor *m, const char *time, struct buf *out)
{
	json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "time", time, "matched",
	    (json_int_t)m->matched, "due", (json_int_t)m->due, "sent", (json_int_t)m->sent, "lost", (json_int_t)m->lost,
	    "matched-per-second", json_real(last(m, &m->m)), "due-per-second", json_real(last(m, &m->d)),
	    "sent-per-second", json_real(last(m, &m->s)), "lost-per-second", json_real(last(m, &m->l)));
	char *text = jsonout_dumps(j, false);

	if (text)
		buf_printf(out, "%s\n", text);
	free(text);
	json_decref(j);
}
