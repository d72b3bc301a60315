/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sanitized.h"
#include "spare.h"

#define KEPT (4u << 20)
#define PIECE 3000

/* A list through the pieces themselves: nothing else is to be had. */
static void **
use_up(size_t *bytes, bool until_gone)
{
	void **first = NULL, **p;

	*bytes = 0;
	while (!(until_gone && spare_is_gone()) && (p = malloc(PIECE)) != NULL) {
		memset(p, 1, PIECE);
		*p = first;
		first = p;
		*bytes += PIECE;
	}
	return first;
}

static void
give_back(void **first)
{
	while (first) {
		void **next = *first;

		free(first);
		first = next;
	}
}

/* What was kept is there when nothing else is, to the last, and not before; it is taken again when there is more. */
static void
test_exhausted(void **state)
{
	struct rlimit was, none;
	void **a, **b;
	size_t before, after;
	bool again, gone;

	(void)state;
	assert_true(spare_again());
	assert_int_equal(spare_keep(KEPT), 0);
	assert_false(spare_is_gone());
	assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
	none = (struct rlimit){1, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	a = use_up(&before, true);
	gone = spare_is_gone();
	b = use_up(&after, false);
	again = spare_again();
	setrlimit(RLIMIT_AS, &was);
	assert_true(gone);
	assert_true(after >= KEPT * 9 / 10);
	assert_false(again);
	assert_true(spare_is_gone());
	give_back(a);
	give_back(b);
	assert_true(spare_again());
	assert_false(spare_is_gone());
}

/* What could not be had with it either does not cost it. */
static void
test_too_much(void **state)
{
	volatile size_t much = SIZE_MAX / 2;

	(void)state;
	assert_null(malloc(much));
	assert_null(calloc(much, 4));
	assert_false(spare_is_gone());
}

__attribute__((noinline)) static void
go_deep(void)
{
	volatile size_t size = SPARE_STACK_BYTES * 3 / 4;
	char room[size];

	explicit_bzero(room, size);
}

/* How a process ends that goes deep while nothing is to be had. */
static int
end_of(bool kept)
{
	struct rlimit none = {1, RLIM_INFINITY};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		if (kept)
			spare_stack();
		if (getrlimit(RLIMIT_AS, &none) < 0)
			_exit(1);
		none.rlim_cur = 1;
		if (setrlimit(RLIMIT_AS, &none) < 0)
			_exit(1);
		go_deep();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
test_stack(void **state)
{
	int without = end_of(false);

	(void)state;
	assert_true(WIFSIGNALED(without) && WTERMSIG(without) == SIGSEGV);
	assert_int_equal(end_of(true), 0);
}

int
main(void)
{
#ifdef SANITIZED
	puts("1..0 # SKIP the sanitizer has a heap of its own");
	return 0;
#endif
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exhausted), cmocka_unit_test(test_too_much), cmocka_unit_test(test_stack)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
