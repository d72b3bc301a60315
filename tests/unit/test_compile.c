/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The compiled filter says what the lists say.  A failure prints the seed of its
 * criterion; FLOWTAP_SEED=<seed> runs that one alone.
 */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gen.h"

#define PAIRS 4000000u
#define PACKETS 64u /* for each criterion */

static void
parse(struct criteria *c, enum criteria_field f, const char *text)
{
	if (text)
		assert_int_equal(criteria_parse(c, f, (struct slice){text, strlen(text)}, NULL), 0);
}

/* ---- the property ---- */

struct tally {
	unsigned pairs, hits, too_big, criteria;
};

static void
print_failure(const char *what, uint64_t seed, const struct criteria *c, const struct packet *p)
{
	char src[IP_STRLEN], dst[IP_STRLEN];

	print_error("%s: FLOWTAP_SEED=%" PRIu64 " family %u\n", what, seed, c->family);
	for (enum criteria_field f = 0; f < CRIT_FIELDS; f++) {
		cleanup_buf struct buf text = {0};

		criteria_format(c, f, &text);
		print_error("  %s: %.*s\n", criteria_field_name(f), (int)text.len, (char *)text.p);
	}
	if (p)
		print_error("  packet %s > %s proto %u ports %d %u %u icmp %d %u %u\n", ip_format(&p->src, src),
		    ip_format(&p->dst, dst), p->proto, p->has_ports, p->sport, p->dport, p->has_icmp, p->itype,
		    p->icode);
}

static bool
ports_are_free(const struct filter_term *t)
{
	return t->sport_lo == 0 && t->sport_hi == 65535 && t->dport_lo == 0 && t->dport_hi == 65535;
}

static bool
icmp_is_free(const struct filter_term *t)
{
	return t->itype_lo == 0 && t->itype_hi == 255 && t->icode_lo == 0 && t->icode_hi == 255;
}

/* A term as filter.h describes it. */
static bool
term_is_good(const struct filter_term *t)
{
	if (t->family != 4 && t->family != 6)
		return false;
	if (t->src_lo.family != t->family || t->src_hi.family != t->family || t->dst_lo.family != t->family ||
	    t->dst_hi.family != t->family)
		return false;
	if (ip_cmp(&t->src_lo, &t->src_hi) > 0 || ip_cmp(&t->dst_lo, &t->dst_hi) > 0 || t->proto_lo > t->proto_hi ||
	    t->sport_lo > t->sport_hi || t->dport_lo > t->dport_hi || t->itype_lo > t->itype_hi ||
	    t->icode_lo > t->icode_hi)
		return false;
	if (t->need == FILTER_NEED_PORTS)
		return icmp_is_free(t) && t->proto_lo == t->proto_hi && (t->proto_lo == 6 || t->proto_lo == 17);
	if (t->need == FILTER_NEED_ICMP)
		return ports_are_free(t) && t->proto_lo == t->proto_hi && t->proto_lo == (t->family == 4 ? 1 : 58);
	return t->need == 0 && ports_are_free(t) && icmp_is_free(t);
}

static bool
is_wild(const struct criteria *c, enum criteria_field f)
{
	const struct num_list *l = &c->num[f - CRIT_PROTOCOL];

	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i].form != FORM_ANY || l->v[i].negated)
			return false;
	return true;
}

/* Ports and ICMP are needed when, and only when, there is an element that asks. */
static bool
needs_are_good(const struct criteria *c, const struct tap_filter *f)
{
	bool ports = !is_wild(c, CRIT_SOURCE_PORT) || !is_wild(c, CRIT_DEST_PORT);
	bool icmp = !is_wild(c, CRIT_ICMP_TYPE) || !is_wild(c, CRIT_ICMP_CODE);

	for (uint32_t i = 0; i < f->n; i++) {
		uint8_t need = f->term[i].need;

		if ((need == FILTER_NEED_PORTS && !ports) || (need == FILTER_NEED_ICMP && !icmp) ||
		    (need == 0 && (ports || icmp)))
			return false;
	}
	return true;
}

static unsigned
terms_matching(const struct tap_filter *f, const struct packet *p)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < f->n; i++)
		n += filter_match(&(struct tap_filter){&f->term[i], 1}, p);
	return n;
}

