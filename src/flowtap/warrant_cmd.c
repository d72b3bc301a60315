/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: warrant_main */
#include "warrant_cmd.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl.h"
#include "layout.h"
#include "show.h"
#include "warrant.h"
#include "terminal.h"

static int
usage(const char *text)
{
	term_say("flowtap: %s; see flowtap --help", text);
	return EXIT_USAGE;
}

/* -1 after a message to the user. */
static int
text_read(const char *path, struct buf *out)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	uint8_t *room = f ? buf_room(out, WARRANT_TEXT_MAX + 1) : NULL;
	const char *why = room ? NULL : strerror(errno);
	struct stat st;

	if (room) {
		out->len = fread(room, 1, WARRANT_TEXT_MAX + 1, f);
		if (ferror(f))
			why = strerror(errno);
		else if (out->len > WARRANT_TEXT_MAX)
			why = "too long for a warrant";
	}
	if (f && f != stdin && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IROTH)
		term_say("flowtap: %s names a target, and everybody can read it: chmod o= %s", path, path);
	if (f && f != stdin)
		fclose(f);
	if (why)
		term_say("flowtap: %s: %s", path, why);
	return why ? -1 : 0;
}

static const char *
word(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static void
list_text(const json_t *o, unsigned width, struct buf *out)
{
	static const struct layout_column columns[] = {
	    {"Reference", .usual = 24},
	    {"Agency", .usual = 16},
	    {"State", .usual = 9},
	    {"Start", .usual = 20, .rank = 2},
	    {"End", .gap = 1, .rank = 1},
	};
	static const char *const keys[] = {"reference", "agency", "state", "start", "end"};
	struct layout_table t = {columns, ARRAY_LEN(columns)};
	const json_t *w;
	size_t i;

	json_array_foreach (json_object_get(o, "warrants"), i, w)
		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			layout_cell(&t, "%s", word(w, keys[k]));
	layout_table_end(&t, width, out);
}

static void
print_list(const json_t *o)
{
	cleanup_buf struct buf out = {0};

	show_put(list_text, o, term_width(STDOUT_FILENO), &out);
	fwrite(out.p, 1, out.len, stdout);
}

static int
run(const char *socket, const char *words, struct slice text, bool show, bool json)
{
	cleanup_buf struct buf body = {0};
	cleanup_fd int fd = -1;
	json_t *o;
	int code, type;

	if ((fd = ctl_ask(socket, words, text, &code)) < 0)
		return code;
	if ((type = ctl_read(fd, &body)) != IPC_C_JSON)
		return type < 0 ? EXIT_TRANSPORT : ctl_error(&body);
	if (json)
		printf("%.*s\n", (int)body.len, (const char *)body.p);
	else if (show && (o = json_loadb((const char *)body.p, body.len, 0, NULL)) != NULL) {
		print_list(o);
		json_decref(o);
	}
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_TRANSPORT;
}

int
warrant_main(const char *socket, bool json, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	cleanup_buf struct buf text = {0};
	char words[192];

	if (strcmp(what, "enter") == 0 && argc == 3) {
		if (text_read(argv[2], &text) < 0)
			return EXIT_USAGE;
		return run(socket, "warrant enter", (struct slice){(const char *)text.p, text.len}, false, json);
	}
	if ((strcmp(what, "approve") == 0 || strcmp(what, "revoke") == 0) && argc == 4) {
		if ((size_t)snprintf(words, sizeof words, "warrant %s %s %s", what, argv[2], argv[3]) >= sizeof words)
			return usage("warrant: the name or the reference is too long");
		return run(socket, words, (struct slice){"", 0}, false, json);
	}
	if (strcmp(what, "show") == 0 && argc == 2)
		return run(socket, "warrant show", (struct slice){"", 0}, true, json);
	return usage("warrant: expected enter FILE, approve AGENCY REFERENCE, revoke AGENCY REFERENCE, or show");
}
