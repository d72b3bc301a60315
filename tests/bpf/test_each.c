/* SPDX-License-Identifier: BSD-2-Clause */
/* What each agency has for itself, with more agencies than any table of the kernel programs has places. */
#include "unit.h"

#include <string.h>

#include "lab.h"

#define AGENCIES 48

static const struct tapset_life always;

/* So many criteria of one take all its places; every other one has its copy. */
static void
test_no_agency_takes_anothers_place(void **state)
{
	struct lab l = lab_open(256);
	struct frame f = lab_frame(1, 100, 1);

	(void)state;
	for (int i = 0; i < TAP_COPIES_MAX + 6; i++)
		lab_put(&l, 1, 1, 1, &always);
	for (uint32_t a = 2; a <= AGENCIES; a++)
		lab_put(&l, 1, 1, a, &always);
	for (int packet = 0; packet < 2; packet++) { /* the next one has places of its own */
		lab_run(&l, &f, 1);
		assert_int_equal(l.b->trace->copies, TAP_COPIES_MAX + AGENCIES - 1);
	}
	for (uint32_t a = 2; a <= AGENCIES; a++)
		assert_int_equal(lab_account(&l, a).matched, 2);
	assert_int_equal(lab_account(&l, 1).due, 2 * (TAP_COPIES_MAX + 6)); /* what is beyond is told as lost */
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_agency_takes_anothers_place)};

	if (geteuid() != 0)
		return LAB_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
