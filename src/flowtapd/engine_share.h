/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_share.h - each agency's share of the record, kept (record_share.h).
 *
 * Whoever has used it up is refused what begins or tells something (ADD, REFRESH, LIST); what ends taps is done, from
 * a share of its own, if not faster than its lines may come.  What is refused, by us or by the session, is counted in
 * one line for many, and answered no sooner than that is on record.  Whatever line an agency causes is charged to it.
 */
#ifndef FLOWTAPD_ENGINE_SHARE_H
#define FLOWTAPD_ENGINE_SHARE_H

#include "record_share.h"

struct engine;
struct op;
struct agency;
struct audit_event;

/* What a transaction has to say of requests that have no line of their own, by agency. */
struct share_sums {
	size_t n;
	struct {
		struct agency *agency;
		struct share_sum sum;
	} v[512];
};

/* Refuses the request if the agency has used up its share. */
void engine_share_judge(struct op *op);
/* Whether it is to wait; then the next batch is when it need not any more. */
bool engine_share_waits(struct op *op);
/* The line of a request, in the open transaction, or its count in sums. */
int engine_share_record(struct engine *e, struct op *op, struct audit_event *v, struct share_sums *sums);
/* The lines for what was counted, in the open transaction. */
int engine_share_settle(struct engine *e, struct share_sums *sums);

/* Other lines that an agency causes, charged to its share: of a LIST, in a transaction of its own; in the open
 * transaction, of an agency that may have gone from the configuration; and of what happened in any case (NULL: it was
 * nobody who has a share). */
int engine_share_list(struct engine *e, struct agency *a, const struct audit_event *v);
int engine_share_add(struct engine *e, const char *agency, const struct audit_event *v);
void engine_share_happened(struct engine *e, struct agency *a, const struct audit_event *v);
/* A session of the agency begins or ends: true: a line of its own; else it is counted, in the log, too. */
bool engine_share_session(struct engine *e, struct agency *a, const struct audit_event *v, bool begins);
/* Now and then: the lines for what was counted, not more than one of an agency's in a second; all: at the end. */
void engine_share_sessions_tell(struct engine *e, bool all);

#endif
