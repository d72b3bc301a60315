/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prompt.c - lines from a person, by libedit: a space or Tab completes a word, ? says what may
 * come next.  No history is kept on disk: words may name warrants.
 *
 * exports: shell_interact */
#include <errno.h>
#include <histedit.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "idle.h"
#include "layout.h"
#include "shell.h"
#include "terminal.h"

#define HELP_COLUMN 24
#define HELP_COLUMN_NARROW 16 /* on a screen of less than */
#define NARROW 60

struct prompt {
	struct shell *sh;
	EditLine *el;
	char text[256];
	char user[64], host[64];
	bool interrupted;
};

/* ---- hints ---- */

struct hint {
	char word[72];
	bool arg;
	const char *help;
};

struct hints {
	struct hint *h; /* owned */
	size_t n, room, prefix, len;
	int may_end;
	bool fits; /* the line before is right */
	struct cmd_fault fault;
	char *line; /* owned: up to the cursor */
};

static void
hint_add(void *arg, const struct cmd_hint *hint)
{
	struct hints *hs = arg;
	struct hint *h;

	if (hs->n == hs->room) {
		const size_t room = hs->room ? 2 * hs->room : 64;

		if ((h = reallocarray(hs->h, room, sizeof *h)) == NULL)
			return;
		hs->h = h;
		hs->room = room;
	}
	h = &hs->h[hs->n];
	snprintf(h->word, sizeof h->word, "%s", hint->word);
	h->arg = hint->arg;
	h->help = hint->help;
	hs->n++;
}

static struct prompt *
prompt_of(EditLine *el)
{
	struct prompt *p = NULL;

	el_get(el, EL_CLIENTDATA, &p);
	return p;
}

static void
hints_free(struct hints *hs)
{
	buf_free(&hs->fault.text);
	free(hs->line);
	free(hs->h);
	free(hs);
}

/* Whether the cursor is within a string, where a blank and a question mark are themselves. */
static struct hints *
hints_get(EditLine *el, bool *quoted)
{
	const struct prompt *p = prompt_of(el);
	const LineInfo *info = el_line(el);
	struct hints *hs = calloc(1, sizeof *hs);
	struct words *w = malloc(sizeof *w);
	struct if_nameindex *interfaces;
	struct cmd_context ctx;

	*quoted = false;
	if (hs)
		hs->line = strndup(info->buffer, (size_t)(info->cursor - info->buffer));
	if (hs == NULL || w == NULL || hs->line == NULL ||
	    words_split((struct slice){hs->line, strlen(hs->line)}, w) < 0) {
		free(w);
		if (hs)
			hints_free(hs);
		return NULL;
	}
	*quoted = w->open_quote;
	hs->len = w->len;
	shell_context(p->sh, p->sh->candidate ? CMD_CONF : CMD_OPER, &ctx);
	ctx.interfaces = interfaces = if_nameindex();
	hs->may_end = cmd_hints(&ctx, w, &hs->prefix, hint_add, hs, &hs->fault);
	hs->fits = hs->may_end >= 0;
	if (interfaces)
		if_freenameindex(interfaces);
	words_free(w);
	free(w);
	return hs;
}

/* One line of help; what is longer goes on below. */
static void
help_put(const char *word, const char *help, bool color, struct buf *out)
{
	const unsigned width = term_width(STDOUT_FILENO), at = width < NARROW ? HELP_COLUMN_NARROW : HELP_COLUMN;
	unsigned hang = at - 2;
	cleanup_buf struct buf line = {0};

	buf_printf(&line, "  %s%-*s%s", color ? "\033[1m" : "", (int)at - 3, word, color ? "\033[0m" : "");
	if (strlen(word) > at - 3) {
		layout_fold((struct slice){(char *)line.p, line.len}, width, 2, out);
		buf_reset(&line);
		buf_printf(&line, "%*s", (int)at - 1, "");
		hang = 0;
	}
	buf_printf(&line, " %s", help ? help : "");
	layout_fold((struct slice){(char *)line.p, line.len}, width, hang, out);
}

static void
hints_print(const struct prompt *p, const struct hints *hs)
{
	cleanup_buf struct buf out = {0};
	char word[80];

	buf_printf(&out, "Possible completions:\n");
	if (hs->may_end == 1)
		help_put("<[Enter]>", "Execute this command", p->sh->color, &out);
	for (size_t i = 0; i < hs->n; i++) {
		snprintf(word, sizeof word, hs->h[i].arg ? "<%s>" : "%s", hs->h[i].word);
		help_put(word, hs->h[i].help, p->sh->color, &out);
	}
	if (hs->may_end == 1 && strchr(hs->line, '|') == NULL)
		help_put("|", "Pipe through a command", p->sh->color, &out);
	shell_page(p->sh, (struct slice){(char *)out.p, out.len});
}

/* ---- keys ---- */

