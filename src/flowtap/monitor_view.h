/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor_view.h - counters looked at again and again: rates, and charts of the last looks.  Pure. */
#ifndef FLOWTAP_MONITOR_VIEW_H
#define FLOWTAP_MONITOR_VIEW_H

#include <jansson.h>

#include "buf.h"

#define MONITOR_SAMPLES 160
#define MONITOR_AGENCIES 64

struct monitor_series {
	double rate[MONITOR_SAMPLES]; /* a ring */
};

struct monitor_agency {
	char name[64];
	uint64_t due, sent, lost;
	double due_rate, sent_rate, lost_rate;
	int64_t sessions, criteria;
	bool seen;
};

struct monitor {
	uint64_t looks; /* samples are one less */
	int64_t at_ms;
	uint64_t matched, due, sent, lost;
	struct monitor_series m, d, s, l;
	struct monitor_agency agency[MONITOR_AGENCIES];
	size_t nagency, more; /* more: not shown */
	bool restarted;       /* counters began anew at the last look */
};

enum monitor_style { MONITOR_PLAIN, MONITOR_UTF8 };

/* What `show services flow-tap' answered at that time.  -EINVAL: it has no counters. */
int monitor_view_add(struct monitor *m, const json_t *state, int64_t now_ms);
/* One screen, with the marks of screen.h: at most rows lines (10 at least) that fit columns (40 at least). */
void monitor_view_screen(
    const struct monitor *m, enum monitor_style style, unsigned columns, unsigned rows, struct buf *out);
/* One line, of the last look; a heading before the first. */
void monitor_view_heading(struct buf *out);
/* The same for programs: an object and its line end.  Rates are null at the first look. */
void monitor_view_json(const struct monitor *m, const char *time, struct buf *out);
void monitor_view_line(const struct monitor *m, const char *time, struct buf *out);

#endif
