/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_late.h - what was done while nothing could be written: taps that were ended, and lines of the record.
 *
 * The kernel stops first; the store and the record hear of it when there is room again, and the line, marked "late",
 * has the time at which it happened.  Meanwhile it is in memory and, sealed, in a file of the run directory, which is
 * no disk: a daemon that starts in between puts none of these criteria into the kernel.  A boot of the machine
 * in between loses them: then the criteria that are still stored are active again, as nothing says otherwise.
 */
#ifndef FLOWTAPD_ENGINE_LATE_H
#define FLOWTAPD_ENGINE_LATE_H

#include <sys/queue.h>

#include "late_item.h"

struct engine;
struct hashmap;

struct late_item;
struct engine_late {
	STAILQ_HEAD(, late_item) items;
	size_t n, bytes;
	uint64_t dropped;      /* lines for which there was no room in memory either */
	int64_t dropped_since; /* Unix time in ms */
	uint64_t seq;          /* of the file's entries */
	struct hashmap *gone;  /* uids of debts: they are stored, and count as deleted */
};

int engine_late_start(struct engine *e); /* with the record's key: reads what a former daemon owes */
/* debt may be NULL.  Debts are always taken (-ENOMEM: nothing is), with as many criteria as fit into one entry,
 * LATE_UIDS_MAX; lines beyond a bound are only counted. */
#define LATE_UIDS_MAX 32768
int engine_late_add(struct engine *e, const struct audit_event *event, const struct late_debt *debt);
bool engine_late_gone(const struct engine *e, uint64_t uid); /* ended, and stored still */
bool engine_late_revoked(const struct engine *e, const char *agency, const char *ref);
/* Writes all of it if that is possible: now and then, and after a start. */
void engine_late_flush(struct engine *e);
/* What happened in any case: on record now, or late. */
void engine_audit_happened(struct engine *e, const struct audit_event *event);

#endif
