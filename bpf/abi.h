/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * abi.h - what the kernel programs and flowtapd's dataplane agree on.
 *
 * The only header shared by bpf/ and user space.  Every struct here lives in a
 * BPF map.  Fixed-width fields, named zeroed padding, sizes asserted below.
 * Byte order is in the name: _be is network order, everything else is host
 * order.  Index 0 of every table means "none".
 *
 * Invariants (readers are the kernel programs, the one writer is the
 * dataplane process):
 *  1. A packet is copied for criterion C only if a term of C matched it field
 *     by field and crit[C].state was TAP_CRIT_ACTIVE at that moment.  The
 *     guard, the Bloom words, the slots and the chains are only an index: they
 *     may lead to too many terms, never decide by themselves.
 *  2. A criterion goes live, and dies, by one 4-byte store to crit[C].state.
 *  3. The ranges of the terms of one criterion are disjoint: at most one of
 *     them matches a packet.
 *  4. A slot heads the chain, by `next`, of all terms whose keys hash to it, of
 *     whatever key and mask.  A term enters and leaves its chain by one 4-byte
 *     store, and keeps its own `next` when it has left.
 *  5. A term, criterion or destination that was freed is not used again for
 *     TAP_QUARANTINE_MS.
 *  6. A criterion whose life has ended (struct tap_crit, struct tap_count) stays
 *     ACTIVE, and matches nothing, until the dataplane deletes it: who takes over the
 *     tables sees that it has ended.
 *  7. The criteria of a destination are all of one agency, which is the destination's.
 */
#ifndef FLOWTAP_ABI_H
#define FLOWTAP_ABI_H

#ifndef __bpf__
#include <assert.h>
#include <linux/types.h>
#endif

#define TAP_ABI_VERSION 10u

#define TAP_MASKS_MAX 64                  /* active masks per address family */
#define TAP_COPIES_MAX 64                 /* copies of one packet for one agency */
#define TAP_COPIES_ALL 2048               /* and for all of them: 32 agencies have as many as they may */
#define TAP_CHAIN_AGENCY 1024             /* terms of one agency in one chain */
#define TAP_CHAIN_MAX 32768               /* terms in one chain, of all agencies */
#define TAP_DESTS_PER_CRIT 2              /* content destinations of one criterion */
#define TAP_EXT_MAX 8                     /* IPv6 extension headers looked through */
#define TAP_VLAN_MAX 3                    /* VLAN tags looked through and removed */
#define TAP_PIECES_MAX 48                 /* outer fragments of one copy */
#define TAP_FRAG_TTL_NS 30000000000ull    /* life of a datagram's first-fragment record */
#define TAP_NEIGH_WAIT_NS 3000000000ull   /* a next hop silent for longer is dead */
#define TAP_NEIGH_ASK_NS 1000000000ull    /* how often a dead next hop is asked again */
#define TAP_NEIGH_IDLE_NS 60000000000ull  /* not asked for so long: what was known of it is stale */
#define TAP_NEIGH_CHECK_NS 30000000000ull /* how often the kernel is made to confirm a known next hop */
#define TAP_NEIGH_QUEUE 200000            /* bytes of memory of copies parked with one unresolved next hop */
#define TAP_QUARANTINE_MS 1000
#define TAP_OWN_BITS 512
#define TAP_LOCAL_MAX 65536    /* addresses of this router */
#define TAP_IDS 4096           /* places where outer identifications are counted; a power of two */
#define TAP_ID_BLOCK 64        /* as many follow each other, for the segments of a train */
#define TAP_SEEN_ENDED (~0ull) /* tap_count.seen_ns of a criterion that ended by idleness */
#define TAP_LIMIT_MORE                                                                                                 \
	(1ull << 63)       /* in tap_crit.packets and bytes: this is a part of the limit, and more may come            \
			    */
#define TAP_BUDGET_SHIFT 6 /* budgets reckon in units of 1/64 ns: small enough for 100 Gbit/s */

/* What a criterion is found by.  Fields outside the mask are zero.  Hashed as 64-bit words. */
struct tap_key4 {
	__be32 src_be, dst_be;
	__be16 sport_be, dport_be; /* 0 for packets without TCP/UDP ports */
	__u8 proto;
	__u8 mask; /* index into ctl.mask4 */
	__u16 zero;
};

struct tap_key6 {
	__be64 src_be[2], dst_be[2];
	__be16 sport_be, dport_be;
	__u8 proto;
	__u8 mask; /* index into ctl.mask6 */
	__u16 zero;
};

