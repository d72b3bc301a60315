/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dtcp.h"

#define KEY "Juniper"

/* Signs and parses. */
static struct dtcp_result
parse(const char *text, struct dtcp_req *out)
{
	cleanup_buf struct buf b = {0};

	memset(out, 0, sizeof *out);
	buf_printf(&b, "%s", text);
	dtcp_sign(&b, 0, KEY);
	assert_int_equal(b.err, 0);
	return dtcp_parse_request(b.p, b.len, KEY, "lea1", out);
}

static unsigned
code_of(const char *text)
{
	struct dtcp_req req;
	struct dtcp_result res = parse(text, &req);

	if (res.code == 0)
		dtcp_req_free(&req);
	else
		assert_true(res.code >= DTCP_INVALID_AUTH || res.reason[0] != '\0');
	return res.code;
}

#define ID "Csource-ID: lea1\r\nSeq: 7\r\n"
#define TO                                                                                                             \
	"Cdest-ID: cd1\r\nX-JTap-Cdest-Dest-Address: 192.0.2.10\r\nX-JTap-Cdest-Dest-Port: 7890\r\n"                   \
	"X-JTap-Cdest-Source-Address: 192.0.2.1\r\nX-JTap-Cdest-Source-Port: 49153\r\n"
#define TO2                                                                                                            \
	"Cdest-ID: a,b\r\nX-JTap-Cdest-Dest-Address: 192.0.2.10, 192.0.2.11\r\nX-JTap-Cdest-Dest-Port: 1,2\r\n"        \
	"X-JTap-Cdest-Source-Address: 192.0.2.1\r\nX-JTap-Cdest-Source-Port: 49153\r\n"
#define TO6                                                                                                            \
	"Cdest-ID: cd6\r\nX-JTap-Cdest-Dest-Address: 2001:db8::10\r\nX-JTap-Cdest-Dest-Port: 7890\r\n"                 \
	"X-JTap-Cdest-Source-Address: 2001:db8::1\r\nX-JTap-Cdest-Source-Port: 49153\r\n"
#define STATIC "Flags: STATIC\r\n"
#define ADD7 "ADD DTCP/0.7\r\n" ID
#define ADD8 "ADD DTCP/0.8\r\n" ID
#define ADD6 "ADD DTCP/0.6\r\n" ID

