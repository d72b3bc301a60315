/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * early.bpf.c - content datagrams into flowtap-collect's ring buffer, before the kernel
 * makes packets of them.
 *
 * Takes only what the kernel's own UDP receive path would certainly deliver: a whole,
 * well-formed, untagged datagram to an address and port of ours with a right checksum.
 * Everything else (fragments, options, long datagrams, what is damaged) goes on to the
 * kernel, whose sockets the collector reads too, and which counts its errors.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "early_abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define IP_FRAGMENT 0x3fff /* offset and "more fragments" */
#define SUM_CHUNK 512      /* the most that bpf_csum_diff takes */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* user space sets it before it loads */
} early_ring SEC(".maps");

const volatile struct early_self early_self = {};
struct early_port early_port[65536];

/* A datagram whose headers were read. */
struct dgram {
	struct early_port *port;
	__u32 off, len; /* of the payload */
	__u32 sum;      /* over everything before the payload, pseudo header included */
	__u32 summed;   /* false: sent without a checksum */
};

static __always_inline __u32
sum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u32
sum_add(__u32 sum, __u32 v)
{
	__u64 s = (__u64)sum + v;

	return (__u32)s + (__u32)(s >> 32);
}

/* ---- the headers ---- */

static __always_inline int
is_for_this_machine(const struct ethhdr *eth)
{
	for (__u32 i = 0; i < EARLY_LINKS_MAX; i++) {
		const volatile __u8 *mac = early_self.mac[i];
		__u32 differ = 0;

		if (i >= early_self.nlinks)
			break;
		for (__u32 k = 0; k < ETH_ALEN; k++)
			differ |= eth->h_dest[k] ^ mac[k];
		if (differ == 0)
			return 1;
	}
	return 0;
}

static __always_inline int
is_own4(__be32 addr)
{
	for (__u32 i = 0; i < EARLY_ADDRS_MAX && i < early_self.naddr4; i++)
		if (early_self.addr4[i] == addr)
			return 1;
	return 0;
}

static __always_inline int
is_own6(const struct in6_addr *addr)
{
	const __be64 *a = (const void *)addr;

	for (__u32 i = 0; i < EARLY_ADDRS_MAX && i < early_self.naddr6; i++)
		if (early_self.addr6[i][0] == a[0] && early_self.addr6[i][1] == a[1])
			return 1;
	return 0;
}

/* The UDP header at udp, which the IP header says has room bytes with its payload; sum: of
 * the addresses. */
static __always_inline int
read_udp(struct dgram *d, void *data, void *end, const struct udphdr *udp, __u32 room, __u32 sum)
{
	const __u16 *w = (const void *)udp;
	__u32 len, port;

	if ((void *)(udp + 1) > end)
		return 0;
	len = bpf_ntohs(udp->len);
	if (len != room || len <= sizeof *udp || len > sizeof *udp + EARLY_LEN_MAX)
		return 0;
	port = bpf_ntohs(udp->dest);
	barrier_var(port); /* Linux 6.1 does not know that a number whose bytes were exchanged has 16 bits */
	d->port = &early_port[port & 0xffff];
	d->off = (__u32)((void *)(udp + 1) - data);
	d->len = len - sizeof *udp;
	d->summed = udp->check != 0;
	sum = sum_add(sum, bpf_htonl(IPPROTO_UDP << 16 | len));
	d->sum = sum_add(sum, (__u32)w[0] + w[1] + w[2] + w[3]);
	return 1;
}

static __always_inline int
read_ip4(struct dgram *d, void *data, void *end, const struct iphdr *ip)
{
	const __u16 *w = (const void *)ip;
	__u32 sum = 0, len;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return 0;
	if ((ip->frag_off & bpf_htons(IP_FRAGMENT)) || !is_own4(ip->daddr))
		return 0;
	for (__u32 i = 0; i < sizeof *ip / 2; i++)
		sum += w[i];
	len = bpf_ntohs(ip->tot_len);
	if (sum_fold(sum) != 0xffff || len < sizeof *ip)
		return 0;
	return read_udp(d, data, end, (const void *)(ip + 1), len - sizeof *ip, sum_add(ip->saddr, ip->daddr));
}

