/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * hits.h - under which masks a term may name a packet: first the guard (struct
 * tap_masks), then one Bloom word for each mask that is left.  Nearly every packet
 * ends here, so that this is what a tap costs.  No word is waited for before the next
 * is asked for: what is found goes into bits, and nothing branches on it.
 *
 * hits_plain takes what it needs from packets as they usually are; what it does not know
 * at sight is HITS_UNKNOWN, to be parsed as parse.h does.
 */
#ifndef FLOWTAP_HITS_H
#define FLOWTAP_HITS_H

#include "parse.h"

#define HITS_UNKNOWN (~0ull)

#define HITS_READ(x) (*(volatile const __u64 *)&(x))

/* The rest of a key beside its addresses, as it lies in struct tap_key4 and tap_key6. */
struct hits_rest {
	__be16 sport_be, dport_be;
	__u8 proto, mask;
	__u16 zero;
};

union hits_word {
	struct hits_rest rest;
	__u64 v;
};

static __always_inline __u64
hits_rest(const struct packet *p)
{
	union hits_word r = {.rest = {.sport_be = p->sport_be, .dport_be = p->dport_be, .proto = p->proto}};

	return r.v;
}

static __always_inline __u64
hits_mask(__u32 i)
{
	union hits_word r = {.rest = {.mask = (__u8)i}};

	return r.v;
}

static __always_inline __u64
hits_hash4(const struct tap_ctl *ctl, __u32 i, __u64 addrs, __u64 rest)
{
	const __u64 *m = (const __u64 *)&ctl->mask4[i % TAP_MASKS_MAX];

	return tap_hash4(ctl->seed, addrs & m[0], (rest & m[1]) | hits_mask(i));
}

static __always_inline __u64
hits_hash6(const struct tap_ctl *ctl, __u32 i, const __u64 *src, const __u64 *dst, __u64 rest)
{
	const __u64 *m = (const __u64 *)&ctl->mask6[i % TAP_MASKS_MAX];
	__u64 s[2] = {src[0] & m[0], src[1] & m[1]}, d[2] = {dst[0] & m[2], dst[1] & m[3]};

	return tap_hash6(ctl->seed, s, d, (rest & m[4]) | hits_mask(i));
}

/* The hash of a packet's key. */
static __always_inline __u64
hits_key4(const struct tap_ctl *ctl, __u32 i, const struct packet *p)
{
	union {
		__be32 a[2];
		__u64 v;
	} addrs = {.a = {p->src4, p->dst4}};

	return hits_hash4(ctl, i, addrs.v, hits_rest(p));
}

static __always_inline __u64
hits_key6(const struct tap_ctl *ctl, __u32 i, const struct packet *p)
{
	return hits_hash6(ctl, i, (const __u64 *)p->src6, (const __u64 *)p->dst6, hits_rest(p));
}

/* 1 if all bits of the hash are set. */
static __always_inline __u64
hits_word(__u64 area, __u64 hash)
{
	__u32 at = tap_bloom_word(area, hash);
	const __u64 *word = bpf_map_lookup_elem(&ft_bloom, &at);
	__u64 bits = tap_bloom_bits(hash);

	return word ? (*word & bits) == bits : 1;
}

/* The masks that the guard lets through.  One word says which version of both holds. */
static __always_inline __u64
hits_guard(__u64 area, const struct tap_masks *masks, __u64 seed, __u32 kind, __u64 src, __u64 dst)
{
	__u64 by_src = HITS_READ(masks->src), by_dst = HITS_READ(masks->dst), may = HITS_READ(masks->open);

	if (by_src)
		may |= by_src & -hits_word(area, tap_guard_hash(seed, kind, src));
	if (by_dst)
		may |= by_dst & -hits_word(area, tap_guard_hash(seed, kind + 1, dst));
	return may;
}

/*
 * Functions with plain numbers that are not static, so that the kernel verifies them once and
 * not for each way that leads to them.
 *
 * Four masks from `first` on, as the lowest bits.
 */
#define HITS_FOUR 4

__noinline __u64
hits_four4(__u64 addrs, __u64 rest, __u32 first)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u64 area, hits = 0;

	if (!ctl)
		return 0;
	area = HITS_READ(ctl->bloom);
#pragma clang loop unroll(full)
	for (__u32 j = 0; j < HITS_FOUR; j++) {
		if (first + j >= ctl->nmask4)
			break;
		hits |= hits_word(area, hits_hash4(ctl, first + j, addrs, rest)) << j;
	}
	return hits;
}

/* rest: `first` in its highest byte, which is in no mask. */
__noinline __u64
hits_four6(__u64 src0, __u64 src1, __u64 dst0, __u64 dst1, __u64 rest)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u64 src[2] = {src0, src1}, dst[2] = {dst0, dst1};
	__u64 area, hits = 0;
	__u32 first = (__u32)(rest >> 56);

	if (!ctl)
		return 0;
	area = HITS_READ(ctl->bloom);
#pragma clang loop unroll(full)
	for (__u32 j = 0; j < HITS_FOUR; j++) {
		if (first + j >= ctl->nmask6)
			break;
		hits |= hits_word(area, hits_hash6(ctl, first + j, src, dst, rest)) << j;
	}
	return hits;
}

