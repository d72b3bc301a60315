/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "filter.h"
#include "gen.h"

#define RANDOM_CRITERIA 20000u

static struct slice
text_of(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* From the end of an allocation, so that the address sanitizer sees a read past the text. */
static int
parse(struct criteria *c, enum criteria_field f, const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 1);
	int r;

	assert_non_null(copy);
	memcpy(copy + 1, text, len);
	r = criteria_parse(c, f, (struct slice){copy + 1, len}, NULL);
	free(copy);
	return r;
}

static void
assert_formats_as(const struct criteria *c, enum criteria_field f, const char *want)
{
	cleanup_buf struct buf out = {0};

	criteria_format(c, f, &out);
	buf_put_u8(&out, 0);
	assert_int_equal(out.err, 0);
	assert_string_equal((char *)out.p, want);
}

/* ---- text ---- */

#define SRC CRIT_SOURCE_ADDRESS
#define DST CRIT_DEST_ADDRESS
#define PROTO CRIT_PROTOCOL
#define SPORT CRIT_SOURCE_PORT
#define DPORT CRIT_DEST_PORT
#define ITYPE CRIT_ICMP_TYPE
#define ICODE CRIT_ICMP_CODE

static void
test_forms(void **state)
{
	static const struct {
		enum criteria_field field;
		const char *in, *canonical; /* NULL: as in */
	} row[] = {
	    {SRC, "*", NULL},
	    {SRC, "192.0.2.1", NULL},
	    {DST, "192.0.2.1/32", NULL},
	    {SRC, "192.0.2.77/24", "192.0.2.0/24"}, /* host bits are masked off */
	    {SRC, "192.0.2.77/0", "0.0.0.0/0"},
	    {SRC, "192.0.2.1-192.0.2.9", NULL},
	    {SRC, "192.0.2.9-192.0.2.9", NULL},
	    {SRC, "192.0.2.1-*", NULL},
	    {SRC, "*-192.0.2.1", NULL},
	    {SRC, "!192.0.2.1", NULL},
	    {SRC, "!*", NULL},
	    {SRC, "!192.0.2.77/24", "!192.0.2.0/24"},
	    {SRC, "!192.0.2.1-*,!*-192.0.2.0", NULL},
	    {DST, "192.0.2.0/24, !192.0.2.5", "192.0.2.0/24,!192.0.2.5"},
	    {DST, "\t192.0.2.1 ,\t192.0.2.2  ", "192.0.2.1,192.0.2.2"},
	    {DST, "! 192.0.2.1 - 192.0.2.9", "!192.0.2.1-192.0.2.9"},
	    {DST, "2001:DB8:0:0::1", "2001:db8::1"},
	    {DST, "2001:db8::ffff/112", "2001:db8::/112"},
	    {DST, "::/0,!::1/128", NULL},
	    {DST, "*-2001:db8::1, 2001:db8::2-*", "*-2001:db8::1,2001:db8::2-*"},
	    {DST, "192.0.2.9,192.0.2.1,192.0.2.9", NULL}, /* order and doubles stay as written */
	    {PROTO, "6", NULL},
	    {PROTO, "006", "6"},
	    {PROTO, "0-255", NULL},
	    {PROTO, "*-17,50-*", NULL},
	    {SPORT, "0,65535", NULL},
	    {DPORT, "53,1024-*", NULL},
	    {DPORT, "1-1", NULL},
	    {DPORT, "*,!*-1023", NULL},
	    {ITYPE, "8, 0", "8,0"},
	    {ICODE, "!3-5", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		const char *canonical = row[i].canonical ? row[i].canonical : row[i].in;
		struct criteria c = {0}, d = {0};

		assert_int_equal(parse(&c, row[i].field, row[i].in), 0);
		assert_formats_as(&c, row[i].field, canonical);
		assert_int_equal(parse(&d, row[i].field, canonical), 0);
		assert_true(criteria_equal(&c, &d));
		criteria_free(&c);
		criteria_free(&d);
		assert_null(c.addr[0].v);
	}
}

/* The structs behind the text. */
static void
test_items(void **state)
{
	struct criteria c = {0};
	const struct addr_item *a;
	const struct num_item *n;

	(void)state;
	assert_int_equal(parse(&c, DST, "192.0.2.9,!198.51.100.7/25,192.0.2.1-192.0.2.3,*-192.0.2.4"), 0);
	assert_int_equal(c.family, 4);
	assert_int_equal(c.addr[DST].n, 4);
	assert_int_equal(c.addr[SRC].n, 0);
	a = c.addr[DST].v;
	assert_true(a[0].form == FORM_SINGLE && !a[0].negated && a[0].lo.family == 4 && a[0].lo.b[3] == 9);
	assert_true(a[1].form == FORM_PREFIX && a[1].negated && a[1].plen == 25 && a[1].lo.b[3] == 0);
	assert_true(a[2].form == FORM_RANGE && a[2].lo.b[3] == 1 && a[2].hi.b[3] == 3);
	assert_true(a[3].form == FORM_UPTO && a[3].lo.family == 0 && a[3].hi.b[3] == 4);
	assert_int_equal(parse(&c, DPORT, "!53,1024-*,*-9,80-81,*"), 0);
	assert_int_equal(c.num[DPORT - PROTO].n, 5);
	n = c.num[DPORT - PROTO].v;
	assert_true(n[0].form == FORM_SINGLE && n[0].negated && n[0].lo == 53);
	assert_true(n[1].form == FORM_FROM && !n[1].negated && n[1].lo == 1024);
	assert_true(n[2].form == FORM_UPTO && n[2].hi == 9);
	assert_true(n[3].form == FORM_RANGE && n[3].lo == 80 && n[3].hi == 81);
	assert_true(n[4].form == FORM_ANY);
	criteria_free(&c);
	assert_int_equal(c.family, 0);
}

static void
test_refused(void **state)
{
	static const struct {
		enum criteria_field field;
		const char *in;
		int r;
		const char *bad;
	} row[] = {
	    {SRC, "", -EINVAL, ""},
	    {SRC, " \t", -EINVAL, ""},
	    {SRC, ",", -EINVAL, ""},
	    {SRC, "192.0.2.1,", -EINVAL, ""},
	    {SRC, "192.0.2.1,,192.0.2.2", -EINVAL, ""},
	    {SRC, "!", -EINVAL, "!"},
	    {SRC, "192.0.2.1, !", -EINVAL, "!"},
	    {SRC, "!!192.0.2.1", -EINVAL, "!!192.0.2.1"},
	    {SRC, "*-*", -EINVAL, "*-*"},
	    {SRC, "-", -EINVAL, "-"},
	    {SRC, "192.0.2.1-", -EINVAL, "192.0.2.1-"},
	    {SRC, "-192.0.2.1", -EINVAL, "-192.0.2.1"},
	    {SRC, "192.0.2.1-192.0.2.3-192.0.2.5", -EINVAL, "192.0.2.1-192.0.2.3-192.0.2.5"},
	    {SRC, "192.0.2.0/24-192.0.3.0", -EINVAL, "192.0.2.0/24-192.0.3.0"},
	    {SRC, "*/8", -EINVAL, "*/8"},
	    {SRC, "192.0.2.0/", -EINVAL, "192.0.2.0/"},
	    {SRC, "192.0.2.0/255.255.255.0", -EINVAL, "192.0.2.0/255.255.255.0"},
	    {SRC, "192.0.2.0/-1", -EINVAL, "192.0.2.0/-1"},
	    {SRC, "192.0.2", -EINVAL, "192.0.2"},
	    {SRC, "192.0.2.1 192.0.2.2", -EINVAL, "192.0.2.1 192.0.2.2"},
	    {SRC, "example.org", -EINVAL, "example.org"},
	    {SRC, "192.0.2.1,192.0.2.0/33", -ERANGE, "192.0.2.0/33"},
	    {SRC, "2001:db8::/129,2001:db8::1", -ERANGE, "2001:db8::/129"},
	    {SRC, "192.0.2.0/99999999999999999999999", -ERANGE, "192.0.2.0/99999999999999999999999"},
	    {SRC, " 192.0.2.2-192.0.2.1 ", -ERANGE, "192.0.2.2-192.0.2.1"},
	    {SRC, "2001:db8::2-2001:db8::1", -ERANGE, "2001:db8::2-2001:db8::1"},
	    {SRC, "192.0.2.1, 2001:db8::1", -EXDEV, "2001:db8::1"},
	    {SRC, "192.0.2.1-2001:db8::1", -EXDEV, "192.0.2.1-2001:db8::1"},
	    {PROTO, "256", -ERANGE, "256"},
	    {PROTO, "6,17,300-301", -ERANGE, "300-301"},
	    {PROTO, "tcp", -EINVAL, "tcp"},
	    {PROTO, "6/8", -EINVAL, "6/8"}, /* prefixes are for addresses */
	    {PROTO, "+6", -EINVAL, "+6"},
	    {PROTO, "0x6", -EINVAL, "0x6"},
	    {PROTO, "6;17", -EINVAL, "6;17"},
	    {SPORT, "65536", -ERANGE, "65536"},
	    {SPORT, "!65536-*", -ERANGE, "!65536-*"},
	    {SPORT, "*-65536", -ERANGE, "*-65536"},
	    {DPORT, "1,2-1,3", -ERANGE, "2-1"},
	    {DPORT, "18446744073709551616", -ERANGE, "18446744073709551616"},
	    {ITYPE, "256", -ERANGE, "256"},
	    {ICODE, "1-256", -ERANGE, "1-256"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct slice in = text_of(row[i].in), bad = {0};
		struct criteria c = {0}, none = {0};

		assert_int_equal(criteria_parse(&c, row[i].field, in, &bad), row[i].r);
		if (!slice_eq(bad, row[i].bad))
			print_error("row %zu: %.*s\n", i, (int)bad.len, bad.p);
		assert_true(slice_eq(bad, row[i].bad));
		assert_true(bad.p >= in.p && bad.p + bad.len <= in.p + in.len);
		assert_memory_equal(&c, &none, sizeof c); /* as it was */
		assert_int_equal(parse(&c, row[i].field, row[i].in), row[i].r);
	}
}

static void
test_nul_byte(void **state)
{
	struct criteria c = {0};

	(void)state;
	assert_int_equal(criteria_parse(&c, SRC, (struct slice){"192.0.2.1\0", 10}, NULL), -EINVAL);
	assert_int_equal(criteria_parse(&c, DPORT, (struct slice){"53\0", 3}, NULL), -EINVAL);
}

/* The family holds for the criterion, whoever names it first. */
static void
test_family(void **state)
{
	struct criteria c = {.family = 6};
	struct slice bad;

	(void)state;
	assert_int_equal(criteria_parse(&c, SRC, text_of("*,192.0.2.1"), &bad), -EXDEV);
	assert_true(slice_eq(bad, "192.0.2.1"));
	assert_int_equal(parse(&c, SRC, "*"), 0);
	assert_int_equal(parse(&c, DST, "2001:db8::1"), 0);
	criteria_free(&c);

	assert_int_equal(parse(&c, SRC, "*"), 0); /* names no family */
	assert_int_equal(c.family, 0);
	assert_int_equal(parse(&c, DST, "*-192.0.2.1"), 0);
	assert_int_equal(c.family, 4);
	criteria_free(&c);

	assert_int_equal(parse(&c, SRC, "192.0.2.1"), 0);
	assert_int_equal(parse(&c, DST, "2001:db8::/32"), -EXDEV);
	assert_int_equal(c.family, 4);
	assert_int_equal(c.addr[DST].n, 0);
	criteria_free(&c);
}

static void
test_items_max(void **state)
{
	cleanup_buf struct buf text = {0};
	struct criteria c = {0};
	struct slice bad;

	(void)state;
	for (unsigned i = 0; i < CRITERIA_ITEMS_MAX; i++)
		buf_printf(&text, "%s%u", i ? "," : "", i);
	assert_int_equal(criteria_parse(&c, DPORT, (struct slice){(char *)text.p, text.len}, &bad), 0);
	assert_int_equal(c.num[DPORT - PROTO].n, CRITERIA_ITEMS_MAX);
	criteria_free(&c);
	buf_printf(&text, ",9");
	assert_int_equal(text.err, 0);
	assert_int_equal(criteria_parse(&c, DPORT, (struct slice){(char *)text.p, text.len}, &bad), -E2BIG);
}

static void
test_names(void **state)
{
	static const char *const name[CRIT_FIELDS] = {
	    "Source-Address", "Dest-Address", "Protocol", "Source-Port", "Dest-Port", "ICMP-Type", "ICMP-Code"};
	const struct criteria none = {0};

	(void)state;
	for (enum criteria_field f = 0; f < CRIT_FIELDS; f++) {
		assert_string_equal(criteria_field_name(f), name[f]);
		assert_formats_as(&none, f, "*"); /* absent */
	}
}

/* ---- rules between elements ---- */

static void
test_check(void **state)
{
	static const struct {
		const char *proto, *sport, *dport, *itype, *icode;
		const char *word; /* of the sentence; NULL: accepted */
	} row[] = {
	    {NULL, NULL, NULL, NULL, NULL, NULL},
	    {"47", NULL, NULL, NULL, NULL, NULL},
	    {NULL, "53", NULL, NULL, NULL, NULL},
	    {"*", NULL, "53", NULL, NULL, NULL},
	    {"6", "53", NULL, NULL, NULL, NULL},
	    {"17", NULL, "53", NULL, NULL, NULL},
	    {"1,6,47", NULL, "53", NULL, NULL, NULL},
	    {"*-6", NULL, "53", NULL, NULL, NULL},
	    {"!6", NULL, "53", NULL, NULL, NULL}, /* leaves 17 */
	    {"!6,!17", NULL, "53", NULL, NULL, "port"},
	    {"6,17,!6,!17", "53", NULL, NULL, NULL, "port"},
	    {"7-16", "53", NULL, NULL, NULL, "port"},
	    {"1", NULL, "53", NULL, NULL, "port"},
	    {"1", "*", "*", NULL, NULL, NULL}, /* a wildcard asks for nothing */
	    {"1", "!*", NULL, NULL, NULL, "port"},
	    {NULL, NULL, NULL, "8", NULL, NULL},
	    {"1", NULL, NULL, "8", "0", NULL},
	    {"58", NULL, NULL, "128", NULL, NULL},
	    {"6", NULL, NULL, NULL, "0", "ICMP"},
	    {"6,17", NULL, NULL, "*", "*", NULL},
	    {"2-57", NULL, NULL, "8", NULL, "ICMP"},
	    {NULL, NULL, "53", "8", NULL, NULL},
	    {"1,17", NULL, "53", "8", NULL, NULL}, /* both: needs both */
	    {"17", NULL, "53", "8", NULL, "ICMP"},
	    {"1", NULL, "53", "8", NULL, "port"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		const char *const text[] = {row[i].proto, row[i].sport, row[i].dport, row[i].itype, row[i].icode};
		struct criteria c = {0};
		const char *why = NULL;

		for (size_t f = 0; f < ARRAY_LEN(text); f++)
			if (text[f])
				assert_int_equal(parse(&c, (enum criteria_field)(PROTO + f), text[f]), 0);
		assert_int_equal(criteria_check(&c, &why), row[i].word ? -EINVAL : 0);
		if (row[i].word) {
			assert_non_null(why);
			assert_non_null(strstr(why, row[i].word));
		}
		criteria_free(&c);
	}
}

/* ---- meaning, by hand: the oracle of the compiler's test is itself looked at here ---- */

static struct ip_addr
ip(const char *s)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text_of(s), &a), 0);
	return a;
}

