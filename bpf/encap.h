/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * encap.h - from a clone to a datagram for a content destination: VLAN tags and
 * Ethernet padding off, outer IP and UDP on.
 *
 * A segment train that leaves directly stays one packet here; the outgoing interface, or the kernel on
 * its behalf, cuts it afterwards and gives each segment its own outer header.
 */
#ifndef FLOWTAP_ENCAP_H
#define FLOWTAP_ENCAP_H

#include <linux/errno.h>
#include <linux/udp.h>

#include "parse.h"

/* Added to the length the kernel lets a packet that is no train grow to: SKB_MAX_ALLOC less. */
#define ENCAP_PLAIN_MAX 16000
#define ENCAP_IPV4_LEN (sizeof(struct iphdr) + sizeof(struct udphdr))
#define ENCAP_IPV6_LEN (sizeof(struct ipv6hdr) + sizeof(struct udphdr))
#define ENCAP_STAGE TAP_C_MAX /* no loss: it has to be segments before it can get a header */

/* The outer headers, or NULL if they are not in the linear part. */
static __always_inline void *
encap_headers(struct __sk_buff *skb, __u32 len)
{
	void *at = (void *)(long)skb->data + ETH_HLEN;

	return at + len > (void *)(long)skb->data_end ? 0 : at;
}

/* The destination a mark stands for, if it is still to be served. */
static __always_inline struct tap_dest *
encap_dest(__u32 mark)
{
	__u32 crit = mark >> 1, dest;
	const struct tap_crit *c = bpf_map_lookup_elem(&ft_crit, &crit);
	struct tap_dest *d;

	if (!c || *(volatile const __u32 *)&c->state != TAP_CRIT_ACTIVE)
		return 0;
	dest = c->dest[mark & 1];
	if (!dest)
		return 0;
	d = bpf_map_lookup_elem(&ft_dest, &dest);
	return d && d->family ? d : 0;
}

/* Tags in the skb and in the packet; each pop moves the next one into the skb. */
static __always_inline int
encap_untag(struct __sk_buff *skb)
{
	for (int i = 0; i < TAP_VLAN_MAX; i++) {
		if (!skb->vlan_present)
			return 0;
		if (bpf_skb_vlan_pop(skb))
			return -1;
	}
	return skb->vlan_present ? -1 : 0;
}

/* Cuts off what follows the IP packet: short frames are padded on the wire. */
static __always_inline int
encap_trim(struct __sk_buff *skb)
{
	struct {
		__u8 version;
		__u8 tos;
		__be16 v4_len, v6_len;
		__u8 v6_next;
		__u8 zero;
	} h;
	__u32 len;

	if (skb->gso_size || parse_load(skb, ETH_HLEN, &h))
		return 0;
	len = h.version >> 4 == 4 ? bpf_ntohs(h.v4_len) : sizeof(struct ipv6hdr) + bpf_ntohs(h.v6_len);
	/* Length 0: a jumbogram, or a train that was one packet once. */
	if (len < sizeof(struct iphdr) || (h.version >> 4 == 6 && !h.v6_len && h.v6_next == IPPROTO_HOPOPTS))
		return 0;
	return ETH_HLEN + len < skb->len ? (int)bpf_skb_change_tail(skb, ETH_HLEN + len, 0) : 0;
}

/* A train of over 64 kB in IPv6 carries a jumbo option that its segments on the wire do not have. */
static __always_inline int
encap_strip_jumbo(struct __sk_buff *skb)
{
	struct {
		struct ipv6hdr ip;
		__u8 next, len, type, optlen;
	} __attribute__((packed)) h;

	if (!skb->gso_size || skb->protocol != ETH_P_IPV6_BE || bpf_skb_load_bytes(skb, ETH_HLEN, &h, sizeof h))
		return 0;
	if (h.ip.payload_len || h.ip.nexthdr != IPPROTO_HOPOPTS || h.len || h.type != 0xc2)
		return 0;
	if (bpf_skb_adjust_room(skb, -8, BPF_ADJ_ROOM_NET, BPF_F_ADJ_ROOM_FIXED_GSO))
		return -1;
	return (int)bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct ipv6hdr, nexthdr), &h.next, 1, 0);
}

static __always_inline __be16
encap_ipv4_sum(const struct iphdr *ip)
{
	const __u16 *w = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16) ~(sum + (sum >> 16));
}

/* What the operator wants copies to be queued by, here and on their way. */
static __always_inline __u8
encap_tos(void)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);

	return ctl ? ctl->copy_tos : 0;
}

static __always_inline void
encap_priority(struct __sk_buff *skb)
{
	const __u32 zero = 0;
	const struct tap_ctl *ctl = bpf_map_lookup_elem(&ft_ctl, &zero);

	if (ctl && ctl->copy_priority)
		skb->priority = ctl->copy_priority;
}

static __always_inline void
encap_write_udp(struct udphdr *udp, const struct tap_dest *d, __u32 len)
{
	udp->source = d->sport_be;
	udp->dest = d->dport_be;
	udp->len = bpf_htons((__u16)len);
	udp->check = 0; /* IPv6: computed afterwards */
}

