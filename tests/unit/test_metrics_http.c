/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "unit.h"

#include "metrics_http.h"

/* What a request is answered with, and that no part of it is answered before it is whole. */
static void
requests(void **state)
{
	static const struct {
		const char *text;
		int status;
		bool head;
	} rows[] = {
	    {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200, false},
	    {"GET /metrics HTTP/1.0\n\n", 200, false},
	    {"HEAD /metrics?a=b HTTP/1.1\r\n\r\n", 200, true},
	    {"GET /metrics/ HTTP/1.1\r\n\r\n", 404, false},
	    {"GET  HTTP/1.1\r\n\r\n", 404, false},
	    {"PUT /metrics HTTP/1.1\r\n\r\n", 405, false},
	    {"GET /metrics HTTP/2.0\r\n\r\n", 400, false},
	    {"GET /metrics\r\n\r\n", 400, false},
	    {"\r\n\r\n", 400, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = strlen(rows[i].text);
		bool head = false;

		print_message("# %.20s\n", rows[i].text);
		assert_int_equal(metrics_http_parse(rows[i].text, len, &head), rows[i].status);
		if (rows[i].status == 200)
			assert_int_equal(head, rows[i].head);
		for (size_t n = 0; len > 4 && n < len - 1; n++)
			assert_int_equal(metrics_http_parse(rows[i].text, n, &head), 0);
	}
}

static void
without_end(void **state)
{
	static char text[METRICS_HTTP_MAX];
	bool head;

	(void)state;
	memset(text, 'x', sizeof text);
	assert_int_equal(metrics_http_parse(text, sizeof text - 1, &head), 0);
	assert_int_equal(metrics_http_parse(text, sizeof text, &head), 431);
	text[0] = '\n';
	assert_int_equal(metrics_http_parse(text, sizeof text, &head), 431);
}

static void
answered(int status, bool head, const char *expected)
{
	cleanup_buf struct buf b = {0};

	metrics_http_answer(&b, status, (struct slice){"a 1\n", 4}, head);
	buf_put_u8(&b, 0);
	assert_int_equal(b.err, 0);
	assert_string_equal((char *)b.p, expected);
}

static void
answers(void **state)
{
	(void)state;
	answered(200, false,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	    "Content-Length: 4\r\nConnection: close\r\n\r\na 1\n");
	answered(200, true,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	    "Content-Length: 4\r\nConnection: close\r\n\r\n");
	answered(405, false,
	    "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: 19\r\nConnection: close\r\n\r\nMethod Not Allowed\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests), cmocka_unit_test(without_end), cmocka_unit_test(answers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
