/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "clock.h"
#include "pcapng.h"
#include "spool.h"

#define PACKET 100
#define BLOCK (PCAPNG_HEAD + PACKET + 4)

static char dir[] = "/tmp/flowtap-test-spool-XXXXXX";
static struct spool_conf conf;
static uint64_t mono_ns;
static int64_t wall_ms;

static int
setup(void **state)
{
	(void)state;
	mono_ns = 1000000000;
	wall_ms = 1709285400000; /* 2024-03-01 09:30:00 UTC */
	clock_override(&mono_ns, &wall_ms);
	strcpy(dir + sizeof dir - 7, "XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	conf = (struct spool_conf){.dir = open(dir, O_RDONLY | O_DIRECTORY), .program = "test"};
	return conf.dir < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	char name[512];

	(void)state;
	clock_override(NULL, NULL);
	close(conf.dir);
	snprintf(name, sizeof name, "rm -r '%s'", dir);
	return system(name);
}

/* n blocks in memory that outlives the call. */
static const uint8_t *
blocks(unsigned n)
{
	static uint8_t mem[64 * BLOCK + PCAPNG_TAIL];
	static const uint8_t packet[PACKET];

	assert_true(n <= 64);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pcapng_frame(mem + i * BLOCK, packet, PACKET, 1, NULL), BLOCK);
	return mem;
}

static void
write_all(struct spool *s, unsigned n)
{
	unsigned done;

	assert_int_equal(spool_write(s, blocks(n), n * BLOCK, &done), 0);
	assert_int_equal(done, n);
}

/* The packet blocks in a file, after checking that it is whole blocks from end to end. */
static unsigned
packets_in(const char *name)
{
	static uint8_t p[1 << 20];
	int fd = openat(conf.dir, name, O_RDONLY);
	ssize_t len = fd < 0 ? -1 : read(fd, p, sizeof p);
	unsigned n = 0;
	struct stat st;

	assert_true(len > 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
	for (ssize_t at = 0; at < len;) {
		uint32_t type, size, again;

		assert_true(len - at >= 12);
		memcpy(&type, p + at, 4);
		memcpy(&size, p + at + 4, 4);
		assert_true(size >= 12 && size <= len - at);
		memcpy(&again, p + at + size - 4, 4);
		assert_int_equal(size, again);
		n += type == 6;
		at += size;
	}
	return n;
}

static bool
is_there(const char *name)
{
	return faccessat(conf.dir, name, F_OK, 0) == 0;
}

static void
test_readable_while_open(void **state)
{
	struct spool s;

	(void)state;
	spool_init(&s, &conf, 7890);
	assert_string_equal(s.name, "");
	write_all(&s, 1);
	assert_string_equal(s.name, "7890-20240301T093000Z-0001.pcapng");
	assert_int_equal(packets_in(s.name), 1);
	write_all(&s, 63);
	assert_int_equal(packets_in(s.name), 64);
	assert_int_equal(spool_close(&s), 0);
	assert_int_equal(packets_in(s.name), 64);
	assert_int_equal(spool_close(&s), 0); /* once is enough */
	assert_int_equal(s.files, 1);
}

static void
test_rotate_size(void **state)
{
	struct spool s;
	struct stat st;
	unsigned sum = 0;
	char name[64];

	(void)state;
	conf.size_max = 1000;
	spool_init(&s, &conf, 1);
	write_all(&s, 30);
	write_all(&s, 3);
	assert_int_equal(spool_close(&s), 0);
	assert_true(s.files > 3);
	for (unsigned i = 1; i <= s.files; i++) {
		snprintf(name, sizeof name, "1-20240301T093000Z-%04u.pcapng", i);
		sum += packets_in(name);
		assert_int_equal(fstatat(conf.dir, name, &st, 0), 0);
		assert_true(st.st_size <= 1000 + 80); /* and the statistics at the end */
	}
	assert_int_equal(sum, 33);
}

static void
test_block_over_size(void **state)
{
	struct spool s;

	(void)state;
	conf.size_max = 1;
	spool_init(&s, &conf, 1);
	write_all(&s, 5);
	assert_int_equal(spool_close(&s), 0);
	assert_int_equal(s.files, 5);
	assert_int_equal(packets_in(s.name), 1);
}

static void
test_rotate_age(void **state)
{
	struct spool s;

	(void)state;
	conf.age_max_s = 10;
	spool_init(&s, &conf, 1);
	write_all(&s, 1);
	mono_ns += 9999999999;
	wall_ms += 9999;
	spool_tick(&s);
	write_all(&s, 1);
	assert_int_equal(s.files, 1);
	mono_ns += 1;
	spool_tick(&s);
	assert_int_equal(s.fd, -1);
	spool_tick(&s); /* no packets, no file */
	assert_int_equal(s.files, 1);
	wall_ms += 1;
	write_all(&s, 1);
	assert_string_equal(s.name, "1-20240301T093010Z-0002.pcapng");
	mono_ns += 10000000000; /* old by the time the next packet comes, without a tick */
	write_all(&s, 1);
	assert_int_equal(s.files, 3);
	assert_int_equal(spool_close(&s), 0);
}

static void
test_taken_names(void **state)
{
	struct spool s, again;

	(void)state;
	spool_init(&s, &conf, 1);
	write_all(&s, 2);
	spool_init(&again, &conf, 1); /* another run in the same second */
	write_all(&again, 1);
	assert_string_equal(again.name, "1-20240301T093000Z-0002.pcapng");
	assert_int_equal(packets_in("1-20240301T093000Z-0001.pcapng"), 2);
	assert_int_equal(spool_close(&s), 0);
	assert_int_equal(spool_close(&again), 0);
}

static void
limit_files(rlim_t size)
{
	struct rlimit lim = {size, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

/* The disk is full in the middle of a block: what is written stays whole, the rest is
 * reported, and once there is room it goes on. */
static void
test_no_room(void **state)
{
	struct spool s;
	unsigned done, in_file;

	(void)state;
	spool_init(&s, &conf, 1);
	write_all(&s, 2);
	limit_files(s.size + 3 * BLOCK + BLOCK / 2);
	assert_int_equal(spool_write(&s, blocks(10), 10 * BLOCK, &done), -EFBIG);
	assert_int_equal(done, 3);
	in_file = packets_in(s.name);
	assert_int_equal(spool_write(&s, blocks(1), BLOCK, &done), -EFBIG);
	assert_int_equal(done, 0);
	limit_files(RLIM_INFINITY);
	assert_int_equal(in_file, 5);
	assert_int_equal(packets_in(s.name), 5);
	write_all(&s, 2);
	assert_int_equal(spool_close(&s), 0);
	assert_int_equal(packets_in(s.name), 7);
	assert_int_equal(s.files, 1);
}

/* No room for even a header: no empty file is left lying about. */
static void
test_no_room_for_header(void **state)
{
	struct spool s;
	unsigned done;

	(void)state;
	spool_init(&s, &conf, 1);
	limit_files(10);
	assert_int_equal(spool_write(&s, blocks(1), BLOCK, &done), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_int_equal(done, 0);
	assert_int_equal(s.files, 0);
	assert_false(is_there("1-20240301T093000Z-0001.pcapng"));
	write_all(&s, 1);
	assert_true(is_there("1-20240301T093000Z-0001.pcapng"));
	assert_int_equal(spool_close(&s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_readable_while_open, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rotate_size, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_block_over_size, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rotate_age, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_taken_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_room_for_header, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
