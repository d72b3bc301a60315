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
 *  1. What has ended is first filed as bare numbers, for all of which there is room from the start on (late_ends.h): so
 *     whatever instant a daemon is killed at, and whoever fills the run directory, nothing that was ended comes back.
 *  2. The other file has what is owed, item by item, with its line; how much of it is paid is said by entries behind.
 * So at most one part's lines are written twice.  An end whose line is not there gets one that says so.
 *  3. Of lines each agency has a share of its own, and of those with a debt another one: beyond it they lose their
 * words, then they are counted in one line, and eight bytes for each criterion are kept.
 */
#ifndef FLOWTAPD_ENGINE_LATE_H
#define FLOWTAPD_ENGINE_LATE_H

#include <sys/queue.h>

#include "append.h"
#include "late_ends.h"
#include "late_item.h"

struct engine;
struct hashmap;

struct late_item;
struct late_share;
struct engine_late {
	STAILQ_HEAD(, late_item) items;
	STAILQ_HEAD(, late_share) shares; /* of each agency, and of each kind of line that is no agency's */
	size_t n;
	uint64_t dropped;      /* lines for which there was no room in memory either */
	uint64_t bare;         /* criteria that have ended, and have no line of their own */
	struct late_ends ends; /* DAEMON_FD_ENDED */
	bool told, alarmed;    /* since nothing was owed: that a line, an end is in no file */
	struct append file;    /* DAEMON_FD_OWED; fd -1: there is none */
	uint64_t seq;          /* of the file's entries */
	uint64_t paid;         /* of the file's items, from its first on */
	uint64_t written;      /* lines, since nothing was owed */
	struct hashmap *gone;  /* uids of debts: they are stored, and count as deleted */
	bool soon;             /* the next part is to be paid */
};

void engine_late_init(struct engine_late *l);
/* Forgets and wipes what is in memory: the file still has it. */
void engine_late_fini(struct engine_late *l);
int engine_late_start(struct engine *e); /* with the record's key: reads what a former daemon owes */
/* NULL, or why what ends would not be filed. */
const char *engine_late_unready(const struct engine *e);
/* What is owed: lines, and criteria without one. */
uint64_t engine_late_lines(const struct engine *e);
/* debt may be NULL.  Debts are always taken (-ENOMEM: nothing is), with as many criteria as fit into one entry,
 * LATE_UIDS_MAX; lines beyond a bound, which each agency has of its own, are only counted.  That a
 * debt is in no file, and so does not outlive the daemon, is an alarm. */
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
