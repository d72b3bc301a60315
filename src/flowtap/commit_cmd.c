/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: commit_ rollback_main */
#include "commit_cmd.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commit_look.h"
#include "ctl.h"
#include "jsonout.h"
#include "shell.h"
#include "terminal.h"

#define TEXT_MAX (16u << 20) /* what the daemon takes */

static int
usage(const char *text)
{
	term_say("flowtap: %s; see flowtap --help", text);
	return EXIT_USAGE;
}

/* ---- the conversation ---- */

static int
read_answer(int fd, json_t **answer, struct ipc_wrong *wrong)
{
	cleanup_buf struct buf body = {0};
	int type = ctl_read(fd, &body);
	struct rd r = rd_init(body.p, body.len);

	if (type < 0)
		return EXIT_TRANSPORT;
	if (type == IPC_C_WRONG && wrong && ipc_wrong_get(wrong, &r) == 0)
		return EXIT_REFUSED;
	if (type != IPC_C_JSON)
		return ctl_error(&body);
	*answer = json_loadb((const char *)body.p, body.len, 0, NULL);
	return *answer ? EXIT_OK : ctl_nonsense();
}

int
commit_send(
    const char *socket, const struct commit_opts *o, struct slice text, json_t **answer, struct ipc_wrong *wrong)
{
	cleanup_buf struct buf words = {0};
	cleanup_fd int fd = -1;
	int code;

	*wrong = (struct ipc_wrong){0};
	buf_printf(&words, "commit%s", o->check ? " check" : "");
	if (o->confirmed)
		buf_printf(&words, " confirmed %u", o->confirmed);
	if (o->at)
		buf_printf(&words, " at %" PRIi64, o->at);
	if (o->base)
		buf_printf(&words, " base %" PRIu64, o->base);
	if (o->comment && *o->comment)
		buf_printf(&words, " comment %s", o->comment);
	buf_put(&words, "", 1);
	if (words.err || words.len > 500)
		return usage("commit: the comment is too long");
	if (o->lock)
		code = ctl_ask_again(*o->lock, (const char *)words.p, text) < 0 ? EXIT_TRANSPORT
										: read_answer(*o->lock, answer, wrong);
	else if ((fd = ctl_ask(socket, (const char *)words.p, text, &code)) >= 0)
		code = read_answer(fd, answer, wrong);
	if (code == EXIT_OK)
		commit_look_warn(text, *answer);
	return code;
}

int
commit_lock(const char *socket, int *fd)
{
	json_t *answer;
	int code, s = ctl_ask(socket, "configure exclusive", (struct slice){"", 0}, &code);

	if (s < 0)
		return code;
	if ((code = read_answer(s, &answer, NULL)) != EXIT_OK) {
		close(s);
		return code;
	}
	json_decref(answer);
	*fd = s;
	return EXIT_OK;
}

int
commit_fetch(const char *socket, unsigned rollback, json_t **answer)
{
	cleanup_fd int fd = -1;
	char words[64];
	int code;

	if (rollback == COMMIT_RESCUE)
		snprintf(words, sizeof words, "configuration rescue");
	else
		snprintf(words, sizeof words, "configuration rollback %u", rollback);
	if ((fd = ctl_ask(socket, words, (struct slice){"", 0}, &code)) < 0)
		return code;
	return read_answer(fd, answer, NULL);
}

/* ---- one-shot commands ---- */

/* -1 after a message to the user. */
static int
text_read(const char *path, struct buf *out)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	const char *why = f ? NULL : strerror(errno);

	while (why == NULL && !feof(f)) {
		uint8_t *room = buf_room(out, 65536);

		if (room)
			out->len += fread(room, 1, 65536, f);
		if (room == NULL || ferror(f))
			why = strerror(errno);
		else if (out->len > TEXT_MAX)
			why = "too long for a configuration";
	}
	if (f && f != stdin)
		fclose(f);
	if (why)
		term_say("flowtap: %s: %s", path, why);
	return why ? -1 : 0;
}

void
commit_say_warnings(const json_t *answer)
{
	const json_t *warning;
	size_t i;

	json_array_foreach (json_object_get(answer, "warnings"), i, warning)
		shell_say("warning: %s", json_string_value(warning));
}

static void
say_ends(const json_t *list, const char *end, const char *stop)
{
	const json_t *of;
	size_t i;

	json_array_foreach (list, i, of) {
		const json_int_t n = json_integer_value(json_object_get(of, "criteria"));
		const bool kept = json_is_true(json_object_get(of, "kept"));

		shell_say("warning: agency %s: %" JSON_INTEGER_FORMAT " %s %s",
		    json_string_value(json_object_get(of, "agency")), n, n == 1 ? "criterion" : "criteria",
		    kept ? stop : end);
	}
}

