/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * warrant.h - what a court allows: whose, from when to when, and how much.  Pure:
 * text in, struct or reason out.
 *
 *   Reference: W-2026-117
 *   Agency: lea1
 *   Start: 2026-11-23T10:00:00Z
 *   End: 2026-12-23T10:00:00Z
 *   Prefix: 198.51.100.7/32, 2001:db8:7::/48
 *   Direction: from
 *   Maximum-Criteria: 4
 *   Content-Destination: 192.0.2.0/24 7000-7999
 *
 * The first four are needed, in any order; each line once.  Without a Prefix the
 * criteria may name anything; without a Content-Destination only the configuration
 * says where copies may go.  Blank lines and lines that begin with # are skipped.
 */
#ifndef WARRANT_WARRANT_H
#define WARRANT_WARRANT_H

#include "conf.h"
#include "filter.h"

#define WARRANT_REF_MAX 63
#define WARRANT_TEXT_MAX 65535
#define WARRANT_ITEMS_MAX 1024 /* prefixes, destinations */

enum warrant_direction { WARRANT_BOTH, WARRANT_FROM, WARRANT_TO };

struct warrant_prefix {
	struct ip_addr addr;
	uint8_t len;
};

/* How much a warrant allows: of two, the one with less is the narrower. */
struct warrant_breadth {
	unsigned __int128 addrs[2]; /* that its prefixes name, each once: IPv4, IPv6; saturated */
	unsigned __int128 dests;    /* addresses times ports; saturated */
};

struct warrant {
	char ref[WARRANT_REF_MAX + 1]; /* printable ASCII, no blanks */
	char agency[CONF_NAME_MAX + 1];
	int64_t start_ms, end_ms;      /* Unix time; start < end */
	struct warrant_prefix *prefix; /* owned */
	uint32_t nprefix;              /* 0: any */
	enum warrant_direction direction;
	uint32_t max_criteria;  /* 0: any number */
	struct conf_dest *dest; /* owned */
	uint32_t ndest;         /* 0: any */
	struct warrant_breadth breadth;
};

struct warrant_error {
	unsigned line;     /* 0: of the whole */
	char expected[96]; /* "expected ..." or which rule is broken; nothing of the text in it */
};

/* 0; -EINVAL with *err; -ENOMEM.  *out is left alone on failure. */
int warrant_parse(struct slice text, struct warrant *out, struct warrant_error *err);
void warrant_free(struct warrant *w);
/* The same text for the same warrant: warrant_parse takes it. */
void warrant_format(const struct warrant *w, struct buf *out);

/* Whether it can be a reference or an agency's name of at most max bytes: printable ASCII, no blanks. */
bool warrant_word_ok(struct slice s, size_t max);

/* What somebody reads on the paper and types: the first 16 digits of the SHA-256 (64 hexadecimal digits) of
 * warrant_format's text, as "0123-4567-89ab-cdef". */
#define WARRANT_PRINT_LEN 20
#define WARRANT_PRINT_DIGITS 16
void warrant_fingerprint(const char *sha256, char out[static WARRANT_PRINT_LEN]);
/* Whether that was typed, or all 64: in any case, with or without "-", ":" and blanks. */
bool warrant_fingerprint_is(struct slice typed, const char *sha256);

/* Whether every packet that the filter can match is the target's: all its sources (direction from
 * or both) or all its destinations (to or both) are within one of the prefixes. */
bool warrant_covers(const struct warrant *w, const struct tap_filter *f);
bool warrant_allows_dest(const struct warrant *w, const struct ip_addr *addr, uint16_t port);

/* Which of two that cover the filter is taken: below 0 a, above 0 b, 0 either.  The narrower scope, and then the later
 * end: it names fewer addresses of the filter's families; as many, but only one direction; the same, but fewer content
 * destinations. */
int warrant_rank(const struct warrant *a, const struct warrant *b, const struct tap_filter *f);
/* Fills w->breadth: warrant_parse does. */
void warrant_measure(struct warrant *w);

/* "2026-11-23T10:00:00Z", UTC: 0 or -EINVAL. */
int warrant_time_parse(struct slice s, int64_t *ms);
#define WARRANT_TIME_LEN 24
const char *warrant_time_format(int64_t ms, char buf[static WARRANT_TIME_LEN]);

#endif
