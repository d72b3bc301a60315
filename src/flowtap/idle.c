/* SPDX-License-Identifier: BSD-2-Clause */
#include "idle.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "clock.h"
#include "terminal.h"

static unsigned idle_minutes; /* of this process's one session; the editor's callback has no argument of its own */
static bool idle_over;
static volatile sig_atomic_t resized;

static void
note_resize(int signo)
{
	(void)signo;
	resized = 1;
}

bool
idle_size(EditLine *el)
{
	const bool changed = resized;

	resized = 0;
	if (changed)
		el_resize(el);
	return changed;
}

/* Whether there is something to read; false: the time is over. */
static bool
key_wait(EditLine *el, const sigset_t *unblocked)
{
	const uint64_t end = clock_mono_ns() + idle_minutes * 60000000000ull;
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	uint64_t now;

	while ((now = clock_mono_ns()) < end || idle_minutes == 0) {
		const uint64_t left = idle_minutes ? end - now : 0;
		const struct timespec wait = {
		    .tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
		int r;

		if (idle_size(el)) { /* the line is shown anew from where its present row begins */
			putchar('\r');
			el_set(el, EL_REFRESH);
		}
		r = ppoll(&p, 1, idle_minutes ? &wait : NULL, unblocked);
		if (r > 0 || (r < 0 && errno != EINTR))
			return true;
	}
	idle_over = true;
	return false;
}

/* The same; a change of the screen's size is seen whenever it comes. */
static bool
key_or_size_wait(EditLine *el)
{
	sigset_t size, before, unblocked;
	bool there;

	sigemptyset(&size);
	sigaddset(&size, SIGWINCH);
	sigprocmask(SIG_BLOCK, &size, &before);
	unblocked = before;
	sigdelset(&unblocked, SIGWINCH);
	there = key_wait(el, &unblocked);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return there;
}

/* A whole character, as the editor's own function reads it. */
static int
key_get(EditLine *el, wchar_t *out)
{
	mbstate_t state = {0};
	char c;

	if (!key_or_size_wait(el))
		return 0;
	for (;;) {
		ssize_t n = read(STDIN_FILENO, &c, 1);
		size_t len;

		if (n <= 0)
			return (int)n;
		len = mbrtowc(out, &c, 1, &state);
		if (len == (size_t)-2)
			continue;
		if (len == (size_t)-1) {
			state = (mbstate_t){0};
			continue;
		}
		return 1;
	}
}

void
idle_watch(EditLine *el, const struct shell *sh)
{
	struct sigaction note = {.sa_handler = note_resize, .sa_flags = SA_RESTART};

	idle_minutes = sh->idle_minutes;
	sigaction(SIGWINCH, &note, NULL);
	el_set(el, EL_GETCFN, key_get);
}

bool
idle_is_over(const struct shell *sh)
{
	if (idle_over)
		fprintf(stderr, "\nidle for %u minute%s: the session ends%s\n", idle_minutes,
		    idle_minutes == 1 ? "" : "s", sh->candidate ? ", the candidate is discarded" : "");
	return idle_over;
}

/* Two letters in a configuration's text stand for a new line, for strings there have none. */
void
idle_message(const struct shell *sh)
{
	cleanup_buf struct buf text = {0};

	for (const char *s = sh->message; s && *s; s++)
		if (s[0] == '\\' && s[1] == 'n') {
			buf_put_u8(&text, '\n');
			s++;
		} else
			buf_put(&text, s, 1);
	if (sh->message)
		buf_put_u8(&text, '\n');
	term_text((struct slice){(char *)text.p, text.len});
}
