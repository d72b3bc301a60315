/* SPDX-License-Identifier: BSD-2-Clause */
/* What a verifier says of a program that it refuses reaches the log: here one that stands under another type's rules.
 */
#include "unit.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi.h"
#include "kern_refusal.h"
#include "tap.skel.h"

static int __attribute__((format(printf, 2, 0))) hear(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	kern_refusal_hear(fmt, ap);
	return 0;
}

static void
load_refused(void)
{
	struct tap_bpf *s = tap_bpf__open();
	struct bpf_program *p;

	assert_non_null(s);
	bpf_object__for_each_program(p, s->obj) bpf_program__set_autoload(p, p == s->progs.tap_stage);
	/* It may not send packets. */
	assert_int_equal(bpf_program__set_type(s->progs.tap_stage, BPF_PROG_TYPE_SOCKET_FILTER), 0);
	assert_true(tap_bpf__load(s) < 0);
	tap_bpf__destroy(s);
}

static void
test_refused(void **state)
{
	int pair[2], err = dup(STDERR_FILENO);
	char said[4096];
	ssize_t n;

	(void)state;
	libbpf_set_print(hear);
	load_refused();
	assert_int_equal(pipe(pair), 0);
	dup2(pair[1], STDERR_FILENO);
	kern_refusal_tell();
	kern_refusal_tell(); /* once */
	dup2(err, STDERR_FILENO);
	close(pair[1]);
	close(err);
	n = read(pair[0], said, sizeof said - 1);
	close(pair[0]);
	assert_true(n > 0);
	said[n] = '\0';
	assert_non_null(strstr(said, " refuses the program tap_stage:\n"));
	assert_null(strstr(strstr(said, "refuses") + 1, "refuses"));
	/* The verifiers of all kernels say "invalid bpf_context access" or "unknown func ...". */
	assert_true(strstr(said, "invalid bpf_context access") != NULL || strstr(said, "unknown func") != NULL ||
		    strstr(said, "cannot use helper") != NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
