/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * late_ends.h - what has ended while nothing could be written, as bare numbers in a file of the run directory: eight
 * bytes for a criterion, eight for a warrant.  Room for all that can end is taken at the start, so that nobody else's
 * use of the run directory, or of this file, leaves an end without its eight bytes.
 *
 * The file: a seal with the record's key (LATE_ENDS_HEAD bytes), so that another state's file is not taken for ours;
 * then numbers, big endian, in no order, zero where there is none.
 */
#ifndef FLOWTAPD_LATE_ENDS_H
#define FLOWTAPD_LATE_ENDS_H

#include "audit.h"

#define LATE_ENDS_HEAD 64
#define LATE_ENDS_UID_MAX INT64_MAX /* numbers of criteria; above it are those of warrants */
#define LATE_ENDS_WARRANT_MAX INT32_MAX

struct late_ends {
	int fd;     /* borrowed; -1: there is no file */
	size_t n;   /* slots up to the last one that is used */
	size_t max; /* slots that there is room for */
};

/* A warrant's number, and who revoked it, in one slot; 0: the number is too large. */
uint64_t late_ends_warrant(uint64_t no, uint32_t by);
/* Whether the slot is a warrant's; then *no and *by. */
bool late_ends_is_warrant(uint64_t slot, uint64_t *no, uint32_t *by);

/* Takes the file (read and write, not O_APPEND) and what a former daemon left in it: each slot goes to cb, whose
 * nonzero result is returned.  A file that is not ours is begun anew.  Then keeps room for so many slots.  0, or
 * -errno: the file is not used (fd is -1), and nothing can be put. */
int late_ends_open(struct late_ends *l, int fd, const uint8_t key[static AUDIT_KEY_LEN], size_t slots,
    int (*cb)(void *arg, uint64_t slot), void *arg);
/* All of them or none.  -ENOSPC: no room even after it was asked for more; -EBADF: there is no file; -errno. */
int late_ends_put(struct late_ends *l, const uint64_t *slot, size_t n);
/* Forgets those that keep says no to; so there is room again. */
void late_ends_compact(struct late_ends *l, bool (*keep)(void *arg, uint64_t slot), void *arg);
/* Forgets all, and keeps the room. */
void late_ends_clear(struct late_ends *l);

#endif
