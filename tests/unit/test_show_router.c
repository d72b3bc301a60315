/* SPDX-License-Identifier: BSD-2-Clause */
/* Screens about the router; JSON as XML; which words are handed to programs. */
#include <errno.h>
#include <string.h>

#include "unit.h"

#include "show.h"
#include "show_router.h"
#include "tool.h"
#include "xml.h"

static void
shown_in(unsigned width, show_text *show, const char *json, const char *expected)
{
	cleanup_buf struct buf out = {0};
	json_t *o = json_loads(json, JSON_DECODE_ANY, NULL);

	assert_non_null(o);
	show_put(show, o, width, &out);
	json_decref(o);
	buf_put_u8(&out, 0);
	assert_string_equal((char *)out.p, expected);
	for (const char *line = (char *)out.p; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= width);
}

static void
shown(show_text *show, const char *json, const char *expected)
{
	shown_in(80, show, json, expected);
}

/* One that prints without a width. */
static void
printed(void (*put)(const json_t *, struct buf *), const char *json, const char *expected)
{
	cleanup_buf struct buf out = {0};
	json_t *o = json_loads(json, JSON_DECODE_ANY, NULL);

	assert_non_null(o);
	put(o, &out);
	json_decref(o);
	buf_put_u8(&out, 0);
	assert_string_equal((char *)out.p, expected);
}

static void
test_screens(void **state)
{
	(void)state;
	shown(show_router_interfaces,
	    "[{\"ifname\":\"eth0\",\"flags\":[\"UP\",\"LOWER_UP\"],\"addr_info\":[{\"family\":\"inet\",\"local\":"
	    "\"192.0.2.1\",\"prefixlen\":24},{\"family\":\"inet6\",\"local\":\"fd00::1\",\"prefixlen\":64}]},"
	    "{\"ifname\":\"eth1\",\"flags\":[]},{}]",
	    "Interface               Admin Link Proto    Local\n"
	    "eth0                    up    up   inet     192.0.2.1/24\n"
	    "                                   inet6    fd00::1/64\n"
	    "eth1                    down  down\n");
	shown(show_router_routes,
	    "{\"inet\":[{\"dst\":\"default\",\"gateway\":\"192.0.2.9\",\"dev\":\"eth0\",\"metric\":5},"
	    "{\"dst\":\"192.0.2.0/24\",\"dev\":\"eth0\",\"protocol\":\"kernel\"},"
	    "{\"type\":\"blackhole\",\"dst\":\"203.0.113.0/24\",\"protocol\":\"bgp\"}],\"inet6\":[]}",
	    "inet.0: 3 destinations\n+ = Active Route, - = Last Active, * = Both\n\n"
	    "default              *[static/5]\n                      > to 192.0.2.9 via eth0\n"
	    "192.0.2.0/24         *[Direct/0]\n                      > via eth0\n"
	    "203.0.113.0/24       *[bgp/0] blackhole\n");
	shown(show_router_routes, "{}", "No routes\n");
	shown(show_router_arp,
	    "[{\"dst\":\"192.0.2.1\",\"dev\":\"eth0\",\"lladdr\":\"02:00:00:00:00:01\",\"state\":[\"STALE\"]}]",
	    "MAC Address       Address         Interface       State\n"
	    "02:00:00:00:00:01 192.0.2.1       eth0            STALE\nTotal entries: 1\n");
	shown(show_router_alarms, "{\"alarms\":[]}", "No alarms currently active\n");
}

