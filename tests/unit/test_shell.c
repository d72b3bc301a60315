/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of the shell and where its output goes, without a daemon. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "shell.h"

struct box {
	char folder[32], a[64], b[64];
};

static int
box_make(void **state)
{
	struct box *x = calloc(1, sizeof *x);

	assert_non_null(x);
	strcpy(x->folder, "/tmp/flowtap-shell-XXXXXX");
	assert_non_null(mkdtemp(x->folder));
	snprintf(x->a, sizeof x->a, "%s/a", x->folder);
	snprintf(x->b, sizeof x->b, "%s/b", x->folder);
	*state = x;
	return 0;
}

static int
box_remove(void **state)
{
	struct box *x = *state;

	unlink(x->a);
	unlink(x->b);
	assert_int_equal(rmdir(x->folder), 0);
	free(x);
	return 0;
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
holds(const char *path, const char *expected)
{
	FILE *f = fopen(path, "re");
	char text[256];

	assert_non_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, expected);
}

/* What a program would print is kept, and what it says of errors is dropped. */
struct capture {
	FILE *out, *err;
	char *text;
	size_t size;
};

static void
capture_begin(struct capture *c)
{
	*c = (struct capture){.out = stdout, .err = stderr};
	stderr = fopen("/dev/null", "we");
	stdout = open_memstream(&c->text, &c->size);
	assert_non_null(stderr);
	assert_non_null(stdout);
}

static void
capture_end(struct capture *c, const char *expected)
{
	fclose(stdout);
	fclose(stderr);
	stdout = c->out;
	stderr = c->err;
	assert_string_equal(c->text, expected);
	free(c->text);
}

/* Runs the line, in which %a and %b are files; the exit code.  What it prints is to be what is expected. */
static int
run(const struct box *x, bool json, const char *line, const char *printed)
{
	struct shell sh = {.socket = "/nonexistent/socket", .json = json, .screen_length = SHELL_AUTO};
	cleanup_buf struct buf words = {0};
	struct capture c;
	int code;

	for (; *line; line++)
		if (line[0] == '%')
			buf_printf(&words, "%s", *++line == 'a' ? x->a : x->b);
		else
			buf_put(&words, line, 1);
	buf_put_u8(&words, 0);
	capture_begin(&c);
	code = shell_line(&sh, (const char *)words.p);
	capture_end(&c, printed);
	return code;
}

/* A file is written by a line that is right, and by nothing else. */
static void
test_save(void **state)
{
	static const char version[] = "flowtap " FLOWTAP_VERSION "\n";
	const struct box *x = *state;

	put(x->a, "old\n");
	put(x->b, "old\n");
	assert_int_equal(run(x, false, "show version | save %a | bogus", ""), EXIT_USAGE);
	assert_int_equal(run(x, false, "show version | save %a | match (", ""), EXIT_USAGE);
	assert_int_equal(run(x, false, "show version | save %a | save %b", ""), EXIT_REFUSED);
	holds(x->a, "old\n");
	holds(x->b, "old\n");
	assert_int_equal(run(x, false, "show version | save %a", "Wrote 1 line of output\n"), EXIT_OK);
	holds(x->a, version);
	assert_int_equal(run(x, true, "show version | save %b", ""), EXIT_OK);
	holds(x->b, "{\"program\":\"flowtap\",\"version\":\"" FLOWTAP_VERSION "\"}\n");
	assert_int_equal(run(x, false, "show services flow-tap | save %b", ""), EXIT_TRANSPORT);
	holds(x->a, version);
	assert_int_equal(
	    run(x, false, "show version | save %a | count", "Count: 0 lines\nWrote 1 line of output\n"), EXIT_OK);
	holds(x->a, version);
	assert_int_equal(run(x, false, "show version | count | save %a", "Wrote 1 line of output\n"), EXIT_OK);
	holds(x->a, "Count: 1 line\n");
	assert_int_equal(
	    run(x, false, "show version | except flowtap | save %a", "Wrote 0 lines of output\n"), EXIT_OK);
	holds(x->a, "");
}

/* What a command can't be shown as is refused before anything is asked or written. */
static void
test_shapes(void **state)
{
	static const char *const lines[] = {
	    "show services flow-tap | display set",
	    "show version | display set | save %a",
	    "show version | compare",
	    "show system commit | display inheritance",
	    "audit head | display xml | save %a",
	    "warrant show | display set",
	    "monitor count 1 | display xml",
	};
	const struct box *x = *state;

	put(x->a, "old\n");
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_int_equal(run(x, false, lines[i], ""), EXIT_USAGE);
	holds(x->a, "old\n");
	/* the daemon is asked, and is not there */
	assert_int_equal(run(x, false, "show configuration | display set", ""), EXIT_TRANSPORT);
	assert_int_equal(run(x, false, "audit head | display json", ""), EXIT_TRANSPORT);
}

/* ---- JSON and XML ---- */

static void
test_display(void **state)
{
	const struct box *x = *state;

	assert_int_equal(run(x, false, "show version | display xml",
			     "<rpc-reply>\n    <program>flowtap</program>\n    <version>" FLOWTAP_VERSION
			     "</version>\n</rpc-reply>\n"),
	    EXIT_OK);
	assert_int_equal(run(x, false, "show version | display json",
			     "{\n  \"program\": \"flowtap\",\n  \"version\": \"" FLOWTAP_VERSION "\"\n}\n"),
	    EXIT_OK);
	assert_int_equal(
	    run(x, true, "show version", "{\"program\":\"flowtap\",\"version\":\"" FLOWTAP_VERSION "\"}\n"), EXIT_OK);
}

static int
say(struct shell *sh, const struct cmd_call *call)
{
	(void)sh;
	(void)call;
	puts("a < b");
	return EXIT_REFUSED;
}

/* What knows no JSON is a string in it, and in XML; how it ended stays what it was. */
static void
test_text(void **state)
{
	static const struct cmd row = {CMD_OPER | CMD_TEXT, "say", "", say};
	static const struct {
		bool json;
		enum shell_display display;
		const char *printed;
	} as[] = {
	    {false, DISPLAY_TEXT, "a < b\n"},
	    {true, DISPLAY_TEXT, "{\"text\":\"a < b\\n\"}\n"},
	    {false, DISPLAY_JSON, "{\n  \"text\": \"a < b\\n\"\n}\n"},
	    {false, DISPLAY_XML, "<rpc-reply>\n    <text>a &lt; b&#10;</text>\n</rpc-reply>\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(as); i++) {
		struct shell sh = {.json = as[i].json, .display = as[i].display};
		struct cmd_call call = {.row = &row};
		struct capture c;
		int code;

		capture_begin(&c);
		code = shell_call(&sh, &call);
		capture_end(&c, as[i].printed);
		assert_int_equal(code, EXIT_REFUSED);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_save, box_make, box_remove),
	    cmocka_unit_test_setup_teardown(test_shapes, box_make, box_remove),
	    cmocka_unit_test_setup_teardown(test_display, box_make, box_remove),
	    cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
