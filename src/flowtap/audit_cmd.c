/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: audit_main */
#include "audit_cmd.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "ctl.h"
#include "foreign.h"
#include "jsonout.h"
#include "layout.h"
#include "output.h"
#include "show.h"
#include "terminal.h"

static int
usage(const char *text)
{
	term_say("flowtap: %s; see flowtap --help", text);
	return EXIT_USAGE;
}

static int
written(void)
{
	return output_end("flowtap") == 0 ? EXIT_OK : EXIT_TRANSPORT;
}

/* ---- from the daemon ---- */

/* Whole lines of a record, by their looks: audit verify proves them. */
static bool
are_lines(struct slice s)
{
	static const char begin[] = "{\"n\":";
	const char *end = s.p + s.len, *nl;

	for (const char *p = s.p; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL || (size_t)(nl - p) < strlen(begin) || memcmp(p, begin, strlen(begin)) != 0)
			return false;
	}
	return true;
}

static int export(const char *socket, const char *from)
{
	cleanup_buf struct buf body = {0};
	char words[64];
	int code, type;
	cleanup_fd int fd = -1;

	snprintf(words, sizeof words, "audit export%s%s", from ? " " : "", from ? from : "");
	if ((fd = ctl_ask(socket, words, (struct slice){"", 0}, &code)) < 0)
		return code;
	while ((type = ctl_read(fd, &body)) == IPC_C_LINES) {
		const struct slice lines = {(const char *)body.p, body.len};

		if (!are_lines(lines))
			return ctl_nonsense();
		jsonout_text(lines);
		buf_reset(&body);
	}
	if (type == IPC_C_ERROR)
		return ctl_error(&body);
	return type == IPC_C_JSON ? written() : EXIT_TRANSPORT;
}

static const char *
text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void
head_text(const json_t *j, unsigned width, struct buf *out)
{
	const char *key = text_of(j, "key"), *hash = text_of(j, "hash");

	(void)width;
	buf_printf(out, "public key  %s\nlast line   %" JSON_INTEGER_FORMAT ":%s\n", key ? key : "-",
	    json_integer_value(json_object_get(j, "n")), hash ? hash : "-");
	if (json_integer_value(json_object_get(j, "archived")))
		buf_printf(out, "archived    up to line %" JSON_INTEGER_FORMAT "\n",
		    json_integer_value(json_object_get(j, "archived")));
}

static int
head(const char *socket, bool json)
{
	cleanup_buf struct buf body = {0}, out = {0};
	cleanup_fd int fd = -1;
	json_t *j;
	int code, type;

	if ((fd = ctl_ask(socket, "audit head", (struct slice){"", 0}, &code)) < 0)
		return code;
	if ((type = ctl_read(fd, &body)) != IPC_C_JSON)
		return type < 0 ? EXIT_TRANSPORT : ctl_error(&body);
	if ((j = json_loadb((const char *)body.p, body.len, 0, NULL)) == NULL)
		return ctl_nonsense();
	if (json) {
		jsonout_object(&(struct jsonout){0}, j);
		return written();
	}
	show_put(head_text, j, LAYOUT_MOST, &out);
	json_decref(j);
	fwrite(out.p, 1, out.len, stdout);
	return written();
}

static int
archive(const char *socket, bool json, const char *known)
{
	cleanup_buf struct buf body = {0};
	cleanup_fd int fd = -1;
	json_t *j;
	char words[192];
	int code, type;

	if ((size_t)snprintf(words, sizeof words, "audit archive %s", known) >= sizeof words)
		return usage("audit archive: expected the number of a line, a colon and its hash");
	if ((fd = ctl_ask(socket, words, (struct slice){"", 0}, &code)) < 0)
		return code;
	if ((type = ctl_read(fd, &body)) != IPC_C_JSON)
		return type < 0 ? EXIT_TRANSPORT : ctl_error(&body);
	if ((j = json_loadb((const char *)body.p, body.len, 0, NULL)) == NULL)
		return ctl_nonsense();
	if (json)
		jsonout_object(&(struct jsonout){0}, j);
	else {
		printf("lines up to %" JSON_INTEGER_FORMAT " have left the record\n",
		    json_integer_value(json_object_get(j, "archived")));
		json_decref(j);
	}
	return written();
}

/* ---- verify ---- */

/* Each whole line of the file without its end; nonzero from cb stops and is returned. */
static int
lines_each(const char *path, int (*cb)(void *arg, struct slice line, uint64_t no), void *arg)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	cleanup_free char *line = NULL;
	size_t room = 0;
	uint64_t no = 0;
	ssize_t n;
	int r = 0;

	if (f == NULL) {
		term_say("flowtap: %s: %s", path, strerror(errno));
		return EXIT_USAGE;
	}
	while (r == 0 && (n = getline(&line, &room, f)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		r = cb(arg, (struct slice){line, (size_t)n}, ++no);
	}
	if (r == 0 && ferror(f)) {
		term_say("flowtap: %s: %s", path, strerror(errno));
		r = EXIT_TRANSPORT;
	}
	if (f != stdin)
		fclose(f);
	return r;
}