static const struct {
	const char *text;
	unsigned code;
} codes[] = {
    /* start line and identity */
    {"NOOP DTCP/0.7\r\n" ID, 0},
    {"noop dtcp/0.7  \r\ncsource-id:lea1\r\nSEQ :\t7 \r\n", 0},
    {"NOOP DTCP/0.7\r\nCsource-ID: lea2\r\nSeq: 7\r\n", 499},
    {"NOOP DTCP/0.7\r\nCsource-ID: LEA1\r\nSeq: 7\r\n", 499},
    {"NOOP DTCP/0.7\r\nSeq: 7\r\n", 499},
    {"NOOP DTCP/0.7\r\nCsource-ID: le\\0971\r\nSeq: 7\r\n", 0},
    {"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\n", 400},
    {"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: x\r\n", 400},
    {"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 18446744073709551615\r\n", 0},
    {"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 18446744073709551616\r\n", 400},
    {"NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 0\r\n", 0},
    {"NOOP\r\n" ID, 400},
    {"NOOP DTCP/0.7 x\r\n" ID, 400},
    {"NOOP DTCP/0.71\r\n" ID, 400},
    {"NOOP HTTP/0.7\r\n" ID, 400},
    {"NOOP DTCP/0.9\r\n" ID, 505},
    {"NOOP DTCP/1.0\r\n" ID, 505},
    {"NOOP DTCP/0.5\r\n" ID, 505},
    {"FROB DTCP/0.7\r\n" ID, 501},
    {"REFRESH DTCP/0.7\r\nCriteria-ID: 1\r\nTimeout-Idle: 4\r\n" ID, 0},
    {"REFRESH DTCP/0.7\r\nCdest-ID: cd1\r\nTimeout-Total: 0\r\nTimeout-Bytes: 1\r\n" ID, 0},
    {"REFRESH DTCP/0.7\r\nCriteria-ID: 1\r\n" ID, 433},
    {"REFRESH DTCP/0.7\r\nTimeout-Idle: 4\r\n" ID, 400},
    {"REFRESH DTCP/0.7\r\nCriteria-ID: 1\r\nTimeout-Idle: 4\r\nFlags: Static\r\n" ID, 400},
    {"REFRESH DTCP/0.7\r\nCriteria-ID: 1\r\nTimeout-Total: 86401\r\n" ID, 433},
    {"LIST DTCP/0.7\r\nTimeout-Total: 1\r\n" ID, 400},
    {"ENABLE DTCP/0.8\r\nCriteria-ID: 1\r\n" ID, 501},
    {"NOOP DTCP/0.7\r\nrubbish\r\n" ID, 400},
    {"NOOP DTCP/0.7\r\nna me: x\r\n" ID, 400},
    {"NOOP DTCP/0.7\r\nUnheard-Of: x\r\n" ID, 501},
    {"NOOP DTCP/0.7\r\nX-Unheard-Of: x\r\n" ID, 0},
    {"NOOP DTCP/0.7\r\nFlags: SendAsync\r\n" ID, 0},
    {"NOOP DTCP/0.7\r\nFlags: STATIC\r\n" ID, 400},
    /* ADD */
    {ADD7 TO STATIC, 0},
    {ADD7 "CDest-ID: cd1\r\nX-Jtap-Cdest-Dest-Address: 192.0.2.10\r\nX-Jtap-CDest-Dest-Port: 1\r\n"
	  "X-JTAP-CDEST-SOURCE-ADDRESS: 192.0.2.1\r\nX-JTap-Cdest-Source-Port: 49153\r\n" STATIC,
	0},
    {ADD7 TO, 433},
    {ADD7 TO "Timeout-Idle: 0\r\n", 433},
    {ADD7 TO "Timeout-Idle: 86401\r\n", 433},
    {ADD7 TO "Timeout-Total: 60\r\n", 0},
    {ADD7 TO "Timeout-Packets: 18446744073709551615\r\nX-Warrant-Id: W-2026-17\r\n", 0},
    {ADD7 TO "Timeout-Packets: 18446744073709551616\r\n", 433},
    {ADD7 TO "Timeout-Packets: 0\r\nTimeout-Bytes: 0\r\n", 433},
    {ADD7 TO "Timeout-Idle: nonsense\r\n" STATIC, 0},
    {ADD7 TO "Flags: SendAsync\r\n", 400},
    {ADD7 TO "Flags: Statix\r\n", 400},
    {ADD7 TO STATIC "Action: copy\r\n", 0},
    {ADD7 TO STATIC "Action: Block\r\n", 501},
    {ADD7 TO STATIC "Action: Frob\r\n", 400},
    {ADD7 TO STATIC "Priority: 0\r\n", 0},
    {ADD7 TO STATIC "Priority: 256\r\n", 0},
    {ADD7 TO STATIC "Priority: 18446744073709551616\r\n", 400},
    {ADD7 TO STATIC "Priority: high\r\n", 400},
    {ADD7 TO STATIC "Source-Address: 10.0.0.0/8,!10.1.1.1\r\nProtocol: 6,17\r\nDest-Port: 53,1024-*\r\n", 0},
    {ADD7 TO STATIC "Source-Address: 10.0.0.300\r\n", 432},
    {ADD7 TO STATIC "Source-Address: \r\n", 432},
    {ADD7 TO STATIC "Source-Address: 10.0.0.0/33\r\n", 432},
    {ADD7 TO STATIC "Dest-Port: 65536\r\n", 432},
    {ADD7 TO STATIC "Dest-Port: 9-8\r\n", 432},
    {ADD7 TO STATIC "Protocol: 1\r\nDest-Port: 9\r\n", 432},
    {ADD7 TO STATIC "Protocol: 6\r\nICMP-Type: 8\r\n", 432},
    {ADD7 TO STATIC "Source-Address: 10.0.0.1\r\nDest-Address: 2001:db8::1\r\n", 400},
    {ADD6 TO STATIC "Source-Address: 2001:db8::1\r\n", 400},
    {ADD7 TO STATIC "Source-Address: 2001:db8::1\r\n", 0},
    {ADD7 TO STATIC "X-JTap-IP-Version: ipv6\r\n", 400},
    {ADD8 TO STATIC "X-JTap-IP-Version: ipv6\r\n", 0},
    {ADD8 TO STATIC "X-JTap-IP-Version: ipv6\r\nSource-Address: 10.0.0.1\r\n", 400},
    {ADD8 TO STATIC "X-JTap-IP-Version: ipv6\r\nX-JTap-Filter-Family: inet\r\n", 400},
    {ADD8 TO STATIC "X-JTap-IP-Version: ipx\r\n", 400},
    {ADD8 TO STATIC "X-JTap-Filter-Family: ccc\r\n", 501},
    {ADD7 TO STATIC "X-JTap-VRF-Name: red\r\n", 501},
    {ADD7 TO STATIC "X-JTap-Input-Interface: ge-0/0/0\r\n", 501},
    {ADD7 TO STATIC "X-JTap-Output-Interface: ge-0/0/0\r\n", 501},
    {ADD7 TO STATIC "X-JTap-VRF-Name: red\r\nX-JTap-Input-Interface: ge-0/0/0\r\n", 432},
    {ADD7 TO STATIC "X-UserName: alice@example.net\r\n", 501},
    {ADD7 TO STATIC "Criteria-ID: 1\r\n", 400},
    /* destinations */
    {ADD7 STATIC, 400},
    {ADD7 STATIC "Cdest-ID: cd1\r\n", 901},
    {ADD7 TO2 STATIC, 0},
    {ADD6 TO2 STATIC, 501},
    {ADD7 TO6 STATIC, 0},
    {ADD6 TO6 STATIC, 400},
    {ADD7 STATIC "Cdest-ID: a,b,c\r\nX-JTap-Cdest-Dest-Address: 192.0.2.1\r\nX-JTap-Cdest-Dest-Port: 1\r\n", 400},
    {ADD7 STATIC "Cdest-ID: a,b\r\nX-JTap-Cdest-Dest-Address: 192.0.2.1\r\nX-JTap-Cdest-Dest-Port: 1,2\r\n", 432},
    {ADD7 STATIC "Cdest-ID: a\r\nX-JTap-Cdest-Dest-Address: 192.0.2.1\r\nX-JTap-Cdest-Dest-Port: 1,2\r\n", 432},
    {ADD7 STATIC "Cdest-ID: a,a\r\nX-JTap-Cdest-Dest-Address: 192.0.2.10,192.0.2.11\r\nX-JTap-Cdest-Dest-Port: 1,2\r\n"
		 "X-JTap-Cdest-Source-Address: 192.0.2.1\r\nX-JTap-Cdest-Source-Port: 49153\r\n",
	400},
    {ADD7 STATIC "Cdest-ID: a\r\nX-JTap-Cdest-Dest-Address: 2001:db8::1\r\nX-JTap-Cdest-Dest-Port: 1\r\n"
		 "X-JTap-Cdest-Source-Address: 192.0.2.1\r\nX-JTap-Cdest-Source-Port: 49153\r\n",
	432},
    {ADD7 TO STATIC "X-JTap-Cdest-TTL: 0\r\n", 901},
    {ADD7 TO STATIC "X-JTap-Cdest-TTL: 256\r\n", 901},
    {ADD7 TO STATIC "X-JTap-Cdest-TTL: 1\r\n", 0},
    /* DELETE, LIST */
    {"DELETE DTCP/0.7\r\nCRITERIA-ID: 1\r\n" STATIC ID, 0},
    {"DELETE DTCP/0.7\r\nCriteria-ID: 1,3-5, 9\r\n" ID, 0},
    {"DELETE DTCP/0.7\r\nCriteria-ID: 5-3\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCriteria-ID: *\r\n" ID, 0},
    {"DELETE DTCP/0.7\r\nCriteria-ID: *-*\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCriteria-ID: !\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCriteria-ID: !!1\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCriteria-ID: 1,x\r\n" ID, 400},
    {"LIST DTCP/0.7\r\nCriteria-ID: 5-*,!7\r\n" ID, 0},
    {"DELETE DTCP/0.7\r\nCriteria-ID: 1,,2\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCriteria-ID: \r\n" ID, 400},
    {"DELETE DTCP/0.7\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCdest-ID: a\r\n" ID, 0},
    {"DELETE DTCP/0.7\r\nCdest-ID: a,b\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCdest-ID: a\r\nCriteria-ID: 1\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCriteria-ID: 1\r\nFlags: BOTH\r\n" ID, 400},
    {"DELETE DTCP/0.7\r\nCriteria-ID: 1\r\nSource-Address: *\r\n" ID, 400},
    {"LIST DTCP/0.7\r\n" ID, 0},
    {"LIST DTCP/0.7\r\nFlags: BOTH\r\nCdest-ID: a\r\n" ID, 0},
    {"LIST DTCP/0.7\r\nFlags: STATIC\r\n" ID, 400},
};

