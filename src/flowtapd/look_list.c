/* SPDX-License-Identifier: BSD-2-Clause */
#include "look_list.h"

#include <errno.h>

static int
take(struct rd *r, void *to, size_t len)
{
	const uint8_t *b = rd_bytes(r, len);

	if (b == NULL)
		return -EBADMSG;
	memcpy(to, b, len);
	return 1;
}

int
look_list_prog(struct rd *r, struct look_prog *p, uint32_t map[static LOOK_MAPS])
{
	if (r->err == 0 && r->p == r->end)
		return 0;
	if (take(r, p, sizeof *p) < 0 || p->nmap > LOOK_MAPS)
		return -EBADMSG;
	return take(r, map, p->nmap * sizeof *map);
}

int
look_list_link(struct rd *r, struct look_link *l)
{
	return r->err == 0 && r->p == r->end ? 0 : take(r, l, sizeof *l);
}
