/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What early_take() takes for the collector and what it leaves to the kernel: frames, whole
 * and damaged, through the program itself; what came is read out of its ring.
 */
#include "unit.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "early.h"
#include "early_abi.h"
#include "early.skel.h"

#define SKIPPED 77 /* what meson takes for a test that could not run */
#define PORT 7890
#define FRAME_MAX 4096
#define ETH 14

enum verdict { DROP = 1, PASS = 2 }; /* enum xdp_action */

struct frame {
	uint8_t b[FRAME_MAX];
	size_t len, ip, udp, payload; /* where they begin */
	bool v6;
};

struct lab {
	struct early_bpf *skel;
	struct ring_buffer *ring;
	unsigned count;
	uint8_t got[FRAME_MAX]; /* the last payload out of the ring */
	size_t got_len;
	unsigned got_index;
};

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t own4[4] = {198, 18, 0, 2}, peer4[4] = {198, 18, 0, 1};
static const uint8_t own6[16] = {0xfd, 0, 0x19, 0x8, [15] = 2}, peer6[16] = {0xfd, 0, 0x19, 0x8, [15] = 1};

/* ---- frames ---- */

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static unsigned
sum(const uint8_t *p, size_t len, unsigned start)
{
	unsigned s = start;

	for (size_t i = 0; i < len; i++)
		s += i % 2 ? p[i] : (unsigned)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void
ip4_seal(struct frame *f)
{
	put16(f->b + f->ip + 10, 0);
	put16(f->b + f->ip + 10, ~sum(f->b + f->ip, (size_t)(f->b[f->ip] & 15) * 4, 0) & 0xffff);
}

static void
udp_seal(struct frame *f)
{
	size_t len = get16(f->b + f->udp + 4);
	unsigned s = f->v6 ? sum(f->b + f->ip + 8, 32, 17) : sum(f->b + f->ip + 12, 8, 17);

	put16(f->b + f->udp + 6, 0);
	s = ~sum(f->b + f->udp, len, s + (unsigned)len) & 0xffff;
	put16(f->b + f->udp + 6, s ? s : 0xffff);
}

/* A datagram to us with n bytes of payload; an IPv4 one without checksum, as the tap sends. */
static struct frame
frame(bool v6, size_t n)
{
	struct frame f = {.ip = ETH, .v6 = v6};
	uint8_t *ip = f.b + ETH;

	f.udp = ETH + (v6 ? 40 : 20);
	f.payload = f.udp + 8;
	f.len = f.payload + n;
	memcpy(f.b, mac, 6);
	put16(f.b + 12, v6 ? 0x86dd : 0x0800);
	for (size_t i = 0; i < n; i++)
		f.b[f.payload + i] = (uint8_t)(i * 7 + n);
	put16(f.b + f.udp, 49153);
	put16(f.b + f.udp + 2, PORT);
	put16(f.b + f.udp + 4, (unsigned)n + 8);
	ip[0] = v6 ? 0x60 : 0x45;
	if (v6) {
		put16(ip + 4, (unsigned)n + 8);
		ip[6] = 17;
		memcpy(ip + 8, peer6, 16);
		memcpy(ip + 24, own6, 16);
		udp_seal(&f);
	} else {
		put16(ip + 2, (unsigned)n + 28);
		ip[8] = 64;
		ip[9] = 17;
		memcpy(ip + 12, peer4, 4);
		memcpy(ip + 16, own4, 4);
		ip4_seal(&f);
	}
	return f;
}

/* ---- the program ---- */

static int
on_record(void *arg, void *rec, size_t size)
{
	struct lab *l = arg;
	struct rx_packet pkt;

	assert_int_equal(early_record(rec, size, 2, &l->got_index, &pkt), 0);
	assert_true(pkt.len <= sizeof l->got && pkt.stamp_ns > 0);
	memcpy(l->got, pkt.p, pkt.len);
	l->got_len = pkt.len;
	l->count++;
	return 0;
}

static int
setup(void **state)
{
	struct lab *l = calloc(1, sizeof *l);
	struct early_self *self;

	if (l == NULL || (l->skel = early_bpf__open()) == NULL)
		return -1;
	self = (struct early_self *)&l->skel->rodata->early_self;
	self->addr4[0] = htobe32(0xc0000201); /* 192.0.2.1 */
	memcpy(&self->addr4[1], own4, 4);
	memcpy(self->addr6[0], own6, 16);
	memcpy(self->mac[0], "\2\0\0\0\0\1", 6);
	memcpy(self->mac[1], mac, 6);
	self->naddr4 = self->nlinks = 2;
	self->naddr6 = 1;
	l->skel->bss->early_port[PORT].index = 2;
	if (bpf_map__set_max_entries(l->skel->maps.early_ring, 65536) < 0 || early_bpf__load(l->skel) < 0)
		return -1;
	l->ring = ring_buffer__new(bpf_map__fd(l->skel->maps.early_ring), on_record, l, NULL);
	*state = l;
	return l->ring ? 0 : -1;
}

static int
teardown(void **state)
{
	struct lab *l = *state;

	ring_buffer__free(l->ring);
	early_bpf__destroy(l->skel);
	free(l);
	return 0;
}

static enum verdict
run(struct lab *l, const struct frame *f)
{
	LIBBPF_OPTS(bpf_test_run_opts, t, .data_in = f->b, .data_size_in = (uint32_t)f->len);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(l->skel->progs.early_take), &t), 0);
	return (enum verdict)t.retval;
}

