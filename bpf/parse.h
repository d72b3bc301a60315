/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * parse.h - a packet's headers, read once into a struct.  The same rules as
 * packet_parse() in src/filter, the reference that the tests compare with.
 *
 * Only copies are made of packet memory; it may be spread over fragments
 * with as little as the Ethernet header in the linear part.
 */
#ifndef FLOWTAP_PARSE_H
#define FLOWTAP_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "count.h"

#define ETH_P_8021Q_BE bpf_htons(ETH_P_8021Q)
#define ETH_P_8021AD_BE bpf_htons(ETH_P_8021AD)
#define ETH_P_IP_BE bpf_htons(ETH_P_IP)
#define ETH_P_IPV6_BE bpf_htons(ETH_P_IPV6)

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define PARSE_DIRECT_MAX 1024 /* offsets up to here are read without a helper call */

enum packet_flag {
	PKT_PORTS = 1, /* TCP or UDP, ports known */
	PKT_ICMP = 2,  /* ICMP or ICMPv6, type and code known */
	PKT_FRAG_FIRST = 4,
	PKT_FRAG_LATER = 8,
};

struct packet {
	union {
		__be32 src4;
		__be64 src6[2];
	};
	union {
		__be32 dst4;
		__be64 dst6[2];
	};
	__be32 id_be; /* of the datagram, if a fragment */
	__be16 sport_be, dport_be;
	__u32 l3_off;    /* of the IP header */
	__u32 l4_off;    /* of the upper-layer header */
	__u32 end;       /* behind the packet: what follows is Ethernet padding */
	__u8 family;     /* 4 or 6 */
	__u8 proto;      /* upper-layer protocol */
	__u8 frag_proto; /* fragment: as struct tap_frag_key */
	__u8 flags;      /* enum packet_flag */
	__u8 itype, icode;
	__u16 zero;
};

struct parse_vlan {
	__be16 tci, proto;
};

struct parse_ext {
	__u8 next, len;
	__be16 frag;
	__be32 id;
};

/* *to = the object at off.  Fast if it is in the linear part. */
#define parse_load(skb, off, to)                                                                                       \
	({                                                                                                             \
		void *at_ = (void *)(long)(skb)->data + (off);                                                         \
		int bad_ = 0;                                                                                          \
		if ((off) <= PARSE_DIRECT_MAX && at_ + sizeof *(to) <= (void *)(long)(skb)->data_end)                  \
			*(to) = *(typeof(to))at_;                                                                      \
		else                                                                                                   \
			bad_ = bpf_skb_load_bytes(skb, off, to, sizeof *(to)) != 0;                                    \
		bad_;                                                                                                  \
	})

/* Ports, or ICMP type and code; absent if the packet ends before them. */
static __always_inline void
parse_l4(struct __sk_buff *skb, struct packet *p)
{
	__u8 icmp = p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	struct {
		__be16 sport, dport;
	} ports;
	struct {
		__u8 type, code;
	} icmph;

	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP) {
		if (p->l4_off + sizeof ports > p->end || parse_load(skb, p->l4_off, &ports))
			return;
		p->sport_be = ports.sport;
		p->dport_be = ports.dport;
		p->flags |= PKT_PORTS;
	} else if (p->proto == icmp) {
		if (p->l4_off + sizeof icmph > p->end || parse_load(skb, p->l4_off, &icmph))
			return;
		p->itype = icmph.type;
		p->icode = icmph.code;
		p->flags |= PKT_ICMP;
	}
}

static __always_inline int
parse_ipv4(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr ip;
	__u32 len;
	__u16 frag;

	if (p->l3_off + sizeof ip > skb->len || parse_load(skb, p->l3_off, &ip))
		return -1;
	len = bpf_ntohs(ip.tot_len);
	if (ip.version != 4 || ip.ihl < 5)
		return -1;
	if (len >= sizeof ip && p->l3_off + len < p->end && skb->gso_size == 0)
		p->end = p->l3_off + len;
	p->family = 4;
	p->proto = p->frag_proto = ip.protocol;
	p->src4 = ip.saddr;
	p->dst4 = ip.daddr;
	p->id_be = ip.id;
	p->l4_off = p->l3_off + ip.ihl * 4;
	frag = bpf_ntohs(ip.frag_off);
	if (frag & IP_OFFSET)
		p->flags |= PKT_FRAG_LATER;
	else if (frag & IP_MF)
		p->flags |= PKT_FRAG_FIRST;
	return 0;
}

