/* SPDX-License-Identifier: BSD-2-Clause */
/* ip.h - an IPv4 or IPv6 address. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include "base.h"

#define IP_STRLEN 46

struct ip_addr {
	uint8_t family; /* 4, 6; 0 = none */
	uint8_t b[16];  /* network order; IPv4 in the first four bytes, the rest zero */
};

int ip_parse(struct slice s, struct ip_addr *out); /* 0 or -EINVAL; no prefix length, no zone */
const char *ip_format(const struct ip_addr *a, char buf[static IP_STRLEN]); /* returns buf */
unsigned ip_bits(const struct ip_addr *a);                                  /* 32 or 128 */
int ip_cmp(const struct ip_addr *a, const struct ip_addr *b);               /* as memcmp; same family */
bool ip_equal(const struct ip_addr *a, const struct ip_addr *b);            /* family too */
/* First and last address of the prefix a/plen. */
struct ip_addr ip_first(const struct ip_addr *a, unsigned plen);
struct ip_addr ip_last(const struct ip_addr *a, unsigned plen);

#endif
