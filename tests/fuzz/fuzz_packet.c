/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is a packet, from the IP header on. */
#include <errno.h>
#include <string.h>

#include "gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool
same(const struct packet *a, const struct packet *b)
{
	return a->family == b->family && a->proto == b->proto && a->has_ports == b->has_ports &&
	       a->has_icmp == b->has_icmp && ip_equal(&a->src, &b->src) && ip_equal(&a->dst, &b->dst) &&
	       a->sport == b->sport && a->dport == b->dport && a->itype == b->itype && a->icode == b->icode;
}

static void
sound(const struct packet *p)
{
	if ((p->family != 4 && p->family != 6) || p->src.family != p->family || p->dst.family != p->family)
		abort();
	if (p->has_ports ? p->proto != 6 && p->proto != 17 : p->sport != 0 || p->dport != 0)
		abort();
	if (p->has_icmp ? p->proto != (p->family == 4 ? 1 : 58) : p->itype != 0 || p->icode != 0)
		abort();
}

/* Less of a packet says less, never something else. */
static void
shortened(const uint8_t *data, size_t len, const struct packet *whole)
{
	uint8_t *copy = malloc(len);
	struct packet p;

	if (copy == NULL)
		return;
	memcpy(copy, data, len);
	if (packet_parse(copy, len, &p) == 0) {
		sound(&p);
		if (!ip_equal(&p.src, &whole->src) || !ip_equal(&p.dst, &whole->dst))
			abort();
		if ((p.has_ports || p.has_icmp) && !same(&p, whole))
			abort();
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t built[GEN_PACKET_MAX];
	struct packet p, q;
	struct gen g;
	size_t n;
	int r;

	r = packet_parse(data, len, &p);
	if (r < 0) {
		if (r != -EINVAL)
			abort();
		return 0;
	}
	sound(&p);
	for (size_t i = 1; i < len && i < 256; i++)
		shortened(data, i, &p);
	gen_init(&g, len);
	n = gen_packet_bytes(&g, &p, built, sizeof built);
	if (n == 0 || packet_parse(built, n, &q) < 0 || !same(&p, &q))
		abort();
	return 0;
}
