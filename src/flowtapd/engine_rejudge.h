/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_rejudge.h - a new configuration judges every criterion that is there by the rules by which it judges an ADD.
 *
 * What no longer stands ends: in the store and on record in one transaction, each time with the reason, then in the
 * kernel; the commit is answered behind that.  Criteria of an agency that is no longer configured stay stored, and are
 * judged when it is configured again, before the kernel has them.
 *
 * Invariants:
 *  1. It goes on in parts of ENGINE_PART_MAX criteria, one in a round of the loop: who asks for something meanwhile is
 *     answered, and by the new rules.
 *  2. What is not to be written ends all the same, and is owed (engine_late.h).
 *  3. A daemon that dies in between has the new configuration at its start, where all is judged (engine_sync.c).
 */
#ifndef FLOWTAPD_ENGINE_REJUDGE_H
#define FLOWTAPD_ENGINE_REJUDGE_H

#include <jansson.h>

#include "base.h"

struct agency;
struct conf;
struct engine;
struct rejudge;
struct store_row;

enum rejudge_what {
	REJUDGE_COUNT, /* for a check: nothing changes */
	REJUDGE_END,   /* by what is in force from now on; agencies that are new get their criteria */
	REJUDGE_START, /* likewise, before the kernel's tables are served: they do not have what falls */
};

int engine_rejudge_start(struct engine *e); /* before engine_sync */
void engine_rejudge_free(struct engine *e);
/* At a start, row by row, by agency and id: whether the kernel may have it.  What falls is ended by
 * engine_rejudge_fallen. */
bool engine_rejudge_stands(struct engine *e, struct agency *a, const struct store_row *row);
int engine_rejudge_fallen(struct engine *e);
/*
 * was: what was in force, needed in this call only; by: stays until done is called, with the store's error or 0,
 * perhaps from here.  e->ends is then what ends, or would: [{"agency", "criteria", "kept"}]; kept: it stops, and stays
 * stored; e->starts what of agencies that are configured again starts, or would: [{"agency", "criteria"}].
 */
void engine_rejudge(struct engine *e, enum rejudge_what what, const struct conf *was, const struct conf *by,
    void (*done)(struct engine *e, int err));
void engine_rejudge_stop(struct engine *e); /* done is not called any more */

#endif
