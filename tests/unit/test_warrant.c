/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "warrant.h"

#define HEAD "Reference: W-1\nAgency: lea1\nStart: 2026-11-23T10:00:00Z\nEnd: 2026-12-23T10:00:00Z\n"

static struct slice
word(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void
test_whole(void **state)
{
	static const char text[] =
	    "# by order\r\nend: 2026-12-23T10:00:00Z\r\n\nAGENCY:lea1\nReference: W-1\n"
	    "Start: 2026-11-23T10:00:00Z\nPrefix: 198.51.100.7/32,2001:db8:7::1/48\n"
	    "Direction: From\nMaximum-Criteria: 4\nContent-Destination: 192.0.2.9/24 7000-7999, ::/0";
	static const char canonical[] = HEAD "Prefix: 198.51.100.7/32, 2001:db8:7::/48\nDirection: from\n"
					     "Maximum-Criteria: 4\nContent-Destination: 192.0.2.0/24 7000-7999, ::/0\n";
	cleanup_buf struct buf one = {0}, two = {0};
	struct warrant_error err;
	struct warrant w, again;

	(void)state;
	assert_int_equal(warrant_parse(word(text), &w, &err), 0);
	assert_true(w.end_ms - w.start_ms == 30ll * 86400 * 1000);
	warrant_format(&w, &one);
	assert_true(one.len == sizeof canonical - 1 && memcmp(one.p, canonical, one.len) == 0);
	assert_int_equal(warrant_parse((struct slice){(char *)one.p, one.len}, &again, &err), 0);
	warrant_format(&again, &two);
	assert_true(one.len == two.len && memcmp(one.p, two.p, one.len) == 0);
	warrant_free(&w);
	warrant_free(&again);
}

static void
test_wrong(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *says;
	} row[] = {
	    {"", 0, "Reference is missing"},
	    {"Reference: W-1\nAgency: lea1\nStart: 2026-11-23T10:00:00Z\n", 0, "End is missing"},
	    {HEAD "Reference: W-2\n", 5, "given twice"},
	    {HEAD "Target: me\n", 5, "expected Reference"},
	    {HEAD "Prefix: 198.51.100.7\n", 5, "Prefix:"},
	    {HEAD "Prefix: 198.51.100.7/32,\n", 5, "Prefix:"},
	    {HEAD "Prefix: 198.51.100.7/33\n", 5, "Prefix:"},
	    {HEAD "Direction: up\n", 5, "Direction:"},
	    {HEAD "Maximum-Criteria: 0\n", 5, "Maximum-Criteria:"},
	    {HEAD "Content-Destination: 192.0.2.0/24 0-9\n", 5, "Content-Destination:"},
	    {HEAD "Content-Destination: \n", 5, "Content-Destination:"},
	    {"Reference: W 1\n", 1, "Reference:"},
	    {"Reference: W\"1\n", 1, "Reference:"},
	    {"Start: 2026-11-23 10:00:00\n", 1, "Start:"},
	    {"Start: 2026-02-30T10:00:00Z\n", 1, "Start:"},
	    {"Start: 2026-11-23T24:00:00Z\n", 1, "Start:"},
	    {"Start: 1969-12-31T23:59:59Z\n", 1, "Start:"},
	    {"Reference: W-1\nAgency: lea1\nStart: 2026-11-23T10:00:00Z\nEnd: 2026-11-23T10:00:00Z\n", 0, "End:"},
	    {"just words\n", 1, "expected Reference"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct warrant_error err;
		struct warrant w = {.max_criteria = 77};

		assert_int_equal(warrant_parse(word(row[i].text), &w, &err), -EINVAL);
		assert_int_equal(w.max_criteria, 77);
		assert_int_equal(err.line, row[i].line);
		assert_ptr_equal(strstr(err.expected, row[i].says), err.expected);
	}
}

/* Whether a criterion with these two lists lies within the scope. */
static bool
covers(const char *scope, const char *source, const char *dest)
{
	char text[512];
	struct warrant_error err;
	struct criteria c = {0};
	struct slice bad;
	struct tap_filter f;
	struct warrant w;
	bool r;

	snprintf(text, sizeof text, HEAD "%s", scope);
	assert_int_equal(warrant_parse(word(text), &w, &err), 0);
	assert_int_equal(criteria_parse(&c, CRIT_SOURCE_ADDRESS, word(source), &bad), 0);
	assert_int_equal(criteria_parse(&c, CRIT_DEST_ADDRESS, word(dest), &bad), 0);
	assert_int_equal(filter_compile(&c, &f), 0);
	r = warrant_covers(&w, &f);
	filter_free(&f);
	criteria_free(&c);
	warrant_free(&w);
	return r;
}

static void
test_scope(void **state)
{
	(void)state;
	assert_true(covers("", "*", "*"));
	assert_true(covers("Prefix: 10.0.0.0/8\n", "10.1.2.3", "*"));
	assert_true(covers("Prefix: 10.0.0.0/8\n", "*", "10.1.0.0/16"));
	assert_true(covers("Prefix: 10.0.0.0/8\n", "10.0.0.0-10.255.255.255", "1.1.1.1"));
	assert_false(covers("Prefix: 10.0.0.0/8\n", "10.0.0.0-11.0.0.0", "*"));
	assert_false(covers("Prefix: 10.0.0.0/8\n", "*", "*"));
	assert_false(covers("Prefix: 10.0.0.0/8\n", "!10.0.0.1", "*"));
	assert_false(covers("Prefix: 10.0.0.0/8\n", "10.1.2.3,11.1.2.3", "*"));
	assert_true(covers("Prefix: 10.0.0.0/8, 11.1.2.3/32\n", "10.1.2.3,11.1.2.3", "*"));
	assert_false(covers("Prefix: 10.0.0.0/8\n", "2001:db8::1", "*"));
	assert_true(covers("Prefix: 2001:db8::/32\n", "2001:db8::1", "*"));
	assert_true(covers("Prefix: 10.0.0.0/8\nDirection: from\n", "10.0.0.1", "*"));
	assert_false(covers("Prefix: 10.0.0.0/8\nDirection: from\n", "*", "10.0.0.1"));
	assert_false(covers("Prefix: 10.0.0.0/8\nDirection: to\n", "10.0.0.1", "*"));
	assert_true(covers("Prefix: 10.0.0.0/8\nDirection: to\n", "*", "10.0.0.1"));
}

/* Which of two is taken for a filter; the other way round the same one. */
static int
rank(const char *a, const char *b, const char *source)
{
	char text[2][512];
	struct warrant_error err;
	struct criteria c = {0};
	struct slice bad;
	struct tap_filter f;
	struct warrant w[2];
	int r;

	snprintf(text[0], sizeof text[0], "Reference: A\nAgency: lea1\nStart: 2026-11-23T10:00:00Z\n%s", a);
	snprintf(text[1], sizeof text[1], "Reference: B\nAgency: lea1\nStart: 2026-11-23T10:00:00Z\n%s", b);
	for (int i = 0; i < 2; i++)
		if (warrant_parse(word(text[i]), &w[i], &err) < 0)
			fail_msg("%s: %s", text[i], err.expected);
	assert_int_equal(criteria_parse(&c, CRIT_SOURCE_ADDRESS, word(source), &bad), 0);
	assert_int_equal(filter_compile(&c, &f), 0);
	r = warrant_rank(&w[0], &w[1], &f);
	assert_int_equal(warrant_rank(&w[1], &w[0], &f), -r);
	assert_int_equal(warrant_rank(&w[0], &w[0], &f), 0);
	for (int i = 0; i < 2; i++)
		warrant_free(&w[i]);
	filter_free(&f);
	criteria_free(&c);
	return r;
}

#define SOON "End: 2026-12-01T00:00:00Z\n"
#define LATE "End: 2026-12-31T00:00:00Z\n"

static void
test_rank(void **state)
{
	static const struct {
		const char *before, *after, *source;
	} row[] = {
	    {SOON "Prefix: 10.1.2.3/32\n", LATE "Prefix: 10.0.0.0/8\n", "10.1.2.3"},
	    {SOON "Prefix: 10.0.0.0/8\n", LATE, "10.1.2.3"},
	    {SOON "Prefix: 0.0.0.0/0\n", LATE, "10.1.2.3"},
	    {SOON "Prefix: ::/0\nDirection: to\n", LATE "Prefix: ::/0\n", "2001:db8::1"},
	    /* Many small ones against one: addresses count, and none of them twice. */
	    {SOON "Prefix: 10.1.2.0/30, 10.1.2.0/31, 10.1.2.3/32, 10.1.2.0/30\n", LATE "Prefix: 10.1.2.0/29\n",
		"10.1.2.3"},
	    {SOON "Prefix: 10.1.2.0/29\n", LATE "Prefix: 10.1.2.0/30, 10.9.0.0/29\n", "10.1.2.3"},
	    /* Only of the filter's family. */
	    {SOON "Prefix: 10.1.2.0/30, 2001:db8::/32\n", LATE "Prefix: 10.1.2.0/29\n", "10.1.2.3"},
	    {SOON "Prefix: 10.0.0.0/8, 2001:db8::/64\n", LATE "Prefix: 2001:db8::/48\n", "2001:db8::1"},
	    {SOON "Prefix: 10.0.0.0/8\nDirection: from\n", LATE "Prefix: 10.0.0.0/8\n", "10.1.2.3"},
	    {SOON "Content-Destination: 192.0.2.0/24 7000-7001\n", LATE "Content-Destination: 192.0.2.0/24\n", "*"},
	    {SOON "Content-Destination: 0.0.0.0/0\n", LATE, "10.1.2.3"},
	    {LATE "Prefix: 10.0.0.0/8\n", SOON "Prefix: 11.0.0.0/8\n", "10.1.2.3"},
	    {LATE, SOON, "10.1.2.3"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		if (rank(row[i].before, row[i].after, row[i].source) >= 0)
			fail_msg("not before the other:\n%s--\n%s", row[i].before, row[i].after);
	assert_int_equal(rank(SOON, SOON "Maximum-Criteria: 4\n", "10.1.2.3"), 0);
}

static void
test_dest(void **state)
{
	struct warrant_error err;
	struct warrant w;
	struct ip_addr in, out;

	(void)state;
	assert_int_equal(warrant_parse(word(HEAD "Content-Destination: 192.0.2.0/24 7000-7001\n"), &w, &err), 0);
	assert_int_equal(ip_parse(word("192.0.2.77"), &in), 0);
	assert_int_equal(ip_parse(word("192.0.3.77"), &out), 0);
	assert_true(warrant_allows_dest(&w, &in, 7000));
	assert_true(warrant_allows_dest(&w, &in, 7001));
	assert_false(warrant_allows_dest(&w, &in, 6999));
	assert_false(warrant_allows_dest(&w, &in, 7002));
	assert_false(warrant_allows_dest(&w, &out, 7000));
	warrant_free(&w);
	assert_int_equal(warrant_parse(word(HEAD), &w, &err), 0);
	assert_true(warrant_allows_dest(&w, &out, 1));
	warrant_free(&w);
}

/* What is typed: the first 16 digits or all 64, and nothing in between. */
static void
test_fingerprints(void **state)
{
	static const char hash[] = "0123456789abcdef00112233445566778899aabbccddeeff0123456789abcdef";
	static const char *const same[] = {
	    "0123-4567-89ab-cdef", "0123456789ABCDEF", "01:23:45:67:89:ab:cd:ef", " 0123 4567 89ab cdef ", hash};
	static const char *const other[] = {"", "-", "0123-4567-89ab-cdee", "0123-4567-89ab-cde",
	    "0123-4567-89ab-cdef-0", "g123-4567-89ab-cdef",
	    "0123456789abcdef00112233445566778899aabbccddeeff0123456789abcdef0",
	    "0123456789abcdef00112233445566778899aabbccddeeff0123456789abcdee", "0123_4567_89ab_cdef"};
	char print[WARRANT_PRINT_LEN];

	(void)state;
	warrant_fingerprint(hash, print);
	assert_string_equal(print, "0123-4567-89ab-cdef");
	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		assert_true(warrant_fingerprint_is((struct slice){same[i], strlen(same[i])}, hash));
	for (size_t i = 0; i < ARRAY_LEN(other); i++)
		assert_false(warrant_fingerprint_is((struct slice){other[i], strlen(other[i])}, hash));
	/* Of a warrant that can't be read there is none. */
	assert_false(warrant_fingerprint_is((struct slice){"0123-4567-89ab-cdef", 19}, ""));
	assert_false(warrant_fingerprint_is((struct slice){"-", 1}, ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole), cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_scope), cmocka_unit_test(test_rank), cmocka_unit_test(test_dest),
	    cmocka_unit_test(test_fingerprints)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