void
commit_say_ends(const json_t *answer)
{
	say_ends(
	    json_object_get(answer, "would-end"), "would end", "would stop, and be kept until it is configured again");
	say_ends(json_object_get(answer, "ended"), "ended", "stopped, and kept until it is configured again");
	say_ends(json_object_get(answer, "would-start"), "kept from before would become active again", "");
	say_ends(json_object_get(answer, "started"), "kept from before became active again", "");
}

void
commit_say_pending(const json_t *answer)
{
	const char *pending = json_string_value(json_object_get(answer, "pending-restart"));
	const json_t *at = json_object_get(answer, "scheduled");

	if (pending)
		shell_say("warning: from the next start of flowtapd on: %s", pending);
	if (at)
		shell_say("warning: the commit that %s has put off till %s will be refused: it was made from another "
			  "configuration",
		    json_string_value(json_object_get(at, "user")), json_string_value(json_object_get(at, "time")));
}

static void
print_within(json_int_t minutes)
{
	printf("it is taken back in %" JSON_INTEGER_FORMAT " minute%s unless it is confirmed: flowtap commit\n",
	    minutes, minutes == 1 ? "" : "s");
}

static void
print_answer(const json_t *o)
{
	const char *result = json_string_value(json_object_get(o, "result"));
	const json_int_t no = json_integer_value(json_object_get(o, "generation"));
	const json_t *within = json_object_get(o, "confirm-within-seconds");
	const bool changed = json_is_true(json_object_get(o, "changed"));

	commit_say_warnings(o);
	if (result && strcmp(result, "confirmed") == 0)
		printf("commit %" JSON_INTEGER_FORMAT " confirmed\n", no);
	else if (!changed)
		puts("no changes");
	else if (result && strcmp(result, "check") == 0)
		puts("configuration check succeeds");
	else
		printf("commit %" JSON_INTEGER_FORMAT " complete\n", no);
	commit_say_ends(o);
	commit_say_pending(o);
	if (changed && within && result && strcmp(result, "commit") == 0)
		print_within((json_integer_value(within) + 59) / 60);
}

static int
print_json(const json_t *o)
{
	jsonout_object(&(struct jsonout){0}, json_incref((json_t *)o));
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_TRANSPORT;
}

static void
print_wrong(const char *path, const struct ipc_wrong *w)
{
	if (w->line)
		term_say("flowtap: %s:%u:%u: %s%s%s", path, w->line, w->column, *w->word ? w->word : "end of file",
		    ": ", w->expected);
	else
		term_say("flowtap: %s: %s", path, w->expected);
}

static int
run(const char *socket, bool json, const struct commit_opts *o, const char *path, struct slice text)
{
	struct ipc_wrong wrong;
	json_t *answer;
	int code = commit_send(socket, o, text, &answer, &wrong);

	if (code != EXIT_OK) {
		if (*wrong.expected)
			print_wrong(path, &wrong);
		return code;
	}
	if (json)
		code = print_json(answer);
	else
		print_answer(answer);
	json_decref(answer);
	return fflush(stdout) == 0 ? code : EXIT_TRANSPORT;
}

static const struct option long_options[] = {
    {"check", no_argument, NULL, 'n'},
    {"confirmed", required_argument, NULL, 'c'},
    {"comment", required_argument, NULL, 'm'},
    {"base", required_argument, NULL, 'b'},
    {"empty", no_argument, NULL, 'e'},
    {"json", no_argument, NULL, 'j'},
    {NULL, 0, NULL, 0},
};

/* EXIT_OK, or the exit code after a message to the user. */
static int
opts_parse(int argc, char **argv, struct commit_opts *o, bool *json)
{
	uint64_t minutes;
	int c;

	optind = 0; /* another argv than main's */
	while ((c = getopt_long(argc, argv, "nj", long_options, NULL)) != -1) {
		const struct slice arg = {optarg, optarg ? strlen(optarg) : 0};

		if (c == 'n')
			o->check = true;
		else if (c == 'e')
			o->empty = true;
		else if (c == 'j')
			*json = true;
		else if (c == 'm')
			o->comment = optarg;
		else if (c == 'b' && slice_u64(arg, INT64_MAX, &o->base) == 0)
			;
		else if (c == 'c' && slice_u64(arg, 65535, &minutes) == 0 && minutes > 0)
			o->confirmed = (unsigned)minutes;
		else
			return usage("expected [--check] [--confirmed MINUTES] [--comment TEXT] [--base COMMIT] "
				     "[--empty] [FILE]");
	}
	if (o->check && o->confirmed)
		return usage("either --check or --confirmed");
	return EXIT_OK;
}

