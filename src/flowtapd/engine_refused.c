/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ADD is durable before the data plane hears of it (engine.h, invariant 3).  What that does not take goes out of the
 * store again before anybody is told: all that wait in one transaction, so that an agency which asks for much that is
 * refused costs the others one write for a batch, and not one for each.
 *
 * exports: engine_refused */
#include <errno.h>

#include "clock.h"
#include "engine.h"
#include "engine_share.h"
#include "log.h"

void
engine_refused_note(struct engine *e, struct op *op)
{
	op->waits++;
	STAILQ_INSERT_TAIL(&e->refused, op, reading);
	engine_batch_soon(e);
}

static struct audit_event
event_of(const struct op *op)
{
	return (struct audit_event){.kind = "withdrawn",
	    .agency = op->agency,
	    .id = op->reply.value,
	    .code = op_error_code(op->dp_error),
	    .reason = op->dp_error == -EMLINK ? ENGINE_WOULD_SLOW : "the data plane did not take it"};
}

/* In the open transaction.  -ENOENT: it has ended in between: that is on record, and it counts no more. */
static int
take_back(struct engine *e, struct op *op)
{
	const struct audit_event v = event_of(op);
	int r = store_delete_uid(e->store, op->agency, op->uid);

	if (r < 0)
		return r;
	return engine_share_add(e, op->agency, &v);
}

static int
take_all_back(struct engine *e)
{
	struct op *op;
	int r = engine_disk_ready(e) ? engine_txn_begin(e) : -EROFS;

	if (r < 0)
		return r;
	STAILQ_FOREACH (op, &e->refused, reading) {
		if (op->uid == 0 || (r = take_back(e, op)) == -ENOENT)
			op->uid = 0;
		else if (r < 0)
			break;
		r = 0;
	}
	if (r == 0)
		return engine_txn_commit(e);
	engine_txn_rollback(e);
	return r;
}

/* What can't be taken back is stored and comes back with the next start: then nobody is told that it was refused. */
static void
owe(struct engine *e, const struct op *op)
{
	const struct audit_event v = event_of(op);
	int r = engine_late_add(e, &v, &(struct late_debt){.uid = &op->uid, .nuid = 1, .agency = op->agency});

	if (r < 0)
		fatal(r, "agency %s: cannot take a refused criterion back", op->agency);
}

void
engine_refused(struct engine *e)
{
	struct op *op;
	int r = 0;

	STAILQ_FOREACH (op, &e->refused, reading)
		if (engine_late_gone(e, op->uid))
			op->uid = 0; /* it has ended in between */
	if (!STAILQ_EMPTY(&e->refused))
		r = take_all_back(e);
	while ((op = STAILQ_FIRST(&e->refused)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->refused, reading);
		if (op->uid != 0 && r < 0)
			owe(e, op);
		if (op->uid != 0)
			engine_agency_lost(e, op->agency, 1);
		op_refuse(op, op->dp_error);
		op->waits--;
		op->reply.now_ms = clock_wall_ms();
		if (op->session)
			session_flush_soon(op->session);
		else
			op_unref(op);
	}
}
