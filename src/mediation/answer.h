/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer.h - replies as people and programs read them.  Pure: appends to a buffer.
 *
 * Texts that come from the server are shown with every byte outside printable ASCII
 * replaced by '?'.
 */
#ifndef MEDIATION_ANSWER_H
#define MEDIATION_ANSWER_H

#include <jansson.h>

#include "dtcp.h"

/* ---- text ---- */

/* What a positive reply says, in one line: "criterion 7 added", "2 criteria deleted", ... */
void answer_put_done(struct buf *out, const char *method, const struct dtcp_reply *r);
/* "432 Improper Filter Specification" */
void answer_put_refusal(struct buf *out, const struct dtcp_reply *r);
/* text cut into lines of at most width columns, each begun with indent blanks */
void answer_put_wrapped(struct buf *out, const char *text, unsigned indent, unsigned width);

/* A list as wide as the screen: with fewer than 80 columns an entry's figures are words below its name. */
void answer_put_list_head(struct buf *out, unsigned width);
/* figures: no criteria were asked for, so that no filter element means nothing */
void answer_put_list_entry(struct buf *out, const struct dtcp_reply_entry *e, bool figures, unsigned width);
void answer_put_list_foot(struct buf *out, uint64_t entries);

/* ---- JSON ---- */

/* {"code", "text", "seq", "timestamp", and by the reply "criteria-id",
 * "advice"}; entries are not in it.  New reference; NULL: no memory. */
json_t *answer_json(const struct dtcp_reply *r);
/* An entry: the parameters' names in lower case as jsonout_key makes them;
 * numbers where the parameter is one number, else strings.  Statistics that are zero, which our routers do not send,
 * are in it if the entry has any. */
json_t *answer_entry_json(const struct dtcp_reply_entry *e);
/* A string of bytes from the server. */
json_t *answer_string_json(struct slice s);

#endif
