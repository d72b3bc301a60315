/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "content.h"

#define IP4_LEN 29
#define IP6_LEN 47

/* Valid lengths, nothing else: that is all content_strip looks at. */
static const uint8_t ip4[IP4_LEN] = {0x45, 0, 0, IP4_LEN, [8] = 64, 17, [28] = 0xee};
static const uint8_t ip6[IP6_LEN] = {0x60, 0, 0, 0, 0, IP6_LEN - 40, 17, 64, [46] = 0xee};
static const uint8_t ip4_options[24] = {0x46, 0, 0, 24};

/* A copy of exactly len bytes, so that a read beyond them is caught. */
static uint8_t *
exact(const void *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	return copy;
}

static void
test_whole(void **state)
{
	static const struct {
		const uint8_t *p;
		size_t len;
		uint8_t family;
	} row[] = {{ip4, IP4_LEN, 4}, {ip6, IP6_LEN, 6}, {ip4_options, 24, 4}};
	struct content c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(content_strip(row[i].p, row[i].len, &c), 0);
		assert_ptr_equal(c.p, row[i].p);
		assert_int_equal(c.len, row[i].len);
		assert_int_equal(c.family, row[i].family);
		assert_null(c.fault);
		assert_false(c.has_ids);
	}
}

static void
test_truncated(void **state)
{
	static const struct {
		const uint8_t *p;
		size_t len;
	} row[] = {{ip4, IP4_LEN}, {ip6, IP6_LEN}, {ip4_options, 24}};
	struct content c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		for (size_t n = 0; n < row[i].len; n++) {
			uint8_t *p = exact(row[i].p, n);

			assert_int_equal(content_strip(p, n, &c), -EBADMSG);
			assert_non_null(c.fault);
			assert_ptr_equal(c.p, p); /* handed out all the same */
			assert_int_equal(c.len, n);
			free(p);
		}
}

static void
test_malformed(void **state)
{
	static const struct {
		uint8_t head[8];
		size_t len;
		const char *fault;
	} row[] = {
	    {{0x44, 0, 0, 40}, 40, "IPv4 header length below 20"},
	    {{0x4f, 0, 0, 40}, 40, "IPv4 header longer than its packet"},
	    {{0x45, 0, 0, 19}, 40, "IPv4 header longer than its packet"},
	    {{0x45, 0, 0, 41}, 40, "IPv4 packet cut off"},
	    {{0x45, 0, 0, 39}, 40, "bytes after the IPv4 packet"},
	    {{0x45, 0, 0, 0}, 40, "IPv4 header longer than its packet"},
	    {{0x60, 0, 0, 0, 0, 1}, 40, "IPv6 packet cut off"},
	    {{0x60, 0, 0, 0, 0, 1}, 42, "bytes after the IPv6 packet"},
	    {{0x60, 0, 0, 0, 0xff, 0xff}, 100, "IPv6 packet cut off"},
	    {{0x50}, 40, "neither IPv4 nor IPv6"},
	    {{0x00}, 40, "neither IPv4 nor IPv6"},
	};
	struct content c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		uint8_t p[128] = {0};

		memcpy(p, row[i].head, sizeof row[i].head);
		assert_int_equal(content_strip(p, row[i].len, &c), -EBADMSG);
		assert_string_equal(c.fault, row[i].fault);
		assert_int_equal(c.len, row[i].len);
	}
	assert_int_equal(content_strip((const uint8_t *)"", 0, &c), -EBADMSG);
	assert_string_equal(c.fault, "empty");
}

static void
test_jmirror(void **state)
{
	static const struct {
		uint8_t header[12];
		size_t len;
		const uint8_t *inner;
		size_t inner_len;
		uint32_t intercept, session;
	} row[] = {
	    {{0, 0, 3, 0, 0, 0, 0, 0x90}, 8, ip4, IP4_LEN, 0x300, 0x90},
	    {{0, 0, 3, 0, 0, 0, 0, 0x90}, 8, ip6, IP6_LEN, 0x300, 0x90},
	    {{0x41, 0x41, 0x41, 0x41, 1, 2, 3, 4}, 8, ip4, IP4_LEN, 0x01414141, 0x01020304},
	    {{0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21}, 12, ip4, IP4_LEN, 1, 2},
	    {{0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x57}, 12, ip6, IP6_LEN, 1, 2},
	};
	struct content c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		for (size_t n = 0; n <= row[i].len + row[i].inner_len; n++) {
			uint8_t all[128], *p;
			bool whole = n == row[i].len + row[i].inner_len;

			memcpy(all, row[i].header, row[i].len);
			memcpy(all + row[i].len, row[i].inner, row[i].inner_len);
			p = exact(all, n);
			assert_int_equal(content_strip_jmirror(p, n, &c), whole ? 0 : -EBADMSG);
			assert_true(c.p >= p && c.p + c.len == p + n);
			assert_int_equal(c.has_ids, n >= CONTENT_JMIRROR_HEADER);
			if (c.has_ids) {
				assert_int_equal(c.intercept, row[i].intercept);
				assert_int_equal(c.session, row[i].session);
			}
			if (whole)
				assert_memory_equal(c.p, row[i].inner, row[i].inner_len);
			free(p);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_jmirror),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
