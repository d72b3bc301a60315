/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf_lex.h"

/* All tokens of a text as "line:column kind text", one a line, then the error if there is one. */
static void
tokens(const char *text, size_t len, struct buf *out)
{
	static const char *const kind[] = {"end", "word", "string", "{", "}", "[", "]", ";"};
	struct conf_error err;
	struct conf_lex l;
	int r;

	conf_lex_init(&l, (struct slice){text, len});
	while ((r = conf_lex_next(&l, &err)) == 0) {
		buf_printf(out, "%u:%u %s", l.line, l.column, kind[l.token]);
		if (l.token == CONF_TOKEN_WORD || l.token == CONF_TOKEN_STRING)
			buf_printf(out, " %.*s", (int)l.text.len, l.text.p);
		buf_put(out, "\n", 1);
		if (l.token == CONF_TOKEN_EOF)
			break;
	}
	if (r < 0)
		buf_printf(out, "%u:%u %s\n", err.line, err.column, err.expected);
	conf_lex_fini(&l);
	buf_put_u8(out, 0);
}

static void
test_tokens(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
	    {"", "1:1 end\n"},
	    {" \t\r\n ", "2:2 end\n"},
	    {"a", "1:1 word a\n1:2 end\n"},
	    {"a{b}c[d]e;f", "1:1 word a\n1:2 {\n1:3 word b\n1:4 }\n1:5 word c\n1:6 [\n1:7 word d\n1:8 ]\n1:9 word e\n"
			    "1:10 ;\n1:11 word f\n1:12 end\n"},
	    {"<a[1-3]*>;<b [ <c[ ]>", "1:1 word <a[1-3]*>\n1:10 ;\n1:11 word <b\n1:14 [\n1:16 word <c\n1:18 [\n"
				      "1:20 ]\n1:21 word >\n1:22 end\n"},
	    {"<a[b]>[c", "1:1 word <a[b]>\n1:7 [\n1:8 word c\n1:9 end\n"},
	    {"a#b\nc", "1:1 word a\n2:1 word c\n2:2 end\n"},
	    {"a/*b*/ c", "1:1 word a/*b*/\n1:8 word c\n1:9 end\n"},
	    {"/**/a/", "1:5 word a/\n1:7 end\n"},
	    {"/*/ a */b", "1:9 word b\n1:10 end\n"},
	    {"/* a\n * b */ c", "2:9 word c\n2:10 end\n"},
	    {"/", "1:1 word /\n1:2 end\n"},
	    {"a\"b\"c", "1:1 word a\n1:2 string b\n1:5 word c\n1:6 end\n"},
	    {"\"\"", "1:1 string \n1:3 end\n"},
	    {"\"a \\\" \\\\ \\n # ;\"", "1:1 string a \" \\ \\n # ;\n1:17 end\n"},
	    {"\303\251 \"\303\251\" b", "1:1 word \303\251\n1:3 string \303\251\n1:7 word b\n1:8 end\n"},
	    {"\"a", "1:1 string without a closing quotation mark on its line\n"},
	    {"\"a\\\"", "1:1 string without a closing quotation mark on its line\n"},
	    {"\"a\n\"", "1:1 string without a closing quotation mark on its line\n"},
	    {"a\n  /* b", "1:1 word a\n2:3 comment without an end\n"},
	    {"/*/", "1:1 comment without an end\n"},
	    {"a\033", "1:1 word a\n1:2 control character 0x1b\n"},
	    {"\"a\177\"", "1:3 control character 0x7f\n"},
	    {"#\001", "1:2 control character 0x01\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_buf struct buf got = {0};

		tokens(row[i].in, strlen(row[i].in), &got);
		assert_string_equal((char *)got.p, row[i].out);
	}
}

static void
test_nul(void **state)
{
	cleanup_buf struct buf got = {0};

	(void)state;
	tokens("a\0b", 3, &got);
	assert_string_equal((char *)got.p, "1:1 word a\n1:2 control character 0x00\n");
}

static void
test_end_stays(void **state)
{
	struct conf_error err;
	struct conf_lex l;

	(void)state;
	conf_lex_init(&l, (struct slice){"a", 1});
	for (int i = 0; i < 3; i++)
		assert_int_equal(conf_lex_next(&l, &err), 0);
	assert_int_equal(l.token, CONF_TOKEN_EOF);
	conf_lex_fini(&l);
}

static void
test_comments(void **state)
{
	static const char text[] = "# one\na /* two */ # three \n/* four\n */ # five\nb";
	struct conf_error err;
	struct conf_lex l;

	(void)state;
	conf_lex_init(&l, (struct slice){text, strlen(text)});
	assert_int_equal(conf_lex_next(&l, &err), 0);
	assert_int_equal(l.beside.len, 0);
	assert_int_equal(l.above.len, sizeof "# one");
	assert_memory_equal(l.above.p, "# one", l.above.len);
	buf_reset(&l.above);
	assert_int_equal(conf_lex_next(&l, &err), 0);
	assert_int_equal(l.beside.len, sizeof "/* two */\0# three");
	assert_memory_equal(l.beside.p, "/* two */\0# three", l.beside.len);
	assert_int_equal(l.above.len, sizeof "/* four\n */\0# five");
	assert_memory_equal(l.above.p, "/* four\n */\0# five", l.above.len);
	conf_lex_fini(&l);
}

/* quote() and the lexer are each other's inverse, also for every pair of awkward characters. */
static void
test_quote(void **state)
{
	static const char some[] = "a\\\"n #";
	struct conf_error err;
	struct conf_lex l;

	(void)state;
	for (unsigned n = 0; n < 6 * 6 * 6 * 6; n++) {
		const char s[] = {some[n % 6], some[n / 6 % 6], some[n / 36 % 6], some[n / 216]};
		cleanup_buf struct buf text = {0};

		conf_lex_quote(&text, (struct slice){s, sizeof s});
		conf_lex_init(&l, (struct slice){(char *)text.p, text.len});
		assert_int_equal(conf_lex_next(&l, &err), 0);
		assert_int_equal(l.token, CONF_TOKEN_STRING);
		assert_int_equal(l.text.len, sizeof s);
		assert_memory_equal(l.text.p, s, sizeof s);
		assert_int_equal(l.raw.len, text.len - 2);
		assert_int_equal(conf_lex_next(&l, &err), 0);
		assert_int_equal(l.token, CONF_TOKEN_EOF);
		conf_lex_fini(&l);
	}
}

static void
test_bare(void **state)
{
	static const struct {
		const char *s;
		bool bare;
	} row[] = {{"a", true}, {"ge-*/*/*", true}, {"/", true}, {"", false}, {"a b", false}, {"a;", false},
	    {"#a", false}, {"/*", false}, {"a\"", false}, {"[", false}, {"<a[1]*>", true}, {"<a[1]", false},
	    {"<a>[", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(conf_lex_is_bare((struct slice){row[i].s, strlen(row[i].s)}), row[i].bare);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tokens),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_end_stays),
	    cmocka_unit_test(test_comments),
	    cmocka_unit_test(test_quote),
	    cmocka_unit_test(test_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
