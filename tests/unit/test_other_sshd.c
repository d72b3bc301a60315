/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the machine's other sshd keeps agencies out. */
#include <string.h>

#include "unit.h"

#include "other_sshd.h"

#define INCLUDE "Include /etc/ssh/sshd_config.d/*.conf\n"

static void
test_denies(void **state)
{
	static const struct {
		const char *text;
		bool drop_in, denies;
	} row[] = {
	    {INCLUDE, true, true},
	    {INCLUDE, false, false},
	    {"# of Debian\n\n  include\t/x \"/etc/ssh/sshd_config.d/*.conf\"\r\n", true, true},
	    {"#" INCLUDE, true, false},
	    {"Match User x\n" INCLUDE, true, false},
	    {"Include /etc/ssh/sshd_config.d/other.conf\n", true, false},
	    {"DenyGroups flowtap-agency", false, true},
	    {"DenyGroups other\ndenygroups=\"flowtap-agency\"\n", false, true},
	    {"DenyGroups flowtap-login\n", false, false},
	    {"Match all\nDenyGroups flowtap-agency\n", false, false},
	    {"AllowGroups flowtap-agency\n", false, false},
	    {"DenyGroups flowtap-agencyx\n", false, false},
	    {"", true, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(other_sshd_denies(slice_of(row[i].text), row[i].drop_in), row[i].denies);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_denies)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
