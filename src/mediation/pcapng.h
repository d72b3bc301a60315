/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng.h - pcapng blocks (draft-ietf-opsawg-pcapng), little endian: one section,
 * one interface of link type RAW with nanosecond stamps, its packets, its final
 * statistics.  Pure: bytes in memory; writing them out is the spool's.
 */
#ifndef MEDIATION_PCAPNG_H
#define MEDIATION_PCAPNG_H

#include "buf.h"

#define PCAPNG_LINKTYPE_RAW 101
#define PCAPNG_HEAD 28 /* bytes of an enhanced packet block before the packet */
#define PCAPNG_COMMENT_MAX 72
#define PCAPNG_TAIL (3 + 4 + PCAPNG_COMMENT_MAX + 4 + 4) /* at most, after the packet */
#define PCAPNG_ROOM(len) (PCAPNG_HEAD + (len) + PCAPNG_TAIL)

/* Section header and interface description, with which a file begins, appended to out. */
void pcapng_begin(struct buf *out, const char *program, const char *if_name, const char *if_description);

/*
 * Writes an enhanced packet block with the packet of len bytes at p to out, where there is
 * room for PCAPNG_ROOM(len).  comment: NULL or at most PCAPNG_COMMENT_MAX bytes (longer is
 * cut).  Returns the block's length.
 */
size_t pcapng_frame(uint8_t *out, const void *p, uint32_t len, uint64_t stamp_ns, const char *comment);
/* The length of the whole block at p, as it says itself. */
size_t pcapng_block_len(const uint8_t *p);

struct pcapng_stats {
	uint64_t start_ns, end_ns;  /* Unix time of the file's first and last moment */
	uint64_t received, dropped; /* packets; dropped by the kernel, in this file's time */
};

/* Interface statistics, with which a finished file ends, appended to out. */
void pcapng_end(struct buf *out, const struct pcapng_stats *s);

#endif
