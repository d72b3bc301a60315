/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: warrant_main */
#include "warrant_cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "ctl.h"
#include "foreign.h"
#include "jsonout.h"
#include "layout.h"
#include "show.h"
#include "sshsig.h"
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

/* The order itself, line by line. */
static void
print_text(const char *text)
{
	cleanup_buf struct buf out = {0};

	foreign_put(&out, (struct slice){text, strlen(text)}, FOREIGN_TEXT);
	fwrite(out.p, 1, out.len, stdout);
}

static void
print_answer(const json_t *o)
{
	const char *print = json_string_value(json_object_get(o, "fingerprint")),
		   *statement = json_string_value(json_object_get(o, "statement")),
		   *text = json_string_value(
		       json_object_get(json_array_get(json_object_get(o, "warrants"), 0), "text"));

	if (statement)
		print_text(statement);
	else if (print) {
		fputs("fingerprint, for the paper: ", stdout);
		print_text(print);
		putchar('\n');
	} else if (text)
		print_text(text);
	else if (json_object_get(o, "warrants"))
		print_list(o);
}

static int
run(const char *socket, const char *words, struct slice text, bool json)
{
	cleanup_buf struct buf body = {0};
	cleanup_fd int fd = -1;
	json_t *o;
	int code, type;

	if ((fd = ctl_ask(socket, words, text, &code)) < 0)
		return code;
	if ((type = ctl_read(fd, &body)) != IPC_C_JSON)
		return type < 0 ? EXIT_TRANSPORT : ctl_error(&body);
	if ((o = json_loadb((const char *)body.p, body.len, 0, NULL)) == NULL)
		return ctl_nonsense();
	if (json)
		jsonout_object(&(struct jsonout){0}, json_incref(o));
	else
		print_answer(o);
	json_decref(o);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_TRANSPORT;
}

/* What the paper has, typed by who reads it. */
static int
print_ask(char *out, size_t size)
{
	char line[96];
	size_t n;

	if (!isatty(STDIN_FILENO))
		return usage("warrant approve: expected the fingerprint that is on the paper behind the reference");
	fputs("Fingerprint on the paper: ", stderr);
	if (fgets(line, sizeof line, stdin) == NULL)
		return usage("warrant approve: no fingerprint");
	n = strcspn(line, "\n");
	snprintf(out, size, "%.*s", (int)n, line);
	return n ? EXIT_OK : usage("warrant approve: no fingerprint");
}

/* Behind what is there; -1 after a message to the user. */
static int
signature_read(const char *path, struct buf *out)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	uint8_t *room = fd >= 0 ? buf_room(out, SSHSIG_TEXT_MAX + 1) : NULL;
	const ssize_t n = room ? read(fd, room, SSHSIG_TEXT_MAX + 1) : -1;

	if (n < 0)
		term_say("flowtap: %s: %s", path, strerror(errno));
	else if (n == 0 || n > SSHSIG_TEXT_MAX)
		term_say("flowtap: %s: expected a signature as ssh-keygen -Y sign makes it", path);
	else
		out->len += (size_t)n;
	return n > 0 && n <= SSHSIG_TEXT_MAX ? 0 : -1;
}

/* argv: of the command. */
static int
decide(const char *socket, bool json, int argc, char **argv)
{
	cleanup_buf struct buf signature = {0};
	char words[320], print[128] = "";
	const bool approve = strcmp(argv[1], "approve") == 0;
	int r;

	if (argc == 6 && signature_read(argv[5], &signature) < 0)
		return EXIT_USAGE;
	if (argc >= 5)
		snprintf(print, sizeof print, "%s", argv[4]);
	else if (approve && (r = print_ask(print, sizeof print)) != EXIT_OK)
		return r;
	if ((size_t)snprintf(words, sizeof words, "warrant %s %s %s%s%s", argv[1], argv[2], argv[3], *print ? " " : "",
		print) >= sizeof words)
		return usage("warrant: the name or the reference is too long");
	return run(socket, words, (struct slice){signature.p ? (const char *)signature.p : "", signature.len}, json);
}

