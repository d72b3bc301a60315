/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * simdisk.h - a disk for SQLite that is only in memory, fails where it is told to, and loses power.
 *
 * What was written and not synced is, after a power cut, there, not there or half there, sector by sector; a file's
 * new length likewise; a truncation whole or not at all.  Everything is decided by the seed: the same seed is the
 * same run.  One disk, one thread.
 */
#ifndef TESTS_SIM_SIMDISK_H
#define TESTS_SIM_SIMDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIMDISK_NONE 0L

/* Of one life of the process.  Calls that change the disk are counted from 1; SIMDISK_NONE: never. */
struct simdisk_faults {
	long cut_at;         /* the power goes in this call */
	long fail_at, fails; /* so many calls fail, from this one on */
	size_t room;         /* of all files together; a write beyond it fails as on a full disk.  0: endless */
	bool lies;           /* fsync does nothing: for proving that the checks would see it */
};

struct simdisk_counts {
	long cuts, failed, full;
};

void simdisk_register(void);                       /* for all connections opened from now on */
void simdisk_new(uint64_t seed);                   /* empty; what it had is gone */
uint64_t simdisk_random(void);                     /* from the seed */
void simdisk_live(const struct simdisk_faults *f); /* a process begins */
void simdisk_room(size_t bytes);                   /* changes it in mid-life */
/* Every call that changes the disk fails, until it is told otherwise; and files are opened for reading only. */
void simdisk_state(bool fails, bool read_only);
size_t simdisk_used(void);
size_t simdisk_length(const char *name);    /* of a file; 0: there is none */
void simdisk_die(void);                     /* the process has no more effect, as if the power were gone */
bool simdisk_is_dead(void);                 /* the power is gone: every call fails */
void simdisk_power_cut(void);               /* what is left of the process's and the kernel's memory: nothing */
void simdisk_kill(void);                    /* the process only: what it wrote the kernel has */
struct simdisk_counts simdisk_counts(void); /* since the start */

#endif
