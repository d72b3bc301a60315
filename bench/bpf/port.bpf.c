/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* port.bpf.c - what stands at the lab's ports: counters at the ends, and what the tap is compared with. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "gen.h"

#define PORT_NEXT (-1)
#define PORT_DROP 2

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct gen_count sink_count[GEN_CPUS], mediation_count[GEN_CPUS];
__u32 clone_ifindex, clone_copies;

/* All that the benchmarks send; what the kernel says to its neighbours does not count, nor do later
 * fragments: a datagram counts once. */
static __always_inline int
is_udp(struct __sk_buff *skb)
{
	const char *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + ETH_HLEN + sizeof(struct iphdr) > end)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = (const void *)(data + ETH_HLEN);

		return ip->protocol == IPPROTO_UDP && !(ip->frag_off & bpf_htons(0x1fff));
	}
	return skb->protocol == bpf_htons(ETH_P_IPV6) &&
	       data[ETH_HLEN + offsetof(struct ipv6hdr, nexthdr)] == IPPROTO_UDP;
}

static __always_inline int
count(struct __sk_buff *skb, struct gen_count *c)
{
	__u32 cpu = bpf_get_smp_processor_id() % GEN_CPUS;

	if (!is_udp(skb))
		return PORT_NEXT;
	c[cpu].packets += skb->gso_segs > 1 ? skb->gso_segs : 1;
	c[cpu].bytes += skb->len - ETH_HLEN;
	return PORT_DROP;
}

SEC("tc")
int
port_sink(struct __sk_buff *skb)
{
	return count(skb, sink_count);
}

SEC("tc")
int
port_mediation(struct __sk_buff *skb)
{
	return count(skb, mediation_count);
}

SEC("tc")
int
port_noop(struct __sk_buff *skb)
{
	(void)skb;
	return PORT_NEXT;
}

static long
clone(__u32 i, struct __sk_buff **skb)
{
	(void)i;
	bpf_clone_redirect(*skb, clone_ifindex, 0);
	return 0;
}

/* The floor of every copy: a bare clone, transmitted, without match and without outer header. */
SEC("tc")
int
port_clone(struct __sk_buff *skb)
{
	if (is_udp(skb))
		bpf_loop(clone_copies, clone, &skb, 0);
	return PORT_NEXT;
}
