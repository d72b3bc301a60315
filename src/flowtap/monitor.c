/* SPDX-License-Identifier: BSD-2-Clause */
/* monitor.c - looks at the daemon's counters again and again; to a terminal as a screen, else as lines. */
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

#include "clock.h"
#include "monitor_view.h"
#include "shell.h"

static int
look(const struct shell *sh, struct monitor *m)
{
	cleanup_buf struct buf answer = {0};
	cleanup_fd int fd = -1;
	json_t *j;
	int r, code;

	if ((fd = ctl_ask(sh->socket, "services flow-tap", (struct slice){"", 0}, &code)) < 0)
		return code;
	if ((r = ctl_read(fd, &answer)) != IPC_C_JSON)
		return r < 0 ? EXIT_TRANSPORT : ctl_error(&answer);
	j = json_loadb((const char *)answer.p, answer.len, 0, NULL);
	r = monitor_view_add(m, j, (int64_t)(clock_mono_ns() / 1000000));
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
line_put(const struct monitor *m)
{
	cleanup_buf struct buf out = {0};
	char when[32];

	now_format(when);
	if (m->looks == 1)
		monitor_view_heading(&out);
	else
		monitor_view_line(m, when, &out);
	fwrite(out.p, 1, out.len, stdout);
	fflush(stdout);
}

static void
screen_put(const struct shell *sh, const struct monitor *m)
{
	const bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	struct winsize size = {.ws_row = 24};
	cleanup_buf struct buf out = {0};
	char when[32];

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	now_format(when);
	buf_printf(&out, "\033[H\033[J%sFlow-tap%s   %s   q: leave\n\n", sh->color ? "\033[1m" : "",
	    sh->color ? "\033[0m" : "", when);
	monitor_view_screen(m, utf8 ? MONITOR_UTF8 : MONITOR_PLAIN, sh->color, size.ws_row ? size.ws_row : 24, &out);
	fwrite(out.p, 1, out.len, stdout);
	fflush(stdout);
}

/* Until the next look.  false: the user leaves. */
static bool
pause_for(const struct shell *sh, int64_t ms)
{
	const uint64_t until = clock_mono_ns() + (uint64_t)ms * 1000000;
	struct pollfd p = {.fd = sh->asks ? STDIN_FILENO : -1, .events = POLLIN};
	uint64_t now;
	char c;

	while ((now = clock_mono_ns()) < until) {
		if (poll(&p, 1, (int)((until - now) / 1000000) + 1) <= 0)
			continue;
		if (read(STDIN_FILENO, &c, 1) != 1 || c == 'q' || c == 'Q' || c == 3)
			return false;
	}
	return true;
}

static int
watch(struct shell *sh, bool screen, int64_t interval_ms, uint64_t count)
{
	static struct monitor m;
	int code;

	m = (struct monitor){0};
	while ((code = look(sh, &m)) == EXIT_OK) {
		if (screen)
			screen_put(sh, &m);
		else
			line_put(&m);
		if (count && m.looks > count)
			break;
		if (!pause_for(sh, interval_ms))
			break;
	}
	return ferror(stdout) ? EXIT_TRANSPORT : code;
}

static uint64_t
argument(const struct cmd_call *call, const char *name, uint64_t dflt)
{
	const char *s = cmd_arg(call, name);

	return s ? strtoull(s, NULL, 10) : dflt;
}

int
monitor_run(struct shell *sh, const struct cmd_call *call)
{
	const bool screen = sh->terminal && sh->asks;
	const int64_t interval = (int64_t)argument(call, "SECONDS", 1) * 1000;
	struct termios old, raw;
	int code;

	if (!screen || tcgetattr(STDIN_FILENO, &old) < 0)
		return watch(sh, false, interval, argument(call, "NUMBER", 0));
	raw = old;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs("\033[?1049h\033[?25l", stdout); /* another screen, and no cursor */
	code = watch(sh, true, interval, argument(call, "NUMBER", 0));
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &old);
	return code;
}
