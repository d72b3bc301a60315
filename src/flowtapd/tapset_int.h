/* SPDX-License-Identifier: BSD-2-Clause */
/* tapset_int.h - what the files of tapset share, and nobody else sees. */
#ifndef FLOWTAPD_TAPSET_INT_H
#define FLOWTAPD_TAPSET_INT_H

#include "base.h"
#include "hashmap.h"
#include "tapset.h"

/* ---- tapset_pool.c: indices of one array; a freed one rests before it is used again ---- */

struct pool {
	uint32_t n;          /* indices 1 .. n-1 */
	uint32_t fresh;      /* lowest index never used */
	uint32_t used;       /* given out */
	uint32_t head, tail; /* of the resting ones, oldest first */
	uint32_t unwiped;    /* the oldest resting one that pool_wipe has not named */
	uint32_t *next;      /* n entries each, touched as far as fresh */
	uint32_t *freed_ms;
};

int pool_init(struct pool *p, uint32_t n);
void pool_fini(struct pool *p);
uint32_t pool_get(struct pool *p, uint64_t now_ns); /* 0: none */
void pool_put(struct pool *p, uint32_t i, uint64_t now_ns);
/* One that nobody looks at any more and whose content is to be overwritten; each is named once.  0: none. */
uint32_t pool_wipe(struct pool *p, uint64_t now_ns);

/* ---- tapset_term.c, tapset_mask.c: terms of one address family ---- */

/* The first fields of struct tap_term4 and struct tap_term6, which are alike. */
struct __attribute__((may_alias)) term_head {
	uint32_t next, crit, sibling;
	uint8_t mask, flags, proto_lo, proto_hi;
};

/* A mask as we choose them: always a prefix. */
struct mask_shape {
	uint8_t src, dst; /* prefix lengths */
	bool sport, dport, proto;
};

struct bloom;

struct side {
	uint8_t family;
	uint32_t *slot; /* head terms */
	uint32_t slots;
	struct tap_ctl *ctl;
	struct tap_term4 *term4; /* one of the two */
	struct tap_term6 *term6;
	const struct tap_crit *crit;
	struct pool terms;
	uint32_t *used;     /* terms per agency */
	struct cost **cost; /* per agency, made when it is needed: tapset_cost.c */
	uint32_t nagency;
	uint32_t mask_refs[TAP_MASKS_MAX]; /* linked terms */
	struct mask_shape shape[TAP_MASKS_MAX];
	bool guarded; /* masks are in struct tap_masks as mask_guard says; else all are open */
};

struct term_head *side_term(const struct side *s, uint32_t i);
void side_term_fill(const struct side *s, uint32_t i, const struct filter_term *f);
bool side_term_equal(const struct side *s, uint32_t i, const struct filter_term *f);
/* Of the key of term i under its mask. */
uint64_t side_hash(const struct side *s, uint32_t i);
/* Of the network of its source, or destination, for the guard. */
uint64_t side_guard_hash(const struct side *s, uint32_t i, bool dst);
/* Whether the term's ranges lie under one key of its mask. */
bool side_key_covers(const struct side *s, uint32_t i);
struct mask_shape side_shape(const struct side *s, uint32_t i); /* tightest that covers the ranges */
/* The slot of its key. */
uint32_t *side_slot(const struct side *s, uint32_t i);
/* Whether its slot leads to it. */
bool side_linked(const struct side *s, uint32_t i);
/* Whose term i is; 0: nobody's. */
uint32_t side_agency(const struct side *s, uint32_t i);
/* Whether the agency may have n more: no more than are left to the others.  So one agency gets half of
 * all at most, and whatever the others do, there is always something left. */
bool side_has_room(const struct side *s, uint32_t agency, uint32_t n);
void side_unlink(struct side *s, uint32_t i, uint64_t now_ns); /* and frees */
void side_wipe(struct side *s, uint64_t now_ns); /* overwrites terms that were freed and have no reader left */

/* Chooses the mask and makes the term reachable: 0, -ENOSPC, -EMLINK (it would cost more than the agency's terms may;
 * not if it is stored), -errno. */