/* A mask: which bits of a packet go into its key.  Ports and protocol are all
 * ones or zero.  Which of them are in use tap_masks says. */
struct tap_mask4 {
	__be32 src_be, dst_be;
	__be16 sport_be, dport_be;
	__u8 proto;
	__u8 zero[3];
};

struct tap_mask6 {
	__be64 src_be[2], dst_be[2];
	__be16 sport_be, dport_be;
	__u8 proto;
	__u8 zero[3];
};

/* Head terms, 0: none.  As they lie in memory the slots are one array of u32. */
#define TAP_SLOTS 16

struct tap_slots {
	__u32 head[TAP_SLOTS];
};

enum tap_term_flag {
	TAP_TERM_PORTS = 1, /* the packet must be TCP or UDP with known ports in range */
	TAP_TERM_ICMP = 2,  /* the packet must be ICMP or ICMPv6 with known type and code in range */
};

/* One conjunction of inclusive ranges, in host order. */
struct tap_term4 {
	__u32 next;    /* next term of the slot; 0 ends the chain */
	__u32 crit;    /* whose term this is; 0: free or tombstone */
	__u32 sibling; /* next term of the same criterion; 0 ends the list */
	__u8 mask;     /* the mask its key was built with: found under no other, so found once */
	__u8 flags;    /* enum tap_term_flag */
	__u8 proto_lo, proto_hi;
	__u32 src_lo, src_hi, dst_lo, dst_hi;
	__u16 sport_lo, sport_hi, dport_lo, dport_hi;
	__u8 itype_lo, itype_hi, icode_lo, icode_hi;
	__u32 zero;
};

struct tap_term6 {
	__u32 next, crit, sibling;
	__u8 mask, flags, proto_lo, proto_hi;
	__u64 src_lo[2], src_hi[2], dst_lo[2], dst_hi[2]; /* [0] upper half */
	__u16 sport_lo, sport_hi, dport_lo, dport_hi;
	__u8 itype_lo, itype_hi, icode_lo, icode_hi;
	__u32 zero;
};

enum tap_crit_state { TAP_CRIT_FREE = 0, TAP_CRIT_BUILDING = 1, TAP_CRIT_ACTIVE = 2, TAP_CRIT_DEAD = 3 };

/* Times are CLOCK_BOOTTIME.  Zero in a field of a life: no such bound. */
struct tap_crit {
	__u64 uid;                      /* the store's row; never reused */
	__u32 state;                    /* enum tap_crit_state */
	__u32 agency;                   /* index into agency */
	__u32 first4, first6;           /* its terms */
	__u32 dest[TAP_DESTS_PER_CRIT]; /* index into dest; 0 = none */
	__u64 start_ns, end_ns;         /* matches in [start, end) */
	/* Limits; what is left of them is in tap_count.  With TAP_LIMIT_MORE when the dataplane has given a part of the
	 * limit only: what is over it is lost and counted, and the criterion lives on. */
	__u64 packets, bytes;
};

/* Per criterion, counted by the kernel.  One unit is a datagram as it was on
 * the wire: a segment train of n counts n. */
struct tap_count {
	__u64 packets;    /* matched */
	__u64 bytes;      /* matched, from the IP header on */
	__u64 copies_due; /* packets x destinations */
	__u64 copies_sent;
	/* If tap_crit has the limit: matches while it is above zero, and for ever no more after that; with
	 * TAP_LIMIT_MORE only as far as it goes, and never below zero for longer than a packet takes. */
	__s64 packets_left, bytes_left;
	__u64 seen_ns; /* signed: when it was made or last matched, before this boot too; or TAP_SEEN_ENDED.  Kept if
			  idle_ns */
	__u64 idle_ns; /* written by the dataplane: ends when not seen for so long, from start_ns at the earliest */
};

/*
 * Budget and account of an agency.  Both buckets are kept as the moment until which
 * what was taken is paid for; it may lie at most `burst` ahead.  A copy passes if that
 * moment has come, or if one packet, or one byte, of it still fits: trains and long
 * packets may overdraw a bucket, and the next ones wait so much longer.
 */
struct tap_agency {
	/* Written by the dataplane: */
	__u64 packets_per_s, bytes_per_s; /* of copies, bytes as in tap_count; 0 = no limit */
	__u64 burst;                      /* in units of 1/64 ns */
	__u64 zero;
	/* Written by the kernel programs, zeroed with a new budget: */
	__u64 packets_until, bytes_until; /* CLOCK_BOOTTIME in units of 1/64 ns */
	__u64 zero2[2];
	/* Counted by the kernel: */
	__u64 matched, due, sent; /* as the counters of these names */
	__u64 lost_budget;        /* all other losses are due - sent - lost_budget */
	__u64 zero3[4];
};

