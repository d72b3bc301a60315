/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: gen_packet_bytes */
#include <string.h>

#include "abi.h"
#include "gen.h"

enum { HOPOPTS = 0, ICMP = 1, TCP = 6, UDP = 17, ROUTING = 43, FRAGMENT = 44, AH = 51, ICMPV6 = 58, DSTOPTS = 60 };

/* How a packet is cut up. */
enum piece { WHOLE, FIRST, LATER, SHORT };

/* Bytes being written; what lies behind cap is not, but counted. */
struct out {
	uint8_t *p;
	size_t len, cap;
};

static void
put_u8(struct out *o, unsigned v)
{
	if (o->len < o->cap)
		o->p[o->len] = (uint8_t)v;
	o->len++;
}

static void
put_u16(struct out *o, unsigned v)
{
	put_u8(o, v >> 8);
	put_u8(o, v & 0xff);
}

static void
put(struct out *o, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_u8(o, p[i]);
}

static void
put_random(struct gen *g, struct out *o, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_u8(o, (unsigned)gen_u64(g) & 0xff);
}

static void
set_u16(struct out *o, size_t at, unsigned v)
{
	if (at + 2 <= o->cap) {
		o->p[at] = (uint8_t)(v >> 8);
		o->p[at + 1] = (uint8_t)v;
	}
}

static bool
is_extension(uint8_t next)
{
	return next == HOPOPTS || next == ROUTING || next == FRAGMENT || next == AH || next == DSTOPTS;
}

static enum piece
piece_random(struct gen *g, const struct packet *p)
{
	bool upper = p->proto == TCP || p->proto == UDP || p->proto == (p->family == 4 ? ICMP : ICMPV6);

	if (upper && !p->has_ports && !p->has_icmp)
		return gen_chance(g, 50) ? LATER : SHORT;
	/* An extension header's number is only left as the protocol where no header follows. */
	if (p->family == 6 && is_extension(p->proto))
		return gen_chance(g, 50) ? LATER : SHORT;
	if (gen_chance(g, 80))
		return WHOLE;
	return upper || gen_chance(g, 50) ? FIRST : LATER;
}

static void
put_payload(struct gen *g, const struct packet *p, enum piece piece, struct out *o)
{
	size_t data = gen_below(g, 24), start = o->len, header = p->proto == TCP ? 20 : 8;

	if (piece == SHORT) {
		put_random(g, o,
		    gen_below(g, p->family == 6 && is_extension(p->proto) ? 8
				 : p->proto == TCP || p->proto == UDP     ? 4
									  : 2));
		return;
	}
	if (piece == FIRST)
		data = data & ~7u; /* with the header's 8 or 24 bytes a whole number of units */
	if (piece == LATER || (!p->has_ports && !p->has_icmp)) {
		put_random(g, o, data);
		return;
	}
	if (p->has_ports) {
		put_u16(o, p->sport);
		put_u16(o, p->dport);
	} else {
		put_u8(o, p->itype);
		put_u8(o, p->icode);
	}
	if (piece == WHOLE && gen_chance(g, 5))
		return; /* nothing behind what decides */
	if (p->proto == UDP) {
		put_u16(o, (unsigned)(8 + data));
		put_u16(o, 0);
	} else if (p->proto == TCP) {
		put_random(g, o, 8);
		put_u16(o, piece == FIRST ? 0x6010 : 0x5010);
		put_random(g, o, piece == FIRST ? 10 : 6);
		header += piece == FIRST ? 4 : 0;
	} else
		put_random(g, o, start + header - o->len);
	put_random(g, o, data);
}

