/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "ip.h"

int
ip_parse(struct slice s, struct ip_addr *out)
{
	struct ip_addr a = {0};
	char text[IP_STRLEN];

	if (s.len >= sizeof text || s.len == 0 || memchr(s.p, 0, s.len) != NULL)
		return -EINVAL;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	a.family = strchr(text, ':') ? 6 : 4;
	if (inet_pton(a.family == 6 ? AF_INET6 : AF_INET, text, a.b) != 1)
		return -EINVAL;
	*out = a;
	return 0;
}

const char *
ip_format(const struct ip_addr *a, char buf[static IP_STRLEN])
{
	if (a->family == 0 || inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->b, buf, IP_STRLEN) == NULL)
		strcpy(buf, "-");
	return buf;
}

unsigned
ip_bits(const struct ip_addr *a)
{
	return a->family == 6 ? 128 : 32;
}

int
ip_cmp(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a->b, b->b, sizeof a->b);
}

bool
ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family && ip_cmp(a, b) == 0;
}

/* Sets every bit from plen on to the same value. */
static struct ip_addr
tail_fill(const struct ip_addr *a, unsigned plen, bool ones)
{
	struct ip_addr out = *a;

	for (unsigned bit = plen; bit < ip_bits(a); bit++) {
		uint8_t m = (uint8_t)(0x80u >> (bit & 7));

		out.b[bit / 8] = ones ? (uint8_t)(out.b[bit / 8] | m) : (uint8_t)(out.b[bit / 8] & ~m);
	}
	return out;
}

struct ip_addr
ip_first(const struct ip_addr *a, unsigned plen)
{
	return tail_fill(a, plen, false);
}

struct ip_addr
ip_last(const struct ip_addr *a, unsigned plen)
{
	return tail_fill(a, plen, true);
}
