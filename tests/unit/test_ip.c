/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "ip.h"

static struct ip_addr
ip(const char *text)
{
	struct ip_addr a = {0};

	assert_int_equal(ip_parse((struct slice){text, strlen(text)}, &a), 0);
	return a;
}

static void
test_parse_format(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
	    {"0.0.0.0", "0.0.0.0"},
	    {"192.0.2.1", "192.0.2.1"},
	    {"255.255.255.255", "255.255.255.255"},
	    {"::", "::"},
	    {"2001:DB8:0:0::1", "2001:db8::1"},
	    {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char buf[IP_STRLEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct ip_addr a = ip(row[i].in), b;

		assert_string_equal(ip_format(&a, buf), row[i].out);
		b = ip(buf);
		assert_true(ip_equal(&a, &b));
		assert_memory_equal(&a, &b, sizeof a);
	}
	assert_string_equal(ip_format(&(struct ip_addr){0}, buf), "-");
}

static void
test_parse_refused(void **state)
{
	static const char *const row[] = {"", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4/8", " 1.2.3.4",
	    "1.2.3.4 ", "01.2.3.4", "fe80::1%eth0", ":", ":::", "1::2::3", "2001:db8::g", "12345::", "-",
	    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"};
	struct ip_addr a = {.family = 9};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(ip_parse((struct slice){row[i], strlen(row[i])}, &a), -EINVAL);
	assert_int_equal(ip_parse((struct slice){"1.2.3.4\0", 8}, &a), -EINVAL);
	assert_int_equal(a.family, 9);
}

static void
test_prefix(void **state)
{
	static const struct {
		const char *addr;
		unsigned plen;
		const char *first, *last;
	} row[] = {
	    {"10.1.2.3", 0, "0.0.0.0", "255.255.255.255"},
	    {"10.1.2.3", 8, "10.0.0.0", "10.255.255.255"},
	    {"10.1.2.3", 23, "10.1.2.0", "10.1.3.255"},
	    {"10.1.2.3", 31, "10.1.2.2", "10.1.2.3"},
	    {"10.1.2.3", 32, "10.1.2.3", "10.1.2.3"},
	    {"2001:db8::1", 0, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	    {"2001:db8:1::1", 33, "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"},
	    {"2001:db8::5", 127, "2001:db8::4", "2001:db8::5"},
	    {"2001:db8::5", 128, "2001:db8::5", "2001:db8::5"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct ip_addr a = ip(row[i].addr), f = ip(row[i].first), l = ip(row[i].last);
		struct ip_addr first = ip_first(&a, row[i].plen), last = ip_last(&a, row[i].plen);

		assert_true(ip_equal(&first, &f));
		assert_true(ip_equal(&last, &l));
		assert_memory_equal(first.b, f.b, 16);
		assert_memory_equal(last.b, l.b, 16); /* IPv4: nothing behind the fourth byte */
	}
}

static void
test_compare(void **state)
{
	struct ip_addr a = ip("10.0.0.1"), b = ip("10.0.0.2"), c = ip("a00:1::");

	(void)state;
	assert_true(ip_cmp(&a, &b) < 0 && ip_cmp(&b, &a) > 0 && ip_cmp(&a, &a) == 0);
	assert_int_equal(ip_cmp(&a, &c), 0); /* equal bytes, but ... */
	assert_false(ip_equal(&a, &c));
	assert_int_equal(ip_bits(&a), 32);
	assert_int_equal(ip_bits(&c), 128);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse_format),
	    cmocka_unit_test(test_parse_refused),
	    cmocka_unit_test(test_prefix),
	    cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