struct verifying {
	struct audit_verifier v;
	uint64_t begin; /* what stands before the first line that is to be proved */
	bool json;
	const char *file; /* of several; NULL: there is one */
};

/* {"proved": false, "line": where it breaks, "why": ..., "proved-up-to": ...} */
static void
disproved_json(const struct verifying *x, uint64_t line, const char *why)
{
	jsonout_object(&(struct jsonout){0}, json_pack("{s:b, s:I, s:s, s:I}", "proved", 0, "line", (json_int_t)line,
						 "why", why, "proved-up-to", (json_int_t)x->v.chain.n));
}

static int
verify_line(void *arg, struct slice line, uint64_t no)
{
	struct verifying *x = arg;
	struct audit_verifier *v = &x->v;
	const char *why;

	if (audit_verify_line(v, line, &why) == 0)
		return 0;
	if (x->json)
		disproved_json(x, no, why);
	else
		printf("NOT PROVED: line %" PRIu64 " of %s: %s\nproved up to line %" PRIu64 "\n", no,
		    x->file ? x->file : "the file", why, v->chain.n);
	return EXIT_REFUSED;
}

/* Why the file as a whole is not proved, and the line; NULL: it is. */
static const char *
unproved(const struct audit_verifier *v, uint64_t *line)
{
	const char *why;

	*line = v->known.n;
	if (audit_verify_end(v, &why) < 0)
		return why;
	*line = v->chain.n;
	return v->checkpoints == 0 ? "not one checkpoint: nothing of it is signed" : NULL;
}

static void
proved_json(const struct verifying *x)
{
	const struct audit_verifier *v = &x->v;

	jsonout_object(&(struct jsonout){0},
	    json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "proved", 1, "lines",
		(json_int_t)(v->chain.n - x->begin), "signed-up-to", (json_int_t)v->signed_n, "checkpoints",
		(json_int_t)v->checkpoints, "first", (json_int_t)x->begin + 1, "last", (json_int_t)v->chain.n, "hash",
		v->chain.hash, "known", v->known.n ? json_integer((json_int_t)v->known.n) : json_null()));
}

static void
proved_text(const struct verifying *x)
{
	const struct audit_verifier *v = &x->v;
	const uint64_t n = v->chain.n - x->begin;

	printf("proved: %" PRIu64 " line%s, unchanged, in order, none missing", n, n == 1 ? "" : "s");
	if (x->begin)
		printf(" from line %" PRIu64 " on", x->begin + 1);
	printf("\nsigned: up to line %" PRIu64 ", by %" PRIu64 " checkpoint%s\nlast:   %" PRIu64 ":%s\n", v->signed_n,
	    v->checkpoints, v->checkpoints == 1 ? "" : "s", v->chain.n, v->chain.hash);
	if (v->known.n == 0)
		printf("That nothing was cut off at the end is proved up to a line you know from\n"
		       "elsewhere: -K LINE:HASH\n");
	else
		printf("known:  line %" PRIu64 " is in it\n", v->known.n);
}

static int
verify_end(const struct verifying *x)
{
	uint64_t line;
	const char *why = unproved(&x->v, &line);

	if (why && x->json)
		disproved_json(x, line, why);
	else if (why)
		printf("NOT PROVED: line %" PRIu64 ": %s\n", line, why);
	else if (x->json)
		proved_json(x);
	else
		proved_text(x);
	return why ? EXIT_REFUSED : EXIT_OK;
}

static int
verify(bool json, int argc, char **argv)
{
	static const struct option options[] = {{"key", required_argument, NULL, 'k'},
	    {"known", required_argument, NULL, 'K'}, {"begin", required_argument, NULL, 'b'}, {NULL, 0, NULL, 0}};
	uint8_t key[AUDIT_KEY_LEN];
	struct audit_chain known = {0}, begin = {0};
	struct verifying x = {.json = json};
	bool have_key = false;
	int c, r;

	optind = 0;
	while ((c = getopt_long(argc, argv, "k:K:b:", options, NULL)) != -1)
		switch (c) {
		case 'k':
			if (audit_unhex((struct slice){optarg, strlen(optarg)}, key, sizeof key) < 0)
				return usage("--key: expected 64 hexadecimal digits");
			have_key = true;
			break;
		case 'K':
			if (audit_chain_parse(optarg, &known) < 0)
				return usage("--known: expected the number of a line, a colon and its hash");
			break;
		case 'b':
			if (audit_chain_parse(optarg, &begin) < 0)
				return usage("--begin: expected the number of a line, a colon and its hash");
			break;
		default:
			return EXIT_USAGE;
		}
	if (!have_key || optind >= argc)
		return usage("audit verify: expected --key KEY and a FILE, or several that follow each other");
	audit_verify_init(&x.v, key);
	x.v.known = known;
	if (begin.n)
		x.v.chain = begin;
	x.begin = begin.n;
	for (r = 0; r == 0 && optind < argc; optind++) {
		x.file = argc - optind > 1 || x.file ? argv[optind] : NULL;
		r = lines_each(argv[optind], verify_line, &x);
	}
	if (r == 0)
		r = verify_end(&x);
	return r == EXIT_OK ? written() : r;
}

