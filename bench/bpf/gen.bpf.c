/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* gen.bpf.c - makes each live frame another packet and hands it to the router's port. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "gen.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct gen_conf conf;
struct gen_state state;

struct flow {
	__u32 src, dst;
	__u16 sport;
};

static __always_inline __u32
below(__u32 random, __u32 n)
{
	return (__u32)((__u64)random * n >> 32);
}

/* Two 64-bit steps of splitmix a packet. */
static __always_inline __u64
draw(void)
{
	__u64 z = state.random += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}

static __always_inline void
flow_draw(struct flow *f)
{
	__u64 a = draw(), b = draw();

	f->src = space_addr(&conf.src, below((__u32)a, conf.src.n));
	f->sport = 1024 + ((__u32)b & conf.port_mask);
	if ((b >> 8 & 0xfffff) < conf.match) {
		f->dst = space_addr(&conf.target, below(a >> 32, conf.target.n));
		state.targets++;
	} else {
		f->dst = space_addr(&conf.dst, below(a >> 32, conf.dst.n));
	}
}

static __always_inline void
clock_look(void)
{
	if ((state.n - state.first_n) % GEN_STAMP == 0) {
		state.last_ns = bpf_ktime_get_ns();
		state.last_n = state.n;
		if (state.n == state.first_n)
			state.first_ns = state.last_ns;
	}
	state.n++;
}

/* Whether the next packet's time has come; if not, the frame is dropped, and so passes the time. */
static __always_inline int
is_due(void)
{
	__u64 now = bpf_ktime_get_ns() << 10;

	if (now < state.due)
		return 0;
	if (now - state.due > conf.late)
		state.due = now - conf.late;
	state.due += conf.gap;
	return 1;
}

static __always_inline void
udp_write(struct udphdr *u, __u16 sport, __u16 len)
{
	u->source = bpf_htons(sport);
	u->dest = bpf_htons(GEN_PORT);
	u->len = bpf_htons(len);
	u->check = 0;
}

static __always_inline int
write4(struct ethhdr *eth, void *end, const struct flow *f)
{
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u16 len = (__u16)((char *)end - (char *)ip);
	__u32 sum;

	if ((void *)(udp + 1) > end)
		return XDP_ABORTED;
	eth->h_proto = bpf_htons(ETH_P_IP);
	*(__u16 *)ip = bpf_htons(0x4500);
	ip->tot_len = bpf_htons(len);
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = bpf_htonl(f->src);
	ip->daddr = bpf_htonl(f->dst);
	sum = 0x4500 + len + 0x4000 + 0x4011 + (f->src >> 16) + (f->src & 0xffff) + (f->dst >> 16) + (f->dst & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = bpf_htons((__u16)~sum);
	udp_write(udp, f->sport, len - sizeof *ip);
	return (int)conf.verdict;
}

static __always_inline int
write6(struct ethhdr *eth, void *end, const struct flow *f)
{
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u16 len = (__u16)((char *)end - (char *)udp);

	if ((void *)(udp + 1) > end)
		return XDP_ABORTED;
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	*(__u32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(len);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = 64;
	ip->saddr.s6_addr32[0] = ip->daddr.s6_addr32[0] = bpf_htonl(SPACE_V6_HIGH);
	ip->saddr.s6_addr32[1] = bpf_htonl(f->src);
	ip->daddr.s6_addr32[1] = bpf_htonl(f->dst);
	ip->saddr.s6_addr32[2] = ip->daddr.s6_addr32[2] = 0;
	ip->saddr.s6_addr32[3] = ip->daddr.s6_addr32[3] = bpf_htonl(SPACE_V6_LOW);
	udp_write(udp, f->sport, len);
	return (int)conf.verdict;
}

static __always_inline int
raw(struct ethhdr *eth, void *end)
{
	struct udphdr *udp = (void *)((struct iphdr *)(eth + 1) + 1);

	if ((void *)(udp + 1) > end)
		return XDP_ABORTED;
	udp->dest = bpf_htons((__u16)(conf.raw + (state.n & conf.port_mask)));
	return conf.out ? (int)bpf_redirect(conf.out, 0) : (int)conf.verdict;
}

SEC("xdp")
int
gen(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct flow f;

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	if (conf.gap && !is_due())
		return XDP_DROP;
	clock_look();
	if (conf.raw)
		return raw(eth, end);
	__builtin_memcpy(eth->h_dest, conf.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, conf.smac, ETH_ALEN);
	flow_draw(&f);
	return conf.family == 6 ? write6(eth, end, &f) : write4(eth, end, &f);
}