/* The outer header of a copy. */
struct tap_dest {
	__u8 src[16], dst[16]; /* IPv4 in the first four bytes */
	__be16 sport_be, dport_be;
	__u8 family; /* 4, 6; 0 = free */
	__u8 ttl;
	__u16 ids; /* index into ids: the same for all agencies' copies from this source to this destination */
	/* Written by the kernel programs only: */
	__u64 unresolved_since_ns; /* the next hop has not answered since (0 = fine) */
	__u64 probed_ns;           /* when a copy last went through the neighbour table */
	__u32 parked_bytes;        /* memory of copies waiting there, about, since unresolved_since_ns */
	/* Written by the dataplane: */
	__u32 agency; /* whose criteria send here */
};

/* Outer identifications given out, of datagrams and of blocks of TAP_ID_BLOCK for segment trains. */
struct tap_ids {
	__u64 datagrams, blocks;
	__u64 zero[6];
};

/* An address of this router's own.  IPv4: the first four bytes. */
struct tap_local {
	__u8 addr[16]; /* network byte order */
	__u32 family;  /* 4 or 6 */
};

/* Outer 5-tuples of our own copies, so that they are never tapped; sport and
 * dport 0 stand for their later fragments.  Addresses as in struct tap_dest. */
struct tap_own {
	__u8 src[16], dst[16];
	__be16 sport_be, dport_be;
	__u8 family;
	__u8 zero[3];
};

/* A datagram in fragments whose first one matched by ports or ICMP type. */
struct tap_frag_key {
	__u8 src[16], dst[16];
	__be32 id_be;
	__u8 proto; /* IPv4 protocol, or the fragment header's next header */
	__u8 family;
	__u16 zero;
};

struct tap_frag {
	__u64 seen_ns;
	__be16 sport_be, dport_be;
	__u8 proto; /* upper-layer protocol */
	__u8 itype, icode;
	__u8 zero;
};

/*
 * Masks in use, a bit each; a used one is in one of the three.  The guard says of the
 * source's and of the destination's network (TAP_GUARD4, TAP_GUARD6) whether any
 * term of a mask in `src`, or in `dst`, can name a packet of it: so that traffic
 * between networks without targets costs two words, however many the masks.
 */
struct tap_masks {
	__u64 open, src, dst;
};

/* What an interface that copies leave by can do; key: ifindex. */
enum tap_port_state {
	TAP_PORT_WANTED = 1, /* kernel programs: a copy would go there */
	TAP_PORT_UNFIT = 2,  /* dataplane: tap_out can't be there */
	TAP_PORT_STAGE = 3,  /* dataplane: tap_out is attached, for questions; copies come from the stage device only */
	TAP_PORT_READY = 4,  /* and what leaves there is on the wire as we write it: copies may come directly */
	TAP_PORT_TRAINS = 5, /* and segment trains, too: its queue takes each whole or not at all */
};

struct tap_port {
	__u32 state; /* enum tap_port_state */
	__u32 idle;  /* counted up by the dataplane, set to 0 by the kernel programs */
	__u32 local; /* dataplane: 1 if what leaves there may come back to a queue of this machine, see bpf/backlog.h */
	__u32 zero;
};

#define TAP_VERSIONS 8 /* of tap_ctl.masks4 and masks6 */
#define TAP_VERSION(guard) ((guard) >> 61)

