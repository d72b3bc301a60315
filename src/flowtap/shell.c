/* SPDX-License-Identifier: BSD-2-Clause */
/* shell.c - one line: which command it is, where its output goes. */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "errors.h"
#include "foreign.h"
#include "held.h"
#include "jsonout.h"
#include "key.h"
#include "layout.h"
#include "terminal.h"
#include "xml.h"

void
shell_context(const struct shell *sh, unsigned where, struct cmd_context *out)
{
	*out = (struct cmd_context){table_commands, where, configure_tree(sh), configure_level(sh), NULL, sh->hidden};
}

void
shell_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	term_vsay(fmt, ap);
	va_end(ap);
}

void
shell_fault(const char *line, const struct cmd_fault *fault)
{
	/* a long line is shown from somewhere before the place */
	const size_t width = term_width(STDERR_FILENO);
	const size_t from = fault->at > width - 20 ? fault->at - (width - 20) : 0;
	const size_t len = strnlen(line + from, width - 1), before = fault->at - from < len ? fault->at - from : len;
	cleanup_buf struct buf shown = {0};
	unsigned column;

	fflush(stdout);
	foreign_put(&shown, (struct slice){line + from, before}, FOREIGN_LINE);
	column = layout_columns((struct slice){(char *)shown.p, shown.len});
	foreign_put(&shown, (struct slice){line + from + before, len - before}, FOREIGN_LINE);
	fprintf(stderr, "%.*s\n%*s^\n", (int)shown.len, shown.p ? (char *)shown.p : "", (int)column, "");
	if (fault->text.p)
		term_say("%.*s", (int)fault->text.len, (const char *)fault->text.p);
}

bool
shell_confirm(const struct shell *sh, const char *question, bool usual)
{
	char answer[64];

	if (!sh->asks)
		return true;
	for (;;) {
		/* not stderr, which is held for JSON */
		dprintf(STDERR_FILENO, "%s [yes,no] (%s) ", question, usual ? "yes" : "no");
		if (!key_line_wait()) {
			dprintf(STDERR_FILENO, "\n");
			return false;
		}
		if (fgets(answer, sizeof answer, stdin) == NULL) {
			clearerr(stdin);
			return usual;
		}
		if (answer[0] == '\n')
			return usual;
		if (answer[0] == 'y' || answer[0] == 'Y')
			return true;
		if (answer[0] == 'n' || answer[0] == 'N')
			return false;
	}
}

/* What the daemon would refuse as unknown is unknown here, too.  Root may see everything; of anybody whose rights
 * can't be had, nothing is known. */
void
shell_rights(struct shell *sh)
{
	cleanup_buf struct buf body = {0};
	const json_t *rights;
	json_t *j;

	sh->hidden = getuid() == 0 ? 0 : UINT32_MAX;
	if (sh->hidden == 0 || ctl_try(sh->socket, "cli authorization", &body) != IPC_C_JSON)
		return;
	j = json_loadb((const char *)body.p, body.len, 0, NULL);
	if ((rights = json_object_get(j, "rights")) != NULL)
		sh->hidden = ~(uint32_t)json_integer_value(rights);
	sh->idle_minutes = (unsigned)json_integer_value(json_object_get(j, "idle-timeout"));
	if (sh->message == NULL && json_object_get(j, "message"))
		sh->message = strdup(json_string_value(json_object_get(j, "message")));
	json_decref(j);
}

int
shell_put_json(const struct shell *sh, const json_t *o)
{
	cleanup_buf struct buf out = {0}, shown = {0};
	char *text = NULL;
	bool ok;

	if (sh->display == DISPLAY_XML)
		xml_put(o, &out);
	else if ((text = jsonout_dumps(o, sh->pretty || sh->display == DISPLAY_JSON)) != NULL)
		buf_printf(&out, "%s\n", text);
	free(text);
	foreign_put(
	    &shown, (struct slice){(char *)out.p, out.len}, sh->display == DISPLAY_XML ? FOREIGN_TEXT : FOREIGN_JSON);
	ok = out.err == 0 && shown.err == 0 && out.len > 0 && fwrite(shown.p, 1, shown.len, stdout) == shown.len;
	return fflush(stdout) == 0 && ok ? EXIT_OK : EXIT_TRANSPORT;
}

