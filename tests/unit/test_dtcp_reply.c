/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dtcp.h"

static struct dtcp_reply
parse(const char *text)
{
	struct dtcp_reply r;

	assert_int_equal(dtcp_parse_reply((const uint8_t *)text, strlen(text), &r), 0);
	return r;
}

static void
test_junos(void **state)
{
	struct dtcp_reply r = parse(
	    "DTCP/0.7 200 OK\r\nSEQ: 7\r\nCRITERIA-ID: 2\r\nTIMESTAMP: 2011-02-13 15:56:49.609\r\n"
	    "AUTHENTICATION-INFO: 4880de4b8cead98c95813fd9b95e240b107d4693\r\n\r\n");

	(void)state;
	assert_int_equal(r.code, 200);
	assert_int_equal(r.version, 7);
	assert_true(r.have_seq && r.seq == 7 && r.id == 2 && r.nentries == 0);
	assert_true(slice_eq(r.timestamp, "2011-02-13 15:56:49.609"));
	dtcp_reply_free(&r);
	r = parse("DTCP/0.7 430 Unknown Content Destination\r\nSEQ: 1\r\n\r\n");
	assert_int_equal(r.code, 430);
	assert_true(slice_eq(r.text, "Unknown Content Destination"));
	dtcp_reply_free(&r);
	r = parse("DTCP/0.7 200 OK\nSEQ: 10\nCRITERIA-COUNT: 3\n\n");
	assert_true(r.count == 3 && r.nentries == 0);
	dtcp_reply_free(&r);
}

/* No mark between entries, a blank line, or numbers first: the same two entries. */
static void
test_lists(void **state)
{
	static const char *const row[] = {
	    "DTCP/0.7 200 OK\r\nSEQ: 3\r\nTIMESTAMP: t\r\nCRITERIA-ID: 1\r\nCDEST-ID: a\r\nCRITERIA-NUM: 1\r\n"
	    "CRITERIA-COUNT: 2\r\nCRITERIA-ID: 4\r\nCDEST-ID: b\r\nCRITERIA-NUM: 2\r\nCRITERIA-COUNT: 2\r\n",
	    "DTCP/0.7 200 OK\r\nSEQ: 3\r\nCRITERIA-ID: 1\r\nCDEST-ID: a\r\nCRITERIA-NUM: 1\r\n\r\n"
	    "CRITERIA-ID: 4\r\nCDEST-ID: b\r\nCRITERIA-NUM: 2\r\n\r\n",
	    "DTCP/0.7 200 OK\r\nCriteria-Count: 2\r\nCriteria-Num: 1\r\nCdest-ID: a\r\nCriteria-ID: 1\r\nTimestamp: "
	    "x\r\n"
	    "Criteria-Count: 2\r\nCriteria-Num: 2\r\nCdest-ID: b\r\nCriteria-ID: 4\r\nTimestamp: y\r\nTimestamp: t\r\n"
	    "Seq: 3\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct dtcp_reply r = parse(row[i]);

		assert_int_equal(r.nentries, 2);
		assert_true(r.have_seq && r.seq == 3);
		assert_true(r.entry[0].id == 1 && r.entry[0].num == 1 && r.entry[1].id == 4 && r.entry[1].num == 2);
		dtcp_reply_free(&r);
	}
}

static void
test_not_replies(void **state)
{
	static const char *const row[] = {"", "\r\n", "DTCP/0.7\r\n", "HTTP/1.1 200 OK\r\n", "DTCP/0.7 20 OK\r\n",
	    "DTCP/0.7 2000 OK\r\n", "DTCP/a.b 200 OK\r\n", "DTCP/0.7 200 OK"};
	struct dtcp_reply r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(dtcp_parse_reply((const uint8_t *)row[i], strlen(row[i]), &r), -EBADMSG);
}

