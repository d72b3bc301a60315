/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel says of the router's addresses, interfaces and routes: the bytes of one reception. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nl_address.h"
#include "nl_dump.h"
#include "nl_link.h"
#include "route.h"

#define SEQ 1
#define MOST 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
begin(void *arg)
{
	(void)arg;
}

static void
terminated(const char *p, size_t size)
{
	if (memchr(p, '\0', size) == NULL)
		abort();
}

static void
link_read(const struct nlmsghdr *h)
{
	struct nl_link l;

	if (nl_link_get(h, &l) < 0)
		return;
	terminated(l.name, sizeof l.name);
	terminated(l.kind, sizeof l.kind);
	terminated(l.bus, sizeof l.bus);
	terminated(l.qdisc, sizeof l.qdisc);
}

static void
each(void *arg, const struct nlmsghdr *h)
{
	static const uint8_t nothing[16];
	struct tap_local l;

	link_read(h);
	if (!nl_address(h, h->nlmsg_len, &l))
		return;
	if ((l.family != 4 && l.family != 6) || (l.family == 4 && memcmp(l.addr + 4, nothing, 12) != 0))
		abort();
	++*(unsigned *)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned n = 0;
	const struct nl_dump d = {.begin = begin, .each = each, .arg = &n};
	bool changed = false;
	struct route way;
	uint8_t *p;
	int r;

	if (len > MOST || (p = malloc(len ? len : 1)) == NULL) /* aligned, and no longer than it is */
		return 0;
	memcpy(p, data, len);
	r = nl_dump_read(&d, p, len, SEQ, &changed);
	if (r > 1 || n > len / sizeof(struct nlmsghdr))
		abort();
	way = route_read(p, len);
	if (way.via.family != 0 && way.via.family != 4 && way.via.family != 6)
		abort();
	free(p);
	return 0;
}
