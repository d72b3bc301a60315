/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * space.h - the addresses that the generator and the filler of tables agree on.
 *
 * A space is a prefix, halved into two classes: blocks of 256 addresses, scattered
 * all over it, belong to targets or to others.  So criteria (hosts, or prefixes down
 * to /24) and packets that none of them names lie side by side everywhere.
 */
#ifndef BENCH_SPACE_H
#define BENCH_SPACE_H

enum { SPACE_TARGETS = 0, SPACE_OTHERS = 1 };

struct space {
	__u32 base; /* host order */
	__u32 bits; /* below the prefix: 10 to 31 */
	__u32 kind; /* SPACE_TARGETS or SPACE_OTHERS */
	__u32 n;    /* how many of its addresses are used */
};

/* A permutation of the numbers of so many bits. */
static inline __attribute__((always_inline)) __u32
space_scatter(__u32 x, __u32 bits)
{
	const __u32 mask = (1u << bits) - 1, half = (bits + 1) / 2;

	x ^= x >> half;
	x = x * 0x9E3779B1u & mask;
	x ^= x >> half;
	x = x * 0x85EBCA6Bu & mask;
	return x ^ x >> half;
}

/* The j-th address, host order: first one of each block, then another of each. */
static inline __attribute__((always_inline)) __u32
space_addr(const struct space *s, __u32 j)
{
	const __u32 blocks = s->bits - 9;
	const __u32 block = (j & ((1u << blocks) - 1)) | s->kind << blocks;

	return s->base | space_scatter(block, s->bits - 8) << 8 | (((j >> blocks) * 149 + 7) & 255);
}

/* The same in IPv6, as the second 32 bits of 2001:db8::/32; interface identifier 1. */
#define SPACE_V6_HIGH 0x20010db8u
#define SPACE_V6_LOW 1u

#endif