static bool
survives_encoding(const struct tap_filter *f)
{
	cleanup_buf struct buf once = {0}, twice = {0};
	struct tap_filter g = {0};
	struct rd r;
	bool same;

	filter_encode(f, &once);
	r = rd_init(once.p, once.len);
	if (once.err || filter_decode(&g, &r) != 0 || rd_end(&r) != 0)
		return false;
	same = g.n == f->n;
	for (uint32_t i = 0; same && i < f->n; i++)
		same = memcmp(&g.term[i], &f->term[i], sizeof g.term[i]) == 0;
	filter_encode(&g, &twice);
	same = same && twice.len == once.len && memcmp(twice.p, once.p, once.len) == 0;
	filter_free(&g);
	return same;
}

static const char *
criterion_check(struct gen *g, const struct criteria *c, const struct tap_filter *f, struct tally *t, struct packet *p)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (!term_is_good(&f->term[i]))
			return "a term is not as documented";
	if (!needs_are_good(c, f))
		return "need flags are wrong";
	if (!survives_encoding(f))
		return "decode(encode(filter)) differs";
	for (unsigned i = 0; i < PACKETS; i++) {
		bool want;

		gen_packet(g, c, p);
		want = criteria_match(c, p);
		if (filter_match(f, p) != want)
			return want ? "the filter misses a packet" : "the filter takes too much";
		if (terms_matching(f, p) != (want ? 1 : 0))
			return "terms overlap";
		t->pairs++;
		t->hits += want;
	}
	return NULL;
}

static const char *
seed_run(uint64_t seed, struct tally *t)
{
	struct packet p = {0};
	struct tap_filter f = {0};
	struct criteria c;
	const char *bad = NULL;
	struct gen g;
	int r;

	gen_init(&g, seed);
	gen_criteria(&g, &c);
	r = filter_compile(&c, &f);
	if (r == 0)
		bad = criterion_check(&g, &c, &f, t, &p);
	else if (r == -E2BIG)
		t->too_big++;
	else
		bad = "filter_compile failed";
	t->criteria++;
	if (bad)
		print_failure(bad, seed, &c, p.family ? &p : NULL);
	filter_free(&f);
	criteria_free(&c);
	return bad;
}

static void
test_property(void **state)
{
	const char *one = getenv("FLOWTAP_SEED");
	struct tally t = {0};

	(void)state;
	if (one) {
		assert_null(seed_run(strtoull(one, NULL, 10), &t));
		return;
	}
	for (uint64_t seed = 0; t.pairs < PAIRS; seed++)
		assert_null(seed_run(seed, &t));
	print_message(
	    "# %u pairs, %u of them matching; %u criteria, %u too big\n", t.pairs, t.hits, t.criteria, t.too_big);
	/* A generator whose packets never hit, or always do, would prove nothing. */
	assert_in_range(t.hits, t.pairs / 10, t.pairs * 9 / 10);
	assert_true(t.too_big <= t.criteria / 20);
}

/* ---- single cases ---- */