/* 0.6 has no codes for limits; an unknown name cannot break out of its line. */
static void
test_spelling(void **state)
{
	static const struct criteria any = {0};
	struct dtcp_entry e = {.id = 9, .csource = "a\r\nX: y", .ncdest = 1, .criteria = &any};
	cleanup_buf struct buf b = {0};
	struct dtcp_reply r;

	(void)state;
	dtcp_reply_error(&b, "k", DTCP_MAX_CRITERIA, 6, 1, NULL);
	assert_int_equal(dtcp_verify(b.p, b.len, "k"), 0);
	assert_memory_equal(b.p, "DTCP/0.6 500 Server Internal Error\r\nSEQ: 1\r\nAUTH", 47);
	buf_reset(&b);
	dtcp_reply_error(&b, "k", DTCP_MAX_CRITERIA, 7, 1, NULL);
	assert_memory_equal(b.p, "DTCP/0.7 550 ", 13);
	buf_reset(&b);
	strcpy(e.cdest[0].name, "x,y\\z");
	dtcp_reply_list_begin(&b, 7, 1, 0, NULL);
	dtcp_reply_list_entry(&b, &e, DTCP_F_CRITERIA, 1, 1);
	dtcp_reply_list_end(&b, 0, "k");
	assert_int_equal(dtcp_parse_reply(b.p, b.len, &r), 0);
	assert_int_equal(r.nentries, 1);
	assert_true(slice_eq(r.entry[0].value[1], "a\\013\\010X:\\032y"));
	assert_true(slice_eq(r.entry[0].value[2], "x\\044y\\092z"));
	dtcp_reply_free(&r);
}

static struct slice
word(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void
plain_entry(struct dtcp_entry *e, struct criteria *c, unsigned i)
{
	char text[64];

	*e = (struct dtcp_entry){.id = 100000 + i,
	    .csource = "lea1",
	    .csource_addr = {4, {192, 0, 2, 10}},
	    .ncdest = 1,
	    .csrc = {4, {192, 0, 2, 1}},
	    .csrc_port = 49153,
	    .ttl = 64,
	    .added_ms = 1700000000000};
	strcpy(e->cdest[0].name, "cd1");
	e->cdest[0].addr = (struct ip_addr){4, {192, 0, 2, 10}};
	e->cdest[0].port = (uint16_t)(7000 + i);
	snprintf(text, sizeof text, "198.51.%u.%u", 100 + i / 256, i % 256);
	e->criteria = c;
	assert_int_equal(criteria_parse(c, i % 2 ? CRIT_SOURCE_ADDRESS : CRIT_DEST_ADDRESS, word(text), NULL), 0);
}

/* As many as one of the vendor's clients reads at once, with everything asked for: an entry of a plain criterion is
 * less than 400 bytes on the average, and less than the 490 that it reads for each when there is traffic. */
static void
test_length_of_entries(void **state)
{
	enum { N = 1024 };
	size_t length[2];

	(void)state;
	for (int busy = 0; busy < 2; busy++) {
		cleanup_buf struct buf b = {0};

		dtcp_reply_list_begin(&b, 7, 1, 0, NULL);
		for (unsigned i = 0; i < N; i++) {
			struct criteria c = {0};
			struct dtcp_entry e;

			plain_entry(&e, &c, i);
			if (busy) {
				e.bandwidth_bps = 123456789;
				e.packets = 12345678;
				e.bytes = 12345678901;
			}
			dtcp_reply_list_entry(&b, &e, DTCP_F_CRITERIA | DTCP_F_STATS, i + 1, N);
			criteria_free(&c);
		}
		dtcp_reply_list_end(&b, 0, "k");
		assert_int_equal(b.err, 0);
		assert_null(memchr(b.p, '*', b.len));
		length[busy] = b.len / N;
	}
	print_message("# %zu bytes an entry, %zu with traffic\n", length[0], length[1]);
	assert_true(length[0] < 400);
	assert_true(length[1] < 490);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_junos), cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_not_replies), cmocka_unit_test(test_spelling),
	    cmocka_unit_test(test_length_of_entries)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