struct tap_ctl {
	__u32 abi;            /* TAP_ABI_VERSION */
	__u32 stage_ifindex;  /* the end of the stage device that copies are handed to */
	__u64 bloom;          /* first word << 32 | (words - 1); words is a power of two */
	__u64 guard;          /* as bloom, of the guard's words; its highest bits: which version of the masks holds */
	__u64 seed;           /* of all hashes: nobody outside can choose keys that meet */
	__u32 slots4, slots6; /* a power of two each */
	__u32 nmask4, nmask6; /* entries of mask4/mask6 in use, holes included */
	struct tap_masks masks4[TAP_VERSIONS], masks6[TAP_VERSIONS];
	__u32 l4_terms;               /* terms with TAP_TERM_PORTS or _ICMP; 0: fragments need no memory */
	__u16 ssh_port;               /* TCP port of our own sshd, never tapped when addressed to us */
	__u16 stage_queues;           /* of the stage device: CPUs take turns in them */
	__u64 own[TAP_OWN_BITS / 64]; /* tap_own_bit of each entry of ft_own with ports; no bit: no copy of ours */
	struct tap_mask4 mask4[TAP_MASKS_MAX];
	struct tap_mask6 mask6[TAP_MASKS_MAX];
	__u32 copy_priority; /* skb->priority of copies; 0: as they come */
	__u8 copy_tos;       /* of their outer header */
	__u8 zero[3];
	__u32 exit_ifindex; /* the stage device's other end, see bpf/cut.h */
	__u32 stage_cuts; /* a queueing discipline there cuts segment trains, see bpf/stage.h; 0: the kernel has none */
	__u32 segment_id; /* the kernel's number of tap_segment */
	__u32 zero2;
	__u64 stage_due_ns; /* boot clock, the dataplane's: when it would have been mended often enough */
};

/* Fixed when the programs are loaded: in a map that nobody can write to. */
struct tap_test {
	__u32 ifindex; /* packets of the self-test come in here, and no others; 0: there is none */
	__u32 agency;  /* whose criteria match these, and nothing else */
};

/*
 * What skb->mark means on the stage device: of a copy that is handed to it, and of its segments, criterion
 * index << 1 | destination slot; of all else TAP_MARK_CUT.  Only our programs hand packets to it.
 */
#define TAP_MARK_CUT 0xffffffffu /* on its way out: of a datagram, see bpf/cut.h; in: a question, see bpf/backlog.h */

/* On the interface that copies leave by: may be a question to the neighbour table, see send_question. */
#define TAP_MARK_QUESTION 0x66746170u

/* What tap_classify found, for tests: the first criteria and the number of all. */
struct tap_trace {
	__u32 n;      /* criteria that matched */
	__u32 copies; /* that would be made */
	__u32 crit[TAP_COPIES_MAX];
};

/*
 * Counters, one array per CPU.  Invariant, exact whenever nothing is in flight:
 *   COPIES_DUE = COPIES_SENT + every LOST_* + (HANDED - ARRIVED - LOST_ENCAP
 *   - LOST_ENCAP_GSO - LOST_GONE_OUT - LOST_TOO_BIG), where the bracket is what
 *   the stage device lost (a train that the kernel could not cut).
 * Sent means: the outgoing device, or the neighbour table while it asks for the
 * next hop's address, took it.
 */
enum tap_counter {
	TAP_C_MATCHED,    /* packet x criterion */
	TAP_C_COPIES_DUE, /* packet x criterion x destination */
	TAP_C_HANDED,     /* given to the stage device */
	TAP_C_ARRIVED,    /* got their outer header there: whole datagrams */
	TAP_C_COPIES_SENT,
	/* losses */
	TAP_C_LOST_BUDGET,    /* more than the agency may have */
	TAP_C_LOST_GRANT,     /* more than the part of a limit that was given so far (TAP_LIMIT_MORE) */
	TAP_C_LOST_LIMIT,     /* more than TAP_COPIES_MAX copies of one packet for an agency, or TAP_COPIES_ALL */
	TAP_C_LOST_ENCAP,     /* no room for, or no way to add, the outer header */
	TAP_C_LOST_ENCAP_GSO, /* the same for a segment train */
	TAP_C_LOST_GONE_OUT,  /* criterion or destination removed meanwhile */
	TAP_C_LOST_TOO_BIG,   /* one packet of over 16,000 bytes or so, to which the kernel adds no header */
	TAP_C_LOST_NO_ROUTE,
	TAP_C_LOST_NO_NEIGHBOUR,
	TAP_C_LOST_FRAGMENT, /* an outer fragment could not be made or queued */
	TAP_C_LOST_TX,       /* refused by the outgoing device or its queue */
	/* for information, not part of the sum */
	TAP_C_INFO_OWN_COPY,      /* matched, but a copy of ours */
	TAP_C_INFO_OWN_SSH,       /* matched, but our own SSH */
	TAP_C_INFO_EXT_LIMIT,     /* more than TAP_EXT_MAX extension headers */
	TAP_C_INFO_CHAIN_LIMIT,   /* more than TAP_CHAIN_MAX terms under a key */
	TAP_C_INFO_FRAG_UNKNOWN,  /* later fragment, first one not seen, while port filters exist */
	TAP_C_INFO_FRAGMENTED,    /* copies sent in outer fragments */
	TAP_C_INFO_NEIGH_PENDING, /* copies sent while the next hop was being resolved: it may never answer */
	TAP_C_MAX
};

