/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * criteria.h - the filter elements of a criterion as an agency wrote them:
 * lists of single values, prefixes, ranges and wildcards, each possibly
 * negated (DTCP draft -03 section 5.4 and 8; dtcp: "Filters").
 *
 * Pure: text and bytes in, structs out.
 */
#ifndef FILTER_CRITERIA_H
#define FILTER_CRITERIA_H

#include "buf.h"
#include "ip.h"

#define CRITERIA_ITEMS_MAX 8192 /* items in one list; a 64 KiB request holds no more */

enum criteria_field {
	CRIT_SOURCE_ADDRESS,
	CRIT_DEST_ADDRESS,
	CRIT_PROTOCOL,
	CRIT_SOURCE_PORT,
	CRIT_DEST_PORT,
	CRIT_ICMP_TYPE,
	CRIT_ICMP_CODE,
	CRIT_FIELDS
};

enum criteria_form {
	FORM_ANY,
	FORM_SINGLE,
	FORM_PREFIX,
	FORM_RANGE,
	FORM_FROM,
	FORM_UPTO
}; /* *, v, v/n, lo-hi, lo-*, *-hi */

struct addr_item {
	uint8_t form; /* enum criteria_form */
	bool negated;
	uint8_t plen;          /* FORM_PREFIX: 0..32 or 0..128; host bits are masked off in lo */
	struct ip_addr lo, hi; /* SINGLE, PREFIX, FROM: lo; UPTO: hi; RANGE: both */
};

struct num_item {
	uint8_t form; /* no FORM_PREFIX */
	bool negated;
	uint16_t lo, hi;
};

struct addr_list {
	struct addr_item *v; /* owned; NULL and n == 0: the element is absent = wildcard */
	uint32_t n;
};

struct num_list {
	struct num_item *v;
	uint32_t n;
};

struct criteria {
	uint8_t family;           /* 4, 6, 0 = both.  Set from the addresses, or by X-JTap-IP-Version */
	bool paired;              /* the two port lists are pairs, see criteria_pair */
	struct addr_list addr[2]; /* CRIT_SOURCE_ADDRESS, CRIT_DEST_ADDRESS */
	struct num_list num[5];   /* index: enum criteria_field - CRIT_PROTOCOL */
};

void criteria_free(struct criteria *c); /* frees the lists and empties *c */

/*
 * Parses one element's value, for example "10.0.0.0/8, !10.1.1.1" or "53,1024-*",
 * and stores it in *c, which must not have that element yet.
 *   0
 *   -EINVAL  not of the grammar
 *   -ERANGE  a number or prefix length out of range, or lo > hi   (DTCP: 432)
 *   -E2BIG   more than CRITERIA_ITEMS_MAX items
 *   -EXDEV   IPv4 and IPv6 mixed within the criterion
 *   -ENOMEM
 * bad (may be NULL) receives the item that was refused, borrowed from text.
 */
int criteria_parse(struct criteria *c, enum criteria_field field, struct slice text, struct slice *bad);

/* Makes pairs of the port lists, the first with the first and so on, if both are as long, longer than one item, and
 * have no '!', which makes a list a set.  Whether it did; otherwise any of the one goes with any of the other. */
bool criteria_pair(struct criteria *c);

/* Rules between elements: ports need protocol 6 or 17 within the protocol set (or no
 * protocol at all), ICMP elements need 1 or 58; ports and ICMP together need both.
 * 0 or -EINVAL (DTCP: 432); *why points to a constant sentence. */
int criteria_check(const struct criteria *c, const char **why);

/* Appends the canonical text of one element ("*" when absent): parse(format(x)) == x. */
void criteria_format(const struct criteria *c, enum criteria_field field, struct buf *out);
/* Whether the element is absent, or nothing but "*". */
bool criteria_is_wild(const struct criteria *c, enum criteria_field field);
const char *criteria_field_name(enum criteria_field field); /* "Source-Address", ... */

/* Compact binary form, for messages and the store: decode(encode(x)) == x.
 * criteria_decode allocates into *c; 0, -EBADMSG or -ENOMEM (then *c is empty). */
void criteria_encode(const struct criteria *c, struct buf *out);
int criteria_decode(struct criteria *c, struct rd *r);

bool criteria_equal(const struct criteria *a, const struct criteria *b);

#endif