static unsigned
ipv4_checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static void
put_ipv4(struct gen *g, const struct packet *p, enum piece piece, struct out *o)
{
	unsigned words = gen_chance(g, 75) ? 0 : 1 + gen_below(g, 10), flags = gen_chance(g, 50) ? 0x4000 : 0;

	if (piece == FIRST)
		flags = 0x2000;
	else if (piece == LATER)
		flags = (gen_chance(g, 50) ? 0x2000 : 0) |
			(gen_chance(g, 50) ? 1 + gen_below(g, 180) : 1 + gen_below(g, 0x1fff));
	put_u8(o, 0x45 + words);
	put_u8(o, 0);
	put_u16(o, 0); /* length: known at the end */
	put_u16(o, ((unsigned)gen_u64(g) & 0xfffe) | (piece == LATER));
	put_u16(o, flags);
	put_u8(o, 64);
	put_u8(o, p->proto);
	put_u16(o, 0); /* checksum */
	put(o, p->src.b, 4);
	put(o, p->dst.b, 4);
	for (unsigned i = 0; i < words * 4; i++)
		put_u8(o, 1); /* no operation */
	put_payload(g, p, piece, o);
	set_u16(o, 2, (unsigned)o->len);
	if (o->len <= o->cap)
		set_u16(o, 10, ipv4_checksum(o->p, 20 + words * 4));
}

/* One extension header that says next follows. */
static void
put_extension(struct gen *g, uint8_t this, uint8_t next, enum piece piece, struct out *o)
{
	unsigned len = gen_below(g, 4), offset = 0;

	put_u8(o, next);
	switch (this) {
	case FRAGMENT:
		if (piece == LATER)
			offset = gen_chance(g, 50) ? 1 + gen_below(g, 180) : 1 + gen_below(g, 0x1fff);
		put_u8(o, 0);
		put_u16(o, offset << 3 | (piece == FIRST || (piece == LATER && gen_chance(g, 50))));
		put_random(g, o, 3);
		put_u8(o, ((unsigned)gen_u64(g) & 0xfe) | (piece == LATER));
		break;
	case AH:
		put_u8(o, len);
		put_random(g, o, (len + 2) * 4 - 2);
		break;
	case ROUTING:
		put_u8(o, len * 2);
		put_u8(o, 4); /* segment routing, nothing left */
		put_u8(o, 0);
		put_random(g, o, len * 16 + 4);
		break;
	default:
		put_u8(o, len);
		put_u8(o, 1); /* PadN */
		put_u8(o, len * 8 + 4);
		for (unsigned i = 0; i < len * 8 + 4; i++)
			put_u8(o, 0);
		break;
	}
}

static void
put_ipv6(struct gen *g, const struct packet *p, enum piece piece, struct out *o)
{
	static const uint8_t kind[] = {HOPOPTS, ROUTING, AH, DSTOPTS, DSTOPTS};
	uint8_t chain[TAP_EXT_MAX + 1];
	unsigned n = 0;

	if (gen_chance(g, 40))
		for (n = gen_below(g, TAP_EXT_MAX); n > 0 && gen_chance(g, 50);)
			n--;
	for (unsigned i = 0; i < n; i++)
		chain[i] = kind[gen_below(g, ARRAY_LEN(kind))];
	/* The fragment header: last when it is a later one; an atomic fragment is whole. */
	if (piece == LATER)
		chain[n++] = FRAGMENT;
	else if (piece == FIRST || (piece == WHOLE && gen_chance(g, 5))) {
		unsigned at = gen_below(g, n + 1);

		memmove(chain + at + 1, chain + at, n - at);
		chain[at] = FRAGMENT;
		n++;
	}
	chain[n] = p->proto;
	put_u16(o, 0x6000);
	put_u16(o, 0);
	put_u16(o, 0); /* length: known at the end */
	put_u8(o, chain[0]);
	put_u8(o, 64);
	put(o, p->src.b, 16);
	put(o, p->dst.b, 16);
	for (unsigned i = 0; i < n; i++)
		put_extension(g, chain[i], chain[i + 1], piece, o);
	put_payload(g, p, piece, o);
	set_u16(o, 4, (unsigned)(o->len - 40));
}

size_t
gen_packet_bytes(struct gen *g, const struct packet *p, uint8_t *buf, size_t cap)
{
	struct out o = {.p = buf, .cap = cap};
	enum piece piece = piece_random(g, p);

	if (p->family == 4)
		put_ipv4(g, p, piece, &o);
	else
		put_ipv6(g, p, piece, &o);
	return o.len <= cap ? o.len : 0;
}
