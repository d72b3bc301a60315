/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool.h - the capture files of one content port.
 *
 * PORT-YYYYmmddTHHMMSSZ-NNNN.pcapng, mode 0600, made when the first packet comes.
 * Invariants:
 *  1. Between calls a file holds whole blocks only, so that it can be read while open.
 *  2. Nothing waits in memory: what a call accepted is written when it returns.
 *  3. A block that can't be written (disk full) leaves no trace and is the caller's to
 *     count; the next call tries again.
 */
#ifndef MEDIATION_SPOOL_H
#define MEDIATION_SPOOL_H

#include "base.h"

#define SPOOL_NAME_MAX 64

struct spool_conf {
	int dir;            /* borrowed descriptor of the folder */
	uint64_t size_max;  /* bytes of a file; 0: no limit.  A single larger block is written anyway. */
	uint64_t age_max_s; /* seconds of a file; 0: no limit */
	const char *program;
};

struct spool {
	const struct spool_conf *conf; /* borrowed */
	uint16_t port;
	int fd;                    /* -1: no file open */
	char name[SPOOL_NAME_MAX]; /* of the open file or the last one; "" before the first */
	unsigned files;            /* made so far */
	unsigned number;           /* in the name of the last one */
	uint64_t size;             /* bytes of the open file, whole blocks */
	uint64_t lost;             /* set by the owner: packets the kernel dropped so far */
	/* of the open file */
	uint64_t opened_mono_ns, opened_ms, received, lost_before;
};

void spool_init(struct spool *s, const struct spool_conf *conf, uint16_t port);
/* Writes packet blocks that lie one behind the other, len bytes in all, into as many files
 * as the limits ask for.  *done: how many blocks were written.  0, or -errno if not all. */
int spool_write(struct spool *s, const uint8_t *blocks, size_t len, unsigned *done);
/* Ends the open file if it is old enough; to be called now and then. */
void spool_tick(struct spool *s);
/* Ends the open file with its statistics.  -errno: those could not be written. */
int spool_close(struct spool *s);

#endif