/* What says whom or what a criterion concerns is never dropped: neither what is known and not built, whatever else
 * there is, nor what nobody knows, when the rest names nobody. */
static void
test_narrowing_lines(void **state)
{
	static const char *const never[] = {"X-MD-Intercept-Id: 0000030000000090", "X-MD-Intercept-Id: zz",
	    "X-Act-Sess-Id: 77", "x-acct-session-id: 77", "X-Interface-Id: demux0.1", "X-UserName: alice@example.net",
	    "X-User-Name: alice@example.net", "X-IP-Addr: 198.51.100.7", "X-NAS-Port-Id: ge-1/0/0:100",
	    "X-Call-Sta-Id: 1", "X-RM-Circuit-Id: c", "X-RM-Remote-Id: r", "X-RM-Whatever: w", "X-Router-Instance: ri",
	    "X-Logical-System: ls", "X-Drop-Policy: p", "X-Drop: p", "X-JTap-Input-Interfaces: sub0",
	    "X-JTap-Input-Interface: ge-0/0/0", "X-JTap-Output-Interface: ge-0/0/0.7", "X-JTap-VRF-Name: red"};
	static const char *const nobody[] = {"", "Source-Address: *\r\n", "Source-Address: *\r\nProtocol: *\r\n",
	    "Dest-Address: 0.0.0.0/0\r\n", "Source-Address: ::/0\r\n",
	    "Source-Address: 0.0.0.0-127.255.255.255,128.0.0.0-*\r\n", "Dest-Port: 0-*\r\n", "Protocol: 0-255\r\n",
	    "ICMP-Type: *-255\r\n", "Source-Port: *, *\r\n"};
	static const char *const somebody[] = {"Source-Address: 198.51.100.7\r\n", "Dest-Address: !198.51.100.7\r\n",
	    "Source-Address: *\r\nDest-Port: 53\r\n", "Protocol: 6\r\n", "Source-Address: !*\r\n",
	    "Source-Address: 2001:db8::/32\r\n"};
	struct dtcp_result res;
	struct dtcp_req req;
	char text[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		size_t name = strcspn(never[i], ":");

		snprintf(text, sizeof text, ADD7 TO STATIC "Source-Address: 198.51.100.7\r\n%s\r\n", never[i]);
		res = parse(text, &req);
		if (res.code != 501 || strlen(res.field) != name || strncasecmp(res.field, never[i], name) != 0)
			fail_msg("%s: %u, field %s", never[i], res.code, res.field);
	}
	for (size_t i = 0; i < ARRAY_LEN(nobody); i++) {
		snprintf(text, sizeof text, ADD7 TO STATIC "%s", nobody[i]);
		assert_int_equal(code_of(text), 0); /* asked for in so many words */
		snprintf(text, sizeof text, ADD7 TO STATIC "%sX-Subscriber: alice\r\n", nobody[i]);
		res = parse(text, &req);
		if (res.code != 501 || strcmp(res.field, "X-Subscriber") != 0)
			fail_msg("%s: %u, field %s", nobody[i], res.code, res.field);
	}
	for (size_t i = 0; i < ARRAY_LEN(somebody); i++) {
		snprintf(text, sizeof text, ADD7 TO STATIC "%sX-Subscriber: alice\r\n", somebody[i]);
		assert_int_equal(code_of(text), 0);
	}
	/* A second line of a name is dropped, too. */
	res = parse(ADD7 TO STATIC "Source-Address: *\r\nSource-Address: 198.51.100.7\r\n", &req);
	assert_int_equal(res.code, 501);
	assert_string_equal(res.field, "Source-Address");
	assert_int_equal(code_of(ADD7 TO STATIC "Source-Address: 198.51.100.7\r\nSource-Address: *\r\n"), 0);
}

