/* SPDX-License-Identifier: BSD-2-Clause */
#include "ipc_parts.h"

#include <errno.h>

#include "ipc.h"

int
ipc_parts_send(struct chan *c, uint16_t part, uint16_t type, uint32_t id, struct slice text)
{
	int r = 0;

	for (; r == 0 && text.len > IPC_PART_MAX; text.p += IPC_PART_MAX, text.len -= IPC_PART_MAX)
		r = chan_send(c, part, id, text.p, IPC_PART_MAX);
	return r < 0 ? r : chan_send(c, type, id, text.p, text.len);
}

int
ipc_parts_keep(struct buf *kept, const uint8_t *body, size_t len)
{
	if (len > IPC_ANSWER_MAX - kept->len)
		return -EMSGSIZE;
	buf_put(kept, body, len);
	return kept->err;
}

int
ipc_parts_end(struct buf *kept, const uint8_t *body, size_t len, struct slice *text)
{
	int r;

	if (kept->len == 0) {
		*text = (struct slice){(const char *)body, len};
		return 0;
	}
	if ((r = ipc_parts_keep(kept, body, len)) == 0)
		*text = (struct slice){(const char *)kept->p, kept->len};
	return r;
}
