/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tapset.h - the kernel's tables as seen from user space: puts criteria into
 * the mapped arrays of abi.h and takes them out again.
 *
 * The arrays themselves are the data structure: a dataplane that was killed at
 * any instruction leaves tables that are right for the kernel, and
 * tapset_recover rebuilds the bookkeeping (free lists, masks, uid index) from
 * them.  All invariants of abi.h are kept here.  No logging, no sockets.
 */
#ifndef FLOWTAPD_TAPSET_H
#define FLOWTAPD_TAPSET_H

#include "abi.h"
#include "filter.h"

/* A hash table, behind an interface so that unit tests need no kernel. */
struct tapset_hash_ops {
	/* 0, -ENOENT */
	int (*lookup)(void *arg, const void *key, uint32_t *head);
	/* 0, -EEXIST, -ENOSPC (table full), -errno */
	int (*insert)(void *arg, const void *key, uint32_t head);
	/* replaces the value of an element that is there; 0, -ENOENT, -errno */
	int (*update)(void *arg, const void *key, uint32_t head);
	int (*remove)(void *arg, const void *key);
	/* all elements; cb may remove the one it is given; nonzero stops, and is returned */
	int (*walk)(void *arg, int (*cb)(void *cb_arg, const void *key, uint32_t head), void *cb_arg);
};

struct tapset_tables {
	struct tap_ctl *ctl;
	uint64_t *bloom;
	uint32_t bloom_words; /* in the map: TAP_BLOOM_PARTS */
	uint32_t *slot4, *slot6;
	uint32_t nslot4, nslot6; /* a power of two */
	struct tap_term4 *term4;
	struct tap_term6 *term6;
	uint32_t nterm4, nterm6; /* entries, index 0 unused */
	struct tap_crit *crit;
	struct tap_count *count;
	uint32_t ncrit;
	uint64_t *ended; /* a bit for each criterion */
	struct tap_agency *agency;
	uint32_t nagency; /* entries, index 0 unused */
	struct tap_dest *dest;
	uint32_t ndest;
	struct tapset_hash_ops own; /* key struct tap_own, value destination index */
	void *own_arg;
};

struct tapset_dest {
	struct ip_addr src, dst;
	uint16_t sport, dport; /* host order */
	uint8_t ttl;
};

/* When a criterion is live; see struct tap_crit and struct tap_count.  0: no such bound. */
struct tapset_life {
	uint64_t start_ns, end_ns;
	uint64_t idle_ns;
	uint64_t packets, bytes;
	uint8_t more; /* TAPSET_LIFE_PACKETS, TAPSET_LIFE_BYTES: that is a part of the limit only, see tapset_grant */
};

/* What is gone of a life. */
struct tapset_used {
	uint64_t packets, bytes;
	int64_t seen_ns; /* the idle clock; may be before this boot; 0: begins now */
};

enum tapset_life_bit {
	TAPSET_LIFE_START = 1,
	TAPSET_LIFE_END = 2,
	TAPSET_LIFE_IDLE = 4,
	TAPSET_LIFE_PACKETS = 8,
	TAPSET_LIFE_BYTES = 16
};

/* A criterion as it is asked for; all borrowed. */
struct tapset_want {
	const struct tap_filter *filter;
	const struct tapset_dest *dest;
	unsigned ndest;
	uint32_t agency;
	struct tapset_life life;
	struct tapset_used used; /* if it is not in the tables */
	bool stored;             /* it was accepted long ago: it costs what it costs */
};

/*
 * What the terms of one agency may cost one packet, in each family: so many masks, a Bloom word each, and under all of
 * them together so many terms that are compared with it; and so many of these under masks that name no network on
 * either side, since that is what packets pay that nobody asked for.
 */
#define TAPSET_MASKS 16
#define TAPSET_STEPS 96
#define TAPSET_STEPS_WIDE 16

struct tapset_cost {
	uint32_t masks, steps, wide;
};

struct tapset;

/* Tables are borrowed for the set's life.  All times are CLOCK_BOOTTIME. */
int tapset_new(const struct tapset_tables *t, struct tapset **out);
void tapset_free(struct tapset *s);

/* Takes over what a predecessor left: frees everything half built or dead, keeps
 * what is active.  Every criterion kept counts as not yet confirmed. */
int tapset_recover(struct tapset *s, uint64_t now_ns);

/*
 * Makes the criterion live; when it returns 0 the kernel copies from now on.  A
 * recovered criterion with the same uid, terms and destinations is confirmed
 * and otherwise left alone, one that differs is replaced; either way the life asked
 * for holds from now on, and what was consumed of it before stays consumed.  A
 * recovered one that has ended is confirmed and stays as it is, for tapset_ended.
 * -EDQUOT: no room for another content destination; -EMLINK: packets would pay more for the agency's terms than
 * TAPSET_MASKS, TAPSET_STEPS and TAPSET_STEPS_WIDE allow; -ENOSPC: some other table is full; -EEXIST: put already;
 * nothing is changed.
 */
