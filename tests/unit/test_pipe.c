/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "pipe.h"

static struct buf seen;

static int
sink(void *arg, struct slice s)
{
	const size_t *most = arg;

	buf_printf(&seen, "%.*s;", (int)s.len, s.p);
	return seen.len > *most ? -EPIPE : 0;
}

struct stage {
	enum pipe_kind kind;
	const char *text;
};

static int
run(const struct stage *s, size_t n, const char *text, size_t most)
{
	char why[128];
	struct pipe *p;
	int r = 0, e;

	buf_reset(&seen);
	assert_int_equal(pipe_new(sink, &most, &p), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pipe_add(p, s[i].kind, s[i].text, why, sizeof why), 0);
	for (; *text && r == 0; text++) /* byte by byte */
		r = pipe_write(p, text, 1);
	e = pipe_end(p);
	pipe_free(p);
	buf_put(&seen, "", 1);
	return r ? r : e;
}

static void
check(const struct stage *s, size_t n, const char *text, const char *expected)
{
	assert_int_equal(run(s, n, text, SIZE_MAX), 0);
	assert_string_equal((char *)seen.p, expected);
}

static void
test_stages(void **state)
{
	static const char text[] = "one\ntwo\n\nThree\nfour";

	(void)state;
	check(NULL, 0, text, "one;two;;Three;four;");
	check((struct stage[]){{PIPE_MATCH, "T"}}, 1, text, "two;Three;");
	check((struct stage[]){{PIPE_EXCEPT, "t|o"}}, 1, text, ";");
	check((struct stage[]){{PIPE_FIND, "^t"}}, 1, text, "two;;Three;four;");
	check((struct stage[]){{PIPE_COUNT, NULL}}, 1, text, "Count: 5 lines;");
	check((struct stage[]){{PIPE_LAST, "2"}}, 1, text, "Three;four;");
	check((struct stage[]){{PIPE_LAST, NULL}}, 1, text, "one;two;;Three;four;");
	check((struct stage[]){{PIPE_MATCH, "o"}, {PIPE_EXCEPT, "w"}, {PIPE_COUNT, NULL}}, 3, text, "Count: 2 lines;");
	check((struct stage[]){{PIPE_LAST, "3"}, {PIPE_MATCH, "f"}}, 2, text, "four;");
}

static void
test_wrong(void **state)
{
	struct pipe *p;
	char why[128] = "";
	size_t most = 0;

	(void)state;
	assert_int_equal(pipe_new(sink, &most, &p), 0);
	assert_int_equal(pipe_add(p, PIPE_MATCH, "[", why, sizeof why), -EINVAL);
	assert_true(*why);
	assert_int_equal(pipe_add(p, PIPE_LAST, "0", why, sizeof why), -EINVAL);
	assert_int_equal(pipe_add(p, PIPE_LAST, "100001", why, sizeof why), -EINVAL);
	pipe_free(p);
}

/* Who reads has seen enough: what writes is told. */
static void
test_ends(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, 0, "one\ntwo\nthree\n", 4), -EPIPE);
	assert_string_equal((char *)seen.p, "one;two;");
	buf_free(&seen);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stages),
	    cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
