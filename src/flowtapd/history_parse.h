/* SPDX-License-Identifier: BSD-2-Clause */
/* history_parse.h - what stands in the files of the history: bytes in, structs out, and back.  Pure. */
#ifndef FLOWTAPD_HISTORY_PARSE_H
#define FLOWTAPD_HISTORY_PARSE_H

#include "buf.h"
#include "history.h"
#include "history_extra.h"

#define HISTORY_HEAD_MAX 512 /* bytes of a first line, its end included */

/* Each: 0, or -EBADMSG and nothing is changed.  What is read is what the function beside it writes. */
/* Of an entry: its first line.  *text, borrowed from file: what follows. */
int history_parse_head(struct slice file, struct history_entry *e, struct slice *text);
void history_parse_head_put(struct buf *b, const struct history_entry *e);
/* Of N.confirm: all but no. */
int history_parse_deadline(struct slice file, struct history_deadline *d);
void history_parse_deadline_put(struct buf *b, const struct history_deadline *d);
/* Of a commit that is put off. */
int history_parse_at(struct slice file, struct history_at *at, struct slice *text);
void history_parse_at_put(struct buf *b, const struct history_at *at);

#endif
