/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "audit.h"

#define EVENTS 20

struct record {
	struct buf text;
	struct audit_chain chain;
	uint8_t seed[AUDIT_KEY_LEN], key[AUDIT_KEY_LEN];
};

static struct record
make(void)
{
	struct record r = {0};

	audit_chain_init(&r.chain);
	for (int i = 0; i < AUDIT_KEY_LEN; i++)
		r.seed[i] = (uint8_t)i;
	assert_int_equal(audit_key_public(r.seed, r.key), 0);
	for (unsigned i = 1; i <= EVENTS; i++) {
		struct audit_event e = {.kind = "add",
		    .time_ms = 1700000000000 + i,
		    .agency = "lea1",
		    .uid = 1000,
		    .have_uid = true,
		    .peer = {4, {192, 0, 2, 10}},
		    .seq = i,
		    .have_seq = true,
		    .id = i,
		    .code = 200,
		    .auth = "password",
		    .warrant = "W-1",
		    .ids = {"1-3,7", 5},
		    .request = {"Source-Address: 198.51.100.1 \"\\\n\xc3\xa4\0", 34}};

		if (i % 7 == 0)
			assert_int_equal(audit_checkpoint(&r.chain, 1700000000000 + i, r.seed, &r.text), 0);
		else
			assert_int_equal(audit_append(&r.chain, &e, &r.text), 0);
	}
	assert_int_equal(r.chain.n, EVENTS);
	return r;
}

/* 0, or the number of the line at fault; EVENTS + 1: the end. */
static unsigned
verify(const struct record *r, const uint8_t *key, const void *p, size_t len, const struct audit_chain *known)
{
	struct audit_verifier v;
	const char *at = p, *end = at + len, *why = NULL;
	unsigned n = 1;

	audit_verify_init(&v, key ? key : r->key);
	if (known)
		v.known = *known;
	for (; at < end; n++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		struct slice line = {at, nl ? (size_t)(nl - at) : (size_t)(end - at)};

		if (audit_verify_line(&v, line, &why) < 0) {
			assert_non_null(why);
			return n;
		}
		at += line.len + 1;
	}
	return audit_verify_end(&v, &why) < 0 ? EVENTS + 1 : 0;
}

static void
test_good(void **state)
{
	struct record r = make();

	(void)state;
	assert_int_equal(verify(&r, NULL, r.text.p, r.text.len, NULL), 0);
	assert_int_equal(verify(&r, NULL, r.text.p, r.text.len, &r.chain), 0);
	assert_null(memmem(r.text.p, r.text.len, "\xc3", 1));
	buf_free(&r.text);
}

/* Whatever single byte is changed, its line or the next is found. */
static void
test_every_byte(void **state)
{
	struct record r = make();
	unsigned line = 1;

	(void)state;
	for (size_t i = 0; i < r.text.len; i++) {
		unsigned at;

		r.text.p[i] ^= 1;
		at = verify(&r, NULL, r.text.p, r.text.len, NULL);
		r.text.p[i] ^= 1;
		if (at != line)
			fail_msg("byte %zu of line %u: found at %u", i, line, at);
		line += r.text.p[i] == '\n';
	}
	buf_free(&r.text);
}

static size_t
line_start(const struct record *r, unsigned n)
{
	size_t at = 0;

	while (--n > 0)
		at = (size_t)((const uint8_t *)memchr(r->text.p + at, '\n', r->text.len - at) - r->text.p) + 1;
	return at;
}

