/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter.h - criteria compiled to what the data plane matches: a union of
 * disjoint terms, each a conjunction of inclusive ranges ("struct tap_filter",
 * the noun that goes from the engine to the dataplane).
 *
 * Meaning of a list: an item matches or not; a value is in the set when (no
 * positive item, or some positive item matches) and no negated item matches.
 * An absent list is a wildcard.  All elements are ANDed.  If the port lists are pairs, both ports have to match in
 * the same place of them.
 */
#ifndef FILTER_FILTER_H
#define FILTER_FILTER_H

#include "criteria.h"

#define FILTER_TERMS_MAX 4096 /* terms of one criterion */
#define FILTER_PAIRS_MAX 1024 /* pairs of ports of one criterion */

enum filter_need {
	FILTER_NEED_PORTS = 1, /* = TAP_TERM_PORTS: some port element is not a wildcard */
	FILTER_NEED_ICMP = 2,  /* = TAP_TERM_ICMP */
};

struct filter_term {
	uint8_t family; /* 4 or 6 */
	uint8_t need;   /* enum filter_need */
	uint8_t proto_lo, proto_hi;
	struct ip_addr src_lo, src_hi, dst_lo, dst_hi;   /* inclusive; always set */
	uint16_t sport_lo, sport_hi, dport_lo, dport_hi; /* host order; 0..65535 when free */
	uint8_t itype_lo, itype_hi, icode_lo, icode_hi;  /* 0..255 when free */
};

struct tap_filter {
	struct filter_term *term; /* owned */
	uint32_t n;               /* 0 is legal: matches nothing */
};

void filter_free(struct tap_filter *f);

/*
 * Compiles.  The terms are disjoint: at most one matches a packet.
 *  - A term with FILTER_NEED_PORTS has a protocol range within {6} or {17}; with
 *    FILTER_NEED_ICMP it is {1} in IPv4 and {58} in IPv6 terms: a port element
 *    makes other protocols not match.  If both port and ICMP elements are present,
 *    TCP/UDP packets are judged by the ports, ICMP packets by the ICMP elements.
 *  - An address range whose longest common prefix is much shorter than the range
 *    needs is split at its highest differing bit, once, so that each part lies
 *    under one tight covering prefix.
 *  0; -E2BIG over FILTER_TERMS_MAX terms or FILTER_PAIRS_MAX pairs; -ENOMEM.
 */
int filter_compile(const struct criteria *c, struct tap_filter *out);

/* 1: some element that is given leaves packets out; 0: none does, the criterion is about everybody's; -ENOMEM. */
int filter_narrows(const struct criteria *c);

void filter_encode(const struct tap_filter *f, struct buf *out);
int filter_decode(struct tap_filter *f, struct rd *r); /* checks lo <= hi, families, flags; -EBADMSG */

/* What a packet's headers say: the kernel's parser and packet_parse agree on it. */
struct packet {
	uint8_t family;
	uint8_t proto;  /* upper-layer protocol behind extension headers */
	bool has_ports; /* TCP or UDP, ports known */
	bool has_icmp;  /* ICMP in IPv4 or ICMPv6 in IPv6, type and code known */
	struct ip_addr src, dst;
	uint16_t sport, dport;
	uint8_t itype, icode;
};

/* The oracle: plain evaluation of the lists, sharing no code with filter_compile. */
bool criteria_match(const struct criteria *c, const struct packet *p);
/* Whether any term matches (at most one may; see filter_compile). */
bool filter_match(const struct tap_filter *f, const struct packet *p);

/*
 * Reference parser, from the IP header on: IPv4 with options, IPv6 with up to
 * TAP_EXT_MAX extension headers (hop-by-hop, routing, destination options,
 * fragment, AH).  Later fragments and truncated headers leave has_ports and
 * has_icmp false; bytes behind the packet's own length are padding.
 * 0, or -EINVAL: not an IP packet the kernel program looks at.
 */
int packet_parse(const uint8_t *p, size_t len, struct packet *out);

#endif