/* ---- output ---- */

static int
to_screen(void *arg, struct slice line)
{
	return pager_line(arg, line);
}

static ssize_t
cookie_write(void *arg, const char *bytes, size_t len)
{
	const struct shell *sh = arg;

	return pipe_write(sh->pipe, bytes, len) == 0 ? (ssize_t)len : 0;
}

static void
pager_start(const struct shell *sh, struct pager *out)
{
	unsigned columns, rows;

	*out = (struct pager){.width = LAYOUT_USUAL, .resizes = sh->terminal};
	if (!sh->terminal || !sh->asks)
		return;
	term_size(STDOUT_FILENO, &columns, &rows);
	out->grows = sh->screen_length == SHELL_AUTO;
	out->length = out->grows ? rows : sh->screen_length;
}

void
shell_page(const struct shell *sh, struct slice text)
{
	const char *p = text.p, *end = p + text.len, *nl;
	struct pager pager;
	int r = 0;

	pager_start(sh, &pager);
	pager.folds = true;
	for (; p < end && r == 0; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		r = pager_line(&pager, (struct slice){p, (size_t)(nl - p)});
	}
	fflush(stdout);
}

unsigned
shell_width(const struct shell *sh)
{
	return sh->save_path ? LAYOUT_USUAL : term_width(STDOUT_FILENO);
}

int
shell_put(const struct shell *sh, const json_t *o, show_text *text)
{
	cleanup_buf struct buf out = {0};

	if (sh->json || sh->display != DISPLAY_TEXT)
		return shell_put_json(sh, o);
	show_put(text, o, shell_width(sh), &out);
	fwrite(out.p, 1, out.len, stdout);
	return out.err ? EXIT_TRANSPORT : EXIT_OK;
}

/* ---- save ---- */

static int
save_line(void *arg, struct slice line)
{
	struct shell *sh = arg;

	sh->saved++;
	fwrite(line.p, 1, line.len, sh->save);
	return putc('\n', sh->save) == EOF ? -EPIPE : 0;
}

int
shell_save_to(struct shell *sh, const char *path)
{
	if (sh->save_path) {
		shell_say("error: %s: one file is enough", path);
		return EXIT_REFUSED;
	}
	if (pipe_take(sh->pipe, save_line, sh) < 0)
		return EXIT_TRANSPORT;
	sh->save_path = path;
	return EXIT_OK;
}