__noinline __u64
hits_masks4(__u64 addrs, __u64 rest)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u64 hits = 0;

	if (!ctl)
		return 0;
	for (__u32 i = 0; i < TAP_MASKS_MAX && i < ctl->nmask4; i += HITS_FOUR)
		hits |= hits_four4(addrs, rest, i) << i;
	return hits;
}

/* The guard alone is not a call: most packets that nobody asked for end here. */
static __always_inline __u64
hits_get4(const struct tap_ctl *ctl, __u64 addrs, __u64 rest)
{
	union {
		__u64 v;
		__be32 a[2];
	} net = {.v = addrs};
	__u64 guard = HITS_READ(ctl->guard);
	__u64 may = hits_guard(guard, &ctl->masks4[TAP_VERSION(guard)], ctl->seed, TAP_GUARD_SRC4,
	    net.a[0] & TAP_GUARD4_BE, net.a[1] & TAP_GUARD4_BE);

	return may ? hits_masks4(addrs, rest) & may : 0;
}

__noinline __u64
hits_get6(__u64 src0, __u64 src1, __u64 dst0, __u64 dst1, __u64 rest)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);
	__u64 guard, hits = 0, may;

	if (!ctl)
		return 0;
	guard = HITS_READ(ctl->guard);
	may = hits_guard(guard, &ctl->masks6[TAP_VERSION(guard)], ctl->seed, TAP_GUARD_SRC6, src0 & TAP_GUARD6_BE,
	    dst0 & TAP_GUARD6_BE);
	if (!may)
		return 0;
	for (__u32 i = 0; i < TAP_MASKS_MAX && i < ctl->nmask6; i += HITS_FOUR)
		hits |= hits_four6(src0, src1, dst0, dst1, rest | (__u64)i << 56) << i;
	return hits & may;
}

/* Of a packet that was parsed. */
static __always_inline __u64
hits_of(const struct packet *p, const struct tap_ctl *ctl)
{
	union {
		__be32 a[2];
		__u64 v;
	} addrs = {.a = {p->src4, p->dst4}};

	if (p->family == 4)
		return hits_get4(ctl, addrs.v, hits_rest(p));
	return hits_get6(p->src6[0], p->src6[1], p->dst6[0], p->dst6[1], hits_rest(p));
}

/* A whole word of a header, aligned or not: clang would take it byte by byte. */
#define HITS_WORD(type, h, off) (*(const volatile type *)((const __u8 *)(h) + (off)))

static __always_inline int
hits_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static __always_inline __u64
hits_plain_rest(__u32 ports, __u8 proto)
{
	union {
		struct {
			__u32 ports;
			__u8 proto, zero[3];
		} f;
		__u64 v;
	} r = {.f = {.ports = hits_has_ports(proto) ? ports : 0, .proto = proto}};

	return r.v;
}

static __always_inline __u64
hits_plain4(struct __sk_buff *skb, const struct tap_ctl *ctl)
{
	const struct iphdr *h = (void *)(long)skb->data + ETH_HLEN;

	if (ctl->nmask4 == 0)
		return 0;
	/* As they usually are, with the ports, in the linear part. */
	if ((void *)(h + 1) + 4 > (void *)(long)skb->data_end || *(const __u8 *)h != 0x45 ||
	    h->frag_off & bpf_htons(IP_MF | IP_OFFSET) || bpf_ntohs(h->tot_len) < sizeof *h + 4)
		return HITS_UNKNOWN;
	return hits_get4(ctl, HITS_WORD(__u64, h, offsetof(struct iphdr, saddr)),
	    hits_plain_rest(HITS_WORD(__u32, h, sizeof *h), h->protocol));
}

static __always_inline __u64
hits_plain6(struct __sk_buff *skb, const struct tap_ctl *ctl)
{
	const struct ipv6hdr *h = (void *)(long)skb->data + ETH_HLEN;
	const __u32 at = offsetof(struct ipv6hdr, saddr);

	if (ctl->nmask6 == 0)
		return 0;
	if ((void *)(h + 1) + 4 > (void *)(long)skb->data_end || *(const __u8 *)h >> 4 != 6 ||
	    parse_is_ext(h->nexthdr) || bpf_ntohs(h->payload_len) < 4)
		return HITS_UNKNOWN;
	return hits_get6(HITS_WORD(__u64, h, at), HITS_WORD(__u64, h, at + 8), HITS_WORD(__u64, h, at + 16),
	    HITS_WORD(__u64, h, at + 24), hits_plain_rest(HITS_WORD(__u32, h, sizeof *h), h->nexthdr));
}

/* Before anything else is done with a packet. */
static __always_inline __u64
hits_plain(struct __sk_buff *skb, const struct tap_ctl *ctl)
{
	if (skb->protocol == ETH_P_IP_BE)
		return hits_plain4(skb, ctl);
	if (skb->protocol == ETH_P_IPV6_BE)
		return hits_plain6(skb, ctl);
	if (skb->protocol == ETH_P_8021Q_BE || skb->protocol == ETH_P_8021AD_BE)
		return ctl->nmask4 | ctl->nmask6 ? HITS_UNKNOWN : 0;
	return 0;
}

#endif
