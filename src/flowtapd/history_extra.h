/* SPDX-License-Identifier: BSD-2-Clause */
/* history_extra.h - what lies beside the history: the rescue configuration, and the commit that waits for its time. */
#ifndef FLOWTAPD_HISTORY_EXTRA_H
#define FLOWTAPD_HISTORY_EXTRA_H

#include "history.h"

/* All: 0 or -errno; -ENOENT: there is none; REPLACE_UNKNOWN (replace.h) from what writes or deletes. */
int history_rescue_save(const struct history *h, struct slice text);
int history_rescue_text(const struct history *h, struct buf *out);
int history_rescue_delete(const struct history *h);

/* Who wants what to be in force when; base: the commit that was in force when they asked. */
struct history_at {
	int64_t due_ms; /* by the wall's clock */
	uint64_t base;
	uint32_t uid;
	char user[HISTORY_USER_MAX + 1];
	char comment[HISTORY_COMMENT_MAX + 1];
};

int history_at_write(const struct history *h, const struct history_at *at, struct slice text);
/* text: NULL or the candidate.  -EBADMSG: it is damaged. */
int history_at_read(const struct history *h, struct history_at *at, struct buf *text);
int history_at_delete(const struct history *h);

#endif
