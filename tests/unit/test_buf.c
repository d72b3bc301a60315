/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "buf.h"

static struct slice
word(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void
test_slice_eq(void **state)
{
	(void)state;
	assert_true(slice_eq(word("Seq"), "Seq"));
	assert_false(slice_eq(word("Seq"), "SEQ"));
	assert_false(slice_eq(word("Seq"), "Se"));
	assert_false(slice_eq(word("Se"), "Seq"));
	assert_true(slice_eq_nocase(word("Seq"), "sEQ"));
	assert_false(slice_eq_nocase(word("Seq"), "Seq2"));
	assert_true(slice_eq((struct slice){NULL, 0}, ""));
	assert_true(slice_eq_nocase((struct slice){NULL, 0}, ""));
	assert_false(slice_eq((struct slice){"a\0b", 3}, "a"));
}

static void
test_slice_trim(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {{"", ""}, {" ", ""}, {"\t \t", ""}, {"a", "a"}, {" a", "a"}, {"a\t", "a"}, {" a b ", "a b"},
	    {"\na", "\na"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_true(slice_eq(slice_trim(word(row[i].in)), row[i].out));
}

static void
test_slice_u64(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int result;
		uint64_t value;
	} row[] = {
	    {"0", 0, 0, 0},
	    {"1", 0, -ERANGE, 0},
	    {"007", 10, 0, 7},
	    {"65535", 65535, 0, 65535},
	    {"65536", 65535, -ERANGE, 0},
	    {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
	    {"18446744073709551616", UINT64_MAX, -ERANGE, 0},
	    {"99999999999999999999999999999999", UINT64_MAX, -ERANGE, 0},
	    {"99999999999999999999999999999999x", UINT64_MAX, -EINVAL, 0},
	    {"", 9, -EINVAL, 0},
	    {"-1", 9, -EINVAL, 0},
	    {"+1", 9, -EINVAL, 0},
	    {" 1", 9, -EINVAL, 0},
	    {"1 ", 9, -EINVAL, 0},
	    {"0x1", 9, -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		uint64_t v = 4711;

		assert_int_equal(slice_u64(word(row[i].text), row[i].max, &v), row[i].result);
		assert_true(v == (row[i].result ? 4711 : row[i].value));
	}
}

static void
test_take(void **state)
{
	char *p = malloc(1), *q;
	int fd = 7;

	(void)state;
	q = TAKE_PTR(p);
	assert_null(p);
	assert_non_null(q);
	free(q);
	assert_int_equal(TAKE_FD(fd), 7);
	assert_int_equal(fd, -1);
}

static void
fill(struct buf *b)
{
	buf_put_u8(b, 0x01);
	buf_put_u16(b, 0x0203);
	buf_put_u32(b, 0x04050607);
	buf_put_u64(b, 0x08090a0b0c0d0e0full);
	buf_put_str(b, "tap");
	buf_put(b, "\xff\xfe", 2);
}

static void
test_layout(void **state)
{
	static const uint8_t want[] = {
	    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 3, 't', 'a', 'p', 255, 254};
	cleanup_buf struct buf b = {0};

	(void)state;
	fill(&b);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, sizeof want);
	assert_memory_equal(b.p, want, sizeof want);
}

static int
drain(struct rd *r)
{
	char text[4];
	bool good = rd_u8(r) == 1;

	good = rd_u16(r) == 0x0203 && good;
	good = rd_u32(r) == 0x04050607 && good;
	good = rd_u64(r) == 0x08090a0b0c0d0e0full && good;
	rd_cstr(r, text, sizeof text);
	good = strcmp(text, "tap") == 0 && good;
	good = rd_bytes(r, 2) != NULL && good;
	if (rd_end(r) == 0)
		assert_true(good);
	return rd_end(r);
}

static void
test_read_truncated(void **state)
{
	cleanup_buf struct buf b = {0};

	(void)state;
	fill(&b);
	for (size_t n = 0; n <= b.len; n++) {
		uint8_t *copy = malloc(n + 1); /* exact, so that a read past the end is seen */
		struct rd r;

		memcpy(copy, b.p, n);
		r = rd_init(copy, n);
		assert_int_equal(drain(&r), n == b.len ? 0 : -EBADMSG);
		free(copy);
	}
	buf_put_u8(&b, 0);
	struct rd r = rd_init(b.p, b.len);
	assert_int_equal(drain(&r), -EBADMSG);
}

static void
test_read_sticky(void **state)
{
	static const uint8_t in[] = {1, 2, 3};
	struct rd r = rd_init(in, sizeof in);

	(void)state;
	assert_int_equal(rd_u32(&r), 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_null(rd_bytes(&r, 0));
	assert_int_equal(rd_slice(&r).len, 0);
	assert_non_null(rd_slice(&r).p);
	assert_int_equal(rd_end(&r), -EBADMSG);

	r = rd_init(NULL, 0);
	assert_int_equal(rd_end(&r), 0);
	assert_non_null(rd_bytes(&r, 0));
	assert_null(rd_bytes(&r, SIZE_MAX));
}

static void
test_errno(void **state)
{
	static const struct {
		uint8_t in[4];
		int want, end;
	} row[] = {
	    {{0, 0, 0, 0}, 0, 0},
	    {{0, 0, 0, 2}, -2, 0},
	    {{0, 0, 0x0f, 0xff}, -4095, 0},
	    {{0, 0, 0x10, 0}, 0, -EBADMSG},
	    {{0x80, 0, 0, 0}, 0, -EBADMSG},
	    {{0xff, 0xff, 0xff, 0xff}, 0, -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct rd r = rd_init(row[i].in, sizeof row[i].in);

		assert_int_equal(rd_errno(&r), row[i].want);
		assert_int_equal(rd_end(&r), row[i].end);
	}
}

static void
test_cstr(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, size;
		bool good;
	} row[] = {
	    {"\0\0", 2, 1, true},
	    {"\0\3abc", 5, 4, true},
	    {"\0\3abc", 5, 3, false},
	    {"\0\3a\0c", 5, 9, false},
	    {"\0\4abc", 5, 9, false},
	    {"\0", 1, 9, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct rd r = rd_init(row[i].bytes, row[i].len);
		char out[16] = "before";

		rd_cstr(&r, out, row[i].size);
		assert_int_equal(rd_end(&r), row[i].good ? 0 : -EBADMSG);
		if (!row[i].good)
			assert_string_equal(out, "");
	}
}

static void
test_put_limits(void **state)
{
	cleanup_buf struct buf b = {0};
	cleanup_free char *big = calloc(1, 65536);

	(void)state;
	buf_put_slice(&b, (struct slice){big, 65535});
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, 65537);
	buf_put_slice(&b, (struct slice){big, 65536});
	assert_int_equal(b.err, -EMSGSIZE);
	buf_put_u8(&b, 1);
	buf_printf(&b, "x");
	assert_int_equal(b.len, 65537);
	assert_null(buf_room(&b, 1));
	buf_reset(&b);
	assert_int_equal(b.err, 0);
	assert_null(buf_room(&b, SIZE_MAX));
	assert_int_equal(b.err, -ENOMEM);
}

static void
test_printf_drop(void **state)
{
	cleanup_buf struct buf b = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%03d,", i);
	assert_int_equal(b.len, 4000);
	assert_memory_equal(b.p + 3996, "999,", 4);
	buf_drop(&b, 3996);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.p, "999,", 4);
	buf_drop(&b, 5);
	assert_int_equal(b.len, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_slice_eq),
	    cmocka_unit_test(test_slice_trim),
	    cmocka_unit_test(test_slice_u64),
	    cmocka_unit_test(test_take),
	    cmocka_unit_test(test_layout),
	    cmocka_unit_test(test_read_truncated),
	    cmocka_unit_test(test_read_sticky),
	    cmocka_unit_test(test_errno),
	    cmocka_unit_test(test_cstr),
	    cmocka_unit_test(test_put_limits),
	    cmocka_unit_test(test_printf_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
