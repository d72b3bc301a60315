/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "foreign.h"

static const struct {
	const char *in, *line, *text, *json;
	size_t len; /* of in; 0: up to its end */
} rows[] = {
    {"plain text, \"quoted\" \\ [it]", "plain text, \"quoted\" \\ [it]", "plain text, \"quoted\" \\ [it]",
	"plain text, \"quoted\" \\ [it]", 0},
    {"W\b\b\b", "W\\x08\\x08\\x08", "W\\x08\\x08\\x08", "W\\u0008\\u0008\\u0008", 0},
    {"\033]0;owned\a", "\\x1b]0;owned\\x07", "\\x1b]0;owned\\x07", "\\u001b]0;owned\\u0007", 0},
    {"one\ntwo\tthree\r\n", "one\\ntwo\\tthree\\r\\n", "one\ntwo\tthree\\r\n", "one\ntwo\tthree\\u000d\n", 0},
    {"a\0b", "a\\x00b", "a\\x00b", "a\\u0000b", 3},
    {"\x7f", "\\x7f", "\\x7f", "\\u007f", 0},
    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", 0},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 0},
    {"\xc2\x9b"
     "31m",
	"\\xc2\\x9b31m", "\\xc2\\x9b31m", "\\u009b31m", 0}, /* CSI as C1 */
    {"\x9b"
     "31m",
	"\\x9b31m", "\\x9b31m", "\\ufffd31m", 0},                                       /* no UTF-8 */
    {"\xc0\x9b", "\\xc0\\x9b", "\\xc0\\x9b", "\\ufffd\\ufffd", 0},                      /* too long */
    {"\xe2\x82", "\\xe2\\x82", "\\xe2\\x82", "\\ufffd\\ufffd", 0},                      /* cut off */
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd", 0}, /* a surrogate */
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd", 0},
    {"a\xe2\x80\xae"
     "b",
	"a\\xe2\\x80\\xaeb", "a\\xe2\\x80\\xaeb", "a\\u202eb", 0}, /* right to left */
    {"a\xe2\x80\xa8"
     "b",
	"a\\xe2\\x80\\xa8b", "a\\xe2\\x80\\xa8b", "a\\u2028b", 0},                             /* a line's end */
    {"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81", "\\xf3\\xa0\\x81\\x81", "\\udb40\\udc41", 0}, /* a tag */
    {"", "", "", "", 0},
};

static void
shows(struct slice s, enum foreign_kind kind, const char *expected)
{
	cleanup_buf struct buf b = {0};

	foreign_put(&b, s, kind);
	buf_put_u8(&b, '\0');
	assert_string_equal((char *)b.p, expected);
}

static void
test_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct slice s = {rows[i].in, rows[i].len ? rows[i].len : strlen(rows[i].in)};

		shows(s, FOREIGN_LINE, rows[i].line);
		shows(s, FOREIGN_TEXT, rows[i].text);
		shows(s, FOREIGN_JSON, rows[i].json);
	}
}

/* Of each kind of what looks like a blank or like nothing. */
static void
test_what_is_not_seen(void **state)
{
	static const uint32_t hidden[] = {0xa0, 0x34f, 0x115f, 0x1160, 0x1680, 0x17b4, 0x180b, 0x180f, 0x2000, 0x2003,
	    0x200a, 0x202f, 0x205f, 0x2800, 0x3000, 0x3164, 0xfe00, 0xfe0f, 0xffa0},
			      seen[] = {0x20, 0xa1, 0x350, 0x1161, 0x1681, 0x2010, 0x2030, 0x2070, 0x2801, 0x3001,
				  0xfe10, 0xffa1};
	char in[4] = "", out[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hidden) + ARRAY_LEN(seen); i++) {
		const bool shown = i >= ARRAY_LEN(hidden);
		const uint32_t c = shown ? seen[i - ARRAY_LEN(hidden)] : hidden[i];
		size_t n = 0;

		if (c >= 0x800)
			in[n++] = (char)(0xe0 | c >> 12);
		if (c >= 0x80)
			in[n++] = (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6);
		in[n++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
		foreign_text((struct slice){in, n}, out, sizeof out);
		if (shown != (strlen(out) == n && memcmp(out, in, n) == 0))
			fail_msg("U+%04X is %s as \"%s\"", c, shown ? "not shown" : "shown", out);
	}
}

/* Every byte alone, and between others. */
static void
test_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		const char in[3] = {'a', (char)c, 'b'};
		char expected[8] = {'a', (char)c, 'b'};

		if (c == '\n' || c == '\t' || c == '\r')
			snprintf(expected, sizeof expected, "a\\%cb", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
		else if (c < 0x20 || c >= 0x7f)
			snprintf(expected, sizeof expected, "a\\x%02xb", c);
		shows((struct slice){in, 3}, FOREIGN_LINE, expected);
	}
}

/* What has no room is said, and neither an escape nor a character is cut. */
static void
test_bounded(void **state)
{
	static const char in[] = "ab\033c\xc3\xbc"
				 "def";
	static const struct {
		size_t size;
		const char *out;
	} cut[] = {{4, "..."}, {5, "a..."}, {6, "ab..."}, {7, "ab..."}, {9, "ab..."}, {10, "ab\\x1b..."},
	    {11, "ab\\x1bc..."}, {12, "ab\\x1bc..."},
	    {13, "ab\\x1bc\xc3\xbc"
		 "def"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
		char out[16];

		memset(out, '!', sizeof out);
		assert_ptr_equal(foreign_text(slice_of(in), out, cut[i].size), out);
		assert_string_equal(out, cut[i].out);
		assert_int_equal(out[cut[i].size], '!');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shown),
	    cmocka_unit_test(test_what_is_not_seen),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
