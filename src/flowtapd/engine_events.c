/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened lately, for the operator: a ring in memory for each kind, by which nothing is proved
 * (that is the record's part) and which never names a target.
 *
 * exports: engine_event engine_events_ engine_severity_ engine_hook_ */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "engine.h"
#include "foreign.h"

#define HOOK_QUEUE 65536 /* unsent bytes: above it alarms are on record and in the log only */

const char *
engine_severity_name(enum engine_severity s)
{
	static const char *const names[] = {[ENGINE_NOTICE] = "notice",
	    [ENGINE_WARNING] = "warning",
	    [ENGINE_ALARM] = "alarm",
	    [ENGINE_CLEARED] = "cleared"};

	return names[s];
}

/* Nobody waits for it. */
static void
hook_tell(struct engine *e, const struct engine_event *k)
{
	cleanup_buf struct buf b = {0};

	buf_put_u64(&b, e->events.n);
	buf_put_u64(&b, (uint64_t)k->time_ms);
	buf_put_str(&b, engine_severity_name(k->severity));
	buf_put_str(&b, event_kinds[k->kind].name);
	buf_put_str(&b, k->text);
	if (b.err == 0 && !chan_is_full(e->hook))
		(void)chan_send(e->hook, IPC_K_EVENT, 0, b.p, b.len);
}

/* false: there is no journal, or it has no room. */
static bool
journal_tell(const struct engine *e, const struct engine_event *k)
{
	static const char *const priority[] = {[ENGINE_NOTICE] = "5",
	    [ENGINE_WARNING] = "4",
	    [ENGINE_ALARM] = "1", /* "action must be taken immediately" */
	    [ENGINE_CLEARED] = "5"};
	const struct event_kind *kind = &event_kinds[k->kind];
	char text[sizeof k->text + 64];
	const struct journal_field fields[] = {{"MESSAGE", text}, {"MESSAGE_ID", kind->message_id},
	    {"PRIORITY", priority[k->severity]}, {"SYSLOG_IDENTIFIER", "flowtapd"}, {"FLOWTAP_EVENT", kind->name},
	    {"FLOWTAP_SEVERITY", engine_severity_name(k->severity)}, {NULL, NULL}};

	snprintf(text, sizeof text, "%s%s: %s", k->severity == ENGINE_ALARM ? "ALARM: " : "", kind->name, k->text);
	return journal_send(&e->journal, fields) == 0;
}

bool
engine_event(struct engine *e, enum engine_severity severity, enum event kind, const char *fmt, ...)
{
	struct engine_events *v = &e->events;
	struct engine_event *k = &v->ring[kind][v->of_kind[kind]++ % ENGINE_EVENTS];
	char text[sizeof k->text];
	va_list ap;

	*k = (struct engine_event){.number = ++v->n, .time_ms = clock_wall_ms(), .severity = severity, .kind = kind};
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	/* Names may be whatever somebody typed: an answer is JSON, a line on a terminal, an environment. */
	foreign_text(slice_of(text), k->text, sizeof k->text);
	v->of[severity]++;
	if (e->hook && (severity == ENGINE_ALARM || severity == ENGINE_CLEARED))
		hook_tell(e, k);
	return journal_tell(e, k) && e->log_is_journal;
}

static uint64_t
oldest(const struct engine_events *v, unsigned kind)
{
	return v->of_kind[kind] > ENGINE_EVENTS ? v->of_kind[kind] - ENGINE_EVENTS : 0;
}

void
engine_events_each(const struct engine *e, void (*cb)(void *arg, const struct engine_event *k), void *arg)
{
	const struct engine_events *v = &e->events;
	const struct engine_event *next;
	uint64_t at[EVENTS];
	unsigned of = 0;

	for (unsigned i = 0; i < EVENTS; i++)
		at[i] = oldest(v, i);
	do {
		next = NULL;
		for (unsigned i = 0; i < EVENTS; i++) {
			const struct engine_event *k = &v->ring[i][at[i] % ENGINE_EVENTS];

			if (at[i] < v->of_kind[i] && (next == NULL || k->number < next->number)) {
				next = k;
				of = i;
			}
		}
		if (next) {
			cb(arg, next);
			at[of]++;
		}
	} while (next);
}

/* Where the journal reads our standard error, what it has as an event need not be a line there, too. */
void
engine_events_start(struct engine *e)
{
	struct stat st;

	e->log_is_journal = fstat(2, &st) == 0 && S_ISSOCK(st.st_mode);
	if (journal_open(&e->journal, JOURNAL_SOCKET) < 0)
		e->log_is_journal = false;
}

/* ---- the hook's process ---- */

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	(void)id;
	return type == IPC_K_CLOCK ? engine_clock_told(arg, body, len) : -EPROTO;
}

/* Or none is configured. */
static void
on_end(void *arg, int err)
{
	struct engine *e = arg;

	(void)err;
	chan_free(TAKE_PTR(e->hook));
}

static const struct chan_ops hook_ops = {
    .on_msg = on_msg, .on_end = on_end, .mark = HOOK_QUEUE, .body_max = DAEMON_CHAN_SHORT};

int
engine_hook_start(struct engine *e)
{
	return chan_new(e->loop, DAEMON_FD_HOOK, 64, &hook_ops, e, &e->hook);
}
