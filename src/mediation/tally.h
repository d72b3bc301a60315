/* SPDX-License-Identifier: BSD-2-Clause */
/* tally.h - what was received on each port, as a live table, an account and JSON. */
#ifndef MEDIATION_TALLY_H
#define MEDIATION_TALLY_H

#include <jansson.h>

#include "buf.h"

struct tally {
	uint64_t packets;   /* received, malformed ones too */
	uint64_t bytes;     /* of the packets inside */
	uint64_t lost;      /* dropped by the kernel: socket buffer full */
	uint64_t malformed; /* not exactly one whole IP packet; written nevertheless */
	uint64_t unwritten; /* received, but the file could not be written */
};

struct tally_row {
	uint16_t port;
	struct tally sum;
	uint64_t packets_per_s, bits_per_s;
	unsigned files;
	const char *file; /* borrowed; "" if none was made */
};

void tally_add(struct tally *sum, const struct tally *t);

struct tally_view {
	unsigned columns, rows; /* of the screen */
};

/* With the marks of screen.h: a heading and a line for each port, at most rows - 1 lines in all: if there are more, the
 * busiest (row is sorted for that) and a line that says so.  Returns the number of lines. */
unsigned tally_table(struct buf *out, struct tally_row *row, unsigned n, const struct tally_view *view);

/* The final account, exact figures. */
void tally_account(struct buf *out, const struct tally_row *row, unsigned n, uint64_t duration_ms);

/* {"event", "seconds", "ports": [...], "total": {...}}; new reference, NULL: no memory. */
json_t *tally_json(const char *event, const struct tally_row *row, unsigned n, uint64_t duration_ms);

#endif