static void
test_match_address(void **state)
{
	static const struct {
		const char *list, *in, *out; /* addresses that match and do not */
	} row[] = {
	    {"*", "192.0.2.1 0.0.0.0 255.255.255.255", ""},
	    {"192.0.2.1", "192.0.2.1", "192.0.2.0 192.0.2.2"},
	    {"192.0.2.64/26", "192.0.2.64 192.0.2.127", "192.0.2.63 192.0.2.128"},
	    {"0.0.0.0/0", "0.0.0.0 255.255.255.255", "::"},
	    {"192.0.2.3-192.0.2.5", "192.0.2.3 192.0.2.4 192.0.2.5", "192.0.2.2 192.0.2.6"},
	    {"192.0.2.3-*", "192.0.2.3 255.255.255.255", "192.0.2.2"},
	    {"*-192.0.2.3", "192.0.2.3 0.0.0.0", "192.0.2.4"},
	    {"192.0.2.0/24,!192.0.2.7", "192.0.2.6 192.0.2.8", "192.0.2.7 192.0.3.0"},
	    {"!192.0.2.7,192.0.2.0/24", "192.0.2.6", "192.0.2.7"}, /* in any order */
	    {"192.0.2.7,!192.0.2.0/24", "", "192.0.2.7 192.0.2.8 192.0.3.0"},
	    {"!192.0.2.7", "192.0.2.6 255.255.255.255", "192.0.2.7"}, /* nothing positive: all but */
	    {"!192.0.2.7,!192.0.2.9-*", "192.0.2.8 0.0.0.0", "192.0.2.7 192.0.2.9"},
	    {"!*", "", "192.0.2.1 0.0.0.0"},
	    {"2001:db8::/33", "2001:db8:: 2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db8:8000:: 192.0.2.1"},
	    {"2001:db8::ffff:ffff:ffff:ffff-2001:db8:0:1::", "2001:db8::ffff:ffff:ffff:ffff 2001:db8:0:1::",
		"2001:db8::ffff:ffff:ffff:fffe 2001:db8:0:1::1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		for (int in = 0; in < 2; in++) {
			struct criteria c = {0};
			char words[256], *rest = words, *word;

			assert_int_equal(parse(&c, DST, row[i].list), 0);
			snprintf(words, sizeof words, "%s", in ? row[i].in : row[i].out);
			while ((word = strtok_r(rest, " ", &rest)) != NULL) {
				struct packet p = {.proto = 17, .dst = ip(word)};

				p.family = p.src.family = p.dst.family;
				if (criteria_match(&c, &p) != in)
					print_error("%s: %s\n", row[i].list, word);
				assert_int_equal(criteria_match(&c, &p), in);
			}
			criteria_free(&c);
		}
}

static void
test_match_upper(void **state)
{
	static const struct {
		const char *proto, *dport, *itype;
		uint8_t family, packet_proto;
		int value; /* port or type; -1: not known */
		bool match;
	} row[] = {
	    {NULL, NULL, NULL, 4, 47, -1, true},
	    {"17", NULL, NULL, 4, 17, -1, true}, /* a later fragment: no port asked for */
	    {"17", NULL, NULL, 4, 6, 53, false},
	    {"!17", NULL, NULL, 4, 6, 53, true},
	    {"17", "53", NULL, 4, 17, 53, true},
	    {"17", "53", NULL, 4, 17, 54, false},
	    {"17", "53", NULL, 4, 17, -1, false},
	    {NULL, "53", NULL, 6, 6, 53, true},
	    {NULL, "53", NULL, 6, 47, -1, false},
	    {NULL, "53", NULL, 4, 1, 8, false}, /* a port element is for TCP and UDP */
	    {NULL, "!53", NULL, 4, 47, -1, false},
	    {NULL, "*", NULL, 4, 47, -1, true},
	    {NULL, "0-65535", NULL, 4, 47, -1, false}, /* a range asks for a port, "*" does not */
	    {NULL, NULL, "8", 4, 1, 8, true},
	    {NULL, NULL, "8", 4, 1, 0, false},
	    {NULL, NULL, "8", 4, 1, -1, false},
	    {NULL, NULL, "8", 4, 17, 53, false},
	    {NULL, NULL, "128", 6, 58, 128, true},
	    {NULL, NULL, "8", 6, 1, -1, false},
	    {NULL, NULL, "128", 4, 58, -1, false},
	    {NULL, "53", "8", 4, 17, 53, true},
	    {NULL, "53", "8", 4, 1, 8, true},
	    {NULL, "53", "8", 4, 1, 0, false},
	    {NULL, "53", "8", 4, 17, 80, false},
	    {NULL, "53", "8", 4, 47, -1, false},
	    {"6", "53", "8", 4, 17, 53, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct packet p = {.family = row[i].family, .proto = row[i].packet_proto};
		struct criteria c = {0};

		p.src.family = p.dst.family = p.family;
		p.has_ports = row[i].value >= 0 && (p.proto == 6 || p.proto == 17);
		p.has_icmp = row[i].value >= 0 && (p.proto == 1 || p.proto == 58);
		p.dport = p.has_ports ? (uint16_t)row[i].value : 0;
		p.itype = p.has_icmp ? (uint8_t)row[i].value : 0;
		if (row[i].proto)
			assert_int_equal(parse(&c, PROTO, row[i].proto), 0);
		if (row[i].dport)
			assert_int_equal(parse(&c, DPORT, row[i].dport), 0);
		if (row[i].itype)
			assert_int_equal(parse(&c, ITYPE, row[i].itype), 0);
		if (criteria_match(&c, &p) != row[i].match)
			print_error("row %zu\n", i);
		assert_int_equal(criteria_match(&c, &p), row[i].match);
		criteria_free(&c);
	}
}

/* ---- bytes ---- */

static void
test_encoding(void **state)
{
	struct criteria c = {0}, d = {.family = 9};
	cleanup_buf struct buf b = {0};
	struct rd r;

	(void)state;
	assert_int_equal(parse(&c, SRC, "2001:db8::/32,!2001:db8::1,*"), 0);
	assert_int_equal(parse(&c, DPORT, "53,!1024-*,*-9"), 0);
	criteria_encode(&c, &b);
	r = rd_init(b.p, b.len);
	assert_int_equal(criteria_decode(&d, &r), 0);
	assert_int_equal(rd_end(&r), 0);
	assert_true(criteria_equal(&c, &d));
	assert_formats_as(&d, SRC, "2001:db8::/32,!2001:db8::1,*");
	assert_formats_as(&d, DPORT, "53,!1024-*,*-9");
	criteria_free(&d);
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, b.p, len);
		r = rd_init(copy, len);
		d.family = 9;
		assert_int_equal(criteria_decode(&d, &r), -EBADMSG);
		assert_int_equal(d.family, 0); /* emptied */
		free(copy);
	}
	criteria_free(&c);
}

