/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor.c - looks at the daemon's counters again and again; to a terminal as a screen, else as lines. */
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "clock.h"
#include "held.h"
#include "jsonout.h"
#include "monitor_view.h"
#include "screen.h"
#include "shell.h"

enum pause { PAUSE_OVER, PAUSE_REDRAW, PAUSE_LEAVE };

struct watch {
	struct shell *sh;
	struct monitor m;
	bool json;        /* an object for each look */
	bool screen;      /* wanted: as soon as we are in the foreground */
	int sigfd;        /* -1: lines, and signals do what they do */
	int ended_by;     /* a signal; 0: none */
	sigset_t blocked; /* before us */
	int64_t interval_ms;
	uint64_t count; /* of looks that are shown; 0: no end */
};

static int
look(struct watch *w)
{
	cleanup_buf struct buf answer = {0};
	cleanup_fd int fd = -1;
	json_t *j, *shown;
	int r, code;

	if ((fd = ctl_ask(w->sh->socket, "services flow-tap", (struct slice){"", 0}, &code)) < 0)
		return code;
	if ((r = ctl_read(fd, &answer)) != IPC_C_JSON)
		return r < 0 ? EXIT_TRANSPORT : ctl_error(&answer);
	j = json_loadb((const char *)answer.p, answer.len, 0, NULL);
	shown = jsonout_shown(j);
	r = monitor_view_add(&w->m, shown, (int64_t)(clock_mono_ns() / 1000000));
	json_decref(shown);
	json_decref(j);
	if (r == 0)
		return EXIT_OK;
	shell_say("flowtap: counters are shown to those entitled only: root and the group _flowtap");
	return EXIT_NOT_AUTHORISED;
}

static void
now_format(char out[static 32])
{
	const time_t t = time(NULL);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void
line_put(const struct watch *w)
{
	cleanup_buf struct buf out = {0};
	char when[32];

	now_format(when);
	if (w->m.looks == 1) { /* of one look there is no rate */
		if (!w->json)
			monitor_view_heading(&out);
	} else if (w->json)
		monitor_view_json(&w->m, when, &out);
	else
		monitor_view_line(&w->m, when, &out);
	fwrite(out.p, 1, out.len, stdout);
	fflush(stdout);
}

static void
screen_put(const struct watch *w)
{
	const bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	cleanup_buf struct buf out = {0};
	unsigned columns, rows;
	char when[32];

	if (w->m.looks == 0)
		return;
	screen_size(&columns, &rows);
	now_format(when);
	buf_printf(&out, "%sFlow-tap%s%s%s%sq: leave\n\n", SCREEN_BOLD, SCREEN_PLAIN, columns < 50 ? " " : "   ", when,
	    columns < 50 ? " " : "   ");
	monitor_view_screen(&w->m, utf8 ? MONITOR_UTF8 : MONITOR_PLAIN, columns, rows > 2 ? rows - 2 : 0, &out);
	screen_draw((struct slice){(const char *)out.p, out.len});
}

/* ---- what happens between two looks ---- */

static enum pause
signal_take(struct watch *w)
{
	struct signalfd_siginfo info;

	if (read(w->sigfd, &info, sizeof info) != sizeof info)
		return PAUSE_OVER;
	if (screen_signal((int)info.ssi_signo))
		return PAUSE_REDRAW;
	w->ended_by = (int)info.ssi_signo;
	return PAUSE_LEAVE;
}

/* A terminal that is gone reads as its end. */
static enum pause
key_take(void)
{
	char c;

	return read(STDIN_FILENO, &c, 1) != 1 || c == 'q' || c == 'Q' ? PAUSE_LEAVE : PAUSE_OVER;
}

/* Until the next look. */
static enum pause
pause_for(struct watch *w)
{
	const uint64_t until = clock_mono_ns() + (uint64_t)w->interval_ms * 1000000;
	uint64_t now;

	while ((now = clock_mono_ns()) < until) {
		struct pollfd p[] = {
		    {.fd = screen_is_visible() ? STDIN_FILENO : -1, .events = POLLIN},
		    {.fd = w->sigfd, .events = POLLIN},
		    {.fd = w->screen ? -1 : STDOUT_FILENO, .events = 0}, /* that nobody reads any more */
		};
		enum pause what = PAUSE_OVER;

		if (poll(p, ARRAY_LEN(p), (int)((until - now) / 1000000) + 1) <= 0)
			continue;
		if (p[1].revents)
			what = signal_take(w);
		else if (p[0].revents)
			what = key_take();
		else if (p[2].revents & (POLLERR | POLLNVAL))
			return PAUSE_LEAVE;
		if (what != PAUSE_OVER)
			return what;
	}
	return PAUSE_OVER;
}

/* true: go on. */
static bool
wait_next(struct watch *w)
{
	enum pause what;

	while ((what = pause_for(w)) == PAUSE_REDRAW)
		screen_put(w);
	return what == PAUSE_OVER;
}

static int
watch(struct watch *w)
{
	int code;

	while ((code = look(w)) == EXIT_OK) {
		if (w->screen && !screen_is_open() && screen_open(w->sh->color ? TERM_ALWAYS : TERM_NEVER) == 0)
			held_begin(); /* what is said would be overwritten */
		if (w->screen)
			screen_put(w);
		else
			line_put(w);
		if (ferror(stdout) || (w->count && w->m.looks > w->count) || !wait_next(w))
			break;
	}
	return code;
}

static uint64_t
argument(const struct cmd_call *call, const char *name, uint64_t dflt)
{
	const char *s = cmd_arg(call, name);

	return s ? strtoull(s, NULL, 10) : dflt;
}

/* Of a shell Control-C ends the lines only. */
static int
signals_begin(struct watch *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (w->screen) {
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGHUP);
		screen_signals(&set);
	}
	sigprocmask(SIG_BLOCK, &set, &w->blocked);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The terminal is given back; what ended us does what it would have done, but Control-C leaves, as q does. */
static void
signals_end(struct watch *w)
{
	if (w->screen) {
		screen_close();
		held_print();
	}
	close(w->sigfd);
	if (w->ended_by && w->ended_by != SIGINT) {
		signal(w->ended_by, SIG_DFL);
		raise(w->ended_by);
	}
	sigprocmask(SIG_SETMASK, &w->blocked, NULL);
}

static int
run(struct shell *sh, const struct cmd_call *call)
{
	static struct watch w;
	int code;

	w = (struct watch){
	    .sh = sh,
	    .json = sh->json || sh->display == DISPLAY_JSON,
	    .screen = sh->terminal && sh->asks && !sh->json && !sh->piped && screen_is_possible(),
	    .sigfd = -1,
	    .interval_ms = (int64_t)argument(call, "SECONDS", 1) * 1000,
	    .count = argument(call, "COUNT", 0),
	};
	if ((w.screen || (sh->asks && !sh->once)) && (w.sigfd = signals_begin(&w)) < 0)
		return EXIT_TRANSPORT;
	code = watch(&w);
	if (w.sigfd >= 0)
		signals_end(&w);
	return code;
}

/* Without pipes past the pager, also as `run monitor': a screen is no lines, and lines are to be seen as they come. */
int
monitor_run(struct shell *sh, const struct cmd_call *call)
{
	FILE *now = stdout;
	int code;

	if (!sh->piped)
		stdout = sh->out;
	code = run(sh, call);
	stdout = now;
	return code;
}