static void
test_codes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (code_of(codes[i].text) != codes[i].code)
			fail_msg("%u, not %u:\n%s", code_of(codes[i].text), codes[i].code, codes[i].text);
}

/* Addresses that no content may be sent to or from. */
static void
test_destination_addresses(void **state)
{
	static const struct {
		const char *addr;
		unsigned code;
	} row[] = {{"192.0.2.77", 0}, {"0.0.0.0", 901}, {"127.0.0.1", 901}, {"224.0.0.1", 901},
	    {"255.255.255.255", 901}, {"240.0.0.1", 901}, {"nonsense", 901}, {"192.0.2.1/32", 901}, {"", 901}};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		snprintf(text, sizeof text,
		    ADD7 STATIC "Cdest-ID: a\r\nX-JTap-Cdest-Dest-Address: %s\r\nX-JTap-Cdest-Dest-Port: 1\r\n"
				"X-JTap-Cdest-Source-Address: 192.0.2.1\r\nX-JTap-Cdest-Source-Port: 49153\r\n",
		    row[i].addr);
		assert_int_equal(code_of(text), row[i].code);
		snprintf(text, sizeof text,
		    ADD7 STATIC "Cdest-ID: a\r\nX-JTap-Cdest-Dest-Address: 192.0.2.1\r\nX-JTap-Cdest-Dest-Port: 1\r\n"
				"X-JTap-Cdest-Source-Address: %s\r\nX-JTap-Cdest-Source-Port: 49153\r\n",
		    row[i].addr);
		assert_int_equal(code_of(text), row[i].code);
	}
}