/* Map names, at most 15 characters; pinned under these names. */
#define TAP_MAP_CTL "ft_ctl"     /* array[1] of tap_ctl, mmapable */
#define TAP_MAP_BLOOM "ft_bloom" /* array of u64, mmapable; TAP_BLOOM_PARTS */
#define TAP_MAP_SLOT4 "ft_slot4" /* array of tap_slots, mmapable; a power of two */
#define TAP_MAP_SLOT6 "ft_slot6"
#define TAP_MAP_TERM4 "ft_term4" /* array, mmapable */
#define TAP_MAP_TERM6 "ft_term6"
#define TAP_MAP_CRIT "ft_crit"   /* array, mmapable */
#define TAP_MAP_COUNT "ft_count" /* array, mmapable, same index as crit */
#define TAP_MAP_ENDED                                                                                                  \
	"ft_ended" /* array of u64, mmapable: bit crit % 64 of word crit / 64, set when a limit was reached, or when   \
		      of what is left of its part more than half has gone since the last time */
#define TAP_MAP_AGENCY "ft_agency" /* array, mmapable */
#define TAP_MAP_DEST "ft_dest"     /* array, mmapable */
#define TAP_MAP_OWN "ft_own"       /* hash: tap_own -> u32 destination */
#define TAP_MAP_FRAG "ft_frag"     /* LRU hash: tap_frag_key -> tap_frag */
#define TAP_MAP_STATS "ft_stats"   /* per-CPU array[TAP_C_MAX] of u64 */
#define TAP_MAP_PORT "ft_port"     /* hash: ifindex -> tap_port */
#define TAP_MAP_TRACE "ft_trace"   /* array[1] of tap_trace, mmapable */

/* ft_bloom: two areas of Bloom words, a power of two each, then two of guard words, a
 * quarter of that.  What is in use lies somewhere in each pair, what is written beside it. */
#define TAP_BLOOM_PARTS(area) ((area)*2 + (area) / 2)

/* What makes a network for the guard: so many leading bits. */
#define TAP_GUARD4 24
#define TAP_GUARD6 56
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TAP_GUARD4_BE 0x00ffffffu
#define TAP_GUARD6_BE 0x00ffffffffffffffull
#else
#define TAP_GUARD4_BE 0xffffff00u
#define TAP_GUARD6_BE 0xffffffffffffff00ull
#endif

/* The same code in the kernel and in user space. */
static inline __attribute__((always_inline)) __u64
tap_mix(__u64 h, __u64 v)
{
	h = (h ^ v) * 0x9E3779B97F4A7C15ull;
	return h ^ (h >> 32);
}

/*
 * Outer IPv4 identifications.  They are unique among the copies from one source to one destination, whose ever they
 * are, since whoever puts fragments together looks at nothing else; and as one agency sees its own only, they must not
 * tell how many others there are in between.  So the n-th is a permutation of n by a key that nobody outside has and
 * that is another in each cycle.  The segments of a train are numbered by the kernel, each one more than the last: they
 * have a half of the numbers for themselves, in blocks, and a train of more segments than a block has may meet others.
 */
static inline __attribute__((always_inline)) __u32
tap_id_permute(__u64 key, __u32 x, __u32 high, __u32 low)
{
	__u32 h = x >> low, l = x & ((1u << low) - 1);

	for (__u32 i = 0; i < 3; i++) { /* Feistel's network, of two halves that may differ by a bit */
		h = (h ^ (__u32)(tap_mix(tap_mix(key, l), 2 * i) >> 40)) & ((1u << high) - 1);
		l = (l ^ (__u32)(tap_mix(tap_mix(key, h), 2 * i + 1) >> 40)) & ((1u << low) - 1);
	}
	return h << low | l;
}

static inline __attribute__((always_inline)) __u64
tap_id_key(__u64 seed, __u32 place, __u64 cycle)
{
	return tap_mix(tap_mix(seed ^ 0x6964730000000000ull, place), cycle);
}

/* The n-th datagram's, and the first of the n-th block's. */
static inline __attribute__((always_inline)) __u32
tap_id(__u64 seed, __u32 place, __u64 n)
{
	return tap_id_permute(tap_id_key(seed, place, n >> 15 << 1), (__u32)n & 0x7fff, 8, 7);
}

