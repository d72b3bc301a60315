/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_late.h - what was done while nothing could be written: taps that were ended, and lines of the record.
 *
 * The kernel stops first; the store and the record hear of it when there is room again, and the line, marked "late",
 * has the time at which it happened.  Meanwhile it is in memory and, sealed, in a file of the run directory, which is
 * no disk: a daemon that starts in between puts none of these criteria into the kernel.  A boot of the machine
 * in between loses them: then the criteria that are still stored are active again, as nothing says otherwise.
 *
 * Invariants:
 *  1. The file has what is owed, item by item; how much of it is paid is said by entries behind.  So whatever instant
 *     a daemon is killed at, nothing that was ended comes back, and at most one part's lines are written twice.
 *  2. Of lines without a debt each agency has a share of its own; debts are bounded by what is stored.
 */
#ifndef FLOWTAPD_ENGINE_LATE_H
#define FLOWTAPD_ENGINE_LATE_H

#include <sys/queue.h>

#include "append.h"
#include "late_item.h"

struct engine;
struct hashmap;

struct late_item;
struct late_share;
struct engine_late {
	STAILQ_HEAD(, late_item) items;
	STAILQ_HEAD(, late_share) shares; /* of each agency, and of each kind of line that is no agency's */
	size_t n;
	uint64_t dropped;     /* lines for which there was no room in memory either */
	struct append file;   /* DAEMON_FD_OWED */
	uint64_t seq;         /* of the file's entries */
	uint64_t paid;        /* of the file's items, from its first on */
	uint64_t written;     /* lines, since nothing was owed */
	struct hashmap *gone; /* uids of debts: they are stored, and count as deleted */
	bool soon;            /* the next part is to be paid */
};

void engine_late_init(struct engine_late *l);
/* Forgets and wipes what is in memory: the file still has it. */
void engine_late_fini(struct engine_late *l);
int engine_late_start(struct engine *e); /* with the record's key: reads what a former daemon owes */
/* debt may be NULL.  Debts are always taken (-ENOMEM: nothing is), with as many criteria as fit into one entry,
 * LATE_UIDS_MAX; lines beyond a bound, which each agency has of its own, are only counted. */
#define LATE_UIDS_MAX 32768
int engine_late_add(struct engine *e, const struct audit_event *event, const struct late_debt *debt);
bool engine_late_gone(const struct engine *e, uint64_t uid); /* ended, and stored still */
bool engine_late_revoked(const struct engine *e, const char *agency, const char *ref);
/* How many criteria of the agency have ended, and are stored still. */
uint64_t engine_late_count(const struct engine *e, const char *agency);
/* Writes it if that is possible, the first part at once and the others one in each round of the loop, so that it holds
 * nobody up: now and then, and after a start. */
void engine_late_flush(struct engine *e);
/* What happened in any case: on record now, or late. */
void engine_audit_happened(struct engine *e, const struct audit_event *event);

#endif