static void
test_equal(void **state)
{
	static const char *const row[] = {"1", "2", "!1", "1-1", "1-2", "1-*", "*-1", "*", "1,1", "1,2", "2,1"};
	struct criteria c = {0}, d = {0}, none = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		for (size_t k = 0; k < ARRAY_LEN(row); k++) {
			assert_int_equal(parse(&c, DPORT, row[i]), 0);
			assert_int_equal(parse(&d, DPORT, row[k]), 0);
			assert_int_equal(criteria_equal(&c, &d), i == k);
			assert_false(criteria_equal(&c, &none));
			criteria_free(&c);
			criteria_free(&d);
		}
	c.family = 4;
	assert_false(criteria_equal(&c, &none));
	assert_true(criteria_equal(&none, &none));
}

#define ABSENT 0, 0

static void
test_decode_refused(void **state)
{
	static const struct {
		uint8_t len, p[32];
	} row[] = {
	    {15, {5}},                                                                      /* no such family */
	    {15, {0x84}},                                                                   /* pairs without ports */
	    {22, {0x84, ABSENT, ABSENT, ABSENT, 0, 2, FORM_ANY, FORM_ANY, 0, 1, FORM_ANY}}, /* of unlike lists */
	    {20, {0, 0, 1, FORM_SINGLE}}, /* an address without a family */
	    {20, {4, 0, 1, FORM_UPTO + 1, 192, 0, 2, 1}}, {20, {4, 0, 1, 0x40 | FORM_SINGLE, 192, 0, 2, 1}},
	    {21, {4, 0, 1, FORM_PREFIX, 33, 192, 0, 2, 0}},
	    {21, {4, 0, 1, FORM_PREFIX, 24, 192, 0, 2, 1}}, /* host bits */
	    {24, {4, 0, 1, FORM_RANGE, 192, 0, 2, 2, 192, 0, 2, 1}},
	    {18, {4, ABSENT, ABSENT, 0, 1, FORM_SINGLE, 1, 0}}, /* protocol 256 */
	    {18, {4, ABSENT, ABSENT, 0, 1, FORM_UPTO, 1, 0}}, {18, {4, ABSENT, ABSENT, 0, 1, FORM_PREFIX, 0, 6}},
	    {20, {4, ABSENT, ABSENT, 0, 1, FORM_RANGE, 0, 7, 0, 6}},
	    {20, {4, ABSENT, ABSENT, 0, 1, FORM_RANGE, 0, 7, 1, 0}},
	    {20, {4, ABSENT, ABSENT, ABSENT, 0, 1, FORM_RANGE, 0, 7, 0, 6}},
	    {18, {4, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, 0, 1, FORM_SINGLE, 1, 0}},
	    {15, {4, 0x20, 1}}, /* more items than may be */
	    {15, {4, 0, 200}},  /* or than there are bytes */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct criteria c;
		struct rd r = rd_init(row[i].p, row[i].len);

		if (criteria_decode(&c, &r) != -EBADMSG)
			print_error("row %zu\n", i);
		r = rd_init(row[i].p, row[i].len);
		assert_int_equal(criteria_decode(&c, &r), -EBADMSG);
		assert_int_equal(c.family, 0);
	}
}

