/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "tally.h"
#include "screen.h"

static void
test_human(void **state)
{
	static const struct {
		uint64_t v;
		const char *text;
	} row[] = {
	    {0, "0"},
	    {999, "999"},
	    {1000, "1.00k"},
	    {1239, "1.23k"},
	    {9999, "9.99k"},
	    {10000, "10.0k"},
	    {99999, "99.9k"},
	    {100000, "100k"},
	    {999999, "999k"},
	    {1000000, "1.00M"},
	    {45678901, "45.6M"},
	    {UINT64_C(5000000000), "5.00G"},
	    {UINT64_MAX, "18.4E"},
	};
	char text[TERM_HUMAN_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_string_equal(term_human(row[i].v, text), row[i].text);
}

static void
row_fill(struct tally_row *row, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		row[i] = (struct tally_row){
		    .port = (uint16_t)(7000 + i),
		    .sum = {.packets = 123456 + i, .bytes = 12345678},
		    .packets_per_s = 321,
		    .bits_per_s = (i * 7 % 100) * 1000000,
		    .files = 1,
		    .file = "7000-20240301T093000Z-0001.pcapng",
		};
}

static const char *
text_of(struct buf *b)
{
	buf_put_u8(b, '\0');
	assert_int_equal(b->err, 0);
	return (const char *)b->p;
}

static void
test_table_fits(void **state)
{
	static const struct {
		unsigned ports, columns, rows, lines;
	} row[] = {{1, 80, 24, 2}, {20, 80, 24, 21}, {21, 80, 24, 22}, {22, 80, 24, 23}, {100, 80, 24, 23},
	    {100, 80, 1, 3}, {3, 40, 24, 4}, {3, 48, 24, 4}, {3, 49, 24, 4}, {3, 57, 24, 4}, {3, 60, 24, 4},
	    {3, 5, 24, 4}, {3, 200, 24, 4}};
	struct tally_row ports[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct tally_view v = {row[i].columns, row[i].rows};
		struct buf b = {0};
		unsigned lines = 0;

		row_fill(ports, row[i].ports);
		assert_int_equal(tally_table(&b, ports, row[i].ports, &v), row[i].lines);
		for (const char *p = text_of(&b), *nl; *p; p = nl + 1, lines++) {
			nl = strchr(p, '\n');
			assert_non_null(nl);
			assert_true(nl - p <= row[i].columns);
		}
		assert_int_equal(lines, row[i].lines);
		buf_free(&b);
	}
}

static void
test_table_busiest(void **state)
{
	struct tally_row ports[100];
	const struct tally_view v = {80, 6};
	struct buf b = {0};

	(void)state;
	row_fill(ports, 100);
	tally_table(&b, ports, 100, &v);
	assert_string_equal(text_of(&b),
	    " PORT  PACKETS    BYTES    PKT/S    BIT/S    LOST     BAD  FILE\n"
	    " 7057     123k    12.3M      321    99.0M       0       0  20240301T093000Z-0001\n"
	    " 7014     123k    12.3M      321    98.0M       0       0  20240301T093000Z-0001\n"
	    " 7071     123k    12.3M      321    97.0M       0       0  20240301T093000Z-0001\n"
	    "and 97 less busy ports\n");
	buf_free(&b);
}

static void
test_table_alarm(void **state)
{
	struct tally_row r = {.port = 9, .sum = {.packets = 1, .unwritten = 1}, .file = ""};
	struct tally_view v = {80, 24};
	struct buf b = {0};

	(void)state;
	tally_table(&b, &r, 1, &v);
	assert_non_null(strstr(text_of(&b), "CANNOT WRITE"));
	assert_non_null(strstr((char *)b.p, SCREEN_ALARM));
	buf_reset(&b);
	r.sum.unwritten = 0;
	tally_table(&b, &r, 1, &v);
	assert_null(strstr(text_of(&b), SCREEN_ALARM));
	buf_free(&b);
}

static void
test_account(void **state)
{
	struct tally_row r[] = {
	    {.port = 7890, .sum = {10, 1000, 3, 2, 1}, .files = 2, .file = "a"},
	    {.port = 7891, .file = ""},
	};
	struct buf b = {0};
	json_t *j = tally_json("account", r, 2, 1500), *total;
	char *text;

	(void)state;
	tally_account(&b, r, 2, 1500);
	assert_string_equal(text_of(&b),
	    "received in 1.500 s\n"
	    "PORT        PACKETS             BYTES       LOST MALFORMED UNWRITTEN  FILES\n"
	    "7890             10              1000          3         2         1      2\n"
	    "7891              0                 0          0         0         0      0\n"
	    "total            10              1000          3         2         1      2\n");
	buf_free(&b);
	assert_non_null(j);
	text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text,
	    "{\"event\":\"account\",\"ports\":[{\"bits-per-second\":0,\"bytes\":1000,\"file\":\"a\",\"files\":2,"
	    "\"lost\":3,\"malformed\":2,\"packets\":10,\"packets-per-second\":0,\"port\":7890,\"unwritten\":1},"
	    "{\"bits-per-second\":0,\"bytes\":0,\"file\":null,\"files\":0,\"lost\":0,\"malformed\":0,\"packets\":0,"
	    "\"packets-per-second\":0,\"port\":7891,\"unwritten\":0}],\"seconds\":1.5,"
	    "\"total\":{\"bytes\":1000,\"lost\":3,\"malformed\":2,\"packets\":10,\"unwritten\":1}}");
	total = json_object_get(j, "total");
	assert_int_equal(json_integer_value(json_object_get(total, "packets")), 10);
	free(text);
	json_decref(j);
}

static void
test_color(void **state)
{
	enum term_color c;

	(void)state;
	assert_int_equal(term_color_parse("always", &c), 0);
	assert_true(term_has_color(c, -1));
	assert_int_equal(term_color_parse("never", &c), 0);
	assert_false(term_has_color(c, -1));
	assert_int_equal(term_color_parse("auto", &c), 0);
	assert_false(term_has_color(c, -1)); /* no terminal */
	assert_true(term_color_parse("", &c) < 0 && term_color_parse("Always", &c) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_human),
	    cmocka_unit_test(test_table_fits),
	    cmocka_unit_test(test_table_busiest),
	    cmocka_unit_test(test_table_alarm),
	    cmocka_unit_test(test_account),
	    cmocka_unit_test(test_color),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
