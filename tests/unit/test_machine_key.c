/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "machine_key.h"

#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

struct box {
	char state[64], credentials[64];
};

static const char *
in(const char *dir, const char *name)
{
	static char path[2][128];
	static unsigned turn;

	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
	return path[turn];
}

static int
setup(void **state)
{
	struct box *x = calloc(1, sizeof *x);

	assert_non_null(x);
	snprintf(x->state, sizeof x->state, "/tmp/test_machine_key.XXXXXX");
	assert_non_null(mkdtemp(x->state));
	snprintf(x->credentials, sizeof x->credentials, "/tmp/test_machine_cred.XXXXXX");
	assert_non_null(mkdtemp(x->credentials));
	unsetenv("CREDENTIALS_DIRECTORY");
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct box *x = *state;

	unlink(in(x->state, MACHINE_KEY_FILE));
	rmdir(in(x->state, MACHINE_KEY_FILE));
	unlink(in(x->state, MACHINE_KEY_FILE ".new"));
	unlink(in(x->state, MACHINE_KEY_STORE));
	unlink(in(x->credentials, MACHINE_KEY_CREDENTIAL));
	assert_int_equal(rmdir(x->state), 0);
	assert_int_equal(rmdir(x->credentials), 0);
	unsetenv("CREDENTIALS_DIRECTORY");
	free(x);
	return 0;
}

static void
file_make(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int
get(struct box *x, uint8_t key[static MACHINE_KEY_LEN])
{
	const char *why = NULL;
	int r = machine_key_get(x->state, key, &why);

	assert_true(r == 0 || (why != NULL && *why));
	return r;
}

static void
test_made_at_first_and_kept(void **state)
{
	struct box *x = *state;
	uint8_t one[MACHINE_KEY_LEN] = {0}, two[MACHINE_KEY_LEN] = {0}, three[MACHINE_KEY_LEN] = {0};
	struct stat st;

	file_make(in(x->state, MACHINE_KEY_FILE ".new"), "half a ke", 0644); /* left by one that was killed */
	assert_int_equal(get(x, one), 0);
	assert_int_equal(stat(in(x->state, MACHINE_KEY_FILE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 2 * MACHINE_KEY_LEN + 1);
	assert_int_equal(access(in(x->state, MACHINE_KEY_FILE ".new"), F_OK), -1);
	assert_int_equal(get(x, two), 0);
	assert_memory_equal(one, two, sizeof one);
	unlink(in(x->state, MACHINE_KEY_FILE));
	assert_int_equal(get(x, three), 0);
	assert_memory_not_equal(one, three, sizeof one);
}

static void
test_not_made_beside_a_database(void **state)
{
	struct box *x = *state;
	uint8_t key[MACHINE_KEY_LEN];

	file_make(in(x->state, MACHINE_KEY_STORE), "something", 0600);
	assert_int_equal(get(x, key), -ENOKEY);
	assert_int_equal(access(in(x->state, MACHINE_KEY_FILE), F_OK), -1);
	file_make(in(x->state, MACHINE_KEY_STORE), "", 0600); /* a start that was killed: still nothing in it */
	assert_int_equal(get(x, key), 0);
}

static void
test_files_that_are_refused(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		int result;
	} row[] = {
	    {DIGITS, 0600, 0},
	    {DIGITS "\n", 0400, 0},
	    {DIGITS, 0640, -EPERM},
	    {DIGITS, 0604, -EPERM},
	    {DIGITS, 0620, -EPERM},
	    {DIGITS, 0601, -EPERM},
	    {"", 0600, -EINVAL},
	    {"00", 0600, -EINVAL},
	    {DIGITS "0", 0600, -EINVAL},
	    {DIGITS "\n\n", 0600, -EINVAL},
	    {DIGITS DIGITS, 0600, -EINVAL},
	    {"0011223344556677 8899aabbccddeeff00112233445566778899aabbccddeef", 0600, -EINVAL},
	    {"0X112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 0600, -EINVAL},
	};
	struct box *x = *state;
	uint8_t key[MACHINE_KEY_LEN] = {0};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		file_make(in(x->state, MACHINE_KEY_FILE), row[i].text, row[i].mode);
		assert_int_equal(get(x, key), row[i].result);
		assert_true(key[1] == 0x11 && key[31] == 0xff); /* as the first row left it */
	}
	assert_int_equal(rename(in(x->state, MACHINE_KEY_FILE), in(x->state, MACHINE_KEY_STORE)), 0);
	assert_int_equal(symlink(MACHINE_KEY_STORE, in(x->state, MACHINE_KEY_FILE)), 0);
	assert_int_equal(get(x, key), -ELOOP);
	unlink(in(x->state, MACHINE_KEY_FILE));
	assert_int_equal(mkfifo(in(x->state, MACHINE_KEY_FILE), 0600), 0);
	assert_int_equal(get(x, key), -EPERM); /* and does not wait for a writer */
	unlink(in(x->state, MACHINE_KEY_FILE));
	assert_int_equal(mkdir(in(x->state, MACHINE_KEY_FILE), 0700), 0);
	assert_int_equal(get(x, key), -EPERM);
	rmdir(in(x->state, MACHINE_KEY_FILE));
	if (geteuid() != 0)
		return;
	file_make(in(x->state, MACHINE_KEY_FILE), DIGITS, 0600);
	assert_int_equal(chown(in(x->state, MACHINE_KEY_FILE), 1, 1), 0);
	assert_int_equal(get(x, key), -EPERM);
}

static void
test_a_credential_comes_first(void **state)
{
	struct box *x = *state;
	uint8_t key[MACHINE_KEY_LEN];

	file_make(in(x->state, MACHINE_KEY_FILE), DIGITS, 0600);
	setenv("CREDENTIALS_DIRECTORY", x->credentials, 1);
	assert_int_equal(get(x, key), 0); /* credentials, but none of ours */
	assert_int_equal(key[0], 0x00);
	file_make(in(x->credentials, MACHINE_KEY_CREDENTIAL), OTHER "\n", 0400);
	assert_int_equal(get(x, key), 0);
	assert_int_equal(key[0], 0xff);
	/* One that is no good is not made good by the file. */
	file_make(in(x->credentials, MACHINE_KEY_CREDENTIAL), OTHER "\n", 0444);
	assert_int_equal(get(x, key), -EPERM);
	setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
	assert_int_equal(get(x, key), 0);
	assert_int_equal(key[0], 0x00);
}

static void
test_handed_on(void **state)
{
	uint8_t key[MACHINE_KEY_LEN], got[MACHINE_KEY_LEN];
	int fd, p[2];

	(void)state;
	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(7 * i + 1);
	assert_int_equal(machine_key_pipe(key, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(machine_key_take(fd, got), 0);
	assert_memory_equal(key, got, sizeof key);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], key, 31), 31);
	close(p[1]);
	assert_int_equal(machine_key_take(p[0], got), -EPROTO);
}

#define KEY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    KEY_TEST(test_made_at_first_and_kept),
	    KEY_TEST(test_not_made_beside_a_database),
	    KEY_TEST(test_files_that_are_refused),
	    KEY_TEST(test_a_credential_comes_first),
	    cmocka_unit_test(test_handed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