static void
test_versions_answered(void **state)
{
	static const struct {
		const char *text;
		unsigned code;
		int version;
	} row[] = {{"NOOP DTCP/0.6\r\n" ID, 0, 6}, {"NOOP DTCP/0.8\r\n" ID, 0, 8}, {"NOOP DTCP/0.9\r\n" ID, 505, 8},
	    {"NOOP DTCP/12.0\r\n" ID, 505, 8}, {"NOOP DTCP/0.5\r\n" ID, 505, 6}, {"FROB DTCP/0.6\r\n" ID, 501, 6},
	    {"NOOP DTCP/0.6\r\nCsource-ID: lea1\r\n", 400, 6}};
	struct dtcp_req req;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct dtcp_result res = parse(row[i].text, &req);

		assert_int_equal(res.code, row[i].code);
		assert_int_equal(res.version, row[i].version);
		dtcp_req_free(&req);
	}
}

/* What is asked for by a list of ids, "s" before a single one, which has to exist. */
static void
test_id_lists(void **state)
{
	static const struct {
		const char *list, *want;
	} row[] = {{"7", "s7"}, {"3, 5-9", "s3 5-9"}, {"*", "0-max"}, {"5-*", "5-max"}, {"*-5", "0-5"},
	    {"1-10,!3,!5-6", "1-2 4-4 7-10"}, {"!3", "0-2 4-max"}, {"!*", ""}, {"*,!4-*", "0-3"}, {"3,4,!4", "s3"},
	    {"5-20,1-9,!7-8,!8-12", "1-6 13-20"}, {"1-5,!0-9", ""}, {"!0", "1-max"},
	    {"*,!18446744073709551615", "0-18446744073709551614"}, {"9-9,!1-3", "9-9"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf got = {0};
		struct dtcp_req req;
		char text[256];

		snprintf(text, sizeof text, "DELETE DTCP/0.7\r\nCriteria-ID: %s\r\n" ID, row[i].list);
		assert_int_equal(parse(text, &req).code, 0);
		for (uint32_t k = 0; k < req.nids; k++) {
			buf_printf(&got, "%s%s%llu", k ? " " : "", req.ids[k].single ? "s" : "",
			    (unsigned long long)req.ids[k].lo);
			if (!req.ids[k].single && req.ids[k].hi == UINT64_MAX)
				buf_printf(&got, "-max");
			else if (!req.ids[k].single)
				buf_printf(&got, "-%llu", (unsigned long long)req.ids[k].hi);
		}
		buf_put_u8(&got, '\0');
		if (strcmp((char *)got.p, row[i].want) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", row[i].list, (char *)got.p, row[i].want);
		dtcp_req_free(&req);
	}
}

/* Port lists that are as long are pairs, all the way to the engine. */
static void
test_port_pairs(void **state)
{
	static const struct {
		const char *lines;
		bool paired;
	} row[] = {{"Source-Port: 1000,1001\r\nDest-Port: 2000,2001\r\n", true},
	    {"Source-Port: 1000, 1001 ,1002\r\nDest-Port: 2000,2001,*\r\n", true},
	    {"Source-Port: 1000\r\nDest-Port: 2000\r\n", false},
	    {"Source-Port: 1000,1001\r\nDest-Port: 2000\r\n", false},
	    {"Source-Port: 1000,!1001\r\nDest-Port: 2000,2001\r\n", false}, {"Dest-Port: 2000,2001\r\n", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf b = {0};
		struct dtcp_req req, back;
		char text[1024];
		struct rd r;

		snprintf(text, sizeof text, ADD7 TO STATIC "Protocol: 17\r\n%s", row[i].lines);
		assert_int_equal(parse(text, &req).code, 0);
		assert_int_equal(req.criteria.paired, row[i].paired);
		dtcp_req_encode(&req, &b);
		r = rd_init(b.p, b.len);
		assert_int_equal(dtcp_req_decode(&back, &r), 0);
		assert_int_equal(back.criteria.paired, row[i].paired);
		dtcp_req_free(&req);
		dtcp_req_free(&back);
	}
}

/* The first of a name counts; strings may hide any byte but NUL. */
static void
test_fields(void **state)
{
	struct dtcp_req req;
	cleanup_buf struct buf b = {0};

	(void)state;
	assert_int_equal(parse("LIST DTCP/0.7\r\nCdest-ID: a\\044b\\032c\r\nCdest-ID: other\r\n" ID, &req).code, 0);
	assert_string_equal(req.sel_cdest, "a,b c");
	assert_int_equal(req.flags, DTCP_F_CRITERIA);
	dtcp_req_free(&req);
	assert_int_equal(parse("LIST DTCP/0.7\r\nCdest-ID: a\\000\r\n" ID, &req).code, 400);
	assert_int_equal(parse("LIST DTCP/0.7\r\nCdest-ID: a\\256\r\n" ID, &req).code, 400);
	assert_int_equal(parse("LIST DTCP/0.7\r\nCdest-ID: a\\04\r\n" ID, &req).code, 400);
	assert_int_equal(parse("LIST DTCP/0.7\r\nCdest-ID: a b\r\n" ID, &req).code, 400);
	assert_int_equal(parse(ADD7 TO2 STATIC, &req).code, 0);
	assert_int_equal(req.ncdest, 2);
	assert_int_equal(req.ttl, 255);
	assert_string_equal(req.cdest[1].name, "b");
	assert_int_equal(req.cdest[1].port, 2);
	dtcp_req_encode(&req, &b);
	dtcp_req_free(&req);
	for (size_t n = 0; n < b.len; n++) {
		struct rd r = rd_init(b.p, n);

		assert_int_equal(dtcp_req_decode(&req, &r), -EBADMSG);
	}
}

/* Every truncation and every changed byte is silence, never an answer. */
static void
test_damaged(void **state)
{
	cleanup_buf struct buf b = {0};
	struct dtcp_req req;

	(void)state;
	buf_printf(&b, ADD7 TO STATIC "Source-Address: 198.51.100.0/24\r\n");
	dtcp_sign(&b, 0, KEY);
	for (size_t n = 0; n + 4 < b.len; n++) {
		cleanup_free uint8_t *copy = malloc(n ? n : 1);
		struct dtcp_result res;

		assert_non_null(copy);
		memcpy(copy, b.p, n);
		res = dtcp_parse_request(copy, n, KEY, "lea1", &req);
		assert_true(res.code == DTCP_INVALID_AUTH || res.code == DTCP_UNKNOWN_CSOURCE);
	}
	for (size_t i = 0; i + 4 < b.len; i++) {
		unsigned code;

		if (i >= b.len - 68 && i < b.len - 44)
			continue; /* the name of the digest's line is not covered by it */
		b.p[i] ^= 1;
		code = dtcp_parse_request(b.p, b.len, KEY, "lea1", &req).code;
		b.p[i] ^= 1;
		if (code != DTCP_INVALID_AUTH && code != DTCP_UNKNOWN_CSOURCE)
			fail_msg("byte %zu: %u", i, code);
	}
}

/* A digest in capitals, and what follows the digest, change nothing. */
static void
test_lenient(void **state)
{
	cleanup_buf struct buf b = {0};
	struct dtcp_req req;

	(void)state;
	buf_printf(&b, "NOOP DTCP/0.7\n" ID);
	dtcp_sign(&b, 0, KEY);
	for (size_t i = b.len - 44; i < b.len - 4; i++)
		if (b.p[i] >= 'a')
			b.p[i] ^= 0x20;
	b.len -= 2;
	buf_printf(&b, "Seq: 9\r\n\r\n");
	assert_int_equal(dtcp_parse_request(b.p, b.len, KEY, "lea1", &req).code, 0);
	assert_int_equal(req.seq, 7);
	dtcp_req_free(&req);
}

/* Each exclusion divides a range: as many pieces as there can be still pass. */
static void
test_most_pieces(void **state)
{
	cleanup_buf struct buf b = {0}, once = {0};
	struct dtcp_req req, back;
	struct rd r;

	(void)state;
	buf_printf(&b, "DELETE DTCP/0.7\r\nCriteria-ID: !1");
	for (unsigned i = 1; i < DTCP_SELECTOR_MAX; i++)
		buf_printf(&b, ",!%u", 2 * i + 1);
	buf_printf(&b, "\r\n" ID STATIC);
	dtcp_sign(&b, 0, KEY);
	assert_int_equal(dtcp_parse_request(b.p, b.len, KEY, "lea1", &req).code, 0);
	assert_int_equal(req.nids, DTCP_IDS_MAX);
	dtcp_req_encode(&req, &once);
	r = rd_init(once.p, once.len);
	assert_int_equal(dtcp_req_decode(&back, &r), 0);
	dtcp_req_free(&req);
	dtcp_req_free(&back);
}

/* What the text can't say, the struct must not: one field at a time. */
static void
test_judge(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		uint8_t byte;
	} row[] = {
#define AT(field) offsetof(struct dtcp_req, field)
	    {ADD7 TO STATIC, AT(ncdest), 0},
	    {ADD7 TO STATIC, AT(ncdest), 3},
	    {ADD7 TO STATIC, AT(ttl), 0},
	    {ADD7 TO STATIC, AT(csrc.family), 0},
	    {ADD7 TO STATIC, AT(csrc.family), 6},
	    {ADD7 TO STATIC, AT(csrc.b), 127},
	    {ADD7 TO STATIC, AT(csrc.b[15]), 1},
	    {ADD7 TO STATIC, AT(cdest[0].addr.family), 6},
	    {ADD7 TO STATIC, AT(cdest[0].addr.b), 255},
	    {ADD7 TO STATIC, AT(cdest[0].name), 0},
	    {ADD7 TO2 STATIC, AT(cdest[1].name), 'a'},
	    {ADD7 TO STATIC, AT(flags), 0},
	    {ADD7 TO STATIC, AT(flags), DTCP_F_STATIC | DTCP_F_STATS},
	    {ADD7 TO STATIC, AT(timeouts.named), 1},
	    {ADD7 TO "Timeout-Idle: 5\r\n", AT(timeouts.named), 2},
	    {ADD7 TO "Timeout-Idle: 5\r\n", AT(timeouts.v[1]), 1},
	    {ADD7 TO "Timeout-Idle: 5\r\n", AT(timeouts.v[0]) + 7, 1},
	    {ADD7 TO STATIC, AT(version), 5},
	    {ADD7 TO STATIC, AT(version), 9},
	    {ADD7 TO2 STATIC, AT(version), 6},
	    {ADD7 TO6 STATIC, AT(version), 6},
	    {ADD7 TO STATIC, AT(criteria.family), 4},
	    {ADD7 TO STATIC, AT(criteria.paired), 1},
	    {ADD7 TO STATIC, AT(method), DTCP_DELETE},
	    {ADD7 TO STATIC, AT(method), DTCP_ENABLE},
	    {ADD7 TO STATIC, AT(select), DTCP_SEL_IDS},
	    {ADD7 TO STATIC, AT(sel_cdest), 'x'},
	    {"DELETE DTCP/0.7\r\nCdest-ID: a\r\n" ID, AT(select), DTCP_SEL_NONE},
	    {"DELETE DTCP/0.7\r\nCdest-ID: a\r\n" ID, AT(sel_cdest), 0},
	    {"DELETE DTCP/0.7\r\nCriteria-ID: 5\r\n" ID, AT(select), DTCP_SEL_CDEST},
	    {"REFRESH DTCP/0.7\r\nCdest-ID: a\r\nTimeout-Idle: 5\r\n" ID, AT(flags), 1},
	    {"REFRESH DTCP/0.7\r\nCdest-ID: a\r\nTimeout-Idle: 5\r\n" ID, AT(timeouts.named), 0},
	    {"LIST DTCP/0.7\r\n" ID, AT(flags), 0},
	    {"LIST DTCP/0.7\r\n" ID, AT(warrant), 'W'},
	    {"NOOP DTCP/0.7\r\n" ID, AT(priority), 1},
	    {"NOOP DTCP/0.7\r\n" ID, AT(timeouts.v[2]), 1},
#undef AT
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct dtcp_req req;

		assert_int_equal(parse(row[i].text, &req).code, 0);
		assert_null(dtcp_req_judge(&req));
		((uint8_t *)&req)[row[i].at] = row[i].byte;
		if (dtcp_req_judge(&req) == NULL)
			fail_msg("row %zu is accepted", i);
		dtcp_req_free(&req);
	}
}

/* The struct as text: every parameter, and parsed again it is the same. */
static void
test_printed(void **state)
{
	static const struct {
		const char *text, *want;
	} row[] = {
	    {ADD7 TO STATIC "Source-Address: 198.51.100.7/24 , !198.51.100.9\r\nProtocol: 017\r\nDest-Port: *-9\r\n",
		"ADD DTCP/0.7\nSource-Address: 198.51.100.0/24,!198.51.100.9\nProtocol: 17\nDest-Port: *-9\n"
		"Cdest-ID: cd1\nX-JTap-Cdest-Dest-Address: 192.0.2.10\nX-JTap-Cdest-Dest-Port: 7890\n"
		"X-JTap-Cdest-Source-Address: 192.0.2.1\nX-JTap-Cdest-Source-Port: 49153\nX-JTap-Cdest-TTL: 255\n"
		"Priority: 1\nFlags: Static\n"},
	    {ADD8 TO2 "X-JTap-Filter-Family: inet6\r\nX-Warrant-Id: W\\0441\r\nTimeout-Bytes: 9\r\nTimeout-Idle: "
		      "0\r\nX-Unknown: 1\r\nProtocol: 6\r\n",
		"ADD DTCP/0.8\nProtocol: 6\nX-JTap-IP-Version: ipv6\nCdest-ID: a,b\n"
		"X-JTap-Cdest-Dest-Address: 192.0.2.10,192.0.2.11\nX-JTap-Cdest-Dest-Port: 1,2\n"
		"X-JTap-Cdest-Source-Address: 192.0.2.1\nX-JTap-Cdest-Source-Port: 49153\nX-JTap-Cdest-TTL: 255\n"
		"Priority: 1\nX-Warrant-Id: W\\0441\nTimeout-Bytes: 9\n"},
	    {"DELETE DTCP/0.7\r\nCriteria-ID: 5,1-9,!7\r\n" ID, "DELETE DTCP/0.7\nCriteria-ID: 5,1-6,8-9\n"},
	    {"DELETE DTCP/0.7\r\nCriteria-ID: 1,!1\r\n" STATIC ID, "DELETE DTCP/0.7\nCriteria-ID: !*\nFlags: Static\n"},
	    {"REFRESH DTCP/0.7\r\nCdest-ID: a\\044b\r\nTimeout-Idle: 0\r\nTimeout-Total: 5\r\n" ID,
		"REFRESH DTCP/0.7\nCdest-ID: a\\044b\nTimeout-Idle: 0\nTimeout-Total: 5\n"},
	    {"LIST DTCP/0.6\r\nFlags: BOTH\r\n" ID, "LIST DTCP/0.6\nFlags: Stats,Criteria\n"},
	    {"NOOP DTCP/0.7\r\n" ID, "NOOP DTCP/0.7\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf text = {0}, one = {0}, two = {0};
		struct dtcp_req req, back;

		assert_int_equal(parse(row[i].text, &req).code, 0);
		dtcp_req_print(&req, &text);
		dtcp_req_encode(&req, &one);
		assert_int_equal(text.len, strlen(row[i].want));
		assert_memory_equal(text.p, row[i].want, text.len);
		buf_printf(&text, "Csource-ID: lea1\nSeq: 7\n");
		buf_put_u8(&text, '\0');
		assert_int_equal(parse((const char *)text.p, &back).code, 0);
		dtcp_req_encode(&back, &two);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.p, two.p, one.len);
		dtcp_req_free(&req);
		dtcp_req_free(&back);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_codes),
	    cmocka_unit_test(test_narrowing_lines),
	    cmocka_unit_test(test_destination_addresses),
	    cmocka_unit_test(test_versions_answered),
	    cmocka_unit_test(test_id_lists),
	    cmocka_unit_test(test_port_pairs),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_lenient),
	    cmocka_unit_test(test_most_pieces),
	    cmocka_unit_test(test_judge),
	    cmocka_unit_test(test_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