static void
assert_taken(struct lab *l, const struct frame *f, size_t n)
{
	unsigned before = l->count;

	assert_int_equal(run(l, f), DROP);
	assert_int_equal(ring_buffer__consume(l->ring), 1);
	assert_int_equal(l->count, before + 1);
	assert_int_equal(l->got_index, 1);
	assert_int_equal(l->got_len, n);
	assert_memory_equal(l->got, f->b + f->payload, n);
}

/* The kernel gets it, and the ring nothing. */
static void
assert_left(struct lab *l, const struct frame *f)
{
	assert_int_equal(run(l, f), PASS);
	assert_int_equal(ring_buffer__consume(l->ring), 0);
}

/* Every length: each size of record, each remainder, with and without checksum. */
static void
test_lengths(void **state)
{
	for (size_t n = 1; n <= EARLY_LEN_MAX; n++) {
		struct frame f4 = frame(false, n), f6 = frame(true, n);

		assert_taken(*state, &f4, n);
		assert_taken(*state, &f6, n);
		udp_seal(&f4);
		assert_taken(*state, &f4, n);
		f4.b[f4.payload + n - 1] ^= 1; /* a wrong checksum is the kernel's to refuse and to count */
		assert_left(*state, &f4);
		f6.b[f6.payload + n / 2] ^= 0x80;
		assert_left(*state, &f6);
	}
}

static void
test_padding(void **state)
{
	struct frame f = frame(false, 5);

	f.len = 60; /* the least of an Ethernet frame */
	assert_taken(*state, &f, 5);
}

struct change {
	const char *what;
	bool v6;
	size_t at;
	uint8_t v;
};

static void
test_left_to_the_kernel(void **state)
{
	static const struct change changes[] = {
	    {"another machine's MAC", false, 5, 9},
	    {"another protocol", false, 13, 6},
	    {"VLAN tag", false, 12, 0x81},
	    {"version", false, ETH, 0x55},
	    {"options", false, ETH, 0x46},
	    {"more fragments", false, ETH + 6, 0x20},
	    {"a later fragment", false, ETH + 7, 1},
	    {"TCP", false, ETH + 9, 6},
	    {"another destination", false, ETH + 19, 3},
	    {"total length", false, ETH + 3, 200},
	    {"UDP length", false, ETH + 25, 20},
	    {"another port", false, ETH + 23, 1},
	    {"version", true, ETH, 0x50},
	    {"next header", true, ETH + 6, 44},
	    {"another destination", true, ETH + 39, 3},
	    {"payload length", true, ETH + 5, 20},
	    {"another port", true, ETH + 43, 1},
	};

	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		const struct change *c = &changes[i];
		struct frame f = frame(c->v6, 64);

		assert_taken(*state, &f, 64);
		f.b[c->at] = c->v;
		if (!c->v6)
			ip4_seal(&f);
		if (c->at >= f.udp && c->v6)
			udp_seal(&f);
		print_message("%s\n", c->what);
		assert_left(*state, &f);
	}
}

static void
test_damaged(void **state)
{
	struct frame f = frame(false, 64);

	f.b[ETH + 10] ^= 1; /* header checksum */
	assert_left(*state, &f);
	f = frame(true, 64);
	put16(f.b + f.udp + 6, 0); /* none at all, which IPv6 forbids */
	assert_left(*state, &f);
	f = frame(false, EARLY_LEN_MAX + 1);
	assert_left(*state, &f);
	f = frame(false, 0);
	assert_left(*state, &f);
	for (size_t len = ETH; len < frame(true, 64).len; len++) {
		f = frame(true, 64);
		f.len = len;
		assert_left(*state, &f);
		f = frame(false, 64);
		if (len < f.len) {
			f.len = len;
			assert_left(*state, &f);
		}
	}
}

/* What finds no room is counted, and nothing that was taken is damaged. */
static void
test_full(void **state)
{
	struct lab *l = *state;
	struct frame f = frame(false, 64);
	const unsigned sent = 2000;

	for (unsigned i = 0; i < sent; i++)
		assert_int_equal(run(l, &f), DROP);
	assert_true(ring_buffer__consume(l->ring) > 0);
	assert_true(l->skel->bss->early_port[PORT].lost > 0);
	assert_int_equal(l->count + l->skel->bss->early_port[PORT].lost, sent);
	assert_taken(l, &f, 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_padding, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_left_to_the_kernel, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};

	if (geteuid() != 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