int mask_link(struct side *s, uint32_t i, struct bloom *b, bool stored);
struct mask_shape mask_shape_get(const struct side *s, unsigned m);
bool mask_used(const struct side *s, unsigned m);
void mask_unref(struct side *s, unsigned m);
/* Which of the three sets of struct tap_masks the mask is in if there is a guard. */
enum mask_guard { MASK_OPEN, MASK_BY_SRC, MASK_BY_DST };
enum mask_guard mask_guard(const struct side *s, unsigned m);
struct tap_masks *mask_table(const struct side *s, unsigned version);
struct tap_masks *mask_table_now(const struct side *s); /* that holds */
uint64_t mask_all(const struct side *s);                /* those in use, a bit each */
/* After a predecessor: shapes from the table; later out with those that have no terms. */
void mask_read(struct side *s);
void mask_recover(struct side *s);

/* ---- tapset_cost.c: what each agency's terms cost packets ---- */

struct key_of {
	uint64_t hash;
	uint32_t agency;
	unsigned mask;
};

int cost_init(struct side *s, uint32_t nagency);
void cost_fini(struct side *s);
int cost_recover(struct side *s);      /* of all that is linked; -ENOMEM */
bool cost_right(const struct side *s); /* what is kept is what counting all anew gives */
/* Before cost_add of that agency and mask: 0, -ENOMEM. */
int cost_reserve(struct side *s, uint32_t agency, unsigned m);
uint32_t cost_masks(const struct side *s, uint32_t agency);
bool cost_has_mask(const struct side *s, uint32_t agency, unsigned m);
/* Terms of the agency under the key, in the slot's chain that begins with `first`. */
uint32_t cost_chain(const struct side *s, uint32_t first, const struct key_of *k);
/* chain: terms of the agency under one key, with the one that comes, or goes. */
bool cost_allows(const struct side *s, uint32_t agency, unsigned m, uint32_t chain);
void cost_add(struct side *s, uint32_t agency, unsigned m, uint32_t chain);
void cost_remove(struct side *s, uint32_t agency, unsigned m, uint32_t chain);

/* ---- tapset_bloom.c ---- */

/* Words of keys, or of the guard; those in use lie somewhere in 2 * words. */
struct area {
	__u64 *at;      /* tap_ctl.bloom, tap_ctl.guard */
	uint32_t first; /* in the map */
	uint32_t words; /* in use at most */
	uint32_t keys;  /* that set a bit when they were written */
};

struct bloom {
	struct tap_ctl *ctl;
	uint64_t *word;
	struct area keys, guard;
	uint32_t removed; /* terms since the words were written: their bits are stale */
	uint64_t wait_ns; /* there was no place: not tried again before */
	/* What was in use, by version of the masks, and when that ended: readers may be there for a while. */
	struct {
		uint64_t keys, guard, left_ns;
		bool used;
	} past[TAP_VERSIONS];
};

void bloom_init(struct bloom *b, struct tap_ctl *ctl, uint64_t *word, uint32_t words);
/* Before term i can be found. */
void bloom_add(struct bloom *b, const struct side *s, uint32_t i, uint64_t hash);
bool bloom_has(const struct bloom *b, const struct side *s, uint32_t i);
/* There are too few words for what is filed. */
bool bloom_is_small(const struct bloom *b, const struct side side[2]);
/* There are too many, or too many stale bits. */
bool bloom_is_stale(const struct bloom *b, const struct side side[2]);
/* Writes all words anew, with room for `more` times what there is; nothing if there is no place for
 * them that is without readers. */
void bloom_rebuild(struct bloom *b, struct side side[2], uint32_t more, uint64_t now_ns);

/* ---- tapset_dest.c: destinations, shared between criteria of one agency, and our own outer headers ---- */

struct dest_link {
	uint32_t refs;
	uint32_t same_prev, same_next; /* equal addresses and ports; TTL differs */
	uint32_t pair_prev, pair_next; /* equal addresses */
	uint32_t rest_next;
	bool resting; /* in the list of those that nobody needs any more, or did not a while ago */
	uint64_t left_ns;
};

struct dests {
	struct tap_dest *dest;
	const struct tapset_hash_ops *own;
	void *own_arg;
	const __u64 *seed; /* tap_ctl.seed */
	__u64 *own_bits;   /* tap_ctl.own: only ever set, until the tables are made anew */
	struct pool pool;
	struct dest_link *link;
	uint32_t rest_head, rest_tail;
	uint32_t recent[16384]; /* found without asking the kernel; 0: none */
};

