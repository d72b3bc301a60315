/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: term_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "foreign.h"
#include "held.h"
#include "layout.h"
#include "terminal.h"

int
term_color_parse(const char *word, enum term_color *out)
{
	static const char *const names[] = {"auto", "always", "never"};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(word, names[i]) == 0) {
			*out = (enum term_color)i;
			return 0;
		}
	return -EINVAL;
}

bool
term_is_screen(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool
term_has_color(enum term_color when, int fd)
{
	const char *no = getenv("NO_COLOR");

	if (when != TERM_AUTO)
		return when == TERM_ALWAYS;
	return !(no && *no) && term_is_screen(fd);
}

bool
term_is_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

void
term_size(int fd, unsigned *columns, unsigned *rows)
{
	struct winsize w;
	bool known = ioctl(fd, TIOCGWINSZ, &w) == 0;

	*columns = known && w.ws_col ? w.ws_col : 80;
	*rows = known && w.ws_row ? w.ws_row : 24;
}

unsigned
term_width(int fd)
{
	unsigned columns, rows;

	if (!isatty(fd))
		return LAYOUT_USUAL;
	term_size(fd, &columns, &rows);
	return columns < LAYOUT_LEAST ? LAYOUT_LEAST : columns > LAYOUT_MOST ? LAYOUT_MOST : columns;
}

void
term_vsay(const char *fmt, va_list ap)
{
	cleanup_buf struct buf lines = {0}, line = {0};
	char *text = NULL;

	fflush(stdout);
	if (vasprintf(&text, fmt, ap) < 0)
		return;
	foreign_put(&line, slice_of(text), FOREIGN_LINE);
	free(text);
	if (!held_is() && isatty(STDERR_FILENO))
		layout_fold((struct slice){(char *)line.p, line.len}, term_width(STDERR_FILENO), 0, &lines);
	else {
		buf_put(&lines, line.p, line.len);
		buf_put_u8(&lines, '\n');
	}
	if (lines.err == 0)
		fwrite(lines.p, 1, lines.len, stderr);
}

void
term_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	term_vsay(fmt, ap);
	va_end(ap);
}

void
term_text(struct slice text)
{
	cleanup_buf struct buf shown = {0};

	foreign_put(&shown, text, FOREIGN_TEXT);
	fwrite(shown.p, 1, shown.len, stdout);
}

const char *
term_human(uint64_t v, char buf[static TERM_HUMAN_LEN])
{
	static const char unit[] = "\0kMGTPE";
	unsigned power = 0;
	uint64_t rest = 0;

	while (v >= 1000) {
		rest = v % 1000;
		v /= 1000;
		power++;
	}
	if (power == 0)
		snprintf(buf, TERM_HUMAN_LEN, "%u", (unsigned)v);
	else if (v >= 100)
		snprintf(buf, TERM_HUMAN_LEN, "%u%c", (unsigned)v, unit[power]);
	else if (v >= 10)
		snprintf(buf, TERM_HUMAN_LEN, "%u.%u%c", (unsigned)v, (unsigned)(rest / 100), unit[power]);
	else
		snprintf(buf, TERM_HUMAN_LEN, "%u.%02u%c", (unsigned)v, (unsigned)(rest / 10), unit[power]);
	return buf;
}
