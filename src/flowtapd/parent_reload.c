/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: parent_reload_ */
#include <errno.h>

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
