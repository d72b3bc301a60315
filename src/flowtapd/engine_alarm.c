/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must not be: somebody else's entries in our tables, programs that use them,
 * logins that fail again and again.  Each is on record and in the log.
 *
 * exports: engine_alarm engine_alarm_ */
#include <errno.h>

#include "engine.h"
#include "log.h"

#define WAITING_BESIDES 4096 /* requests to the data plane that wait for something else */

void
engine_alarm(struct engine *e, const char *text)
{
	if (!engine_event(e, ENGINE_ALARM, EVENT_ALARM, "%s", text))
		log_warnx("ALARM: %s", text);
	engine_audit_happened(e, &(struct audit_event){.kind = "alarm", .reason = text});
}

static const char *const found[] = {
    [IPC_ALARM_CRITERION] = "a criterion that nobody authorised was in the kernel: it copies no more",
    [IPC_ALARM_TERM] = "a filter that nobody authorised was added to a criterion: it was taken out",
    [IPC_ALARM_CHANGED] = "a criterion was changed in the kernel: it is put there anew, as it is stored",
};

int
engine_alarm_found(struct engine *e, struct rd *r)
{
	uint8_t kind = rd_u8(r);
	uint64_t uid = rd_u64(r);
	int rc;

	if (rd_end(r) < 0 || kind == 0 || kind >= ARRAY_LEN(found))
		return -EBADMSG;
	engine_lies_alarm(e, LIAR_DATAPLANE, found[kind]);
	if (kind != IPC_ALARM_CHANGED)
		return 0;
	/* Each criterion is put anew by two requests; who leaves more than these unanswered tells of what is not so. */
	if (e->dp_waiting > 2 * (uint64_t)e->conf->max_criteria + WAITING_BESIDES)
		return -EPROTO;
	if ((rc = engine_place_anew(e, uid)) < 0 && rc != -ENOENT) /* it was deleted meanwhile */
		log_warn(rc, "a changed criterion could not be put anew");
	return 0;
}

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	char text[256];

	(void)id;
	rd_cstr(&r, text, sizeof text);
	if (type == IPC_I_ALARM && rd_end(&r) == 0 && text[0])
		engine_lies_alarm(arg, LIAR_INVENTORY, text);
	else
		engine_lie(arg, LIAR_INVENTORY);
	return 0;
}

/* Nobody looks any more: the service manager starts all of us again. */
static void
on_end(void *arg, int err)
{
	struct engine *e = arg;

	log_warn(err, "the inventory has gone");
	loop_stop(e->loop, 1);
}

static const struct chan_ops inventory_ops = {.on_msg = on_msg, .on_end = on_end};

int
engine_alarm_start(struct engine *e)
{
	return chan_new(e->loop, DAEMON_FD_INVENTORY, DAEMON_CHAN_SHORT, &inventory_ops, e, &e->inventory);
}