static const struct terms_row {
	const char *element[CRIT_FIELDS];
	uint8_t family;
	uint32_t n;
} terms_rows[] = {
    {{NULL}, 0, 2},
    {{NULL}, 4, 1},
    {{NULL}, 6, 1},
    {{"192.0.2.1"}, 0, 1},
    {{"2001:db8::/32", "2001:db8:1::1"}, 0, 1},
    {{"192.0.2.0/25,192.0.2.128/25"}, 0, 1}, /* touching: one range */
    {{"192.0.2.0/24,192.0.2.7,192.0.2.3-192.0.2.9"}, 0, 1},
    {{"192.0.2.0/24,!192.0.2.64/26"}, 0, 2},
    {{"*,!192.0.2.0/24"}, 0, 2},
    {{"!*"}, 4, 0},
    {{"192.0.2.1,!192.0.2.1"}, 0, 0},
    {{"0.0.0.0-*"}, 0, 1},
    {{"*-255.255.255.255"}, 0, 1},
    {{"!0.0.0.0", "!255.255.255.255"}, 0, 1},
    {{"::-*", "*-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, 0, 1},
    {{"!ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, 0, 1},
    /* Across a wide boundary: cut there. */
    {{"192.0.2.255-192.0.3.0"}, 0, 2},
    {{"127.255.255.255-128.0.0.0"}, 0, 2},
    {{"2001:db8:0:0:ffff:ffff:ffff:ffff-2001:db8:0:1::"}, 0, 2},
    {{"192.0.2.0-192.0.3.255"}, 0, 1},
    {{"192.0.2.1-192.0.2.2"}, 0, 1}, /* the cover is four: not worth it */
    {{NULL, NULL, "6"}, 4, 1},
    {{NULL, NULL, "1,6,17"}, 4, 3},
    {{NULL, NULL, "16,17"}, 4, 1},
    {{NULL, NULL, "!6"}, 4, 2},
    {{NULL, NULL, NULL, "53"}, 4, 2}, /* TCP and UDP */
    {{NULL, NULL, NULL, "53"}, 0, 4},
    {{NULL, NULL, "17", "53"}, 4, 1},
    {{NULL, NULL, "17,47", "53"}, 4, 1},
    {{NULL, NULL, "47", "53"}, 4, 0},
    {{NULL, NULL, "*-16", "53", "80,443"}, 4, 2},
    {{NULL, NULL, NULL, "*", "*"}, 4, 1}, /* a wildcard asks for nothing */
    {{NULL, NULL, NULL, NULL, NULL, "8"}, 4, 1},
    {{NULL, NULL, NULL, NULL, NULL, "8"}, 0, 2},
    {{NULL, NULL, "1", NULL, NULL, "8"}, 0, 1},
    {{NULL, NULL, "1", NULL, NULL, "8"}, 6, 0},
    {{NULL, NULL, NULL, "53", NULL, NULL, "0-1,3"}, 4, 4},
};

static void
test_terms(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(terms_rows); i++) {
		const struct terms_row *row = &terms_rows[i];
		struct criteria c = {.family = row->family};
		struct tap_filter f;

		for (enum criteria_field e = 0; e < CRIT_FIELDS; e++)
			parse(&c, e, row->element[e]);
		assert_int_equal(filter_compile(&c, &f), 0);
		if (f.n != row->n)
			print_error("row %zu\n", i);
		assert_int_equal(f.n, row->n);
		for (uint32_t t = 0; t < f.n; t++)
			assert_true(term_is_good(&f.term[t]));
		assert_true(needs_are_good(&c, &f));
		filter_free(&f);
		assert_null(f.term);
		criteria_free(&c);
	}
}

/* The parts of a range that was cut lie under covering prefixes that fit. */
static void
test_split(void **state)
{
	struct criteria c = {0};
	struct tap_filter f;
	char text[IP_STRLEN];

	(void)state;
	parse(&c, CRIT_DEST_ADDRESS, "192.0.2.254-192.0.3.1");
	assert_int_equal(filter_compile(&c, &f), 0);
	assert_int_equal(f.n, 2);
	assert_string_equal(ip_format(&f.term[0].dst_lo, text), "192.0.2.254");
	assert_string_equal(ip_format(&f.term[0].dst_hi, text), "192.0.2.255");
	assert_string_equal(ip_format(&f.term[1].dst_lo, text), "192.0.3.0");
	assert_string_equal(ip_format(&f.term[1].dst_hi, text), "192.0.3.1");
	filter_free(&f);
	criteria_free(&c);
}

/* n single ports, none touching: first, first+2, ... */
static void
parse_ports(struct criteria *c, enum criteria_field f, unsigned n)
{
	cleanup_buf struct buf text = {0};

	for (unsigned i = 0; i < n; i++)
		buf_printf(&text, "%s%u", i ? "," : "", 2 * i);
	assert_int_equal(text.err, 0);
	assert_int_equal(criteria_parse(c, f, (struct slice){(char *)text.p, text.len}, NULL), 0);
}

static void
test_too_big(void **state)
{
	static const struct {
		unsigned sports, dports;
		const char *proto;
		int r;
	} row[] = {
	    {64, 64, "6", 0},         /* 4096 */
	    {64, 64, "6,17", -E2BIG}, /* 8192 */
	    {32, 64, "6,17", 0},      /* 4096 */
	    {4096, 1, "6", 0},        /* 4096 */
	    {4097, 1, "6", -E2BIG},   /* one too many */
	    {8192, 8192, "6", -E2BIG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct criteria c = {.family = 4};
		struct tap_filter f = {.n = 12345};

		parse(&c, CRIT_PROTOCOL, row[i].proto);
		parse_ports(&c, CRIT_SOURCE_PORT, row[i].sports);
		parse_ports(&c, CRIT_DEST_PORT, row[i].dports);
		assert_int_equal(filter_compile(&c, &f), row[i].r);
		assert_int_equal(f.n, row[i].r == 0 ? FILTER_TERMS_MAX : 12345);
		if (row[i].r == 0) {
			assert_true(survives_encoding(&f));
			filter_free(&f);
		}
		criteria_free(&c);
	}
}

/* Pairs are no product; where they overlap, no packet is in two terms (the property has more of that). */
static void
test_pairs(void **state)
{
	static const struct {
		const char *sports, *dports;
		bool paired;
		uint32_t n;
	} row[] = {
	    {"1000,1001", "2000,2001", true, 2}, {"1000,1001", "2000,2000", true, 1},
	    {"1000,1000", "2000,2001", true, 1}, {"1000-1009,1005-1014", "53,54", true, 3}, {"*,1000", "53,*", true, 3},
	    {"*-99,100-*", "53,53", true, 1}, {"1000", "2000", false, 1}, {"1000,1002", "2000", false, 2},
	    {"1000,1002", "2000,2002,2004", false, 6},
	    {"1000,!1002", "2000,2002", false, 2}, /* 1000 with both: a set with an exclusion */
	};
	static const uint16_t port[] = {0, 99, 100, 1000, 1001, 1002, 1005, 1009, 1010, 1014, 1015, 65535};
	static const uint16_t dport[] = {53, 54, 2000, 2001, 2002, 2004, 0, 65535};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct criteria c = {.family = 4};
		struct packet p = {.family = 4, .proto = 6, .has_ports = true, .src = {4, {0}}, .dst = {4, {0}}};
		struct tap_filter f;

		parse(&c, CRIT_PROTOCOL, "6");
		parse(&c, CRIT_SOURCE_PORT, row[i].sports);
		parse(&c, CRIT_DEST_PORT, row[i].dports);
		assert_int_equal(criteria_pair(&c), row[i].paired);
		assert_int_equal(filter_compile(&c, &f), 0);
		if (f.n != row[i].n)
			fail_msg("%s with %s: %u terms, not %u", row[i].sports, row[i].dports, f.n, row[i].n);
		for (size_t s = 0; s < ARRAY_LEN(port); s++)
			for (size_t d = 0; d < ARRAY_LEN(dport); d++) {
				p.sport = port[s];
				p.dport = dport[d];
				assert_int_equal(terms_matching(&f, &p), criteria_match(&c, &p));
			}
		p.sport = 1000;
		p.dport = 2001;
		if (i == 0)
			assert_false(criteria_match(&c, &p));
		filter_free(&f);
		criteria_free(&c);
	}
}

/* As many pairs as there may be, and one more; and as many terms as overlapping ones make. */
static void
test_too_many_pairs(void **state)
{
	static const struct {
		unsigned pairs;
		int r;
	} row[] = {{FILTER_PAIRS_MAX, 0}, {FILTER_PAIRS_MAX + 1, -E2BIG}};
	cleanup_buf struct buf nested = {0}, single = {0};
	struct criteria c = {.family = 4};
	struct tap_filter f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		parse(&c, CRIT_PROTOCOL, "6");
		parse_ports(&c, CRIT_SOURCE_PORT, row[i].pairs);
		parse_ports(&c, CRIT_DEST_PORT, row[i].pairs);
		assert_true(criteria_pair(&c));
		assert_int_equal(filter_compile(&c, &f), row[i].r);
		if (row[i].r == 0) {
			assert_int_equal(f.n, row[i].pairs);
			filter_free(&f);
		}
		criteria_free(&c);
	}
	for (unsigned i = 0; i < 200; i++) {
		buf_printf(&nested, "%s%u-%u", i ? "," : "", 1000 + i, 3000 - i);
		buf_printf(&single, "%s%u", i ? "," : "", 2 * i);
	}
	parse(&c, CRIT_PROTOCOL, "6");
	assert_int_equal(criteria_parse(&c, CRIT_SOURCE_PORT, (struct slice){(char *)nested.p, nested.len}, NULL), 0);
	assert_int_equal(criteria_parse(&c, CRIT_DEST_PORT, (struct slice){(char *)single.p, single.len}, NULL), 0);
	assert_true(criteria_pair(&c));
	assert_int_equal(filter_compile(&c, &f), -E2BIG);
	criteria_free(&c);
}

/* Both families count together. */
static void
test_too_big_families(void **state)
{
	struct criteria c = {0};
	struct tap_filter f;

	(void)state;
	parse(&c, CRIT_PROTOCOL, "6");
	parse_ports(&c, CRIT_SOURCE_PORT, 2048);
	assert_int_equal(filter_compile(&c, &f), 0);
	assert_int_equal(f.n, FILTER_TERMS_MAX);
	filter_free(&f);
	criteria_free(&c);
	parse(&c, CRIT_PROTOCOL, "6");
	parse_ports(&c, CRIT_SOURCE_PORT, 2049);
	assert_int_equal(filter_compile(&c, &f), -E2BIG);
	criteria_free(&c);
}

/* Addresses alone may fill it, and not one more. */
static void
test_too_big_addresses(void **state)
{
	cleanup_buf struct buf text = {0};

	(void)state;
	for (unsigned i = 0; i < 65; i++) {
		struct criteria c = {0};
		struct tap_filter f;

		buf_printf(&text, "%s192.0.2.%u", i ? "," : "", 2 * i);
		if (i < 63)
			continue;
		for (enum criteria_field e = CRIT_SOURCE_ADDRESS; e <= CRIT_DEST_ADDRESS; e++)
			assert_int_equal(criteria_parse(&c, e, (struct slice){(char *)text.p, text.len}, NULL), 0);
		assert_int_equal(filter_compile(&c, &f), i == 63 ? 0 : -E2BIG);
		if (i == 63) {
			assert_int_equal(f.n, FILTER_TERMS_MAX);
			filter_free(&f);
		}
		criteria_free(&c);
	}
}

/* ---- decoding what no encoder writes ---- */

enum base { PORTS, ICMP, FREE };

/* The encoding of a filter of one IPv4 term. */
static void
one_term(struct buf *out, enum base base)
{
	struct criteria c = {0};
	struct tap_filter f;

	parse(&c, CRIT_SOURCE_ADDRESS, "192.0.2.0/24");
	parse(&c, CRIT_PROTOCOL, base == PORTS ? "17" : base == ICMP ? "1" : NULL);
	parse(&c, CRIT_DEST_PORT, base == PORTS ? "53" : NULL);
	parse(&c, CRIT_ICMP_TYPE, base == ICMP ? "8" : NULL);
	assert_int_equal(filter_compile(&c, &f), 0);
	assert_int_equal(f.n, 1);
	filter_encode(&f, out);
	assert_int_equal(out->err, 0);
	filter_free(&f);
	criteria_free(&c);
}

/* Offsets within it. */
enum {
	AT_COUNT = 3,
	AT_FAMILY,
	AT_NEED,
	AT_PROTO_LO,
	AT_PROTO_HI,
	AT_ITYPE_LO,
	AT_ITYPE_HI,
	AT_ICODE_LO,
	AT_ICODE_HI,
	AT_SRC_LO,
	AT_SRC_HI = AT_SRC_LO + 4,
	AT_DST_LO = AT_SRC_HI + 4,
	AT_DST_HI = AT_DST_LO + 4,
	AT_SPORT_LO = AT_DST_HI + 4,
	AT_SPORT_HI = AT_SPORT_LO + 2,
	AT_DPORT_LO = AT_SPORT_HI + 2,
	AT_DPORT_HI = AT_DPORT_LO + 2,
	AT_END = AT_DPORT_HI + 2
};

/* One byte changed. */
static const struct {
	uint8_t base, at, value;
} decode_rows[] = {
    {PORTS, AT_COUNT, 2}, {PORTS, 0, 1}, {PORTS, AT_FAMILY, 0}, {PORTS, AT_FAMILY, 5},
    {PORTS, AT_FAMILY, 6},                                         /* then too short */
    {PORTS, AT_NEED, 3}, {PORTS, AT_NEED, 4}, {PORTS, AT_NEED, 0}, /* ports compared, but not needed */
    {PORTS, AT_NEED, 2},                                           /* ICMP over UDP */
    {PORTS, AT_PROTO_LO, 16}, {PORTS, AT_PROTO_HI, 18}, {PORTS, AT_PROTO_LO, 18}, {PORTS, AT_SRC_LO, 193},
    {PORTS, AT_SRC_HI, 191}, {PORTS, AT_DPORT_LO, 1}, {PORTS, AT_DPORT_HI + 1, 52},
    {PORTS, AT_ITYPE_LO, 1}, /* compared, but not needed */
    {PORTS, AT_ITYPE_HI, 254}, {PORTS, AT_ICODE_LO, 1}, {PORTS, AT_ICODE_HI, 1}, {ICMP, AT_PROTO_HI, 2},
    {ICMP, AT_PROTO_LO, 0}, {ICMP, AT_ITYPE_LO, 9}, {ICMP, AT_ITYPE_HI, 7}, {ICMP, AT_NEED, 0}, {ICMP, AT_SPORT_LO, 1},
    {ICMP, AT_DPORT_HI, 254}, {FREE, AT_SPORT_LO, 1}, {FREE, AT_SPORT_HI, 254}, {FREE, AT_DPORT_LO, 1},
    {FREE, AT_DPORT_HI, 254}, {FREE, AT_ITYPE_LO, 1}, {FREE, AT_ITYPE_HI, 254}, {FREE, AT_ICODE_LO, 1},
    {FREE, AT_ICODE_HI, 254}, {FREE, AT_NEED, 1}, /* of any protocol */
};

static int
decode(const uint8_t *p, size_t len, struct tap_filter *f)
{
	struct rd r = rd_init(p, len);

	return filter_decode(f, &r);
}

static void
test_decode_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(decode_rows); i++) {
		struct tap_filter f;
		cleanup_buf struct buf b = {0};

		one_term(&b, decode_rows[i].base);
		assert_int_equal(b.len, AT_END);
		assert_int_equal(decode(b.p, b.len, &f), 0);
		filter_free(&f);
		b.p[decode_rows[i].at] = decode_rows[i].value;
		f.n = 77;
		if (decode(b.p, b.len, &f) != -EBADMSG) {
			print_error("row %zu\n", i);
			fail();
		}
		assert_int_equal(f.n, 77); /* untouched */
	}
}

