/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* sum.h - Internet checksums over bytes of a packet, wherever they lie. */
#ifndef FLOWTAP_SUM_H
#define FLOWTAP_SUM_H

#include "maps.h"

#define SUM_CHUNK 256
#define SUM_STEPS (65536 / SUM_CHUNK + 1)

/* Bytes on their way into a checksum, for which the stack has no room.  The map holds nothing from one call to
 * the next, so no daemon takes it over from another. */
struct sum_bytes {
	__u32 word[SUM_CHUNK / 4];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sum_bytes);
} ft_bytes SEC(".maps");

struct sum {
	struct __sk_buff *skb;
	struct sum_bytes *buf;
	__u32 off, left;
	__u32 sum;
	__u32 zero;
};

static long
sum_step(__u32 i, struct sum *s)
{
	__u32 n = s->left;

	(void)i;
	if (n == 0)
		return 1;
	if (n >= SUM_CHUNK) {
		n = SUM_CHUNK;
		if (bpf_skb_load_bytes(s->skb, s->off, s->buf, SUM_CHUNK))
			return 1;
	} else {
		/* Changes nothing, but says in a way that Linux 6.1 understands that n is 1 to SUM_CHUNK. */
		barrier_var(n);
		n = ((n - 1) & (SUM_CHUNK - 1)) + 1;
		__builtin_memset(s->buf, 0, sizeof *s->buf);
		if (bpf_skb_load_bytes(s->skb, s->off, s->buf, n))
			return 1;
	}
	s->sum = (__u32)bpf_csum_diff(0, 0, s->buf->word, SUM_CHUNK, s->sum);
	s->off += n;
	s->left -= n;
	return 0;
}

static __always_inline struct sum_bytes *
sum_buffer(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&ft_bytes, &zero);
}

/* Adds len bytes of the packet, from off on, to *sum.  0, -1. */
static __always_inline int
sum_packet(struct __sk_buff *skb, __u32 off, __u32 len, __u32 *sum)
{
	struct sum s = {.skb = skb, .buf = sum_buffer(), .off = off, .left = len, .sum = *sum};

	if (!s.buf)
		return -1;
	bpf_loop(SUM_STEPS, sum_step, &s, 0);
	*sum = s.sum;
	return s.left ? -1 : 0;
}

/* What goes into the packet; never 0, which means that there is none. */
static __always_inline __be16
sum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (__u16) ~((sum & 0xffff) + (sum >> 16));
	return (__be16)(sum ? sum : 0xffff);
}

#endif
