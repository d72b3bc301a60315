/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_disk.h - what the disk under the state directory can still take.
 *
 * A part of it is kept in a file of no use, the reserve, which is given up when the rest is full: what ends a tap, and
 * the record's line of it, then have room where an ADD has none, nor a limit that is to be raised (engine_grant.c).  It
 * is made anew when there is room again.
 */
#ifndef FLOWTAPD_ENGINE_DISK_H
#define FLOWTAPD_ENGINE_DISK_H

#include "base.h"

struct engine;

enum disk_state {
	DISK_OK,
	DISK_LOW,       /* nearly full: an alarm, nothing else */
	DISK_FULL,      /* nothing new: what is left, and the reserve, are for what ends taps */
	DISK_READ_ONLY, /* nothing at all can be written */
	DISK_FAILING,   /* nor here: what is written comes back with an error */
	DISK_LOCKED,    /* nor here: another program holds the database's lock */
	DISK_STATES
};

struct engine_disk {
	int fd; /* the reserve; -1: it could not be opened */
	enum disk_state state;
	bool failing;           /* a write has failed, and none has succeeded since */
	bool locked;            /* no transaction could be begun, and none could since */
	uint64_t probed_ns;     /* CLOCK_MONOTONIC: when that was last tried */
	uint64_t free_bytes;    /* for us, the reserve not counted */
	uint64_t reserve_bytes; /* held now */
	/* In proportion to the file system. */
	uint64_t reserve_full, low, need; /* need: what one transaction takes, at most */
};

/* Before the database is opened, which needs room itself.  Never fails: without a reserve there is an alarm. */
void engine_disk_start(struct engine *e);
/* Looks, and makes the reserve anew where there is room: now and then, for it may take long.  Alarms are
 * engine_watch.c's. */
void engine_disk_look(struct engine *e);
/* Looks again.  Before a transaction of what has to be done: gives up the reserve if it is needed.  false: there is no
 * room even so, or nothing can be written; then it is done without the store (engine_late.h). */
bool engine_disk_ready(struct engine *e);
/* What a transaction ended with: after -EIO the disk counts as failing, until a write comes to it; after -EBUSY the
 * database as locked, until one can be begun. */
void engine_disk_failed(struct engine *e, int err);
/* Looks again.  NULL, or why nothing new is done, in words for agencies and operators. */
const char *engine_disk_refuses(struct engine *e);
const char *engine_disk_name(enum disk_state s); /* "ok", "nearly-full", "locked", ... */

#endif
