/* SPDX-License-Identifier: BSD-2-Clause */
#include "screen.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <wchar.h>

#define COLUMNS_MAX 1000
#define ROWS_MAX 500

/*
 * Invariants:
 *   - visible: ncurses has the terminal in its own mode, for all we know.
 *   - the terminal's mode is changed only while our process group is in its foreground.
 *   - restore is what leaves the picture, for where ncurses can't be called.
 */
static struct {
	bool open, visible;
	bool color;
	bool apart;   /* has a screen for programs like us: ours is not the one of the lines before */
	bool resumed; /* after SIGCONT: the terminal may have another's picture and mode */
	SCREEN *curses;
	TERMINAL *before; /* the line editor's */
	pid_t group;
	char restore[64];
	size_t restore_len;
	struct termios mode;
} scr;

/* What a process dies of without a word to us. */
static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};
/* What ncurses has handlers of its own for, and SIGTTOU: a mode set between two looks at who is in the foreground must
 * not stop us. */
static const int lent[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH, SIGTTOU};
static struct sigaction deadly_before[ARRAY_LEN(deadly)], lent_before[ARRAY_LEN(lent)];

static bool
is_foreground(void)
{
	return tcgetpgrp(STDOUT_FILENO) == scr.group;
}

/* Whether it takes what is written: not after Control-S, nor when nobody reads the other end. */
static bool
is_writable(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

/* ---- signals ---- */

/* Only what a signal handler may do. */
static void
on_deadly(int signo)
{
	if (scr.visible && is_foreground()) {
		const ssize_t n = write(STDOUT_FILENO, scr.restore, scr.restore_len);

		(void)n;
		tcsetattr(STDOUT_FILENO, TCSANOW, &scr.mode);
	}
	raise(signo); /* SA_RESETHAND: this time by default */
}

static void
signals_take(void)
{
	const struct sigaction dying = {.sa_handler = on_deadly, .sa_flags = (int)SA_RESETHAND};
	const struct sigaction ignored = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < ARRAY_LEN(deadly); i++) {
		sigaction(deadly[i], NULL, &deadly_before[i]);
		if (deadly_before[i].sa_handler == SIG_DFL)
			sigaction(deadly[i], &dying, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(lent); i++)
		sigaction(lent[i], NULL, &lent_before[i]);
	sigaction(SIGTTOU, &ignored, NULL);
}

static void
signals_give(void)
{
	for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
		sigaction(deadly[i], &deadly_before[i], NULL);
	for (size_t i = 0; i < ARRAY_LEN(lent); i++)
		sigaction(lent[i], &lent_before[i], NULL);
}

/* ---- what the terminal can ---- */

/* The string of that name, "" if there is none. */
static const char *
ability(const char *name)
{
	const char *s = tigetstr((char *)(uintptr_t)name);

	return s == NULL || s == (const char *)-1 ? "" : s;
}

/* Without the delays that old terminals want. */
static void
restore_add(const char *s)
{
	while (*s && scr.restore_len < sizeof scr.restore) {
		const char *end = strncmp(s, "$<", 2) == 0 ? strchr(s, '>') : NULL;

		if (end)
			s = end + 1;
		else
			scr.restore[scr.restore_len++] = *s++;
	}
}

/* Looks the terminal up, without touching it. */
static bool
is_able(void)
{
	TERMINAL *found;
	bool able;
	int err;

	if (setupterm(NULL, STDOUT_FILENO, &err) != OK)
		return false;
	able = *ability("cup") && *ability("clear");
	scr.restore_len = 0;
	restore_add(ability("sgr0"));
	restore_add(ability("rmcup"));
	scr.apart = *ability("rmcup");
	restore_add(ability("cnorm"));
	found = set_curterm(scr.before);
	del_curterm(found);
	return able;
}

bool
screen_is_possible(void)
{
	scr.before = cur_term;
	return scr.open || (term_is_screen(STDOUT_FILENO) && is_able());
}

void
screen_size(unsigned *width, unsigned *height)
{
	term_size(STDOUT_FILENO, width, height);
	*width = *width < COLUMNS_MAX ? *width : COLUMNS_MAX;
	*height = *height < ROWS_MAX ? *height : ROWS_MAX;
}

static void
resize(void)
{
	unsigned width, height;

	screen_size(&width, &height);
	if ((int)width != COLS || (int)height != LINES)
		resizeterm((int)height, (int)width);
}

static void
colors_init(void)
{
	start_color();
	use_default_colors();
	init_pair(1, COLOR_RED, -1);
	init_pair(2, COLOR_GREEN, -1);
	init_pair(3, COLOR_CYAN, -1);
}

/* ---- taking it and giving it back ---- */

bool
screen_is_open(void)
{
	return scr.open;
}

bool
screen_is_visible(void)
{
	return scr.open && scr.visible && is_foreground();
}

int
screen_open(enum term_color color)
{
	static bool at_exit;

	if (scr.open)
		return 0;
	scr.group = getpgrp();
	if (!term_is_screen(STDOUT_FILENO) || tcgetattr(STDOUT_FILENO, &scr.mode) < 0)
		return -ENOTTY;
	if (!is_foreground())
		return -EAGAIN;
	scr.before = cur_term;
	if (!is_able())
		return -ENOTTY;
	signals_take();
	use_env(FALSE);
	if ((scr.curses = newterm(NULL, stdout, stdin)) == NULL) {
		signals_give();
		set_curterm(scr.before);
		return -ENOTTY;
	}
	scr.open = scr.visible = true;
	scr.resumed = false;
	if (!at_exit)
		atexit(screen_close);
	at_exit = true;
	cbreak();
	noecho();
	typeahead(-1); /* what is typed is no reason not to draw */
	curs_set(0);
	scr.color = term_has_color(color, STDOUT_FILENO) && has_colors();
	if (scr.color)
		colors_init();
	return 0;
}

static void
hide(void)
{
	if (scr.visible && is_foreground()) {
		endwin();
		if (!scr.apart) /* the picture stays, and nobody writes into its last line */
			putchar('\n');
		fflush(stdout);
	} else if (scr.visible) { /* another has the terminal, and its mode is the other's */
		const ssize_t n = write(STDOUT_FILENO, scr.restore, scr.restore_len);

		(void)n;
	}
	scr.visible = false;
}

void
screen_close(void)
{
	if (!scr.open)
		return;
	hide();
	scr.open = false;
	delscreen(scr.curses);
	set_curterm(scr.before);
	signals_give();
}

/* Whether drawing makes sense now; if so, the terminal is ours. */
static bool
ready(void)
{
	if (!scr.open || !is_foreground() || !is_writable())
		return false;
	if (!scr.visible) {
		def_shell_mode(); /* it may have been changed meanwhile */
		tcgetattr(STDOUT_FILENO, &scr.mode);
	}
	if (scr.resumed || !scr.visible) {
		reset_prog_mode();
		clearok(curscr, TRUE);
	}
	scr.visible = true;
	scr.resumed = false;
	return true;
}

/* ---- drawing ---- */

static int
attributes(char mark)
{
	static const struct {
		int plain, pair; /* pair 0: no colour */
	} looks[] = {[1] = {A_NORMAL, 0},
	    [2] = {A_BOLD, 0},
	    [3] = {A_NORMAL, 1},
	    [4] = {A_NORMAL, 2},
	    [5] = {A_NORMAL, 3},
	    [6] = {A_BOLD, 1}};

	return looks[(int)mark].plain | (scr.color ? (int)COLOR_PAIR(looks[(int)mark].pair) : 0);
}

/* One line; what is no character of the locale is "?". */
static void
line_draw(int y, const char *p, const char *end, int limit)
{
	mbstate_t state = {0};
	int x = 0;

	attrset(A_NORMAL);
	while (p < end) {
		wchar_t c = L'?';
		size_t n = mbrtowc(&c, p, (size_t)(end - p), &state);
		int cells;

		if (*p > 0 && *p <= *SCREEN_ALARM) {
			attrset(attributes(*p++));
			continue;
		}
		if (n == 0 || n >= (size_t)-2) {
			n = 1;
			c = L'?';
			state = (mbstate_t){0};
		}
		if ((cells = wcwidth(c)) < 0) {
			c = L'?';
			cells = 1;
		}
		if (x + cells > limit)
			return;
		mvaddnwstr(y, x, &c, 1);
		x += cells;
		p += n;
	}
}

void
screen_draw(struct slice text)
{
	const char *p = text.p, *end = text.p + text.len, *nl;

	if (!ready())
		return;
	resize();
	erase();
	for (int y = 0; p < end && y < LINES; y++, p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl : end;
		line_draw(y, p, nl, COLS);
	}
	move(LINES - 1, 0);
	refresh();
}

/* ---- what happens to us ---- */

void
screen_signals(sigset_t *set)
{
	sigaddset(set, SIGTSTP);
	sigaddset(set, SIGCONT);
	sigaddset(set, SIGWINCH);
}

/* As every program would: but the terminal is given back first. */
static void
stop(void)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	struct sigaction old;
	sigset_t only, before;

	hide();
	sigemptyset(&only);
	sigaddset(&only, SIGTSTP);
	sigaction(SIGTSTP, &dfl, &old);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &only, &before); /* here we stop, and here we go on */
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGTSTP, &old, NULL);
}

bool
screen_signal(int signo)
{
	switch (signo) {
	case SIGTSTP:
		stop();
		return true;
	case SIGCONT:
		scr.resumed = true;
		return true;
	case SIGWINCH:
		return true;
	default:
		return false;
	}
}