int tapset_put(struct tapset *s, uint64_t uid, const struct tapset_want *w, uint64_t now_ns);
/*
 * Replaces the parts of a life that `which` (enum tapset_life_bit) names: idleness
 * begins now, packets and bytes are so many more from now on.  -ENOENT: gone, or ended.
 */
int tapset_life_set(struct tapset *s, uint64_t uid, unsigned which, const struct tapset_life *life, uint64_t now_ns);
/*
 * More of a limit of which a part was given: packets, bytes and more of life count, the former from the beginning of
 * the limit on.  -ENOENT: gone, or ended.
 */
int tapset_grant(struct tapset *s, uint64_t uid, const struct tapset_life *life, uint64_t now_ns);
/* Dead when it returns.  -ENOENT */
int tapset_remove(struct tapset *s, uint64_t uid, uint64_t now_ns);
/* What the agency's terms cost a packet at most. */
struct tapset_cost tapset_cost(const struct tapset *s, unsigned family, uint32_t agency);
/* The next agency whose terms cost more than they may, since they came before the rule; 0: no more. */
uint32_t tapset_costly(const struct tapset *s, uint32_t after);
/* Removes what recovery found and nobody confirmed; returns how many. */
uint32_t tapset_drop_unconfirmed(struct tapset *s, uint64_t now_ns);
/* Overwrites what was removed a quarantine ago, so that no table names its target, and rebuilds the Bloom words when
 * too many of their bits are stale.  Call once a second or so. */
void tapset_tick(struct tapset *s, uint64_t now_ns);
/* -ENOENT */
int tapset_counts(const struct tapset *s, uint64_t uid, struct tap_count *out);

/* Matched bits per second over the last ten seconds or so (sampled by tapset_tick); 0 if unknown. */
uint64_t tapset_bandwidth(const struct tapset *s, uint64_t uid);

enum tapset_end { TAPSET_LIVE, TAPSET_END_TIME, TAPSET_END_IDLE, TAPSET_END_PACKETS, TAPSET_END_BYTES };

struct tapset_ended {
	uint64_t uid;
	enum tapset_end reason;
	struct tap_count count;
};

/* The next criterion that has ended and was not told yet; false: no more by now.  It stays in the
 * tables until it is removed.  Within one tapset_tick of its end. */
bool tapset_ended(struct tapset *s, uint64_t now_ns, struct tapset_ended *out);

/* What a criterion has used, of which more than half of its part has gone, or that was seen lately. */
struct tapset_use {
	uint64_t uid;
	uint64_t packets_given, bytes_given; /* 0: no limit */
	struct tapset_used used;
	bool anew; /* all of it was used before it was put: it says nothing of the traffic now */
};

/* Looks for marks of the kernel's: several times a second. */
void tapset_collect(struct tapset *s);
/* The next whose use is to be made durable; false: no more by now. */
bool tapset_use(struct tapset *s, struct tapset_use *out);

struct tapset_budget {
	uint64_t packets_per_s, bytes_per_s; /* 0: no limit */
	uint32_t burst_ms;
};

struct tapset_agency_count {
	uint64_t matched, due, sent, lost_budget;
	uint64_t lost_other; /* and what is on its way */
};

/* A budget equal to the present one changes nothing, another begins with full buckets.  -EINVAL: no such agency */
int tapset_budget_set(struct tapset *s, uint32_t agency, const struct tapset_budget *b);
/* -EINVAL */
int tapset_agency_counts(const struct tapset *s, uint32_t agency, struct tapset_agency_count *out);

enum tapset_foreign_kind { TAPSET_FOREIGN_CRITERION = 1, TAPSET_FOREIGN_TERM, TAPSET_CHANGED };

/* Something in the tables that we did not put there.  It copies nothing any more; one of ours that was
 * changed is to be put anew. */
struct tapset_foreign {
	enum tapset_foreign_kind kind;
	uint32_t crit; /* index */
	uint64_t uid;  /* TAPSET_CHANGED: which of ours; else what it says of itself */
};
/* The next; false: no more in this round.  A round is a quarter of the tables, begun by tapset_tick. */
bool tapset_foreign(struct tapset *s, struct tapset_foreign *out);

struct tapset_usage {
	uint32_t crits, terms4, terms6, dests, masks4, masks6, bloom_words;
	uint32_t unresolved; /* destinations whose next hop does not answer */
};
void tapset_usage(const struct tapset *s, struct tapset_usage *out);

/* A content destination as the kernel knows it. */
struct tapset_dest_state {
	struct tapset_dest dest;
	uint32_t agency, criteria;               /* that send there */
	uint64_t unresolved_since_ns, probed_ns; /* CLOCK_MONOTONIC, see struct tap_dest */
};
/* The first one behind index `after`, from 0 on: its index, or 0. */
uint32_t tapset_dest_next(const struct tapset *s, uint32_t after, struct tapset_dest_state *out);

/* Checks every invariant that can be checked from user space: 0 or -EBADMSG and why. */
int tapset_check(const struct tapset *s, const char **why);

#endif
