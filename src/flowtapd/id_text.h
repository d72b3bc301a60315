/* SPDX-License-Identifier: BSD-2-Clause */
/* id_text.h - numbers of criteria for the record, in the order in which they come, as "1-3,7".  Pure. */
#ifndef FLOWTAPD_ID_TEXT_H
#define FLOWTAPD_ID_TEXT_H

#include "buf.h"

#define ID_TEXT_MAX 65536 /* bytes, about: what comes after them is left out */

struct id_text {
	struct buf text; /* owned */
	uint32_t lo, hi; /* the range not written yet; 0: none */
};

void id_text_add(struct id_text *t, uint32_t id);
struct slice id_text_end(struct id_text *t); /* all of it: borrowed */

#endif