/* A file that became empty by mistake ends nothing. */
static bool
empty_refused(const struct commit_opts *o, const char *name, struct slice text)
{
	if (o->empty || !commit_look_is_empty(text))
		return false;
	term_say(
	    "flowtap: %s: there is no statement in it: it would end all taps and logins; --empty commits it", name);
	return true;
}

int
commit_main(const char *socket, bool json, int argc, char **argv)
{
	cleanup_buf struct buf text = {0};
	struct commit_opts o = {0};
	int code = opts_parse(argc, argv, &o, &json);

	if (code != EXIT_OK)
		return code;
	if (optind + 1 < argc)
		return usage("commit: one file");
	if (optind == argc)
		return o.check || o.confirmed || o.base ? usage("commit: a file is needed")
							: run(socket, json, &o, "", (struct slice){"", 0});
	if (text_read(argv[optind], &text) < 0)
		return EXIT_USAGE;
	if (empty_refused(&o, argv[optind], (struct slice){text.p ? (const char *)text.p : "", text.len}))
		return EXIT_REFUSED;
	/* Nothing at all would confirm the commit before. */
	if (text.len == 0)
		buf_put(&text, "\n", 1);
	return run(socket, json, &o, argv[optind], (struct slice){(const char *)text.p, text.len});
}

int
rollback_main(const char *socket, bool json, int argc, char **argv)
{
	struct commit_opts o = {0};
	char name[64], comment[64];
	json_t *answer;
	uint64_t n;
	int code = opts_parse(argc, argv, &o, &json);

	if (code != EXIT_OK)
		return code;
	if (optind + 1 != argc || slice_u64((struct slice){argv[optind], strlen(argv[optind])}, 49, &n) < 0)
		return usage("rollback: expected a number from 0 to 49");
	if ((code = commit_fetch(socket, (unsigned)n, &answer)) != EXIT_OK)
		return code;
	snprintf(name, sizeof name, "rollback %u", (unsigned)n);
	snprintf(comment, sizeof comment, "rollback to commit %" JSON_INTEGER_FORMAT,
	    json_integer_value(json_object_get(answer, "generation")));
	if (o.comment == NULL)
		o.comment = comment;
	if (empty_refused(&o, name,
		(struct slice){json_string_value(json_object_get(answer, "text")),
		    json_string_length(json_object_get(answer, "text"))})) {
		json_decref(answer);
		return EXIT_REFUSED;
	}
	if (json_string_length(json_object_get(answer, "text")) == 0)
		json_object_set_new(answer, "text", json_string("\n"));
	code = run(socket, json, &o, name,
	    (struct slice){json_string_value(json_object_get(answer, "text")),
		json_string_length(json_object_get(answer, "text"))});
	json_decref(answer);
	return code;
}

/* ---- screens ---- */

void
commit_show_history(const json_t *answer, unsigned width, struct buf *out)
{
	const json_t *e, *within = json_object_get(answer, "confirm-within-seconds");
	const json_t *at = json_object_get(answer, "scheduled");
	const char *pending = json_string_value(json_object_get(answer, "pending-restart"));
	size_t i;

	(void)width;
	if (at)
		buf_printf(out, "commit requested by %s at %s\n", json_string_value(json_object_get(at, "user")),
		    json_string_value(json_object_get(at, "time")));
	if (pending)
		buf_printf(out, "From the next start of flowtapd on: %s\n", pending);

	json_array_foreach (json_object_get(answer, "commits"), i, e) {
		const char *comment = json_string_value(json_object_get(e, "comment"));

		buf_printf(out, "%-3zu %s by %s, commit %" JSON_INTEGER_FORMAT "\n", i,
		    json_string_value(json_object_get(e, "time")), json_string_value(json_object_get(e, "user")),
		    json_integer_value(json_object_get(e, "generation")));
		if (comment && *comment)
			buf_printf(out, "    %s\n", comment);
	}
	if (within)
		buf_printf(out,
		    "Rollback in %" JSON_INTEGER_FORMAT " second%s unless the latest commit, 0, is confirmed\n",
		    json_integer_value(within), json_integer_value(within) == 1 ? "" : "s");
}

void
commit_show_rescue(const json_t *answer, unsigned width, struct buf *out)
{
	(void)width;
	buf_printf(out, "Rescue configuration %s\n", json_string_value(json_object_get(answer, "rescue")));
}

void
commit_show_reloaded(const json_t *answer, unsigned width, struct buf *out)
{
	const char *absent = json_string_value(json_object_get(answer, "not-there"));

	(void)width;
	if (absent)
		buf_printf(out, "warning: not tapped until it is there: %s\n", absent);
	buf_printf(out, "The configuration is in force as its file says\n");
}

void
commit_show_cleared(const json_t *answer, unsigned width, struct buf *out)
{
	(void)answer;
	(void)width;
	buf_printf(out, "Pending commit cleared\n");
}