static int
save_open(struct shell *sh)
{
	const int fd = open(sh->save_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd >= 0 && (sh->save = fdopen(fd, "w")) != NULL)
		return EXIT_OK;
	shell_say("error: %s: %s", sh->save_path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return EXIT_REFUSED;
}

/* ---- one command ---- */

static int
words_argv(const struct cmd_call *call, char **argv)
{
	int n = 0;

	for (size_t i = 0; i < call->n; i++)
		argv[n++] = (char *)call->word[i].text;
	argv[n] = NULL;
	return n;
}

/* {"text": all that it prints}, or the same as XML */
static int
text_call(struct shell *sh, const struct cmd_call *call)
{
	FILE *real = stdout, *f;
	char *text = NULL;
	size_t size = 0;
	int code;

	if ((f = open_memstream(&text, &size)) == NULL)
		return EXIT_TRANSPORT;
	stdout = f;
	code = call->row->run(sh, call);
	stdout = real;
	fclose(f);
	if (text && (size > 0 || code == EXIT_OK)) {
		json_t *o = json_pack("{s:o}", "text", jsonout_string(text));
		const int put = shell_put_json(sh, o);

		code = code == EXIT_OK ? put : code;
		json_decref(o);
	}
	free(text);
	return code;
}

/* Whether it only says which other command is meant, which comes by shell_call() itself. */
static bool
is_wrapped(const struct cmd_call *call)
{
	return cmd_arg(call, "COMMAND") || cmd_arg(call, "ACTION");
}

/* Why what the command shows can't be shown as its pipes say; NULL: it can. */
static const char *
unshapely(const struct shell *sh, const struct cmd *row)
{
	const bool config = row->where & CMD_CONFIG,
		   forms = config || row->ask || (row->where & (CMD_FORMS | CMD_TEXT));

	if (sh->display == DISPLAY_SET && !config)
		return "only a configuration can be shown as lines of set";
	if (sh->comparing && !config)
		return "only a configuration can be compared";
	if (sh->inheritance && !config)
		return "only a configuration inherits from groups";
	if (sh->display == DISPLAY_XML && !forms)
		return "what this command says has no form in XML";
	if (sh->display == DISPLAY_JSON && !forms && row->main == NULL && row->run != monitor_run)
		return "what this command says has no form in JSON";
	return NULL;
}

/* Whether the pipes suit the command, before the file among them is touched.  The exit code. */
static int
call_begin(struct shell *sh, const struct cmd_call *call)
{
	const char *why = is_wrapped(call) ? NULL : unshapely(sh, call->row);

	if (why) {
		shell_say("error: %s", why);
		return EXIT_USAGE;
	}
	return sh->save_path && sh->save == NULL && !is_wrapped(call) ? save_open(sh) : EXIT_OK;
}

int
shell_call(struct shell *sh, const struct cmd_call *call)
{
	char *argv[WORDS_MAX + 1];
	const bool shaped = sh->json || sh->display == DISPLAY_JSON || sh->display == DISPLAY_XML;
	const int code = call_begin(sh, call);

	if (code != EXIT_OK)
		return code;
	sh->pager.folds = sh->terminal && !shaped && sh->display == DISPLAY_TEXT && !(call->row->where & CMD_ASIS);
	if (shaped && (call->row->where & CMD_TEXT))
		return text_call(sh, call);
	if (call->row->main == NULL)
		return call->row->run(sh, call);
	return call->row->main(sh->socket, sh->json || sh->display == DISPLAY_JSON, words_argv(call, argv), argv);
}

/*
 * Commands print to stdout, as a program of one command does.  Here it is, while one of them
 * runs, a stream into its pipes, and from there onto the screen.
 */
static int
piped_run(struct shell *sh, const struct cmd_call *call)
{
	FILE *real = stdout, *out;
	int code;

	pager_start(sh, &sh->pager);
	if (sh->no_more)
		sh->pager.length = 0;
	out = fopencookie(sh, "w", (cookie_io_functions_t){.write = cookie_write});
	if (out == NULL)
		return EXIT_TRANSPORT;
	fflush(real);
	setvbuf(out, NULL, _IOLBF, 0);
	stdout = out;
	code = shell_call(sh, call);
	fflush(out);
	stdout = real;
	fclose(out);
	if (pipe_end(sh->pipe) == -EPIPE)
		code = EXIT_OK; /* seen enough */
	if (fflush(stdout) != 0 || ferror(stdout))
		code = EXIT_TRANSPORT;
	if (sh->asks)
		clearerr(stdout); /* else it is told at the end */
	return code;
}

static int
saved(struct shell *sh, int code)
{
	FILE *f = TAKE_PTR(sh->save);
	const bool bad = ferror(f);

	if (fclose(f) != 0 || bad) {
		shell_say("error: the file could not be written: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	if (code == EXIT_OK && !sh->json)
		printf("Wrote %zu line%s of output\n", sh->saved, sh->saved == 1 ? "" : "s");
	return code;
}

/* A sink that finds stdout as it is outside of the command. */
struct screen {
	FILE *real;
	struct shell *sh;
};

static int
screen_line(void *arg, struct slice line)
{
	struct screen *s = arg;
	FILE *now = stdout;
	int r;

	stdout = s->real;
	r = to_screen(&s->sh->pager, line);
	stdout = now;
	return r;
}

static int
pipes_parse(struct shell *sh, const struct words *w, size_t i, struct cmd_fault *fault, size_t *count)
{
	struct cmd_context ctx;
	struct cmd_call call;
	int code = EXIT_OK;

	shell_context(sh, CMD_PIPE, &ctx);
	for (*count = 0; i < w->n && code == EXIT_OK; ++*count) {
		const size_t from = i + 1;

		i = cmd_segment(w, from);
		if (cmd_parse(&ctx, w, from, i, &call, fault) < 0)
			return -EINVAL;
		code = call.row->run(sh, &call);
	}
	return code;
}

static unsigned
where(const struct shell *sh, bool once)
{
	return once ? CMD_ONCE : sh->candidate ? CMD_CONF : CMD_OPER;
}

static int
words_run(struct shell *sh, const char *line, const struct words *w, bool once)
{
	struct screen screen = {stdout, sh};
	const size_t first = cmd_segment(w, 0);
	struct cmd_fault fault = {0};
	struct cmd_context ctx;
	struct cmd_call call;
	size_t pipes = 0;
	int r;

	sh->line = line;
	sh->out = stdout;
	shell_rights(sh); /* commits may change them at any time */
	shell_context(sh, where(sh, once), &ctx);
	sh->display = DISPLAY_TEXT;
	sh->save_path = NULL;
	sh->saved = 0;
	sh->comparing = sh->no_more = sh->edited = sh->inheritance = false;
	if (pipe_new(screen_line, &screen, &sh->pipe) < 0)
		return EXIT_TRANSPORT;
	r = cmd_parse(&ctx, w, 0, first, &call, &fault);
	if (r == 0)
		r = pipes_parse(sh, w, first, &fault, &pipes);
	sh->piped = pipes > 0;
	if (r < 0) {
		shell_fault(line, &fault);
		r = EXIT_USAGE;
	} else if (r == EXIT_OK)
		r = sh->piped || (sh->terminal && sh->asks) ? piped_run(sh, &call) : shell_call(sh, &call);
	if (sh->save)
		r = saved(sh, r);
	buf_free(&fault.text);
	pipe_free(TAKE_PTR(sh->pipe));
	return r;
}

static int
split_run_plain(struct shell *sh, const char *line, const struct words *w, int r, bool once)
{
	if (r < 0)
		shell_say("flowtap: the line is too long");
	else if (w->open_quote)
		shell_say("flowtap: a quotation mark is missing");
	if (r < 0 || w->open_quote)
		return EXIT_USAGE;
	return w->n == 0 ? -1 : words_run(sh, line, w, once);
}

static int
split_run(struct shell *sh, const char *line, const struct words *w, int r, bool once)
{
	if (!sh->json)
		return split_run_plain(sh, line, w, r, once);
	held_begin();
	r = split_run_plain(sh, line, w, r, once);
	errors_held(r);
	return r;
}

int
shell_line(struct shell *sh, const char *line)
{
	struct words *w = malloc(sizeof *w);
	int r;

	if (w == NULL)
		return EXIT_TRANSPORT;
	r = words_split((struct slice){line, strlen(line)}, w);
	r = split_run(sh, line, w, r, false);
	words_free(w);
	free(w);
	return r;
}

int
shell_argv(struct shell *sh, int argc, char **argv)
{
	struct words *w = malloc(sizeof *w);
	cleanup_free char *line = NULL;
	int r;

	if (w == NULL)
		return EXIT_TRANSPORT;
	r = words_of_argv(argc, argv, w, &line);
	r = split_run(sh, line, w, r, true);
	words_free(w);
	free(w);
	return r;
}

/* What a shell is offered for its command line it would show as it is. */
static bool
is_plain(const char *word)
{
	cleanup_buf struct buf shown = {0};

	foreign_put(&shown, slice_of(word), FOREIGN_LINE);
	return shown.err == 0 && shown.len == strlen(word) && memcmp(shown.p, word, shown.len) == 0;
}

static void
hint_print(void *arg, const struct cmd_hint *h)
{
	(void)arg;
	if (is_plain(h->word))
		printf(h->arg ? "<%s>\t%s\n" : "%s\t%s\n", h->word, h->help ? h->help : "");
}

int
shell_complete(struct shell *sh, const char *line)
{
	struct words *w = malloc(sizeof *w);
	struct cmd_fault fault = {0};
	struct if_nameindex *interfaces;
	struct cmd_context ctx;
	size_t prefix;

	if (w == NULL)
		return EXIT_TRANSPORT;
	shell_rights(sh);
	shell_context(sh, CMD_ONCE, &ctx);
	ctx.interfaces = interfaces = if_nameindex();
	if (words_split((struct slice){line, strlen(line)}, w) == 0 && !w->open_quote)
		(void)cmd_hints(&ctx, w, &prefix, hint_print, NULL, &fault);
	if (interfaces)
		if_freenameindex(interfaces);
	buf_free(&fault.text);
	words_free(w);
	free(w);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_TRANSPORT;
}
