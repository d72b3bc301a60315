/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: keys_ */
/* New keys for the stored rows, a step between two rounds of the event loop: what agencies
 * ask for goes on, and the kernel's tables are not concerned at all. */
#include <errno.h>

#include "engine.h"
#include "log.h"

#define STEP_ROWS 1000 /* some 10 ms */

static void
step(void *arg)
{
	struct engine *e = arg;
	int r = engine_disk_refuses(e) ? -ENOSPC
				       : engine_txn_known(e, store_rotate_step(e->store, STEP_ROWS, &e->reseal_left));

	e->resealing = r == 0 && e->reseal_left > 0;
	if (r < 0)
		log_warn(r, "sealing with the new keys stopped; it goes on when told to, or at the next start");
	else if (e->resealing)
		loop_defer(e->loop, step, e);
	else {
		engine_audit_happened(e, &(struct audit_event){.kind = "keys-rotated"});
		if (!engine_event(e, ENGINE_NOTICE, EVENT_KEYS,
			"keys rotated: every row is sealed with a new key, the old keys are erased"))
			log_info("keys rotated: every row is sealed with a new key, the old keys are erased");
	}
}

static void
steps_start(struct engine *e)
{
	if (e->resealing)
		return;
	e->resealing = true;
	loop_defer(e->loop, step, e);
}

int
keys_start(struct engine *e)
{
	int r = store_rotate_left(e->store, &e->reseal_left);

	if (r == 0 && e->reseal_left > 0)
		steps_start(e);
	return r;
}

/* New keys and the line that tells of them: both or neither. */
static int
rotation_begin(struct engine *e)
{
	int r = engine_txn_begin(e);

	if (r == 0)
		r = store_rotate(e->store, NULL);
	if (r == 0)
		r = engine_audit_add(e, &(struct audit_event){.kind = "keys-rotation"});
	if (r == 0)
		return engine_txn_commit(e);
	engine_txn_rollback(e);
	return r;
}

int
keys_rotate(struct engine *e)
{
	int r = e->resealing ? -EALREADY : engine_refuses(e) ? -ENOSPC : rotation_begin(e);

	if (r < 0 && (r != -EALREADY || e->resealing))
		return r;
	/* Not now, but unfinished: the one before had stopped, this goes on with it. */
	if ((r = store_rotate_left(e->store, &e->reseal_left)) < 0)
		return r;
	log_info("rotation of keys started");
	steps_start(e);
	return 0;
}
