/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "abi.h"
#include "filter.h"

enum { HOPOPTS = 0, ICMP = 1, TCP = 6, UDP = 17, ROUTING = 43, FRAGMENT = 44, AH = 51, ICMPV6 = 58, DSTOPTS = 60 };

#define IPV4_MIN 20
#define IPV6_LEN 40

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* p points behind the IP headers of a first or only fragment. */
static void
upper_layer(struct packet *o, const uint8_t *p, size_t len)
{
	if ((o->proto == TCP || o->proto == UDP) && len >= 4) {
		o->has_ports = true;
		o->sport = be16(p);
		o->dport = be16(p + 2);
	}
	if (o->proto == (o->family == 4 ? ICMP : ICMPV6) && len >= 2) {
		o->has_icmp = true;
		o->itype = p[0];
		o->icode = p[1];
	}
}

/* What lies behind the packet's own length is padding. */
static size_t
without_padding(size_t len, size_t own)
{
	return own < len ? own : len;
}

static int
parse4(const uint8_t *p, size_t len, struct packet *o)
{
	size_t header = (size_t)(p[0] & 15) * 4, own;

	if (len < IPV4_MIN || header < IPV4_MIN)
		return -EINVAL;
	own = be16(p + 2);
	if (own >= IPV4_MIN)
		len = without_padding(len, own);
	o->family = o->src.family = o->dst.family = 4;
	memcpy(o->src.b, p + 12, 4);
	memcpy(o->dst.b, p + 16, 4);
	o->proto = p[9];
	if ((be16(p + 6) & 0x1fff) == 0 && len >= header)
		upper_layer(o, p + header, len - header);
	return 0;
}

static bool
is_extension(uint8_t next)
{
	return next == HOPOPTS || next == ROUTING || next == FRAGMENT || next == AH || next == DSTOPTS;
}

static size_t
extension_len(uint8_t next, const uint8_t *p)
{
	if (next == FRAGMENT)
		return 8;
	return next == AH ? ((size_t)p[1] + 2) * 4 : ((size_t)p[1] + 1) * 8;
}

static int
parse6(const uint8_t *p, size_t len, struct packet *o)
{
	size_t at = IPV6_LEN;

	if (len < IPV6_LEN)
		return -EINVAL;
	o->family = o->src.family = o->dst.family = 6;
	memcpy(o->src.b, p + 8, 16);
	memcpy(o->dst.b, p + 24, 16);
	o->proto = p[6];
	/* No length before a hop-by-hop header: a jumbogram, which names its length there. */
	if (be16(p + 4) != 0 || o->proto != HOPOPTS)
		len = without_padding(len, IPV6_LEN + (size_t)be16(p + 4));
	for (unsigned depth = 0; is_extension(o->proto); depth++) {
		uint8_t next = o->proto;
		bool later;

		if (depth == TAP_EXT_MAX || len < at + 8)
			return 0;
		later = next == FRAGMENT && (be16(p + at + 2) & ~7u) != 0;
		o->proto = p[at];
		at += extension_len(next, p + at);
		if (later || len < at)
			return 0;
	}
	upper_layer(o, p + at, len - at);
	return 0;
}

int
packet_parse(const uint8_t *p, size_t len, struct packet *out)
{
	struct packet o = {0};
	int r = -EINVAL;

	if (len > 0 && p[0] >> 4 == 4)
		r = parse4(p, len, &o);
	else if (len > 0 && p[0] >> 4 == 6)
		r = parse6(p, len, &o);
	if (r == 0)
		*out = o;
	return r;
}
