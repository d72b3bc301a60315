/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_parse on packets written by hand, and on what the generator builds.
 * Every input is parsed where an allocation ends, so that the address sanitizer
 * sees a read past the end.
 */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "abi.h"
#include "gen.h"

#define BYTES_MAX 512
#define RANDOM_PACKETS 200000u

/* ---- bytes by hand ---- */

struct bytes {
	uint8_t p[BYTES_MAX];
	size_t len;
};

static void
add(struct bytes *b, size_t len, const void *p)
{
	assert_true(b->len + len <= sizeof b->p);
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

#define ADD(b, ...) add(b, sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

static void
add_zeros(struct bytes *b, size_t len)
{
	assert_true(b->len + len <= sizeof b->p);
	memset(b->p + b->len, 0, len);
	b->len += len;
}

/* Both length fields say what is there. */
static void
length_set(struct bytes *b)
{
	size_t at = b->p[0] >> 4 == 4 ? 2 : 4, len = b->len - (at == 2 ? 0 : 40);

	b->p[at] = (uint8_t)(len >> 8);
	b->p[at + 1] = (uint8_t)len;
}

/* 192.0.2.1 > 198.51.100.2; frag is flags and offset. */
static void
add_ipv4(struct bytes *b, unsigned words, uint8_t proto, uint16_t frag)
{
	ADD(b, (uint8_t)(0x40 + words), 0, 0, 0, 0, 7, (uint8_t)(frag >> 8), (uint8_t)frag, 64, proto, 0, 0);
	ADD(b, 192, 0, 2, 1, 198, 51, 100, 2);
}

/* 2001:db8::1 > 2001:db8:ff::2 */
static void
add_ipv6(struct bytes *b, uint8_t next)
{
	ADD(b, 0x60, 0, 0, 0, 0, 0, next, 64);
	ADD(b, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
	ADD(b, 0x20, 1, 0x0d, 0xb8, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
}

static void
add_ports(struct bytes *b)
{
	ADD(b, 0xd4, 0x31, 0x00, 0x35, 0, 8, 0, 0); /* 54321 > 53 */
}

static void
add_icmp(struct bytes *b, uint8_t type)
{
	ADD(b, type, 4, 0, 0, 0, 0, 0, 0);
}

/* Hop-by-hop, routing or destination options of (len + 1) * 8 bytes. */
static void
add_options(struct bytes *b, uint8_t next, uint8_t len)
{
	ADD(b, next, len);
	add_zeros(b, (size_t)len * 8 + 6);
}

static void
add_fragment(struct bytes *b, uint8_t next, uint16_t offset_more)
{
	ADD(b, next, 0xee, (uint8_t)(offset_more >> 8), (uint8_t)offset_more, 0, 0, 0, 9);
}

/* From the end of an allocation: with no bytes at all, too, the first one read is behind it. */
static int
parse_exactly(const uint8_t *p, size_t len, struct packet *out)
{
	uint8_t *copy = malloc(len + 1);
	int r;

	assert_non_null(copy);
	memcpy(copy + 1, p, len);
	r = packet_parse(copy + 1, len, out);
	free(copy);
	return r;
}

static void
assert_packet(const struct bytes *b, const struct packet *want)
{
	struct packet p;

	assert_int_equal(parse_exactly(b->p, b->len, &p), 0);
	assert_int_equal(p.family, want->family);
	assert_int_equal(p.proto, want->proto);
	assert_int_equal(p.has_ports, want->has_ports);
	assert_int_equal(p.has_icmp, want->has_icmp);
	assert_int_equal(p.sport, want->sport);
	assert_int_equal(p.dport, want->dport);
	assert_int_equal(p.itype, want->itype);
	assert_int_equal(p.icode, want->icode);
	assert_true(ip_equal(&p.src, &want->src));
	assert_true(ip_equal(&p.dst, &want->dst));
}

enum known { NOTHING, PORTS, TYPE };

/* What packets by hand parse to: the addresses of add_ipv4 or add_ipv6, the values of add_ports or add_icmp. */
static struct packet
expected(uint8_t family, uint8_t proto, enum known known)
{
	struct packet p = {.family = family, .proto = proto, .has_ports = known == PORTS, .has_icmp = known == TYPE};

	if (family == 4) {
		p.src = (struct ip_addr){4, {192, 0, 2, 1}};
		p.dst = (struct ip_addr){4, {198, 51, 100, 2}};
	} else {
		p.src = (struct ip_addr){6, {0x20, 1, 0x0d, 0xb8, [15] = 1}};
		p.dst = (struct ip_addr){6, {0x20, 1, 0x0d, 0xb8, 0, 0xff, [15] = 2}};
	}
	if (known == PORTS) {
		p.sport = 54321;
		p.dport = 53;
	}
	if (known == TYPE) {
		p.itype = family == 4 ? 8 : 128;
		p.icode = 4;
	}
	return p;
}

static void
test_ipv4(void **state)
{
	static const struct {
		uint8_t words, proto;
		uint16_t frag;
		enum known known;
	} row[] = {
	    {5, 6, 0, PORTS},
	    {5, 17, 0x4000, PORTS},
	    {6, 17, 0, PORTS},      /* with options */
	    {15, 6, 0, PORTS},      /* as many as there can be */
	    {5, 17, 0x2000, PORTS}, /* first fragment */
	    {5, 17, 0x2001, NOTHING},
	    {5, 17, 0x0001, NOTHING},
	    {5, 17, 0x1fff, NOTHING},
	    {7, 6, 0x00b9, NOTHING},
	    {5, 1, 0, TYPE},
	    {8, 1, 0x2000, TYPE},
	    {5, 1, 0x00b9, NOTHING},
	    {5, 58, 0, NOTHING}, /* ICMPv6 has no meaning in IPv4 */
	    {5, 0, 0, NOTHING},  /* nor have extension headers */
	    {5, 44, 0, NOTHING},
	    {5, 47, 0, NOTHING},
	    {5, 132, 0, NOTHING}, /* SCTP: ports there, but not by the draft */
	    {5, 255, 0, NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct packet want = expected(4, row[i].proto, row[i].known);
		struct bytes b = {.len = 0};

		add_ipv4(&b, row[i].words, row[i].proto, row[i].frag);
		add_zeros(&b, (row[i].words - 5u) * 4);
		if (row[i].proto == 1)
			add_icmp(&b, 8);
		else
			add_ports(&b);
		length_set(&b);
		assert_packet(&b, &want);
	}
}

enum ext { HOP = 0, ROUTE = 43, FRAG = 44, AUTH = 51, ESP = 50, DST = 60, NO_NEXT = 59 };

static void
add_ext(struct bytes *b, uint8_t this, uint8_t next, uint8_t len, uint16_t frag)
{
	if (this == FRAG)
		add_fragment(b, next, frag);
	else if (this == AUTH) {
		ADD(b, next, len);
		add_zeros(b, (len + 2u) * 4 - 2);
	} else
		add_options(b, next, len);
}

static void
test_ipv6(void **state)
{
	static const struct {
		uint8_t chain[TAP_EXT_MAX + 2]; /* the last one is the protocol */
		uint8_t n, len;                 /* len: that field of each extension header */
		uint16_t frag;                  /* as on the wire: offset << 3 | more */
		uint8_t proto;
		enum known known;
	} row[] = {
	    {{6}, 1, 0, 0, 6, PORTS},
	    {{17}, 1, 0, 0, 17, PORTS},
	    {{58}, 1, 0, 0, 58, TYPE},
	    {{1}, 1, 0, 0, 1, NOTHING},
	    {{NO_NEXT}, 1, 0, 0, NO_NEXT, NOTHING},
	    {{ESP}, 1, 0, 0, ESP, NOTHING},
	    {{HOP, 17}, 2, 0, 0, 17, PORTS},
	    {{HOP, 17}, 2, 5, 0, 17, PORTS},
	    {{ROUTE, 58}, 2, 2, 0, 58, TYPE},
	    {{DST, 6}, 2, 1, 0, 6, PORTS},
	    {{AUTH, 6}, 2, 0, 0, 6, PORTS}, /* counts four bytes, and two of them less */
	    {{AUTH, 6}, 2, 4, 0, 6, PORTS},
	    {{AUTH, ESP}, 2, 4, 0, ESP, NOTHING},
	    {{HOP, DST, ROUTE, AUTH, DST, 17}, 6, 1, 0, 17, PORTS},
	    {{FRAG, 17}, 2, 0, 0, 17, PORTS},   /* atomic */
	    {{FRAG, 17}, 2, 0, 1, 17, PORTS},   /* first */
	    {{FRAG, 17}, 2, 0, 6, 17, PORTS},   /* reserved bits are not an offset */
	    {{FRAG, 17}, 2, 0, 8, 17, NOTHING}, /* the last one, from the 8th byte on */
	    {{FRAG, 17}, 2, 0, 9, 17, NOTHING},
	    {{FRAG, 58}, 2, 0, 0xfff8, 58, NOTHING},
	    {{HOP, FRAG, DST, 17}, 4, 0, 1, 17, PORTS},
	    {{HOP, FRAG, DST, 17}, 4, 0, 9, DST, NOTHING}, /* what follows is not a header */
	    {{DST, DST, DST, DST, DST, DST, DST, 17}, 8, 0, 0, 17, PORTS},
	    {{DST, DST, DST, DST, DST, DST, DST, DST, 17}, 9, 0, 0, 17, PORTS}, /* TAP_EXT_MAX */
	    {{DST, DST, DST, DST, DST, DST, DST, DST, DST, 17}, 10, 0, 0, DST, NOTHING},
	    {{DST, DST, DST, DST, DST, DST, DST, AUTH, FRAG, 17}, 10, 0, 0, FRAG, NOTHING},
	};

	(void)state;
	_Static_assert(TAP_EXT_MAX == 8, "the rows above count to it");
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct packet want = expected(6, row[i].proto, row[i].known);
		struct bytes b = {.len = 0};

		add_ipv6(&b, row[i].chain[0]);
		for (size_t k = 0; k + 1 < row[i].n; k++)
			add_ext(&b, row[i].chain[k], row[i].chain[k + 1], row[i].len, row[i].frag);
		if (row[i].proto == 58)
			add_icmp(&b, 128);
		else
			add_ports(&b);
		length_set(&b);
		assert_packet(&b, &want);
	}
}

/* ---- lengths ---- */

static void
test_refused(void **state)
{
	static const uint8_t versions[] = {0x05, 0x15, 0x35, 0x55, 0x75, 0xf5};
	struct packet p = {.family = 99};
	struct bytes b = {.len = 0};

	(void)state;
	add_ipv4(&b, 5, 17, 0);
	add_ports(&b);
	add_zeros(&b, 40); /* enough for either */
	length_set(&b);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		b.p[0] = versions[i];
		assert_int_equal(parse_exactly(b.p, b.len, &p), -EINVAL);
	}
	for (uint8_t words = 0; words < 5; words++) {
		b.p[0] = (uint8_t)(0x40 + words);
		assert_int_equal(parse_exactly(b.p, b.len, &p), -EINVAL);
	}
	assert_int_equal(parse_exactly(b.p, 0, &p), -EINVAL);
	assert_int_equal(p.family, 99); /* untouched */
}

/* Header lengths that reach behind the end: addresses and protocol are known, no more. */
static void
test_header_too_long(void **state)
{
	struct packet want = expected(4, 17, NOTHING);
	struct bytes b = {.len = 0};

	(void)state;
	add_ipv4(&b, 8, 17, 0);
	add_ports(&b); /* 28 bytes of 32 */
	length_set(&b);
	assert_packet(&b, &want);

	b.len = 0;
	want = expected(6, 17, NOTHING);
	add_ipv6(&b, DST);
	ADD(&b, 17, 255);
	add_zeros(&b, 6);
	add_ports(&b);
	length_set(&b);
	assert_packet(&b, &want);
}

/* What is cut off at each byte must not be made up, and nothing behind it read. */
static void
truncate_everywhere(const struct bytes *b, size_t addresses, size_t behind)
{
	struct packet whole, p;

	assert_int_equal(parse_exactly(b->p, b->len, &whole), 0);
	assert_true(whole.has_ports || whole.has_icmp);
	for (size_t len = 0; len <= b->len; len++) {
		int r = parse_exactly(b->p, len, &p);

		assert_int_equal(r, len < addresses ? -EINVAL : 0);
		if (r < 0)
			continue;
		assert_true(ip_equal(&p.src, &whole.src) && ip_equal(&p.dst, &whole.dst));
		assert_int_equal(p.has_ports, whole.has_ports && len >= behind);
		assert_int_equal(p.has_icmp, whole.has_icmp && len >= behind);
		if (len >= behind)
			assert_int_equal(p.proto, whole.proto);
	}
}

static void
test_truncated(void **state)
{
	struct bytes b = {.len = 0};

	(void)state;
	add_ipv4(&b, 7, 17, 0);
	add_zeros(&b, 8);
	add_ports(&b);
	length_set(&b);
	truncate_everywhere(&b, 20, 28 + 4);

	b.len = 0;
	add_ipv4(&b, 5, 1, 0);
	add_icmp(&b, 8);
	length_set(&b);
	truncate_everywhere(&b, 20, 20 + 2);

	b.len = 0;
	add_ipv6(&b, HOP);
	add_ext(&b, HOP, ROUTE, 1, 0);
	add_ext(&b, ROUTE, AUTH, 2, 0);
	add_ext(&b, AUTH, FRAG, 4, 0);
	add_ext(&b, FRAG, DST, 0, 1);
	add_ext(&b, DST, 6, 0, 0);
	add_ports(&b);
	length_set(&b);
	truncate_everywhere(&b, 40, 40 + 16 + 24 + 24 + 8 + 8 + 4);

	b.len = 0;
	add_ipv6(&b, DST);
	add_ext(&b, DST, 58, 0, 0);
	add_icmp(&b, 128);
	length_set(&b);
	truncate_everywhere(&b, 40, 48 + 2);
}

/* The packet's own length counts, where it says less than was received. */
static void
test_own_length(void **state)
{
	static const struct {
		uint16_t len;
		enum known known;
	} row4[] = {{24, PORTS}, {23, NOTHING}, {20, NOTHING}, {28, PORTS}, {65535, PORTS}, {19, PORTS},
	    {0, PORTS} /* no length at all: what was received counts */},
	  row6[] = {{4, PORTS}, {3, NOTHING}, {0, NOTHING}, {8, PORTS}, {65535, PORTS}};
	struct packet want;
	struct bytes b = {.len = 0};

	(void)state;
	add_ipv4(&b, 5, 17, 0);
	add_ports(&b);
	for (size_t i = 0; i < ARRAY_LEN(row4); i++) {
		b.p[2] = (uint8_t)(row4[i].len >> 8);
		b.p[3] = (uint8_t)row4[i].len;
		want = expected(4, 17, row4[i].known);
		assert_packet(&b, &want);
	}
	b.len = 0;
	add_ipv6(&b, 17);
	add_ports(&b);
	for (size_t i = 0; i < ARRAY_LEN(row6); i++) {
		b.p[4] = (uint8_t)(row6[i].len >> 8);
		b.p[5] = (uint8_t)row6[i].len;
		want = expected(6, 17, row6[i].known);
		assert_packet(&b, &want);
	}
}

static void
test_jumbogram(void **state)
{
	struct packet want = expected(6, 17, PORTS);
	struct bytes b = {.len = 0};

	(void)state;
	add_ipv6(&b, HOP);
	ADD(&b, 17, 0, 0xc2, 4, 0, 1, 0, 0);
	add_ports(&b);
	assert_packet(&b, &want);
}

/* ---- what the generator builds ---- */

static bool
packets_equal(const struct packet *a, const struct packet *b)
{
	return a->family == b->family && a->proto == b->proto && a->has_ports == b->has_ports &&
	       a->has_icmp == b->has_icmp && ip_equal(&a->src, &b->src) && ip_equal(&a->dst, &b->dst) &&
	       a->sport == b->sport && a->dport == b->dport && a->itype == b->itype && a->icode == b->icode;
}

/* Whether the packet survives being written, with and without padding behind it. */
static bool
seed_survives(uint64_t seed, uint8_t *buf)
{
	struct packet p, q = {0};
	struct criteria c;
	struct gen g;
	size_t len;
	bool ok;

	gen_init(&g, seed);
	gen_criteria(&g, &c);
	gen_packet(&g, &c, &p);
	criteria_free(&c);
	len = gen_packet_bytes(&g, &p, buf, GEN_PACKET_MAX);
	ok = len > 0 && parse_exactly(buf, len, &q) == 0 && packets_equal(&p, &q);
	/* Nothing stands for the length of an empty packet that names options. */
	if (p.family == 6 && p.proto == 0 && len == 40)
		return ok;
	for (size_t i = 0; i < 6; i++)
		buf[len + i] = (uint8_t)gen_u64(&g);
	return ok && parse_exactly(buf, len + 6, &q) == 0 && packets_equal(&p, &q);
}

static void
test_generated(void **state)
{
	uint8_t *buf = malloc(GEN_PACKET_MAX + 6);
	const char *one = getenv("FLOWTAP_SEED");

	(void)state;
	assert_non_null(buf);
	if (one)
		assert_true(seed_survives(strtoull(one, NULL, 10), buf));
	for (uint64_t seed = 0; one == NULL && seed < RANDOM_PACKETS; seed++)
		if (!seed_survives(seed, buf)) {
			print_error("FLOWTAP_SEED=%" PRIu64 "\n", seed);
			fail();
		}
	free(buf);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ipv4),
	    cmocka_unit_test(test_ipv6),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_header_too_long),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_own_length),
	    cmocka_unit_test(test_jumbogram),
	    cmocka_unit_test(test_generated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
