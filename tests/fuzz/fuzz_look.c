/* SPDX-License-Identifier: BSD-2-Clause */
/* A list of the kernel's programs, and one of its links, as the iterators give them. */
#include <stdlib.h>

#include "look_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was read is what is there, and nothing of it is left unread where there was no error. */
static void
progs(const uint8_t *data, size_t len)
{
	struct rd r = rd_init(data, len);
	cleanup_buf struct buf again = {0};
	uint32_t map[LOOK_MAPS];
	struct look_prog p;
	int rc;

	while ((rc = look_list_prog(&r, &p, map)) == 1) {
		buf_put(&again, &p, sizeof p);
		buf_put(&again, map, p.nmap * sizeof *map);
	}
	if (again.err || again.len > len || (again.len && memcmp(again.p, data, again.len) != 0) ||
	    (rc == 0 && again.len != len))
		abort();
}

static void
links(const uint8_t *data, size_t len)
{
	struct rd r = rd_init(data, len);
	struct look_link l;
	size_t n = 0;
	int rc;

	while ((rc = look_list_link(&r, &l)) == 1)
		n += sizeof l;
	if (n > len || (rc == 0) != (n == len))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	progs(data, len);
	links(data, len);
	return 0;
}
