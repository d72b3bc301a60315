/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "dtcp.h"

#define AUTH "Authentication-Info: 0123456789012345678901234567890123456789\r\n"
#define MSG "NOOP DTCP/0.7\r\nSeq: 1\r\n" AUTH "\r\n"

/* What a reader makes of the input when it comes in chunks of the given size: "M" a message,
 * "B" something dropped, "L" too long; consecutive drops count once. */
static void
outcome(const char *in, size_t total, size_t chunk, size_t max, bool server, char *out)
{
	cleanup_buf struct buf b = {0};
	struct dtcp_framer f;
	char *o = out;

	dtcp_framer_init(&f, max, server);
	for (size_t at = 0; at < total; at += chunk) {
		size_t n = total - at < chunk ? total - at : chunk, skip, len;
		int r;

		buf_put(&b, in + at, n);
		while ((r = dtcp_frame(&f, b.p, b.len, &skip, &len)) != 0) {
			char c = r == 1 ? 'M' : r == -EMSGSIZE ? 'L' : 'B';

			assert_true(skip + len > 0 && skip + len <= b.len);
			if (!(c == 'B' && o > out && (o[-1] == 'B' || o[-1] == 'L')))
				*o++ = c;
			buf_drop(&b, skip + len);
		}
		assert_true(b.len <= max + chunk);
	}
	*o = '\0';
}

static void
test_messages(void **state)
{
	static const struct {
		const char *in, *server, *client;
	} row[] = {
	    {"", "", ""},
	    {"\r\n\n\r\n", "", ""},
	    {MSG, "M", "M"},
	    {"\r\n\n" MSG "\r\n" MSG, "MM", "MM"},
	    {"NOOP DTCP/0.7\nauthentication-info : 1\n\n", "M", "M"},
	    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n" MSG, "BM", "M"},
	    {"a\r\n\r\n\r\nb\r\n\r\n" MSG, "BM", "M"},
	    {"ADD\r\n\r\n" AUTH "\r\n", "BM", "M"},
	    {"Authentication-Infox: 1\r\n\r\n", "B", ""},
	    {"\xff\xfe\x01\n\n" MSG, "BM", "M"},
	    {"NOOP DTCP/0.7\r\n" AUTH, "", ""},
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		for (size_t chunk = 1; chunk <= strlen(row[i].in) + 1; chunk++) {
			outcome(row[i].in, strlen(row[i].in), chunk, 4096, true, got);
			assert_string_equal(got, row[i].server);
			outcome(row[i].in, strlen(row[i].in), chunk, 4096, false, got);
			assert_string_equal(got, row[i].client);
		}
}

/* A message of exactly the limit passes, one byte more is dropped, and the next one is read, wherever
 * the stream is cut. */
static void
test_limit(void **state)
{
	static const char tail[] = "\r\n" AUTH "\r\n";
	char in[600 + sizeof MSG], got[64];

	(void)state;
	for (size_t len = 200; len <= 500; len += 100) {
		memset(in, 'x', len);
		in[0] = 'X';
		memcpy(in + len - strlen(tail), tail, strlen(tail));
		memcpy(in + len, MSG, sizeof MSG);
		for (size_t chunk = 1; chunk < len + sizeof MSG; chunk++)
			for (size_t max = len - 1; max <= len; max++) {
				outcome(in, len + strlen(MSG), chunk, max, true, got);
				assert_string_equal(got, max == len ? "MM" : "LM");
			}
	}
}

/* Rubbish without any line end does not grow the buffer. */
static void
test_no_line_end(void **state)
{
	struct dtcp_framer f;
	uint8_t in[2048];
	size_t skip, len;

	(void)state;
	memset(in, 'a', sizeof in);
	dtcp_framer_init(&f, 1024, true);
	assert_int_equal(dtcp_frame(&f, in, sizeof in, &skip, &len), -EMSGSIZE);
	assert_int_equal(skip + len, sizeof in);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dtcp_frame(&f, in, sizeof in, &skip, &len), -EBADMSG);
		assert_int_equal(skip + len, sizeof in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages), cmocka_unit_test(test_limit), cmocka_unit_test(test_no_line_end)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
