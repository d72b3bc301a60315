/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_conf_faults FILE ... - parses and prints each file with the first, the second
 * and every further allocation failing: each time a clean -ENOMEM (under the address
 * sanitizer also without a leak), at last success.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_diff.h"

static unsigned long countdown; /* the allocation that fails; 0: none */
static bool failed;

static bool
fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	return true;
}

/* The linker gives these the calls of the whole program (--wrap). */
#define WRAP(type, name, params, args)                                                                                 \
	type __real_##name params;                                                                                     \
	type __wrap_##name params;                                                                                     \
	type __wrap_##name params                                                                                      \
	{                                                                                                              \
		if (fails()) {                                                                                         \
			errno = ENOMEM;                                                                                \
			return NULL;                                                                                   \
		}                                                                                                      \
		return __real_##name args;                                                                             \
	}

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, (void *p, size_t size), (p, size))
WRAP(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))
WRAP(char *, strndup, (const char *s, size_t n), (s, n))

static void
violated(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

/* Parse, print and compare with itself: 0 or the first error. */
static int
run(const char *path)
{
	cleanup_buf struct buf out = {0};
	struct conf_error err;
	struct conf_diff d;
	struct conf *c = NULL;
	int r = conf_load(path, &c, &err);

	if (r < 0) {
		if (c || (r == -ENOMEM && (err.line != 0 || strcmp(err.expected, strerror(ENOMEM)) != 0)))
			violated("a failure that is not clean");
		return r;
	}
	if ((r = conf_diff_make(c, c, &d)) == 0)
		conf_diff_fini(&d);
	conf_print(c, &out);
	conf_free(c);
	return r ? r : out.err;
}

int
main(int argc, char **argv)
{
	unsigned long n = 0, total = 0;

	for (int i = 1; i < argc; i++) {
		const int want = run(argv[i]);

		for (n = 1;; n++) {
			int r;

			countdown = n;
			failed = false;
			r = run(argv[i]);
			countdown = 0;
			/* a file that is refused anyway may still be refused for its own fault */
			if (failed ? r != -ENOMEM && (want == 0 || r != want) : r != want)
				violated(argv[i]);
			if (!failed)
				break;
		}
		total += n - 1;
	}
	printf("%lu failures in %d files\n", total, argc - 1);
	return total == 0;
}