static __always_inline int
parse_is_ext(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

/* One extension header; nonzero: the walk ends here. */
static __always_inline int
parse_ext(struct __sk_buff *skb, struct packet *p)
{
	struct parse_ext x;
	__u8 this = p->proto;
	__u32 len;

	if (p->l4_off + sizeof x > p->end || parse_load(skb, p->l4_off, &x))
		return 1;
	len = this == IPPROTO_AH ? (x.len + 2) * 4 : (x.len + 1) * 8;
	if (this == IPPROTO_FRAGMENT) {
		len = sizeof x;
		p->id_be = x.id;
		p->frag_proto = x.next;
		if (x.frag & bpf_htons(0xfff8))
			p->flags |= PKT_FRAG_LATER;
		else if (x.frag & bpf_htons(1))
			p->flags |= PKT_FRAG_FIRST;
	}
	p->proto = x.next;
	p->l4_off += len;
	return p->flags & PKT_FRAG_LATER;
}

static __always_inline int
parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6hdr ip;
	__u32 len;

	if (p->l3_off + sizeof ip > skb->len || parse_load(skb, p->l3_off, &ip))
		return -1;
	if (ip.version != 6)
		return -1;
	len = sizeof ip + bpf_ntohs(ip.payload_len);
	if ((ip.payload_len || ip.nexthdr != IPPROTO_HOPOPTS) && p->l3_off + len < p->end && skb->gso_size == 0)
		p->end = p->l3_off + len;
	p->family = 6;
	p->proto = ip.nexthdr;
	__builtin_memcpy(p->src6, &ip.saddr, 16);
	__builtin_memcpy(p->dst6, &ip.daddr, 16);
	p->l4_off = p->l3_off + sizeof ip;
	for (int i = 0; i < TAP_EXT_MAX; i++) {
		if (!parse_is_ext(p->proto))
			return 0;
		if (parse_ext(skb, p))
			return 0;
	}
	if (parse_is_ext(p->proto))
		count_add(TAP_C_INFO_EXT_LIMIT, 1);
	return 0;
}

/* Steps over VLAN tags that stand in the packet; the outermost is usually in the skb instead. */
static __always_inline __be16
parse_vlan(struct __sk_buff *skb, struct packet *p)
{
	__be16 proto = (__be16)skb->protocol;
	struct parse_vlan tag;

	for (int i = 0; i < TAP_VLAN_MAX; i++) {
		if (proto != ETH_P_8021Q_BE && proto != ETH_P_8021AD_BE)
			break;
		if (parse_load(skb, p->l3_off, &tag))
			return 0;
		proto = tag.proto;
		p->l3_off += sizeof tag;
	}
	return proto;
}

/* 0; nonzero: not an IP packet.  Not static, like some others in these files: so the kernel verifies it once, and
 * not for each way that leads to it; and does not know that p is not NULL. */
__noinline int
parse_packet(struct __sk_buff *skb, struct packet *p)
{
	__be16 proto;
	int r;

	if (!p)
		return -1;
	__builtin_memset(p, 0, sizeof *p);
	p->l3_off = ETH_HLEN;
	p->end = skb->len;
	proto = parse_vlan(skb, p);
	if (proto == ETH_P_IP_BE)
		r = parse_ipv4(skb, p);
	else if (proto == ETH_P_IPV6_BE)
		r = parse_ipv6(skb, p);
	else
		return -1;
	if (r == 0 && !(p->flags & PKT_FRAG_LATER))
		parse_l4(skb, p);
	return r;
}

#endif
