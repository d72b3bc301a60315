/* SPDX-License-Identifier: BSD-2-Clause */
/* progress.h - one line on standard error about a job that takes longer than a second,
 * if that is a terminal. */
#ifndef MEDIATION_PROGRESS_H
#define MEDIATION_PROGRESS_H

#include "buf.h"

struct progress {
	bool on, drawn;
	uint64_t start_ns, drawn_ns;
};

void progress_init(struct progress *p, bool wanted);
/* part of whole bytes are behind us (whole 0: unknown), done requests answered. */
void progress_show(struct progress *p, uint64_t done, uint64_t part, uint64_t whole);
void progress_clear(struct progress *p); /* before anything else is printed */

/* The line itself. */
void progress_format(struct buf *out, uint64_t done, uint64_t part, uint64_t whole, uint64_t elapsed_ms);

#endif
