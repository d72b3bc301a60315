/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: parent_reload_ */
#include <errno.h>
#include <string.h>

#include "conf.h"
#include "log.h"
#include "parent_int.h"

int
parent_reload_ask(struct parent *p, size_t len)
{
	if (len > 0 || p->reload_asked)
		return -EBADMSG;
	p->reload_asked = true;
	parent_conf_reload(p);
	return 0;
}

void
parent_reload_over(struct parent *p, int err, const char *why)
{
	cleanup_buf struct buf b = {0};

	if (!p->reload_asked)
		return;
	p->reload_asked = false;
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_str(&b, why);
	(void)parent_send(p, ENGINE, IPC_P_RELOADED, &b);
}

static bool
is_in_force(const struct parent *p)
{
	cleanup_buf struct buf now = {0}, then = {0};

	conf_print(p->conf, &now);
	conf_print(p->next, &then);
	return now.err == 0 && then.err == 0 && now.len == then.len &&
	       (now.len == 0 || memcmp(now.p, then.p, now.len) == 0);
}

/* Whoever has a file read again may not know of a commit that waits for its confirmation, and did not mean it. */
void
parent_reload_begin(struct parent *p)
{
	if (!is_in_force(p)) {
		parent_conf_begin(p);
		return;
	}
	conf_free(TAKE_PTR(p->next));
	log_info("configuration unchanged: its file is what is in force");
	parent_conf_users_changed(p);
	parent_reload_over(p, 0, "");
	parent_ready(p);
}