/* A wildcard has no family, and needs none. */
static void
test_encoding_wildcard(void **state)
{
	struct criteria c = {0}, d;
	cleanup_buf struct buf b = {0};
	struct rd r;

	(void)state;
	assert_int_equal(parse(&c, SRC, "*,!*"), 0);
	criteria_encode(&c, &b);
	r = rd_init(b.p, b.len);
	assert_int_equal(criteria_decode(&d, &r), 0);
	assert_int_equal(d.family, 0);
	assert_true(criteria_equal(&c, &d));
	criteria_free(&c);
	criteria_free(&d);
}

static void
test_decode_items_max(void **state)
{
	(void)state;
	for (unsigned n = CRITERIA_ITEMS_MAX; n <= CRITERIA_ITEMS_MAX + 1; n++) {
		cleanup_buf struct buf b = {0};
		struct criteria c;
		struct rd r;

		buf_put_u8(&b, 4);
		buf_put_u16(&b, (uint16_t)n);
		for (unsigned i = 0; i < n + 12; i++) /* so many wildcards, six absent elements */
			buf_put_u8(&b, 0);
		r = rd_init(b.p, b.len);
		assert_int_equal(criteria_decode(&c, &r), n > CRITERIA_ITEMS_MAX ? -EBADMSG : 0);
		criteria_free(&c);
	}
}