static __always_inline int
read_ip6(struct dgram *d, void *data, void *end, const struct ipv6hdr *ip)
{
	const __u32 *w = (const void *)&ip->saddr;
	__u32 sum = 0;

	if ((void *)(ip + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP || !is_own6(&ip->daddr))
		return 0;
	for (__u32 i = 0; i < 8; i++)
		sum = sum_add(sum, w[i]);
	/* Without a checksum, which IPv6 demands: the kernel's to refuse. */
	return read_udp(d, data, end, (const void *)(ip + 1), bpf_ntohs(ip->payload_len), sum) && d->summed;
}

/* ---- the payload ---- */

/* Whether the checksum over len bytes of p is right; behind them are zeros up to a multiple of four. */
static __always_inline int
is_sum_right(const __u8 *p, __u32 len, __u32 room, __u32 sum)
{
#pragma unroll
	for (__u32 off = 0; off < EARLY_LEN_MAX; off += SUM_CHUNK) {
		__u32 n = len - off;

		if (off >= room)
			break;
		if (off + SUM_CHUNK <= room && n >= SUM_CHUNK) {
			sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)(p + off), SUM_CHUNK, sum);
			continue;
		}
		n = (n + 3) & ~3u;
		asm volatile("" : "+r"(n)); /* the bound below is the verifier's, not for the compiler to see through */
		if (n > room - off || n > SUM_CHUNK)
			return 0;
		sum = (__u32)bpf_csum_diff(NULL, 0, (__be32 *)(p + off), n, sum);
		break;
	}
	return sum_fold(sum) == 0xffff;
}

/* Writes the payload of at most room bytes into the ring. */
static __always_inline int
ring_put(struct xdp_md *ctx, const struct dgram *d, __u32 room)
{
	struct early_rec *r = bpf_ringbuf_reserve(&early_ring, sizeof *r + room + 4, 0);
	__u32 len = d->len, last = len - 1;
	__u8 *p;

	if (r == NULL) {
		__sync_fetch_and_add(&d->port->lost, 1);
		return XDP_DROP;
	}
	p = (__u8 *)(r + 1);
	r->mono_ns = bpf_ktime_get_ns();
	r->index = d->port->index - 1;
	r->len = len;
	/* 1 to room.  The bounds are the verifier's, not for the compiler to see through; that len is not 0,
	 * which wraps, Linux 6.1 learns only so. */
	barrier_var(last);
	if (last >= room)
		goto refuse;
	len = last + 1;
	if (bpf_xdp_load_bytes(ctx, d->off, p, len) < 0)
		goto refuse;
	if (d->summed) {
		p[len] = p[len + 1] = p[len + 2] = 0;
		if (!is_sum_right(p, len, room, d->sum))
			goto refuse;
	}
	bpf_ringbuf_submit(r, 0);
	return XDP_DROP;
refuse:
	bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
	return XDP_PASS;
}

SEC("xdp.frags")
int
early_take(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	struct dgram d = {};
	int known = 0;

	if ((const void *)(eth + 1) > end || !is_for_this_machine(eth))
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		known = read_ip4(&d, data, end, (const void *)(eth + 1));
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		known = read_ip6(&d, data, end, (const void *)(eth + 1));
	if (!known || d.port->index == 0)
		return XDP_PASS;
	if (d.len <= 96)
		return ring_put(ctx, &d, 96);
	if (d.len <= 352)
		return ring_put(ctx, &d, 352);
	if (d.len <= 864)
		return ring_put(ctx, &d, 864);
	return ring_put(ctx, &d, EARLY_LEN_MAX);
}
