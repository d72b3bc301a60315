/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <string.h>

#include "kern_refusal.h"

#define HEAD "libbpf: prog 'tap_ingress': -- BEGIN PROG LOAD LOG --\n"
#define TAIL "-- END PROG LOAD LOG --\n"
#define STATISTICS                                                                                                     \
	"verification time 2078123 usec\nstack depth 216+48+0\n"                                                       \
	"processed 7007 insns (limit 1000000) max_states_per_insn 7 total_states 271 peak_states 256 mark_read 51\n"

/* The end of what Linux 6.1 said of a program that later ones take. */
static void
test_last_lines(void **state)
{
	struct kern_refusal r;

	(void)state;
	assert_true(kern_refusal_read(HEAD "0: R1=ctx(off=0,imm=0) R10=fp0\n"
					   "; before = o->out->mark[at - 1];\n"
					   "3751: (0f) r1 += r2\n"
					   "3752: (61) r1 = *(u32 *)(r1 +0)\n"
					   "R1 unbounded memory access\n" STATISTICS TAIL,
	    &r));
	assert_string_equal(r.prog, "tap_ingress");
	assert_int_equal(r.n, 4);
	assert_string_equal(r.line[0], "; before = o->out->mark[at - 1];");
	assert_string_equal(r.line[3], "R1 unbounded memory access");
}

static void
test_short(void **state)
{
	struct kern_refusal r;

	(void)state;
	assert_true(kern_refusal_read(HEAD "combined stack size of 3 calls is 544. Too large\n" STATISTICS TAIL, &r));
	assert_int_equal(r.n, 1);
	assert_string_equal(r.line[0], "combined stack size of 3 calls is 544. Too large");
	assert_true(kern_refusal_read(HEAD TAIL, &r));
	assert_int_equal(r.n, 0);
	assert_true(kern_refusal_read("-- BEGIN PROG LOAD LOG --\nno end", &r));
	assert_string_equal(r.prog, "?");
	assert_string_equal(r.line[0], "no end");
}

static void
test_addresses_are_left_out(void **state)
{
	struct kern_refusal r;

	(void)state;
	assert_true(kern_refusal_read(HEAD "338: (18) r3 = 0xff7245c083cf6000     ; R3_w=map_value(off=0,vs=1048576)\n"
					   "w1 &= 0xffff\n" TAIL,
	    &r));
	assert_string_equal(r.line[0], "338: (18) r3 = 0x     ; R3_w=map_value(off=0,vs=1048576)");
	assert_string_equal(r.line[1], "w1 &= 0xffff");
}

static void
test_long_line(void **state)
{
	char text[4096] = HEAD;
	struct kern_refusal r;

	(void)state;
	memset(text + strlen(text), 'x', 3000);
	strcat(text, "\n\033[1mend\n" TAIL);
	assert_true(kern_refusal_read(text, &r));
	assert_int_equal(r.n, 2);
	assert_true(strlen(r.line[0]) < KERN_REFUSAL_LINE);
	assert_string_equal(r.line[1], " [1mend");
}

static void
test_other_messages(void **state)
{
	struct kern_refusal r = {.prog = "kept"};

	(void)state;
	assert_false(kern_refusal_read("libbpf: prog 'tap_ingress': BPF program load failed: Permission denied\n", &r));
	assert_false(kern_refusal_read("", &r));
	assert_string_equal(r.prog, "kept");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_last_lines),
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_addresses_are_left_out),
	    cmocka_unit_test(test_long_line),
	    cmocka_unit_test(test_other_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
