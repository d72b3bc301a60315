/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "box.h"
#include "sanitized.h"
#include "spare.h"
#include "store.h"

#define LINE 300000
#define FILLED 90 /* until the page cache is as large as it gets */
#define LINES 260 /* several times what the first part of the log's index has room for */

static const uint8_t machine[STORE_KEY_LEN] = "the machine's key: thirty-two ..";

static int
line_add(struct store *s, uint64_t n, const char *line)
{
	int r = store_begin(s);

	if (r == 0)
		r = store_audit_add(s, n, (struct slice){line, LINE});
	return r == 0 ? store_commit(s) : r;
}

/* Nothing more can be mapped; what is kept of the heap will do, as for the engine.  The exit status: 0, or at which
 * line it ended. */
static int
grow(const struct box *x)
{
	static char line[LINE];
	struct rlimit none;
	struct store *s;
	int r;

	if (store_open(x->path, machine, &s) < 0)
		return 255;
	for (uint64_t n = 1; n <= FILLED; n++)
		if (line_add(s, n, line) < 0)
			return 255;
	if (spare_keep(8u << 20) < 0)
		return 255;
	if (getrlimit(RLIMIT_AS, &none) < 0)
		return 254;
	none.rlim_cur = 1;
	if (setrlimit(RLIMIT_AS, &none) < 0)
		return 254;
	for (uint64_t n = FILLED + 1; n <= LINES; n++)
		if ((r = line_add(s, n, line)) < 0)
			return r == STORE_UNKNOWN ? 2 : 1;
	return 0;
}

/* A log that grows needs no memory in the middle of a transaction. */
static void
test_log_grows(void **state)
{
	struct box *x = box_new();
	cleanup_buf struct buf last = {0};
	uint64_t n = 0;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(grow(x));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(store_open(x->path, machine, &x->s), 0);
	assert_int_equal(store_audit_get(x->s, &n, &last), 0);
	assert_int_equal(n, LINES);
	box_teardown((void **)&x);
}

int
main(void)
{
#ifdef SANITIZED
	puts("1..0 # SKIP the sanitizer maps memory of its own");
	return 0;
#endif
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_log_grows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
