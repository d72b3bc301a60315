/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "unit.h"

#include "layout.h"
#include "show.h"

static void
fits(show_text *show, const json_t *state, unsigned width, struct buf *out)
{
	show_put(show, state, width, out);
	buf_put_u8(out, 0);
	assert_int_equal(out->err, 0);
	for (const char *line = (char *)out->p; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= width);
}

/* That is what it looks like in 80 columns; in others it fits. */
static void
shown_by(show_text *show, const char *json, const char *expected)
{
	json_t *state = json_loads(json, 0, NULL);

	assert_non_null(state);
	for (unsigned width = LAYOUT_LEAST; width <= LAYOUT_MOST; width++) {
		cleanup_buf struct buf out = {0};

		fits(show, state, width, &out);
		if (width == 80)
			assert_string_equal((char *)out.p, expected);
	}
	json_decref(state);
}

static void
narrow(show_text *show, const char *json, const char *expected)
{
	cleanup_buf struct buf out = {0};
	json_t *state = json_loads(json, 0, NULL);

	assert_non_null(state);
	fits(show, state, 40, &out);
	assert_string_equal((char *)out.p, expected);
	json_decref(state);
}

static void
for_the_entitled(void **state)
{
	(void)state;
	shown_by(show_flow_tap,
	    "{\"state\":\"running\",\"version\":\"1\",\"attach\":\"tcx\",\"start-time\":86400,\"sessions\":3,"
	    "\"interfaces\":["
	    "{\"name\":\"eth0\",\"ifindex\":2,\"tapped\":true},"
	    "{\"name\":\"tun0\",\"ifindex\":3,\"tapped\":false,\"why\":\"not Ethernet\"}],"
	    "\"agencies\":[{\"agency\":\"lea1\"}],"
	    "\"programs\":[{\"name\":\"tap_ingress\",\"id\":71,\"tag\":\"0011223344556677\",\"loaded-seconds\":93784}],"
	    "\"copies-per-second\":12000,\"copies-per-second-most\":48000,"
	    "\"capacity\":{\"criteria\":512,\"criteria-limit\":131072,\"terms-ipv4\":1,\"terms-ipv4-limit\":270335,"
	    "\"terms-ipv6\":0,\"terms-ipv6-limit\":270335,\"masks-ipv4\":32,\"masks-ipv4-limit\":64,\"masks-ipv6\":0,"
	    "\"masks-ipv6-limit\":64,\"destinations\":2,\"destinations-limit\":33791,\"table-bytes\":104857600},"
	    "\"content-interfaces\":[{\"name\":\"eth1\",\"way\":\"direct\"}]}",
	    "Flow-tap: running, flowtapd 1, attached by tcx\n"
	    "Started 1970-01-02T00:00:00Z; DTCP sessions: 3; agencies: 1\n"
	    "\nInterfaces\n"
	    "  eth0             tapped\n"
	    "  tun0             not tapped: not Ethernet\n"
	    "\nCopies leave by\n"
	    "  eth1             direct\n"
	    "\nPrograms             id  tag               loaded for\n"
	    "  tap_ingress        71  0011223344556677  1d 02:03:04\n"
	    "\nCapacity              in use       room    used\n"
	    "  criteria               512     131072    0.4%\n"
	    "  terms-ipv4               1     270335    0.0%\n"
	    "  terms-ipv6               0     270335    0.0%\n"
	    "  masks-ipv4              32         64   50.0%\n"
	    "  masks-ipv6               0         64    0.0%\n"
	    "  destinations             2      33791    0.0%\n"
	    "  copies a second      12000      48000  the most so far without a loss\n"
	    "  tables' memory               100.0 MiB\n");
}

static void
for_everybody_else(void **state)
{
	(void)state;
	shown_by(show_flow_tap,
	    "{\"state\":\"running\",\"version\":\"1\",\"services-interfaces\":[\"ftap0\",\"ftap1\"]}",
	    "Flow-tap: running, flowtapd 1\n"
	    "Services interfaces: ftap0 ftap1\n"
	    "\nFurther figures are shown to those entitled: root, the group _flowtap and the\n"
	    "  permission flow-tap.\n");
}

static void
statistics(void **state)
{
	(void)state;
	shown_by(show_statistics,
	    "{\"agencies\":[{\"agency\":\"lea1\",\"sessions\":1,\"criteria\":100000,"
	    "\"due\":20,\"sent\":18,\"lost-budget\":1,\"lost-otherwise\":1}],"
	    "\"copies\":{\"matched\":10,\"due\":20,\"sent\":18},"
	    "\"losses\":{\"no-route\":1,\"transmit\":0,\"internal-queue\":1},"
	    "\"information\":{\"own-copies-skipped\":4}}",
	    "Copies\n"
	    "  matched                                           10\n"
	    "  due (matched x destinations)                      20\n"
	    "  sent                                              18\n"
	    "\nLosses\n"
	    "  no-route                                           1  at: routing\n"
	    "  internal-queue                                     1  at: stage device\n"
	    "\nFor information, not lost\n"
	    "  own-copies-skipped                                 4\n"
	    "\nAgency               sessions  criteria    copies due          sent      lost\n"
	    "  lea1                      1    100000            20            18         2\n");
}

static void
without_losses(void **state)
{
	(void)state;
	shown_by(show_statistics,
	    "{\"agencies\":[],\"copies\":{\"matched\":0,\"due\":0,\"sent\":0},\"losses\":{\"no-route\":0},"
	    "\"information\":{}}",
	    "Copies\n"
	    "  matched                                            0\n"
	    "  due (matched x destinations)                       0\n"
	    "  sent                                               0\n"
	    "\nLosses\n"
	    "  none                                               0\n"
	    "\nFor information, not lost\n"
	    "  none                                               0\n"
	    "\nAgency               sessions  criteria    copies due          sent      lost\n");
}

