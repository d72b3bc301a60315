/* SPDX-License-Identifier: BSD-2-Clause */
#include "selftest.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>

#define INNER_LEN (sizeof(struct iphdr) + sizeof(struct udphdr)) /* in front of the nonce */
#define OUTER_LEN INNER_LEN                                      /* what a copy has in front of the packet */

static uint16_t
ip_sum(const struct iphdr *ip)
{
	uint16_t w[sizeof *ip / 2];
	uint32_t sum = 0;

	memcpy(w, ip, sizeof w);
	for (size_t i = 0; i < sizeof w / sizeof *w; i++)
		sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

void
selftest_frame(struct buf *out, unsigned i, uint64_t nonce)
{
	static const uint16_t payload[SELFTEST_PACKETS] = {32, 576, 1400};
	struct ethhdr eth = {.h_dest = SELFTEST_MAC, .h_source = SELFTEST_MAC, .h_proto = htons(ETH_P_IP)};
	struct udphdr udp = {.source = htons(SELFTEST_PORT),
	    .dest = htons(SELFTEST_PORT),
	    .len = htons((uint16_t)(sizeof udp + payload[i]))};
	struct iphdr ip = {.version = 4,
	    .ihl = 5,
	    .tot_len = htons((uint16_t)(sizeof ip + sizeof udp + payload[i])),
	    .ttl = 1,
	    .protocol = IPPROTO_UDP,
	    .saddr = htonl(SELFTEST_FROM),
	    .daddr = htonl(SELFTEST_TO)};

	eth.h_source[ETH_ALEN - 1]++;
	ip.check = ip_sum(&ip);
	buf_put(out, &eth, sizeof eth);
	buf_put(out, &ip, sizeof ip);
	buf_put(out, &udp, sizeof udp);
	buf_put_u64(out, nonce);
	for (unsigned n = sizeof nonce; n < payload[i]; n++)
		buf_put_u8(out, (uint8_t)(n * 31 + i));
}

static bool
outer_ok(const uint8_t *p, size_t len)
{
	struct iphdr ip;
	struct udphdr udp;

	memcpy(&ip, p, sizeof ip);
	memcpy(&udp, p + sizeof ip, sizeof udp);
	return ip.version == 4 && ip.ihl == 5 && ntohs(ip.tot_len) == len && ip.protocol == IPPROTO_UDP &&
	       ip_sum(&ip) == 0 && ip.saddr == htonl(SELFTEST_SOURCE) && ip.daddr == htonl(SELFTEST_DEST) &&
	       udp.source == htons(SELFTEST_PORT) && udp.dest == htons(SELFTEST_PORT) &&
	       ntohs(udp.len) == len - sizeof ip;
}

/* The nonce and what tells the frames apart, where they should be if there are `before` bytes in front of the packet.
 */
static bool
is_of(const struct buf *frame, const uint8_t *p, size_t len, size_t before)
{
	size_t at = ETH_HLEN + INNER_LEN, n = sizeof(uint64_t) + 1;

	return frame->len >= at + n && len >= at + before + n && memcmp(p + at + before, frame->p + at, n) == 0;
}

enum selftest_kind
selftest_kind(const struct buf *frame, const uint8_t *p, size_t len)
{
	size_t n = frame->len - ETH_HLEN;

	if (is_of(frame, p, len, 0))
		return SELFTEST_BARE;
	if (!is_of(frame, p, len, OUTER_LEN))
		return SELFTEST_OTHER;
	return len == frame->len + OUTER_LEN && outer_ok(p + ETH_HLEN, len - ETH_HLEN) &&
		       memcmp(p + ETH_HLEN + OUTER_LEN, frame->p + ETH_HLEN, n) == 0
		   ? SELFTEST_COPY
		   : SELFTEST_WRONG;
}