/* Of an order that is in a file, or of one that is entered. */
static int
statement(const char *socket, bool json, int argc, char **argv)
{
	cleanup_buf struct buf text = {0};
	char words[192] = "warrant statement enter";

	if (strcmp(argv[2], "enter") == 0 && argc == 4) {
		if (text_read(argv[3], &text) < 0)
			return EXIT_USAGE;
	} else if (strcmp(argv[2], "approve") != 0 || argc != 5)
		return usage("warrant statement: expected enter FILE, or approve AGENCY REFERENCE");
	else if ((size_t)snprintf(words, sizeof words, "warrant statement approve %s %s", argv[3], argv[4]) >=
		 sizeof words)
		return usage("warrant: the name or the reference is too long");
	return run(socket, words, (struct slice){text.p ? (const char *)text.p : "", text.len}, json);
}

static int
show(const char *socket, bool json, int argc, char **argv)
{
	char words[192];

	if ((size_t)snprintf(words, sizeof words, "warrant show%s%s%s%s", argc == 4 ? " " : "",
		argc == 4 ? argv[2] : "", argc == 4 ? " " : "", argc == 4 ? argv[3] : "") >= sizeof words)
		return usage("warrant: the name or the reference is too long");
	return run(socket, words, (struct slice){"", 0}, json);
}

/* Of the text that warrant enter would enter, without asking anybody: for who writes the paper. */
static int
fingerprint(const struct buf *text, bool json)
{
	cleanup_buf struct buf same = {0};
	char sha256[AUDIT_HASH_HEX + 1], print[WARRANT_PRINT_LEN];
	struct warrant_error err;
	struct warrant w;

	if (warrant_parse((struct slice){(const char *)text->p, text->len}, &w, &err) < 0) {
		term_say("flowtap: %s%.0u%s%s", err.line ? "line " : "", err.line, err.line ? ": " : "", err.expected);
		return EXIT_USAGE;
	}
	warrant_format(&w, &same);
	warrant_free(&w);
	if (same.err || audit_digest(same.p, same.len, sha256) < 0)
		return EXIT_TRANSPORT;
	warrant_fingerprint(sha256, print);
	explicit_bzero(same.p, same.len);
	printf(json ? "{\"fingerprint\":\"%s\"}\n" : "%s\n", print);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_TRANSPORT;
}

int
warrant_main(const char *socket, bool json, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const bool enter = strcmp(what, "enter") == 0;
	cleanup_buf struct buf text = {0};

	if ((argc == 3 && (enter || strcmp(what, "fingerprint") == 0)) || (argc == 4 && enter)) {
		if (text_read(argv[2], &text) < 0)
			return EXIT_USAGE;
		if (argc == 4) {
			buf_put_u8(&text, '\n');
			if (signature_read(argv[3], &text) < 0)
				return EXIT_USAGE;
		}
		return enter ? run(socket, "warrant enter", (struct slice){(const char *)text.p, text.len}, json)
			     : fingerprint(&text, json);
	}
	if ((strcmp(what, "approve") == 0 && argc >= 4 && argc <= 6) || (strcmp(what, "revoke") == 0 && argc == 4))
		return decide(socket, json, argc, argv);
	if (strcmp(what, "statement") == 0 && argc >= 3)
		return statement(socket, json, argc, argv);
	if (strcmp(what, "accept-clock") == 0 && argc == 2)
		return run(socket, "warrant accept-clock", (struct slice){"", 0}, json);
	if (strcmp(what, "show") == 0 && (argc == 2 || argc == 4))
		return show(socket, json, argc, argv);
	return usage("warrant: expected enter FILE [SIGNATURE], fingerprint FILE, statement enter FILE, "
		     "statement approve AGENCY REFERENCE, approve AGENCY REFERENCE [FINGERPRINT [SIGNATURE]], revoke "
		     "AGENCY REFERENCE, show [AGENCY REFERENCE], or accept-clock");
}