static void
sessions(void **state)
{
	(void)state;
	shown_by(show_sessions, "{\"sessions\":[]}", "No DTCP session is open.\n");
	shown_by(show_sessions,
	    "{\"sessions\":[{\"agency\":\"lea1\",\"address\":\"192.0.2.10\",\"open-seconds\":61,\"requests\":12,"
	    "\"refused\":1}]}",
	    "Agency               from                           open for  requests  refused\n"
	    "lea1                 192.0.2.10                     00:01:01        12        1\n");
}

static void
destinations(void **state)
{
	(void)state;
	shown_by(show_content_destinations, "{\"content-destinations\":[]}", "No criterion sends anywhere.\n");
	shown_by(show_content_destinations,
	    "{\"content-destinations\":[{\"address\":\"192.0.2.10\",\"port\":7000,\"agency\":\"lea1\",\"criteria\":2,"
	    "\"state\":\"unresolved\",\"unresolved-seconds\":7,\"interface\":\"eth1\",\"way\":\"stage device\","
	    "\"next-hop\":\"198.51.100.1\"},{\"address\":\"2001:db8::1\",\"port\":7001,\"agency\":\"lea2\","
	    "\"criteria\":1,\"state\":\"no route\"}],\"more\":true}",
	    "192.0.2.10 port 7000, agency lea1, 2 criteria\n"
	    "  unresolved for 00:00:07; by eth1, stage device\n"
	    "  next hop 198.51.100.1\n"
	    "2001:db8::1 port 7001, agency lea2, 1 criterion\n"
	    "  no route\n"
	    "There are more.\n");
}

static void
events(void **state)
{
	(void)state;
	shown_by(show_events, "{\"events\":[]}", "Nothing has happened yet.\n");
	shown_by(show_events,
	    "{\"events\":[{\"time-ms\":86400999,\"severity\":\"alarm\",\"kind\":\"alarm\","
	    "\"text\":\"a criterion that nobody authorised was in the kernel: it copies no more\"}]}",
	    "1970-01-02T00:00:00Z alarm   alarm: a criterion that nobody authorised was in\n"
	    "                             the kernel: it copies no more\n");
}

static void
self_test(void **state)
{
	(void)state;
	shown_by(show_self_test,
	    "{\"result\":\"works\",\"links\":[{\"link\":\"test device\",\"state\":\"works\",\"why\":\"\"}]}",
	    "  test device              works\nSelf-test: works\n");
	shown_by(show_self_test,
	    "{\"result\":\"broken\",\"broken\":\"copies routed\",\"links\":[{\"link\":\"copies routed\",\"state\":"
	    "\"broken\",\"why\":\"0 of 3 copies were sent; loss: no-route\"},{\"link\":\"copies received\",\"state\":"
	    "\"not reached\",\"why\":\"\"}]}",
	    "  copies routed            broken\n    0 of 3 copies were sent; loss: no-route\n"
	    "  copies received          not reached\nSelf-test: broken: copies routed\n");
}

/* A screen of 40 columns: texts go on below, and what is left out is named. */
static void
test_narrow(void **state)
{
	(void)state;
	narrow(show_sessions,
	    "{\"sessions\":[{\"agency\":\"lea1\",\"address\":\"2001:db8:1111:2222:3333:4444:5555:6666\","
	    "\"open-seconds\":61,\"requests\":12,\"refused\":1}]}",
	    "Agency from                     open for\n"
	    "lea1   2001:db8:1111:2222:3333: 00:01:01\n"
	    "       4444:5555:6666\n"
	    "No room for: requests, refused\n");
	narrow(show_statistics,
	    "{\"agencies\":[{\"agency\":\"lea1\",\"sessions\":1,\"criteria\":100000,"
	    "\"due\":20,\"sent\":18,\"lost-budget\":1,\"lost-otherwise\":1}],"
	    "\"copies\":{\"matched\":10,\"due\":20,\"sent\":18},"
	    "\"losses\":{\"criterion-removed-early\":1234567},\"information\":{}}",
	    "Copies\n"
	    "  matched                           10\n"
	    "  due (matched x destinations)      20\n"
	    "  sent                              18\n"
	    "\n"
	    "Losses\n"
	    "  criterion-    1234567  at: stage\n"
	    "  removed-early          device\n"
	    "\n"
	    "For information, not lost\n"
	    "  none                               0\n"
	    "\n"
	    "Agency criteria copies due sent     lost\n"
	    "  lea1   100000         20   18        2\n"
	    "No room for: sessions\n");
	narrow(show_events,
	    "{\"events\":[{\"time-ms\":86400999,\"severity\":\"alarm\",\"kind\":\"alarm\","
	    "\"text\":\"a criterion that nobody authorised was in the kernel: it copies no more\"}]}",
	    "1970-01-02T00:00:00Z alarm   alarm: a\n"
	    "    criterion that nobody authorised was\n"
	    "    in the kernel: it copies no more\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(for_the_entitled),
	    cmocka_unit_test(for_everybody_else),
	    cmocka_unit_test(statistics),
	    cmocka_unit_test(without_losses),
	    cmocka_unit_test(sessions),
	    cmocka_unit_test(destinations),
	    cmocka_unit_test(events),
	    cmocka_unit_test(self_test),
	    cmocka_unit_test(test_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
