/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gen.h - random criteria and packets for property tests, the same for the same
 * seed on every machine.  Values come from a small universe, and packets from
 * the edges of the criteria's items and their neighbours, so that about as many
 * packets match as do not.
 */
#ifndef TESTS_LIB_GEN_H
#define TESTS_LIB_GEN_H

#include "filter.h"

#define GEN_PACKET_MAX 4096 /* what gen_packet_bytes needs at most */

struct gen {
	uint64_t state;
};

void gen_init(struct gen *g, uint64_t seed);
uint64_t gen_u64(struct gen *g);
uint32_t gen_below(struct gen *g, uint32_t n); /* 0 .. n-1 */
bool gen_chance(struct gen *g, unsigned percent);

/* Every form, list length, negation and family; criteria_check may refuse it
 * (ports without TCP and UDP), and filter_compile may find it too big.  The
 * caller frees *c. */
void gen_criteria(struct gen *g, struct criteria *c);
/* A packet near c's edges.  It is one that packet_parse can return. */
void gen_packet(struct gen *g, const struct criteria *c, struct packet *p);

/*
 * Bytes from the IP header on which packet_parse reads as *p: lengths and the
 * IPv4 header checksum right, some with IPv4 options, extension headers or as
 * fragments; those without ports end early or are later fragments.  First
 * fragments have an even identification, later ones an odd one: none belong
 * together.  Returns the length; 0 if cap is too small.
 */
size_t gen_packet_bytes(struct gen *g, const struct packet *p, uint8_t *buf, size_t cap);

#endif