/* For any criterion: text and bytes give it back. */
static bool
seed_survives(uint64_t seed)
{
	cleanup_buf struct buf bytes = {0};
	struct criteria c, text = {0}, decoded = {0};
	bool same = true;
	struct gen g;
	struct rd r;

	gen_init(&g, seed);
	gen_criteria(&g, &c);
	text.family = c.family;
	for (enum criteria_field f = 0; f < CRIT_FIELDS; f++) {
		bool absent = f < PROTO ? c.addr[f].n == 0 : c.num[f - PROTO].n == 0;
		cleanup_buf struct buf out = {0};

		criteria_format(&c, f, &out);
		if (!absent)
			same = criteria_parse(&text, f, (struct slice){(char *)out.p, out.len}, NULL) == 0 && same;
	}
	if (c.paired)
		same = criteria_pair(&text) && same;
	criteria_encode(&c, &bytes);
	r = rd_init(bytes.p, bytes.len);
	same = criteria_decode(&decoded, &r) == 0 && rd_end(&r) == 0 && same;
	same = same && criteria_equal(&c, &text) && criteria_equal(&c, &decoded);
	criteria_free(&c);
	criteria_free(&text);
	criteria_free(&decoded);
	return same;
}

static void
test_random(void **state)
{
	const char *one = getenv("FLOWTAP_SEED");

	(void)state;
	if (one)
		assert_true(seed_survives(strtoull(one, NULL, 10)));
	for (uint64_t seed = 0; one == NULL && seed < RANDOM_CRITERIA; seed++)
		if (!seed_survives(seed)) {
			print_error("FLOWTAP_SEED=%" PRIu64 "\n", seed);
			fail();
		}
}

