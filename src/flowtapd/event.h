/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.h - the kinds of events that an operator is told of: their names and the MESSAGE_ID that each has in
 * the journal.  Both are for programs: they stay as they are.  flowtapd(8) and packaging/systemd/flowtap.catalog list
 * the same ones, which tools/check-docs compares.
 */
#ifndef FLOWTAPD_EVENT_H
#define FLOWTAPD_EVENT_H

enum event {
	EVENT_START,
	EVENT_CONFIGURATION,
	EVENT_SESSION_OPEN,
	EVENT_SESSION_CLOSE,
	EVENT_SESSION_REFUSED,
	EVENT_ALARM, /* what must not be: on record, too */
	EVENT_COPIES_LOST,
	EVENT_UNREACHABLE,
	EVENT_UNTAPPED,
	EVENT_TABLES_FULL,
	EVENT_DISK_LOW,
	EVENT_DISK_FULL,
	EVENT_SHORT,
	EVENT_SELF_TEST,
	EVENT_METRICS,
	EVENT_KEYS,
	EVENT_DELETED,
	EVENT_NUMBERS, /* of users and groups: others than before */
	EVENT_AGENCY_USER,
	EVENT_CLOCK_SET,
	EVENT_CLOCK_BEHIND,
	EVENTS
};

struct event_kind {
	const char *name;
	const char *message_id; /* 32 digits, for sd-journal(3) */
};

extern const struct event_kind event_kinds[EVENTS];

#endif