static void
test_narrow(void **state)
{
	(void)state;
	shown_in(40, show_router_interfaces,
	    "[{\"ifname\":\"enp129s0f0np0\",\"flags\":[\"UP\",\"LOWER_UP\"],\"addr_info\":[{\"family\":\"inet\","
	    "\"local\":\"192.0.2.1\",\"prefixlen\":24},{\"family\":\"inet6\",\"local\":"
	    "\"2001:db8:1111:2222:3333:4444:5555:6666\",\"prefixlen\":64}]}]",
	    "Interface     Link Local\n"
	    "enp129s0f0np0 up   192.0.2.1/24\n"
	    "                   2001:db8:1111:2222:\n"
	    "                   3333:4444:5555:\n"
	    "                   6666/64\n"
	    "No room for: Admin, Proto\n");
	shown_in(40, show_router_routes,
	    "{\"inet6\":[{\"dst\":\"2001:db8:1111:2222::/64\",\"gateway\":\"2001:db8:1111:2222:3333:4444:5555:6666\","
	    "\"dev\":\"enp129s0f0np0\",\"metric\":1024}]}",
	    "inet6.0: 1 destinations\n"
	    "+ = Active Route, - = Last Active, * =\n"
	    "  Both\n"
	    "\n"
	    "2001:db8:1111:2222::/64 *[static/1024]\n"
	    "    > to\n"
	    "      2001:db8:1111:2222:3333:4444:5555:\n"
	    "      6666 via enp129s0f0np0\n");
	shown_in(40, show_router_alarms,
	    "{\"alarms\":[{\"time\":\"1970-01-02T00:00:00Z\",\"kind\":\"disk-full\",\"text\":"
	    "\"no room for the record: ADD is refused\"}]}",
	    "1 alarms currently active\n"
	    "Alarm time           Description\n"
	    "1970-01-02T00:00:00Z disk-full: no room\n"
	    "                     for the record: ADD\n"
	    "                     is refused\n"
	    "No room for: Class\n");
	shown_in(40, show_router_arp,
	    "[{\"dst\":\"192.0.2.1\",\"dev\":\"eth0\",\"lladdr\":\"02:00:00:00:00:01\",\"state\":[\"STALE\"]}]",
	    "MAC Address       Address   Interface\n"
	    "02:00:00:00:00:01 192.0.2.1 eth0\n"
	    "No room for: State\n"
	    "Total entries: 1\n");
	shown_in(40, show_router_users,
	    "{\"users\":[{\"user\":\"operator\",\"tty\":\"pts/0\",\"from\":\"2001:db8:1111:2222:3333:4444:5555:6666\","
	    "\"login\":\"1970-01-02T00:00:00Z\"}]}",
	    "USER     FROM\n"
	    "operator 2001:db8:1111:2222:3333:4444:\n"
	    "         5555:6666\n"
	    "No room for: TTY, LOGIN\n");
}

static void
test_xml(void **state)
{
	(void)state;
	printed(xml_put, "{\"a\":{\"b\":[1,\"<&>\"],\"@c\":true},\"d\":null,\"2x\":1.5}",
	    "<rpc-reply>\n    <a>\n        <b>1</b>\n        <b>&lt;&amp;&gt;</b>\n"
	    "        <element name=\"@c\">true</element>\n    </a>\n    <d></d>\n"
	    "    <element name=\"2x\">1.5</element>\n</rpc-reply>\n");
	printed(xml_put, "[1]", "<rpc-reply>\n    <output>1</output>\n</rpc-reply>\n");
	printed(xml_put, "{\"a\\\"><x\":\"\\u0001\"}",
	    "<rpc-reply>\n    <element name=\"a&quot;&gt;&lt;x\">\xef\xbf\xbd</element>\n</rpc-reply>\n");
}

static void
test_words(void **state)
{
	static const char *const good[] = {"192.0.2.1", "fe80::1%eth0", "host.example.net", "a_b-c"};
	static const char *const bad[] = {"", "-c", "--", "a b", "a;b", "$(id)", "a/b", "a\nb", "`x`", "a|b"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(tool_host_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(tool_host_ok(bad[i]));
		assert_false(tool_name_ok(bad[i]));
	}
	assert_true(tool_name_ok("messages.1"));
	assert_false(tool_name_ok("..") || tool_name_ok(".hidden"));
}

/* What is printed and what is said do not mix, and more than there is room for is no answer. */
static void
test_read(void **state)
{
	static const char *const both[] = {"sh", "-c", "echo one; echo two >&2; echo three; exit 3", NULL};
	static const char *const much[] = {"head", "-c", "67108865", "/dev/zero", NULL};
	cleanup_buf struct buf out = {0}, said = {0}, lots = {0};

	(void)state;
	assert_int_equal(tool_read(both, &out, &said), 3);
	assert_true(slice_eq((struct slice){(char *)out.p, out.len}, "one\nthree\n"));
	assert_true(slice_eq((struct slice){(char *)said.p, said.len}, "two\n"));
	assert_int_equal(tool_read(much, &lots, &said), -E2BIG);
	assert_int_equal(tool_read((const char *const[]){"no-such-program", NULL}, &out, &said), -ENOENT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_screens),
	    cmocka_unit_test(test_narrow),
	    cmocka_unit_test(test_xml),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
