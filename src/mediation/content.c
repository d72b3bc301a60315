/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "buf.h"
#include "content.h"

#define IP4_HEADER_MIN 20
#define IP6_HEADER 40
#define INTERCEPT_MASK 0x3fffffff /* the two bits above tell which form the id was given in */

/* Why the lengths of an IPv4 header do not describe exactly len bytes; NULL if they do. */
static const char *
ip4_fault(const uint8_t *p, size_t len)
{
	size_t header, total;

	if (len < IP4_HEADER_MIN)
		return "shorter than an IPv4 header";
	header = (size_t)(p[0] & 15) * 4;
	total = (size_t)p[2] << 8 | p[3];
	if (header < IP4_HEADER_MIN)
		return "IPv4 header length below 20";
	if (header > total)
		return "IPv4 header longer than its packet";
	if (total > len)
		return "IPv4 packet cut off";
	return total < len ? "bytes after the IPv4 packet" : NULL;
}

static const char *
ip6_fault(const uint8_t *p, size_t len)
{
	size_t total;

	if (len < IP6_HEADER)
		return "shorter than an IPv6 header";
	total = IP6_HEADER + ((size_t)p[4] << 8 | p[5]);
	if (total > len)
		return "IPv6 packet cut off";
	return total < len ? "bytes after the IPv6 packet" : NULL;
}

/* Sets everything that concerns the packet itself. */
static int
packet_check(const uint8_t *p, size_t len, struct content *out)
{
	unsigned version = len ? p[0] >> 4 : 0;

	out->p = p;
	out->len = len;
	out->family = version == 4 || version == 6 ? (uint8_t)version : 0;
	if (len == 0)
		out->fault = "empty";
	else if (version == 4)
		out->fault = ip4_fault(p, len);
	else if (version == 6)
		out->fault = ip6_fault(p, len);
	else
		out->fault = "neither IPv4 nor IPv6";
	return out->fault ? -EBADMSG : 0;
}

int
content_strip(const uint8_t *p, size_t len, struct content *out)
{
	*out = (struct content){0};
	return packet_check(p, len, out);
}

/* PPP framing in front of an IP packet: its length, 0 if there is none. */
static size_t
ppp_len(const uint8_t *p, size_t len)
{
	static const uint8_t ip4[] = {0xff, 0x03, 0x00, 0x21}, ip6[] = {0xff, 0x03, 0x00, 0x57};

	if (len < sizeof ip4)
		return 0;
	return memcmp(p, ip4, sizeof ip4) == 0 || memcmp(p, ip6, sizeof ip6) == 0 ? sizeof ip4 : 0;
}

int
content_strip_jmirror(const uint8_t *p, size_t len, struct content *out)
{
	struct rd r = rd_init(p, len);
	uint32_t intercept = rd_u32(&r) & INTERCEPT_MASK, session = rd_u32(&r);
	size_t skip = CONTENT_JMIRROR_HEADER;

	*out = (struct content){0};
	if (r.err) {
		out->p = p;
		out->len = len;
		out->fault = "shorter than the mirror header";
		return -EBADMSG;
	}
	out->has_ids = true;
	out->intercept = intercept;
	out->session = session;
	skip += ppp_len(p + skip, len - skip);
	return packet_check(p + skip, len - skip, out);
}