static inline __attribute__((always_inline)) __u32
tap_id_block(__u64 seed, __u32 place, __u64 n)
{
	return 0x8000 | tap_id_permute(tap_id_key(seed, place, n >> 9 << 1 | 1), (__u32)n & 0x1ff, 5, 4) * TAP_ID_BLOCK;
}

/* src and dst: of a struct tap_dest, as words. */
static inline __attribute__((always_inline)) __u32
tap_ids_place(__u64 seed, const __u64 *src, const __u64 *dst)
{
	return (__u32)(tap_mix(tap_mix(tap_mix(tap_mix(~seed, src[0]), src[1]), dst[0]), dst[1]) >> 20) & (TAP_IDS - 1);
}

/* addrs and rest: a struct tap_key4 as two words in memory. */
static inline __attribute__((always_inline)) __u64
tap_hash4(__u64 seed, __u64 addrs, __u64 rest)
{
	return tap_mix(tap_mix(seed, addrs), rest);
}

static inline __attribute__((always_inline)) __u64
tap_hash6(__u64 seed, const __u64 *src, const __u64 *dst, __u64 rest)
{
	__u64 h = tap_mix(~seed, src[0]);

	h = tap_mix(h, src[1]);
	h = tap_mix(h, dst[0]);
	h = tap_mix(h, dst[1]);
	return tap_mix(h, rest);
}

/* Bits of one 64-bit word, all three must be set: of the Bloom words for a key, of the
 * guard's for a network. */
static inline __attribute__((always_inline)) __u64
tap_bloom_bits(__u64 h)
{
	return 1ull << (h & 63) | 1ull << (h >> 6 & 63) | 1ull << (h >> 12 & 63);
}

/* area: tap_ctl.bloom or tap_ctl.guard.  Index of the word in the map. */
static inline __attribute__((always_inline)) __u32
tap_bloom_word(__u64 area, __u64 h)
{
	return (__u32)(area >> 32 & 0x1fffffff) + ((__u32)(h >> 32) & (__u32)area);
}

/* slots: how many, a power of two. */
static inline __attribute__((always_inline)) __u32
tap_slot(__u32 slots, __u64 h)
{
	return (__u32)(h >> 20) & (slots - 1);
}

enum tap_guard_kind { TAP_GUARD_SRC4, TAP_GUARD_DST4, TAP_GUARD_SRC6, TAP_GUARD_DST6 };

/* net: the network's bits, all others zero, so that there is room for the kind. */
static inline __attribute__((always_inline)) __u64
tap_guard_hash(__u64 seed, enum tap_guard_kind kind, __u64 net)
{
	return tap_mix(seed, net ^ (__u64)(kind + 1) << 56);
}

static inline __attribute__((always_inline)) __u32
tap_own_bit(const struct tap_own *k)
{
	__u64 dst[2];

	__builtin_memcpy(dst, k->dst, sizeof dst);
	return (__u32)(tap_mix(dst[0] ^ dst[1], k->dport_be) >> 32) % TAP_OWN_BITS;
}

_Static_assert(sizeof(struct tap_key4) == 16, "tap_key4");
_Static_assert(sizeof(struct tap_key6) == 40, "tap_key6");
_Static_assert(sizeof(struct tap_slots) == 64, "tap_slots");
_Static_assert(sizeof(struct tap_mask4) == 16, "tap_mask4");
_Static_assert(sizeof(struct tap_mask6) == 40, "tap_mask6");
_Static_assert(__builtin_offsetof(struct tap_ctl, mask4) % 8 == 0, "masks are read as words");
_Static_assert(__builtin_offsetof(struct tap_ctl, mask6) % 8 == 0, "masks are read as words");
_Static_assert(sizeof(struct tap_term4) == 48, "tap_term4");
_Static_assert(sizeof(struct tap_term6) == 96, "tap_term6");
_Static_assert(sizeof(struct tap_crit) == 64, "tap_crit");
_Static_assert(sizeof(struct tap_count) == 64, "tap_count");
_Static_assert(sizeof(struct tap_agency) == 128, "tap_agency");
_Static_assert(sizeof(struct tap_dest) == 64, "tap_dest");
_Static_assert(sizeof(struct tap_ids) == 64, "tap_ids");
_Static_assert(sizeof(struct tap_port) == 16, "tap_port");
_Static_assert(sizeof(struct tap_own) == 40, "tap_own");
_Static_assert(sizeof(struct tap_local) == 20, "tap_local");
_Static_assert(sizeof(struct tap_frag_key) == 40, "tap_frag_key");
_Static_assert(sizeof(struct tap_frag) == 16, "tap_frag");

#endif
