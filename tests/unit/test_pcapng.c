/* SPDX-License-Identifier: BSD-2-Clause */
/* The writer's bytes, read back by a reader that shares nothing with it. */
#include "unit.h"

#include <string.h>

#include "pcapng.h"

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static unsigned
le16(const uint8_t *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

struct block {
	uint32_t type, len;
	const uint8_t *body;
	size_t body_len;
};

/* The block at p, its two lengths checked against each other and against what is left. */
static struct block
block_at(const uint8_t *p, size_t left)
{
	struct block b = {.type = le32(p), .len = le32(p + 4), .body = p + 8};

	assert_true(left >= 12 && b.len >= 12 && b.len <= left);
	assert_int_equal(b.len % 4, 0);
	assert_int_equal(le32(p + b.len - 4), b.len);
	b.body_len = b.len - 12;
	return b;
}

/* The value of an option; NULL if it is not there.  Checks that the options end. */
static const uint8_t *
option(const struct block *b, size_t offset, unsigned code, unsigned *len)
{
	const uint8_t *found = NULL;

	while (offset < b->body_len) {
		unsigned c = le16(b->body + offset), n = le16(b->body + offset + 2);

		if (c == 0) {
			assert_int_equal(n, 0);
			assert_int_equal(offset + 4, b->body_len);
			return found;
		}
		if (c == code) {
			found = b->body + offset + 4;
			*len = n;
		}
		for (unsigned pad = n; pad % 4; pad++)
			assert_int_equal(b->body[offset + 4 + pad], 0);
		offset += 4 + (n + 3) / 4 * 4;
	}
	assert_int_equal(offset, b->body_len); /* no options at all */
	return found;
}

static void
assert_option(const struct block *b, size_t offset, unsigned code, const void *want, size_t want_len)
{
	unsigned len = 0;
	const uint8_t *p = option(b, offset, code, &len);

	assert_non_null(p);
	assert_int_equal(len, want_len);
	assert_memory_equal(p, want, want_len);
}

static void
test_begin(void **state)
{
	struct buf out = {0};
	struct block b;

	(void)state;
	pcapng_begin(&out, "flowtap-collect 1", "udp-7890", "content");
	assert_int_equal(out.err, 0);
	b = block_at(out.p, out.len);
	assert_int_equal(b.type, 0x0a0d0d0a);
	assert_int_equal(le32(b.body), 0x1a2b3c4d);
	assert_int_equal(le16(b.body + 4), 1);
	assert_int_equal(le16(b.body + 6), 0);
	assert_memory_equal(b.body + 8, "\377\377\377\377\377\377\377\377", 8);
	assert_option(&b, 16, 4, "flowtap-collect 1", 17);

	b = block_at(out.p + b.len, out.len - b.len);
	assert_int_equal(b.type, 1);
	assert_int_equal(le16(b.body), 101);
	assert_int_equal(le32(b.body + 4), 0);
	assert_option(&b, 8, 2, "udp-7890", 8);
	assert_option(&b, 8, 3, "content", 7);
	assert_option(&b, 8, 9, "\x09", 1);
	assert_ptr_equal(b.body + b.body_len + 4, out.p + out.len);
	buf_free(&out);
}

/* Every length, so that every padding and every border occurs. */
static void
test_frame(void **state)
{
	static const char *const comments[] = {NULL, "", "a", "malformed: IPv4 packet cut off",
	    "0123456789012345678901234567890123456789012345678901234567890123456789!!"};
	const uint64_t stamp = 1709285400123456789;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(comments); k++)
		for (uint32_t len = 0; len < 70; len++) {
			size_t size = PCAPNG_ROOM(len), total;
			uint8_t *mem = malloc(size), packet[70];
			struct block b;

			assert_non_null(mem);
			memset(mem, 0xa5, size);
			for (unsigned i = 0; i < len; i++)
				packet[i] = (uint8_t)(i + 1);
			total = pcapng_frame(mem, packet, len, stamp, comments[k]);
			assert_true(total <= size);
			assert_int_equal(pcapng_block_len(mem), total);
			b = block_at(mem, total);
			assert_int_equal(b.len, total);
			assert_int_equal(b.type, 6);
			assert_int_equal(le32(b.body), 0);
			assert_true(((uint64_t)le32(b.body + 4) << 32 | le32(b.body + 8)) == stamp);
			assert_int_equal(le32(b.body + 12), len);
			assert_int_equal(le32(b.body + 16), len);
			assert_memory_equal(b.body + 20, packet, len);
			if (comments[k])
				assert_option(&b, 20 + (len + 3) / 4 * 4, 1, comments[k], strlen(comments[k]));
			else
				assert_int_equal(b.body_len, 20 + (len + 3) / 4 * 4);
			free(mem);
		}
}

static void
test_long_comment(void **state)
{
	uint8_t mem[PCAPNG_ROOM(0)];
	char comment[PCAPNG_COMMENT_MAX + 50];
	struct block b;

	(void)state;
	memset(comment, 'c', sizeof comment - 1);
	comment[sizeof comment - 1] = '\0';
	b = block_at(mem, pcapng_frame(mem, "", 0, 0, comment));
	assert_option(&b, 20, 1, comment, PCAPNG_COMMENT_MAX);
}

static void
test_end(void **state)
{
	const struct pcapng_stats s = {0x1122334455667788, 0x99aabbccddeeff00, 10, 3};
	struct buf out = {0};
	struct block b;

	(void)state;
	pcapng_end(&out, &s);
	assert_int_equal(out.err, 0);
	b = block_at(out.p, out.len);
	assert_int_equal(b.type, 5);
	assert_int_equal(b.len, out.len);
	assert_int_equal(le32(b.body + 4), 0x99aabbcc);
	assert_int_equal(le32(b.body + 8), 0xddeeff00);
	assert_option(&b, 12, 2, "\x44\x33\x22\x11\x88\x77\x66\x55", 8);
	assert_option(&b, 12, 3, "\xcc\xbb\xaa\x99\x00\xff\xee\xdd", 8);
	assert_option(&b, 12, 4, "\x0a\0\0\0\0\0\0\0", 8);
	assert_option(&b, 12, 5, "\x03\0\0\0\0\0\0\0", 8);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_begin),
	    cmocka_unit_test(test_frame),
	    cmocka_unit_test(test_long_comment),
	    cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
