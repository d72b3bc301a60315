/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's process, from its beginning to its end.
 *
 * exports: engine_run */
#include "bulk.h"
#include "engine.h"
#include "engine_rejudge.h"
#include "engine_time.h"
#include "log.h"
#include "sandbox.h"
#include "spare.h"

#define SPARE_BYTES (8u << 20) /* a part of a DELETE, and what the database keeps of its pages */

int
engine_run(int verbose)
{
	static struct engine e;
	const char *why = "";
	int r;

	log_init("flowtapd: engine", verbose);
	engine_init(&e);
	if ((r = sandbox_basics()) < 0)
		fatal(r, "cannot drop privileges");
	if ((r = sandbox_lock()) < 0)
		log_warn(r, "memory may be swapped out");
	if ((r = daemon_config_wait(DAEMON_FD_PARENT, &e.conf, &e.uid)) < 0)
		fatal(r, "no configuration");
	engine_events_start(&e);
	engine_fds_start(&e);
	spare_stack();
	if ((r = spare_keep(SPARE_BYTES)) < 0)
		log_warn(r, "no memory is kept for what ends taps");
	bulk_begin(); /* engine_sync ends it */
	if ((r = engine_start(&e, &why)) < 0) {
		log_warn(r, "%s", why); /* the parent may see our end before our answer */
		daemon_ready_sync(DAEMON_FD_PARENT, r, why);
		return 1;
	}
	daemon_ready(e.parent, 0, "");
	r = loop_run(e.loop);
	engine_time_stop(&e);
	engine_audit_stop(&e);
	engine_rejudge_free(&e);
	engine_time_free(&e);
	store_close(e.store);
	return r < 0 ? 1 : r;
}