/* The caret below the prompt and the line, as they stand on the screen. */
static unsigned char
fault_print(struct prompt *p, const struct hints *hs)
{
	cleanup_buf struct buf out = {0};
	unsigned columns, rows;

	term_size(STDOUT_FILENO, &columns, &rows);
	buf_printf(&out, "\n%*s^\n", (int)((strlen(p->text) + hs->fault.at) % columns), "");
	layout_fold((struct slice){(char *)hs->fault.text.p, hs->fault.text.len}, term_width(STDOUT_FILENO), 0, &out);
	fwrite(out.p, 1, out.len, stdout);
	fflush(stdout);
	return CC_REDISPLAY;
}

static unsigned char
key_help(EditLine *el, int c)
{
	struct prompt *p = prompt_of(el);
	unsigned char r = CC_REDISPLAY;
	bool quoted;
	struct hints *hs = hints_get(el, &quoted);

	(void)c;
	if (hs == NULL || quoted) {
		el_insertstr(el, "?");
		r = CC_REFRESH;
	} else if (!hs->fits)
		r = fault_print(p, hs);
	else {
		putchar('\n');
		hints_print(p, hs);
	}
	if (hs)
		hints_free(hs);
	return r;
}

static size_t
typed(const struct hints *hs)
{
	return hs->len - hs->prefix;
}

/* The keywords among the hints; *only: one of them; *common: how many bytes all begin with. */
static size_t
keywords(const struct hints *hs, const struct hint **only, size_t *common)
{
	size_t n = 0;

	for (size_t i = 0; i < hs->n; i++) {
		const struct hint *h = &hs->h[i];
		size_t k = 0;

		if (h->arg)
			continue;
		if (n++ == 0) {
			*only = h;
			*common = strlen(h->word);
		}
		while (k < *common && h->word[k] == (*only)->word[k])
			k++;
		*common = k;
		if (strlen(h->word) == typed(hs)) { /* exactly that one, though others go on */
			*only = h;
			*common = strlen(h->word);
			return 1;
		}
	}
	return n;
}

static bool
takes_argument(const struct hints *hs)
{
	for (size_t i = 0; i < hs->n; i++)
		if (hs->h[i].arg)
			return true;
	return false;
}

static void
insert(EditLine *el, const char *word, size_t from, size_t to, bool blank)
{
	char text[80];

	snprintf(text, sizeof text, "%.*s%s", (int)(to - from), word + from, blank ? " " : "");
	if (*text)
		el_insertstr(el, text);
}

/* No keyword begins like that. */
static unsigned char
unknown(struct prompt *p, struct hints *hs)
{
	hs->fault.at = hs->prefix;
	buf_printf(&hs->fault.text, "unknown word");
	return fault_print(p, hs);
}

static unsigned char
complete(EditLine *el, struct hints *hs, bool space)
{
	struct prompt *p = prompt_of(el);
	const struct hint *only = NULL;
	size_t common = 0, n = keywords(hs, &only, &common);
	const bool arg = takes_argument(hs);

	if (!hs->fits && !space)
		return fault_print(p, hs);
	if (!hs->fits) { /* it was said at that word */
		el_insertstr(el, " ");
		return CC_REFRESH;
	}
	if (n == 1 && !(arg && space && typed(hs) < common)) {
		insert(el, only->word, typed(hs), common, true);
		return CC_REFRESH;
	}
	if (space && arg) {
		el_insertstr(el, " ");
		return CC_REFRESH;
	}
	if (n > 1 && common > typed(hs)) {
		insert(el, only->word, typed(hs), common, false);
		return CC_REFRESH;
	}
	if (n == 0 && !arg) {
		if (space)
			el_insertstr(el, " "); /* what is pasted goes on */
		return hs->n == 0 && hs->may_end == 1 ? CC_REFRESH : unknown(p, hs);
	}
	printf("\n%s", n > 1 && typed(hs) > 0 ? "Ambiguous: " : "");
	hints_print(p, hs);
	return CC_REDISPLAY;
}

static unsigned char
key_complete(EditLine *el, bool space)
{
	const LineInfo *info = el_line(el);
	const bool word = info->cursor > info->buffer && info->cursor[-1] != ' ';
	bool quoted, opaque;
	struct hints *hs = hints_get(el, &quoted);
	unsigned char r = CC_REFRESH;

	opaque = hs && hs->fits && hs->n == 0; /* nothing is known of what goes here */
	if (hs == NULL || quoted ||
	    (space && (!word || opaque || info->cursor[-1] == '"' || info->cursor[-1] == '|' ||
			  info->cursor[-1] == '[' || info->cursor[-1] == ']'))) {
		if (space && (hs == NULL || quoted || word))
			el_insertstr(el, " ");
	} else
		r = complete(el, hs, space);
	if (hs)
		hints_free(hs);
	return r;
}

static unsigned char
key_space(EditLine *el, int c)
{
	(void)c;
	return key_complete(el, true);
}

