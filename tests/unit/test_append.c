/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk that is full is a limit to the size of files: a write is cut short there, and the next one fails. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "append.h"

static int
file_new(const char *text)
{
	char name[] = "append-XXXXXX";
	int fd = mkostemp(name, O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void
holds(int fd, const char *expected)
{
	char text[20000];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

/* 0: none */
static void
limit_set(size_t bytes)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes ? bytes : l.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void
test_repair_at_open(void **state)
{
	static const struct {
		const char *before, *after;
	} rows[] = {{"", ""}, {"one\n", "one\n"}, {"one\ntw", "one\n"}, {"on", ""}, {"one\ntwo\n", "one\ntwo\n"}};
	static char longer[9001];
	struct append a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = file_new(rows[i].before);

		assert_int_equal(append_lines(&a, fd), 0);
		assert_true(a.fd == fd && a.size == (off_t)strlen(rows[i].after));
		holds(fd, rows[i].after);
		close(fd);
	}
	memset(longer, 'x', sizeof longer - 1);
	memcpy(longer, "one\n", 4);
	int fd = file_new(longer);

	assert_int_equal(append_lines(&a, fd), 0);
	holds(fd, "one\n");
	close(fd);
	assert_int_equal(append_lines(&a, -1), -EBADF);
}

static void
test_read_only_is_left_alone(void **state)
{
	int fd = file_new("one\ntw"), again;
	struct append a;
	char path[64];

	(void)state;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	assert_true((again = open(path, O_RDONLY | O_CLOEXEC)) >= 0);
	assert_int_equal(append_lines(&a, again), 0);
	assert_int_equal(a.size, 4);
	holds(fd, "one\ntw");
	close(again);
	close(fd);
}

/* Cut short at every byte: then it is as it was, and the next one goes behind what is whole. */
static void
test_all_or_nothing(void **state)
{
	static const char line[] = "a line of twenty-two\n";
	struct append a;

	(void)state;
	for (size_t n = 0; n < sizeof line - 1; n++) {
		int fd = file_new("one\n");

		assert_int_equal(append_lines(&a, fd), 0);
		limit_set(4 + n);
		assert_int_equal(append_put(&a, line, sizeof line - 1), -EFBIG);
		limit_set(0);
		holds(fd, "one\n");
		assert_int_equal(append_put(&a, "two\n", 4), 0);
		holds(fd, "one\ntwo\n");
		assert_int_equal(append_put(&a, line, sizeof line - 1), 0);
		holds(fd, "one\ntwo\na line of twenty-two\n");
		close(fd);
	}
}

/* What could not be cut off at once is before the next one; until then nothing is added. */
static void
test_cut_later(void **state)
{
	int fd = memfd_create("append", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct append a;

	(void)state;
	assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
	assert_int_equal(append_lines(&a, fd), 0);
	assert_int_equal(append_put(&a, "one\n", 4), 0);
	assert_int_equal(write(fd, "tw", 2), 2); /* a write that was cut short, as far as this one knows */
	assert_int_equal(append_put(&a, "two\n", 4), 0);
	holds(fd, "one\ntwo\n");
	assert_int_equal(write(fd, "th", 2), 2);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(append_put(&a, "three\n", 6), -EPERM);
	holds(fd, "one\ntwo\nth");
	close(fd);
}

/* Whoever made the file shorter meant it. */
static void
test_made_shorter(void **state)
{
	int fd = file_new("one\ntwo\n");
	struct append a;

	(void)state;
	assert_int_equal(append_lines(&a, fd), 0);
	assert_int_equal(ftruncate(fd, 4), 0);
	assert_int_equal(append_put(&a, "three\n", 6), 0);
	holds(fd, "one\nthree\n");
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_repair_at_open),
	    cmocka_unit_test(test_read_only_is_left_alone),
	    cmocka_unit_test(test_all_or_nothing),
	    cmocka_unit_test(test_cut_later),
	    cmocka_unit_test(test_made_shorter),
	};

	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
