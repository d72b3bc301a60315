/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_share.h - how much of the record an agency may fill.  What it asks for is on record in its own words; who asks
 * for more than its share has lines without words, then one line for many.  Pure: time is given.
 *
 * All zero is an agency that has used nothing, and has nothing extra.  What was used comes back with time, so much a
 * second.
 */
#ifndef FLOWTAPD_RECORD_SHARE_H
#define FLOWTAPD_RECORD_SHARE_H

#include "audit.h"

#define SHARE_RECORD_BYTES (16u << 20) /* at once, */
#define SHARE_RECORD_EACH (2u << 10)   /* and for each criterion that the agency may have, so that all can be added, */
#define SHARE_RECORD_RATE (256u << 10) /* and bytes a second */
#define SHARE_WORDS_BYTES (256u << 10) /* of refused requests: words that are kept at once */
#define SHARE_WORDS_RATE (4u << 10)
#define SHARE_LINES 512 /* of refused requests: lines of their own at once */
#define SHARE_LINES_RATE 8
#define SHARE_ENDS 512 /* of what ends taps when all else is used up: lines at once */
#define SHARE_ENDS_RATE 64
#define SHARE_SESSIONS 1024 /* lines that tell of sessions: at once */
#define SHARE_SESSIONS_RATE 16
#define SHARE_SUM_NS 250000000ull /* at least, between two lines that count requests */

struct share_bucket {
	uint64_t used, at_ns;
};

struct record_share {
	uint64_t extra; /* what of record it may use at once beyond SHARE_RECORD_BYTES */
	struct share_bucket record, words, lines, ends, sessions;
	/* Sessions that were opened and closed without lines of their own, and when one line last told of such; 0:
	 * never. */
	uint64_t opened, closed, counted_ns;
	uint64_t sum_ns; /* when the last line that counts requests was written; 0: never */
};

/* How a refused request is recorded. */
enum share_form { SHARE_FULL, SHARE_DIGEST, SHARE_COUNT };

/* Times are CLOCK_MONOTONIC in ns. */
bool share_is_used_up(struct record_share *s, uint64_t now_ns);
void share_charge(struct record_share *s, uint64_t now_ns, uint64_t bytes);
/* A line of what ends taps, by whoever has used up the rest. */
void share_end_charge(struct record_share *s, uint64_t now_ns);
/* In which form a refused request with so many bytes of words is recorded; take: it is being recorded. */
enum share_form share_form(struct record_share *s, uint64_t now_ns, size_t words, bool take);
/* Whether a session's beginning or end has a line of its own, which is taken then. */
bool share_session_take(struct record_share *s, uint64_t now_ns);
/* How long a request waits: 0, or ns.  refused: it is refused, in whatever form; else it is one that ends taps, which
 * has a share that no other request can use up. */
uint64_t share_wait_ns(struct record_share *s, uint64_t now_ns, bool refused, size_t words);

/* A line that counts requests has been written. */
void share_summed(struct record_share *s, uint64_t now_ns);

/* Requests that share a line. */
struct share_sum {
	uint64_t n, bytes; /* how many, and how many bytes of words */
	/* SHA-256 in hex: of the former hash, where there is one, followed by the SHA-256 of the request's words in
	 * hex. */
	char hash[AUDIT_HASH_HEX + 1];
};
/* 0 or -ENOMEM. */
int share_sum_add(struct share_sum *sum, struct slice words);

/* Instead of the event's words their length and digest, behind its reason, in `reason`, which the event borrows then
 * and which holds SHARE_DIGEST_TEXT bytes more than that: whoever has the request knows by this that it is the one.  0
 * or -ENOMEM. */
#define SHARE_DIGEST_TEXT 128
int share_words_drop(struct audit_event *v, char *reason, size_t size);

#endif
