/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal.h"

static void
fields(void **state)
{
	static const struct {
		const char *key, *value, *out;
		size_t len;
	} rows[] = {
#define ROW(KEY, VALUE, OUT) {KEY, VALUE, OUT, sizeof(OUT) - 1}
	    ROW("MESSAGE", "a b", "MESSAGE=a b\n"),
	    ROW("A_1", "", "A_1=\n"),
	    ROW("A", "b=c", "A=b=c\n"),
	    ROW("MESSAGE", "a\nPRIORITY=0", "MESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n"),
	    ROW("MESSAGE", "\n", "MESSAGE\n\x01\0\0\0\0\0\0\0\n\n"),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct buf b = {0};

		journal_put(&b, rows[i].key, rows[i].value);
		assert_int_equal(b.err, 0);
		assert_int_equal(b.len, rows[i].len);
		assert_memory_equal(b.p, rows[i].out, b.len);
	}
}

static void
sent(void **state)
{
	static const struct journal_field entry[] = {{"MESSAGE", "hello"}, {"PRIORITY", "5"}, {NULL, NULL}};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/test_journal.XXXXXX", got[128] = "";
	struct journal j;
	int r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s/socket", dir);
	assert_int_equal(journal_open(&j, sun.sun_path), 0);
	assert_int_equal(journal_send(&j, entry), -ENOENT);

	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&sun, sizeof sun), 0);
	assert_int_equal(journal_send(&j, entry), 0);
	assert_int_equal(recv(s, got, sizeof got, MSG_DONTWAIT), 25);
	assert_string_equal(got, "MESSAGE=hello\nPRIORITY=5\n");
	/* One that reads no more holds nobody up, and one that is gone is no trouble; a new one is found. */
	for (r = 0; r == 0;)
		r = journal_send(&j, entry);
	assert_int_equal(r, -EAGAIN);
	close(s);
	assert_int_equal(journal_send(&j, entry), -ECONNREFUSED);
	unlink(sun.sun_path);
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&sun, sizeof sun), 0);
	assert_int_equal(journal_send(&j, entry), 0);
	close(s);
	unlink(sun.sun_path);
	rmdir(dir);
	journal_close(&j);
	assert_int_equal(journal_send(&j, entry), -EBADF);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields),
	    cmocka_unit_test(sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