/* ---- everything ---- */

static void
test_everything(void **state)
{
	static const struct {
		enum criteria_field field;
		const char *text;
		bool all;
	} row[] = {
	    {SRC, "*", true},
	    {SRC, "0.0.0.0/0", true},
	    {SRC, "0.0.0.0-*", true},
	    {SRC, "*-255.255.255.255", true},
	    {SRC, "128.0.0.0/1,0.0.0.0/1", true},
	    {SRC, "0.0.0.0-9.255.255.255,10.0.0.0/7,11.0.0.0-*", true},
	    {SRC, "::/1,8000::/1", true},
	    {SRC, "0.0.0.0-255.255.255.254", false},
	    {SRC, "0.0.0.1-*", false},
	    {SRC, "0.0.0.0/1,128.0.0.1-*", false},
	    {SRC, "*,!10.0.0.1", false},
	    {SRC, "!10.0.0.1", false},
	    {DST, "10.0.0.1", false},
	    {PROTO, "*", true},
	    {PROTO, "0-255", true},
	    {PROTO, "100-*,0-99", true},
	    {PROTO, "0-254", false},
	    {PROTO, "6", false},
	    {SPORT, "0-65535", true},
	    {SPORT, "*-1000,1001-*", true},
	    {SPORT, "*-1000,1002-*", false},
	    {DPORT, "1-65535", false},
	    {ITYPE, "0-255", true},
	    {ICODE, "!3", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct criteria c = {0};

		assert_int_equal(filter_narrows(&c), 0);
		assert_int_equal(parse(&c, row[i].field, row[i].text), 0);
		if (filter_narrows(&c) != !row[i].all)
			fail_msg("%s", row[i].text);
		criteria_free(&c);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_items),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_nul_byte),
	    cmocka_unit_test(test_family),
	    cmocka_unit_test(test_items_max),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_match_address),
	    cmocka_unit_test(test_match_upper),
	    cmocka_unit_test(test_encoding),
	    cmocka_unit_test(test_encoding_wildcard),
	    cmocka_unit_test(test_decode_items_max),
	    cmocka_unit_test(test_equal),
	    cmocka_unit_test(test_decode_refused),
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
