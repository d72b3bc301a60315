/* SPDX-License-Identifier: BSD-2-Clause */
#include "spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

int
spec_parse(const char *text, uint32_t kind, struct space *s)
{
	unsigned a, b, c, d, plen, n;
	char end;

	if (text == NULL)
		return 0;
	if (sscanf(text, "%3u.%3u.%3u.%3u/%2u,%9u%c", &a, &b, &c, &d, &plen, &n, &end) != 6 || a > 255 || b > 255 ||
	    c > 255 || d > 255 || plen < 1 || plen > 22 || n == 0 || n > 1u << (31 - plen))
		return -EINVAL;
	*s = (struct space){.bits = 32 - plen, .kind = kind, .n = n};
	s->base = (a << 24 | b << 16 | c << 8 | d) & ~((1u << s->bits) - 1);
	return 0;
}
