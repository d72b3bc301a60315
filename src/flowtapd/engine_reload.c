/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: ctl_reload engine_reload_done */
#include "engine_reload.h"

#include <errno.h>

int
ctl_reload(struct ctl *c, const char *args, struct slice text)
{
	struct engine *e = c->engine;

	(void)args;
	(void)text;
	if (e->reloader) {
		ctl_error(c, EXIT_REFUSED, "the file is being read for somebody else");
		return 0;
	}
	e->reloader = c;
	c->waits++;
	return chan_send(e->parent, IPC_P_RELOAD, 0, NULL, 0);
}

int
engine_reload_done(struct engine *e, const uint8_t *body, size_t len)
{
	struct ctl *c = TAKE_PTR(e->reloader);
	struct rd r = rd_init(body, len);
	const int err = rd_errno(&r);
	char why[400];

	rd_cstr(&r, why, sizeof why);
	if (rd_end(&r) < 0 || c == NULL)
		return -EBADMSG;
	if (!ctl_resume(c))
		return 0;
	if (err < 0)
		ctl_error(c, EXIT_REFUSED, why);
	else if (ctl_answer(c, json_pack("{s:s,s:s*}", "result", "reload", "not-there", *why ? why : NULL)) < 0)
		ctl_error(c, EXIT_TRANSPORT, "not enough memory");
	return 0;
}
