/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened lately, for the operator: a ring in memory, by which nothing is proved
 * (that is the record's part) and which never names a target.
 *
 * exports: engine_event engine_severity_ */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"

const char *
engine_severity_name(enum engine_severity s)
{
	static const char *const names[] = {
	    [ENGINE_NOTICE] = "notice", [ENGINE_WARNING] = "warning", [ENGINE_ALARM] = "alarm"};

	return names[s];
}

/* Names may be whatever somebody typed: an answer is JSON, a line on a terminal, an environment. */
static void
printable(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

void
engine_event(struct engine *e, enum engine_severity severity, const char *kind, const char *fmt, ...)
{
	struct engine_events *v = &e->events;
	struct engine_event *k = &v->ring[v->n++ % ENGINE_EVENTS];
	va_list ap;

	*k = (struct engine_event){.time_ms = clock_wall_ms(), .severity = severity, .kind = kind};
	va_start(ap, fmt);
	vsnprintf(k->text, sizeof k->text, fmt, ap);
	va_end(ap);
	printable(k->text);
	v->of[severity]++;
}