static unsigned char
key_tab(EditLine *el, int c)
{
	(void)c;
	return key_complete(el, false);
}

static unsigned char
key_interrupt(EditLine *el, int c)
{
	struct prompt *p = prompt_of(el);

	(void)c;
	p->interrupted = true;
	fputs("^C\n", stdout);
	fflush(stdout);
	return CC_NEWLINE;
}

/* ---- lines ---- */

static char *
prompt_text(EditLine *el)
{
	return prompt_of(el)->text;
}

static void
prompt_make(struct prompt *p)
{
	const struct conf_path level = configure_level(p->sh);
	cleanup_buf struct buf line = {0}, lines = {0};

	if (p->sh->candidate) {
		buf_printf(&line, "\n[edit");
		for (size_t i = 0; i < level.n; i++)
			buf_printf(&line, " %s", level.word[i]);
		buf_printf(&line, "]");
		layout_fold((struct slice){(char *)line.p, line.len}, term_width(STDOUT_FILENO), 2, &lines);
		term_text((struct slice){(char *)lines.p, lines.len});
	}
	snprintf(p->text, sizeof p->text, "%s@%s%c ", p->user, p->host, p->sh->candidate ? '#' : '>');
}

static void
prompt_init(struct prompt *p)
{
	const struct passwd *pw = getpwuid(getuid());

	snprintf(p->user, sizeof p->user, "%s", pw ? pw->pw_name : "?");
	if (gethostname(p->host, sizeof p->host) < 0)
		strcpy(p->host, "?");
	p->host[sizeof p->host - 1] = '\0';
	p->host[strcspn(p->host, ".")] = '\0';
}

static void
keys_bind(EditLine *el)
{
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_SIGNAL, 0);
	el_set(el, EL_SETTY, "-d", "-isig", NULL);
	el_set(el, EL_ADDFN, "flowtap-help", "What may come next", key_help);
	el_set(el, EL_ADDFN, "flowtap-space", "Complete, then a blank", key_space);
	el_set(el, EL_ADDFN, "flowtap-tab", "Complete", key_tab);
	el_set(el, EL_ADDFN, "flowtap-interrupt", "Forget the line", key_interrupt);
	el_set(el, EL_BIND, "?", "flowtap-help", NULL);
	el_set(el, EL_BIND, " ", "flowtap-space", NULL);
	el_set(el, EL_BIND, "^I", "flowtap-tab", NULL);
	el_set(el, EL_BIND, "^C", "flowtap-interrupt", NULL);
	el_set(el, EL_BIND, "^W", "ed-delete-prev-word", NULL);
	el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

/* The next line without its end; NULL: no more. */
static const char *
line_get(struct prompt *p, History *past, char *room, size_t size)
{
	HistEvent ev;
	const char *s;
	int n;

	prompt_make(p);
	p->interrupted = false;
	fflush(stdout);
	idle_size(p->el);
	s = el_gets(p->el, &n);
	if (p->interrupted)
		return "";
	if (s == NULL || n <= 0)
		return NULL;
	if (n >= (int)size)
		return "";
	snprintf(room, size, "%.*s", (int)strcspn(s, "\n"), s);
	if (room[strspn(room, " ")])
		history(past, &ev, H_ENTER, room);
	return room;
}

/* End of input: as exit would. */
static bool
end(struct shell *sh)
{
	putchar('\n');
	if (sh->candidate == NULL)
		return true;
	(void)configure_leave(sh);
	return false;
}

static int
interact(struct prompt *p, History *past)
{
	cleanup_free char *room = malloc(WORDS_LINE_MAX);
	int code = EXIT_OK, r;
	const char *line;

	while (room && !p->sh->quit) {
		if ((line = line_get(p, past, room, WORDS_LINE_MAX)) == NULL) {
			if (idle_is_over(p->sh) || end(p->sh))
				break;
		} else if ((r = shell_line(p->sh, line)) >= 0)
			code = r;
	}
	return code;
}

static int
with_editor(struct shell *sh)
{
	struct prompt p = {.sh = sh};
	History *past = history_init();
	HistEvent ev;
	int code = EXIT_TRANSPORT;

	p.el = el_init("flowtap", stdin, stdout, stderr);
	if (p.el && past) {
		prompt_init(&p);
		el_set(p.el, EL_CLIENTDATA, &p);
		el_set(p.el, EL_PROMPT, prompt_text);
		history(past, &ev, H_SETSIZE, 500);
		el_set(p.el, EL_HIST, history, past);
		keys_bind(p.el);
		idle_watch(p.el, sh);
		idle_message(sh);
		code = interact(&p, past);
	}
	if (p.el)
		el_end(p.el);
	if (past)
		history_end(past);
	return code;
}

int
shell_interact(struct shell *sh)
{
	shell_rights(sh);
	return sh->asks ? with_editor(sh) : script_file(sh, stdin);
}