/* Lines taken out, put twice, put elsewhere, or cut off at either end. */
static void
test_cut_and_reordered(void **state)
{
	struct record r = make();
	size_t l5 = line_start(&r, 5), l6 = line_start(&r, 6), l20 = line_start(&r, EVENTS);
	cleanup_buf struct buf b = {0};

	(void)state;
	buf_put(&b, r.text.p, l5);
	buf_put(&b, r.text.p + l6, r.text.len - l6);
	assert_int_equal(verify(&r, NULL, b.p, b.len, NULL), 5);
	buf_reset(&b);
	buf_put(&b, r.text.p, l6);
	buf_put(&b, r.text.p + l5, r.text.len - l5);
	assert_int_equal(verify(&r, NULL, b.p, b.len, NULL), 6);
	assert_int_equal(verify(&r, NULL, r.text.p + l5, r.text.len - l5, NULL), 1);
	/* A cut end shows only to one who knows the end. */
	assert_int_equal(verify(&r, NULL, r.text.p, l20, NULL), 0);
	assert_int_equal(verify(&r, NULL, r.text.p, l20, &r.chain), EVENTS + 1);
	buf_free(&r.text);
}

/* Written anew by somebody without the key, or with another. */
static void
test_forged(void **state)
{
	struct record r = make(), other = make();
	struct audit_chain known = r.chain;

	(void)state;
	other.seed[0] ^= 1;
	buf_reset(&other.text);
	audit_chain_init(&other.chain);
	assert_int_equal(audit_checkpoint(&other.chain, 0, other.seed, &other.text), 0);
	assert_int_equal(verify(&r, NULL, other.text.p, other.text.len, NULL), 1);
	known.hash[0] ^= 1;
	assert_int_equal(verify(&r, NULL, r.text.p, r.text.len, &known), EVENTS);
	assert_int_equal(verify(&r, other.seed, r.text.p, r.text.len, NULL), 7);
	buf_free(&r.text);
	buf_free(&other.text);
}

static void
test_too_long(void **state)
{
	static char what[AUDIT_LINE_MAX];
	struct audit_event e = {.kind = "add", .reason = what};
	struct audit_chain c;
	cleanup_buf struct buf b = {0};

	(void)state;
	memset(what, 'x', sizeof what - 1);
	audit_chain_init(&c);
	assert_int_equal(audit_append(&c, &e, &b), -EMSGSIZE);
	assert_int_equal(c.n, 0);
	assert_int_equal(b.len, 0);
}

static void
test_seal(void **state)
{
	static const uint8_t seed[AUDIT_KEY_LEN] = {1}, other[AUDIT_KEY_LEN] = {2};
	static const char line[] = "{\"n\":7,\"request\":\"Source-Address: 198.51.100.1\"}";
	cleanup_buf struct buf sealed = {0}, again = {0}, open = {0};
	uint8_t key[AUDIT_KEY_LEN], wrong[AUDIT_KEY_LEN];

	(void)state;
	assert_int_equal(audit_seal_key(seed, key), 0);
	assert_int_equal(audit_seal_key(other, wrong), 0);
	assert_int_equal(audit_seal(key, 7, (struct slice){line, sizeof line - 1}, &sealed), 0);
	assert_int_equal(audit_seal(key, 7, (struct slice){line, sizeof line - 1}, &again), 0);
	assert_memory_not_equal(sealed.p, again.p, sealed.len);
	assert_null(memmem(sealed.p, sealed.len, "198.51", 6));
	assert_int_equal(audit_open(key, 7, sealed.p, sealed.len, &open), 0);
	assert_true(open.len == sizeof line - 1 && memcmp(open.p, line, open.len) == 0);
	assert_int_equal(audit_open(key, 8, sealed.p, sealed.len, &open), -EBADMSG);
	assert_int_equal(audit_open(wrong, 7, sealed.p, sealed.len, &open), -EBADMSG);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.p[i] ^= 1;
		assert_int_equal(audit_open(key, 7, sealed.p, sealed.len, &open), -EBADMSG);
		sealed.p[i] ^= 1;
	}
	for (size_t i = 0; i < sealed.len; i++)
		assert_int_equal(audit_open(key, 7, sealed.p, i, &open), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_cut_and_reordered), cmocka_unit_test(test_forged), cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_seal)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