int dests_get(struct dests *d, const struct tapset_dest *want, uint32_t agency, uint64_t now_ns, uint32_t *out);
void dests_put(struct dests *d, uint32_t i, uint64_t now_ns);
void dests_tick(struct dests *d, uint64_t now_ns); /* lets go of those that rested long enough */
bool dests_equal(const struct dests *d, uint32_t i, const struct tapset_dest *want, uint32_t agency);
int dests_recover(struct dests *d, uint64_t now_ns); /* refs are set already */
/* Both own entries of a live destination are there. */
/* False: nobody needs it. */
bool dests_state(const struct dests *d, uint32_t i, struct tapset_dest_state *out);
uint32_t dests_unresolved(const struct dests *d); /* how many */
bool dests_owned(const struct dests *d, uint32_t i);

/* ---- tapset_due.c: criteria by the time at which they are to be looked at ---- */

struct dues {
	uint32_t n;
	uint32_t *heap; /* criteria, the earliest first; 1 .. n */
	uint32_t *pos;  /* per criterion: where in the heap; 0: not there */
	uint64_t *at;   /* per criterion */
};

int dues_init(struct dues *d, uint32_t ncrit);
void dues_fini(struct dues *d);
void dues_set(struct dues *d, uint32_t c, uint64_t at_ns);  /* files it, or files it anew */
void dues_remove(struct dues *d, uint32_t c);               /* not there: nothing */
uint32_t dues_first(const struct dues *d, uint64_t now_ns); /* 0: none is due */

/* ---- tapset_watch.c: what is ours, so that what is not is found ---- */

struct watch {
	uint64_t seed;
	uint64_t *sum;    /* per criterion; 0: not ours */
	uint8_t *term[2]; /* a bit per term that is ours */
	uint32_t part, at;
	uint64_t left; /* entries to look at in this round */
};

int watch_init(struct watch *w, const struct tapset_tables *t, uint64_t seed);
void watch_fini(struct watch *w);
void watch_note(struct tapset *s, uint32_t c);      /* it is as it has to be */
void watch_forget(struct tapset *s, uint32_t c);    /* before it is taken out */
void watch_round(struct tapset *s, unsigned parts); /* the next of so many parts is due */

/* ---- tapset.c ---- */

#define CONFIRMED 1
#define TOLD 2 /* that it has ended */
#define USED 4 /* it is in tapset.use */
#define ANEW 8 /* what is used of it was so before it came here, and was not told yet */

struct sample {
	uint64_t bytes, bps;
	bool known;
};

struct tapset {
	struct tapset_tables t;
	struct side side[2]; /* IPv4, IPv6 */
	struct bloom bloom;
	struct dests dests;
	struct watch watch;
	struct pool crits;
	struct hashmap *by_uid;
	struct dues dues;      /* whose life may have ended, and that was not told */
	uint8_t *flag;         /* per criterion */
	struct sample *sample; /* per criterion */
	uint64_t sampled_ns;
	uint32_t unconfirmed;
	uint32_t *use, nuse, capuse; /* whose use is to be told, once each: the flag USED */
};

struct side *tapset_side(struct tapset *s, unsigned family);
/* Takes criterion c out of the tables, whatever of it is there. */
void tapset_drop(struct tapset *s, uint32_t c, uint64_t now_ns);

/* ---- tapset_life.c ---- */

enum tapset_end life_judge(const struct tapset *s, uint32_t c, uint64_t now_ns);
struct tapset_used life_used(const struct tapset *s, uint32_t c);
/* Of a criterion that is not live yet. */
void life_begin(struct tapset *s, uint32_t c, const struct tapset_life *life, const struct tapset_used *used);
/* It is active: what waits for more is told of at once. */
void life_begun(struct tapset *s, uint32_t c);
/* Of one that is; nothing if it has ended. */
void life_confirm(struct tapset *s, uint32_t c, const struct tapset_life *life, uint64_t now_ns);
/* Has tapset_ended look at it now and, until it has ended, at its deadlines. */
void life_watch(struct tapset *s, uint32_t c);
/* Watches those of which the kernel said that they have reached a limit. */
void life_collect(struct tapset *s);

/* Order of stores as other CPUs see it. */
#define STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#endif