/* inner: length of the packet behind the headers; of a train the kernel corrects all lengths. */
static __always_inline int
encap_write4(struct __sk_buff *skb, const struct tap_dest *d, __u32 inner, __u16 id)
{
	struct iphdr *ip = encap_headers(skb, ENCAP_IPV4_LEN);
	__u32 len = inner + ENCAP_IPV4_LEN;

	if (!ip)
		return -1;
	if (len > 0xffff)
		len = 0xffff;
	((struct ethhdr *)ip)[-1].h_proto = ETH_P_IP_BE;
	__builtin_memset(ip, 0, sizeof *ip);
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = encap_tos();
	ip->tot_len = bpf_htons((__u16)len);
	ip->id = bpf_htons(id);
	ip->ttl = d->ttl;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = *(const __be32 *)d->src;
	ip->daddr = *(const __be32 *)d->dst;
	ip->check = encap_ipv4_sum(ip);
	encap_write_udp((struct udphdr *)(ip + 1), d, len - sizeof *ip);
	return 0;
}

static __always_inline int
encap_write6(struct __sk_buff *skb, const struct tap_dest *d, __u32 inner)
{
	struct ipv6hdr *ip = encap_headers(skb, ENCAP_IPV6_LEN);
	__u32 len = inner + sizeof(struct udphdr);

	if (!ip)
		return -1;
	if (len > 0xffff)
		len = 0xffff;
	((struct ethhdr *)ip)[-1].h_proto = ETH_P_IPV6_BE;
	*(__be32 *)ip = bpf_htonl(6u << 28 | (__u32)encap_tos() << 20);
	ip->payload_len = bpf_htons((__u16)len);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = d->ttl;
	__builtin_memcpy(&ip->saddr, d->src, 16);
	__builtin_memcpy(&ip->daddr, d->dst, 16);
	encap_write_udp((struct udphdr *)(ip + 1), d, len);
	return 0;
}

static __always_inline int
encap_is_ip(const struct __sk_buff *skb)
{
	return skb->protocol == ETH_P_IP_BE || skb->protocol == ETH_P_IPV6_BE;
}

static __always_inline __s32
encap_length(int is_ipv6)
{
	return is_ipv6 ? ENCAP_IPV6_LEN : ENCAP_IPV4_LEN;
}

/* A train keeps its size.  What tells the kernel how to cut it also marks the packet as a tunnel's, and of such a one
 * no piece can be cut out later (bpf_skb_change_tail).  -EALREADY: it is in a tunnel of a sender on this machine. */
static __always_inline int
encap_grow_train(struct __sk_buff *skb, const struct tap_dest *d)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
		      (d->family == 6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);

	return (int)bpf_skb_adjust_room(skb, encap_length(d->family == 6), BPF_ADJ_ROOM_MAC, flags);
}

/* Makes room behind the Ethernet header.  0, -errno.  What the packet is by its Ethernet type the kernel keeps beside
 * it (skb->protocol), and cuts it by that: so if the outer header is of the other family, it is told.  That takes away,
 * or adds, what an IPv6 header is longer. */
static __always_inline int
encap_grow(struct __sk_buff *skb, const struct tap_dest *d)
{
	__be16 proto = d->family == 6 ? ETH_P_IPV6_BE : ETH_P_IP_BE;
	int r;

	if (!encap_is_ip(skb))
		return -EPROTONOSUPPORT;
	if (skb->gso_size)
		return encap_grow_train(skb, d);
	r = (int)bpf_skb_adjust_room(skb, encap_length(skb->protocol == ETH_P_IPV6_BE), BPF_ADJ_ROOM_MAC, 0);
	return r == 0 && skb->protocol != proto ? (int)bpf_skb_change_proto(skb, proto, 0) : r;
}

/* What the packet has on this link only comes off.  0 or the counter that says why not. */
static __always_inline enum tap_counter
encap_bare(struct __sk_buff *skb)
{
	if (encap_untag(skb) || encap_trim(skb) || encap_strip_jumbo(skb))
		return TAP_C_LOST_ENCAP;
	return skb->len - ETH_HLEN > ENCAP_PLAIN_MAX && !skb->gso_size ? TAP_C_LOST_TOO_BIG : 0;
}

/* Of a bare packet.  id: of the outer IPv4 datagram, or of a train's first.  0, the counter that says why not, or
 * ENCAP_STAGE: a train inside a tunnel. */
static __always_inline enum tap_counter
encap_wrap(struct __sk_buff *skb, const struct tap_dest *d, __u16 id)
{
	__u32 inner = skb->len - ETH_HLEN;
	int r = encap_grow(skb, d);

	if (r == -EALREADY)
		return ENCAP_STAGE;
	if (r == 0)
		r = d->family == 4 ? encap_write4(skb, d, inner, id) : encap_write6(skb, d, inner);
	if (r == 0)
		return 0;
	return skb->gso_size ? TAP_C_LOST_ENCAP_GSO : TAP_C_LOST_ENCAP;
}

#endif
