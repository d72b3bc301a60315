/* SPDX-License-Identifier: BSD-2-Clause */
#include "idle.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "clock.h"

static unsigned idle_minutes; /* of this process's one session; the editor's callback has no argument of its own */
static bool idle_over;

/* Whether there is something to read; false: the time is over. */
static bool
key_wait(void)
{
	const uint64_t end = clock_mono_ns() + idle_minutes * 60000000000ull;
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	uint64_t now;

	if (idle_minutes == 0)
		return true;
	while ((now = clock_mono_ns()) < end) {
		const int r = poll(&p, 1, (int)((end - now) / 1000000) + 1);

		if (r > 0 || (r < 0 && errno != EINTR))
			return true;
	}
	idle_over = true;
	return false;
}

/* A whole character, as the editor's own function reads it. */
static int
key_get(EditLine *el, wchar_t *out)
{
	mbstate_t state = {0};
	char c;

	(void)el;
	if (!key_wait())
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
	idle_minutes = sh->idle_minutes;
	if (idle_minutes)
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
	for (const char *s = sh->message; s && *s; s++)
		if (s[0] == '\\' && s[1] == 'n') {
			putchar('\n');
			s++;
		} else if (s[0] == '\t' || (unsigned char)s[0] >= ' ')
			putchar(s[0]);
	if (sh->message)
		putchar('\n');
}
