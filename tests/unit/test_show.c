/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "unit.h"

#include "show.h"

static void
shown(const char *json, const char *expected)
{
	cleanup_buf struct buf out = {0};
	json_t *state = json_loads(json, 0, NULL);

	assert_non_null(state);
	show_flow_tap(state, &out);
	json_decref(state);
	buf_put_u8(&out, 0);
	assert_int_equal(out.err, 0);
	assert_string_equal((char *)out.p, expected);
}

static void
for_the_entitled(void **state)
{
	(void)state;
	shown("{\"state\":\"running\",\"version\":\"1\",\"attach\":\"tcx\",\"interfaces\":["
	      "{\"name\":\"eth0\",\"ifindex\":2,\"tapped\":true},"
	      "{\"name\":\"tun0\",\"ifindex\":3,\"tapped\":false,\"why\":\"not Ethernet\"}],"
	      "\"agencies\":[{\"agency\":\"lea1\",\"sessions\":1,\"criteria\":100000,"
	      "\"due\":20,\"sent\":18,\"lost-budget\":1,\"lost-otherwise\":1}],"
	      "\"copies\":{\"matched\":10,\"due\":20,\"sent\":18},"
	      "\"losses\":{\"no-route\":2,\"transmit\":0},"
	      "\"content-interfaces\":[{\"name\":\"eth1\",\"way\":\"direct\"}]}",
	    "Flow-tap: running, flowtapd 1, attached by tcx\n"
	    "\nInterfaces\n"
	    "  eth0             tapped\n"
	    "  tun0             not tapped: not Ethernet\n"
	    "\nAgency               sessions  criteria    copies due          sent      lost\n"
	    "  lea1                      1    100000            20            18         2\n"
	    "\nCopies\n"
	    "  matched                                           10\n"
	    "  due (matched x destinations)                      20\n"
	    "  sent                                              18\n"
	    "\nLosses\n"
	    "  no-route                                           2\n"
	    "\nCopies leave by\n"
	    "  eth1             direct\n");
}

static void
without_losses(void **state)
{
	(void)state;
	shown("{\"state\":\"running\",\"version\":\"1\",\"attach\":\"tcx\",\"interfaces\":[],\"agencies\":[],"
	      "\"copies\":{\"matched\":0,\"due\":0,\"sent\":0},\"losses\":{\"no-route\":0}}",
	    "Flow-tap: running, flowtapd 1, attached by tcx\n"
	    "\nInterfaces\n"
	    "\nAgency               sessions  criteria    copies due          sent      lost\n"
	    "\nCopies\n"
	    "  matched                                            0\n"
	    "  due (matched x destinations)                       0\n"
	    "  sent                                               0\n"
	    "\nLosses\n"
	    "  none                                               0\n");
}

static void
for_everybody_else(void **state)
{
	(void)state;
	shown("{\"state\":\"running\",\"version\":\"1\",\"attach\":\"clsact\",\"interfaces\":[]}",
	    "Flow-tap: running, flowtapd 1, attached by clsact\n"
	    "\nInterfaces\n"
	    "\nFurther figures are shown to those entitled: root and the group _flowtap.\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(for_the_entitled),
	    cmocka_unit_test(without_losses),
	    cmocka_unit_test(for_everybody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