static void
test_decode_truncated(void **state)
{
	cleanup_buf struct buf b = {0};
	struct tap_filter f;

	(void)state;
	one_term(&b, PORTS);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(decode(b.p, len, &f), -EBADMSG);
}

static void
test_decode_too_many(void **state)
{
	cleanup_buf struct buf term = {0}, b = {0};
	struct tap_filter f;

	(void)state;
	one_term(&term, FREE);
	buf_put_u32(&b, FILTER_TERMS_MAX + 1);
	for (unsigned i = 0; i <= FILTER_TERMS_MAX; i++)
		buf_put(&b, term.p + 4, term.len - 4);
	assert_int_equal(b.err, 0);
	assert_int_equal(decode(b.p, b.len, &f), -EBADMSG);
}

static void
test_decode_none(void **state)
{
	struct tap_filter f = {0};
	struct rd r = rd_init("\0\0\0\0", 4);

	(void)state;
	assert_int_equal(filter_decode(&f, &r), 0);
	assert_int_equal(f.n, 0);
	assert_false(filter_match(&f, &(struct packet){.family = 4}));
	filter_free(&f);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_terms),
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_too_big),
	    cmocka_unit_test(test_pairs),
	    cmocka_unit_test(test_too_many_pairs),
	    cmocka_unit_test(test_too_big_families),
	    cmocka_unit_test(test_too_big_addresses),
	    cmocka_unit_test(test_decode_refused),
	    cmocka_unit_test(test_decode_truncated),
	    cmocka_unit_test(test_decode_too_many),
	    cmocka_unit_test(test_decode_none),
	    cmocka_unit_test(test_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