/* ---- report ---- */

/* A request's lines, each behind a mark that no line of the record begins with. */
static void
put_request(const char *mark, const json_t *request, struct buf *out)
{
	const char *text = json_string_value(request), *end = text + json_string_length(request), *nl;

	for (; text < end; text = nl + 1) {
		struct slice s;

		nl = memchr(text, '\n', (size_t)(end - text));
		nl = nl ? nl : end;
		s = (struct slice){text, (size_t)(nl - text)};
		s.len -= s.len > 0 && s.p[s.len - 1] == '\r';
		buf_printf(out, "        %s", mark);
		foreign_put(out, s, FOREIGN_LINE);
		buf_put_u8(out, '\n');
	}
}

/* A field of a line.  Two blanks part it from the next one: a second blank within it is shown as an escape. */
static void
put_field(const char *before, const json_t *v, const char *behind, struct buf *out)
{
	cleanup_buf struct buf text = {0};

	foreign_put(&text, (struct slice){json_string_value(v), json_string_length(v)}, FOREIGN_LINE);
	buf_put(out, before, strlen(before));
	for (size_t i = 0; i < text.len; i++) {
		const bool second = text.p[i] == ' ' && (i == 0 || text.p[i - 1] == ' ');

		buf_put(out, second ? "\\x20" : (const char *)&text.p[i], second ? 4 : 1);
	}
	buf_put(out, behind, strlen(behind));
}

/* Who, and what of. */
static void
put_line(const json_t *o, struct buf *out)
{
	static const struct {
		const char *name, *before;
	} words[] = {{"agency", "  agency "}, {"peer", "  peer "}, {"auth", "  auth "}, {"warrant", "  warrant "},
	    {"signer", "  signed by "}};
	const json_t *v;

	buf_printf(out, "%8" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(o, "n")));
	put_field("  ", json_object_get(o, "time"), "", out);
	put_field("  ", json_object_get(o, "kind"), "", out);
	if ((v = json_object_get(o, "code")) != NULL)
		buf_printf(out, " -> %" JSON_INTEGER_FORMAT, json_integer_value(v));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (json_is_string(v = json_object_get(o, words[i].name)))
			put_field(words[i].before, v, "", out);
	if ((v = json_object_get(o, "uid")) != NULL)
		buf_printf(out, "  uid %" JSON_INTEGER_FORMAT, json_integer_value(v));
	if ((v = json_object_get(o, "id")) != NULL)
		buf_printf(out, "  criterion %" JSON_INTEGER_FORMAT, json_integer_value(v));
	if (json_string_length(v = json_object_get(o, "ids")) > 0)
		put_field("  criteria ", v, "", out);
	if (json_is_string(v = json_object_get(o, "reason")))
		put_field("  (", v, ")", out);
	buf_put_u8(out, '\n');
}

static int
report_line(void *arg, struct slice line, uint64_t no)
{
	cleanup_buf struct buf out = {0};
	/* A request may have held any byte, also NUL. */
	json_t *o = json_loadb(line.p, line.len, JSON_ALLOW_NUL, NULL), *v;

	if (!json_is_object(o) || !text_of(o, "time") || !text_of(o, "kind")) {
		json_decref(o);
		fprintf(stderr, "flowtap: line %" PRIu64 " is not of an audit record\n", no);
		return EXIT_REFUSED;
	}
	if (*(const bool *)arg) { /* it is JSON as it stands */
		json_decref(o);
		jsonout_text(line);
		putchar('\n');
		return 0;
	}
	put_line(o, &out);
	if (json_is_string(v = json_object_get(o, "request")))
		put_request("| ", v, &out);
	if (json_is_string(v = json_object_get(o, "parsed")))
		put_request("= ", v, &out);
	json_decref(o);
	fwrite(out.p, 1, out.len, stdout);
	return out.err ? EXIT_TRANSPORT : 0;
}

/* ---- */

int
audit_main(const char *socket, bool json, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	int r;

	if (strcmp(word, "export") == 0 && argc <= 3)
		return export(socket, argc == 3 ? argv[2] : NULL);
	if (strcmp(word, "head") == 0 && argc == 2)
		return head(socket, json);
	if (strcmp(word, "verify") == 0)
		return verify(json, argc - 1, argv + 1);
	if (strcmp(word, "report") == 0 && argc == 3)
		return (r = lines_each(argv[2], report_line, &json)) ? r : written();
	if (strcmp(word, "archive") == 0 && argc == 3)
		return archive(socket, json, argv[2]);
	return usage("audit: expected export, head, verify, archive or report");
}
