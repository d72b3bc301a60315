/* SPDX-License-Identifier: BSD-2-Clause */
/* The rescue configuration: one that is known to be good, kept beside the history.
 *
 * exports: ctl_rescue_ */
#include <errno.h>
#include <string.h>

#include "engine_ctl.h"
#include "history_extra.h"

static int
answer(struct ctl *c, int r, const char *what)
{
	if (r == 0)
		return ctl_answer(c, json_pack("{s:s}", "rescue", what));
	ctl_error(c, r == -ENOENT ? EXIT_NO_OBJECT : EXIT_REFUSED,
	    r == -ENOENT ? "there is no rescue configuration" : strerror(-r));
	return 0;
}

static int
on_record(struct ctl *c, const char *kind)
{
	return engine_audit_now(c->engine, &(struct audit_event){.kind = kind, .uid = c->uid, .have_uid = true});
}

int
ctl_rescue_save(struct ctl *c, const char *args, struct slice text)
{
	cleanup_buf struct buf now = {0};
	int r;

	(void)args;
	(void)text;
	conf_print(c->engine->conf, &now);
	if ((r = now.err) == 0 && (r = on_record(c, "rescue-saved")) == 0)
		r = engine_config_known(
		    history_rescue_save(&c->engine->history, (struct slice){(char *)now.p, now.len}),
		    "the rescue configuration is the new one");
	return answer(c, r, "saved");
}

int
ctl_rescue_delete(struct ctl *c, const char *args, struct slice text)
{
	int r = engine_config_known(history_rescue_delete(&c->engine->history), "the rescue configuration is deleted");

	(void)args;
	(void)text;
	if (r == 0)
		r = on_record(c, "rescue-deleted");
	return answer(c, r, "deleted");
}
