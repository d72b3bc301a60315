/* SPDX-License-Identifier: BSD-2-Clause */
/* What the accounts, which are root, take from the parent, which need not be itself any more. */
#include <errno.h>
#include <string.h>

#include "unit.h"

#include "accounts.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI a b\n"

static int
told(const char *name, uint32_t uid, struct slice full_name, struct slice hash, struct slice keys)
{
	struct account a = {.operation = true, .uid = uid, .full_name = full_name, .hash = hash, .keys = keys}, got;
	cleanup_buf struct buf b = {0};
	struct rd r;
	int rc;

	assert_true(strlen(name) < sizeof a.name);
	strcpy(a.name, name);
	account_put(&b, &a);
	assert_int_equal(b.err, 0);
	r = rd_init(b.p, b.len);
	memset(&got, 0x5a, sizeof got);
	if ((rc = account_get(&got, &r)) < 0) {
		assert_int_equal((unsigned char)got.name[0], 0x5a);
		return rc;
	}
	assert_int_equal(rd_end(&r), 0);
	assert_string_equal(got.name, name);
	assert_true(got.operation && got.uid == uid && got.full_name.len == full_name.len && got.hash.len == hash.len &&
		    got.keys.len == keys.len);
	return 0;
}

/* All that a configuration can say. */
static void
taken(void **state)
{
	static const char *const names[] = {"lea1", "lea+5@example.net", "boss.new", "0"};
	static const char *const keys[] = {"", KEY, KEY KEY "ssh-rsa AAAA\n", "ecdsa-sha2-nistp256 AAAA= x\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			assert_int_equal(told(names[i], 0, slice_of(""), slice_of("*"), slice_of(keys[k])), 0);
	assert_int_equal(
	    told("lea1", 100, slice_of("J\xc3\xb6rg M\xc3\xbcller"), slice_of("$6$a$b./"), slice_of("")), 0);
	assert_int_equal(told("lea1", 64000, slice_of("a"), slice_of("!"), slice_of("")), 0);
}

static void
names(void **state)
{
	static const char *const rows[] = {"", ".", "..", ".lea1", "../../cron.d/evil", "a/b", "/etc/passwd", "-o",
	    "--root=/x", "a b", "a:b", "a,b", "a\nb", "a\tb", "a\x7f", "J\xc3\xb6rg", "_flowtap",
	    "abcdefghijklmnopqrstuvwxyz012345"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %zu\n", i);
		assert_int_equal(told(rows[i], 0, slice_of(""), slice_of("*"), slice_of("")), -EBADMSG);
	}
}

static void
hashes(void **state)
{
	static const char *const rows[] = {
	    "", "*\nroot:INJECTED", "*\n", "\n*", "a:b", "*:0", "a b", "a\tb", "a\r", "\x7f", "\xc3\xb6"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %zu\n", i);
		assert_int_equal(told("lea1", 0, slice_of(""), slice_of(rows[i]), slice_of("")), -EBADMSG);
	}
	assert_int_equal(told("lea1", 0, slice_of(""), (struct slice){"*\0x", 3}, slice_of("")), -EBADMSG);
}

static void
keys(void **state)
{
	static const char *const rows[] = {"\n", "ssh-ed25519 AAAA", "ssh-ed25519 AAAA\n\n", "ssh-ed25519\n",
	    "ssh-ed25519 \n", "command=\"/bin/sh\" ssh-ed25519 AAAA\n", KEY "cert-authority " KEY, KEY "# nothing\n",
	    "ssh-dss AAAA\n", "ssh-ed25519 AAAA a\rb\n", "ssh-ed25519 AAAA \x1b[2J\n", " ssh-ed25519 AAAA\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %zu\n", i);
		assert_int_equal(told("lea1", 0, slice_of(""), slice_of("*"), slice_of(rows[i])), -EBADMSG);
	}
	assert_int_equal(told("lea1", 0, slice_of(""), slice_of("*"), (struct slice){"ssh-rsa A \0\n", 12}), -EBADMSG);
}

static void
full_names(void **state)
{
	static const char *const rows[] = {"a:0:0", "a,b", "a=b", "a\nroot::0:0::/:/bin/sh", "a\tb", "\x7f",
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789+"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %zu\n", i);
		assert_int_equal(told("lea1", 0, slice_of(rows[i]), slice_of("*"), slice_of("")), -EBADMSG);
	}
}

static void
numbers(void **state)
{
	static const uint32_t rows[] = {1, 99, 64001, 65534, 65536, UINT32_MAX - 1, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(told("lea1", rows[i], slice_of(""), slice_of("*"), slice_of("")), -EBADMSG);
}

/* Cut off anywhere; and a flag that is none. */
static void
pieces(void **state)
{
	const struct account a = {.name = "lea1", .hash = {"*", 1}, .keys = {KEY, sizeof KEY - 1}};
	cleanup_buf struct buf b = {0};
	struct account got;
	struct rd r;

	(void)state;
	account_put(&b, &a);
	for (size_t n = 0; n < b.len; n++) {
		r = rd_init(b.p, n);
		assert_int_equal(account_get(&got, &r), -EBADMSG);
	}
	r = rd_init(b.p, b.len);
	assert_int_equal(account_get(&got, &r), 0);
	b.p[2 + 4] = 2;
	r = rd_init(b.p, b.len);
	assert_int_equal(account_get(&got, &r), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(taken),
	    cmocka_unit_test(names),
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(full_names),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
