/* SPDX-License-Identifier: BSD-2-Clause */
/* terminal.h - what is written for people: colour or not, numbers that fit. */
#ifndef TERM_TERMINAL_H
#define TERM_TERMINAL_H

#include <stdarg.h>

#include "base.h"

enum term_color { TERM_AUTO, TERM_ALWAYS, TERM_NEVER };

int term_color_parse(const char *word, enum term_color *out); /* auto, always, never; -EINVAL */
/* auto: a terminal that is not dumb, and no NO_COLOR in the environment. */
bool term_has_color(enum term_color when, int fd);

/* A terminal on which the cursor can be moved. */
bool term_is_screen(int fd);
/* It is our terminal, and we are the job in its foreground. */
bool term_is_foreground(int fd);
/* Its size; 80 x 24 if unknown. */
void term_size(int fd, unsigned *columns, unsigned *rows);
/* For how many columns something is laid out (layout.h): a terminal's of this moment, within bounds; else the usual. */
unsigned term_width(int fd);
/* A message to standard error, in lines for its terminal if it is one; what somebody else chose in it is shown as
 * foreign.h does it.  It is one line: fmt has no line feed either. */
void term_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void term_vsay(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* Lines to standard output, as foreign.h shows text. */
void term_text(struct slice text);

#define TERM_HUMAN_LEN 24
/* At most 6 characters: 0, 999, 1.23k, 45.6M, 789G, ...  Powers of 1000.  Returns buf. */
const char *term_human(uint64_t v, char buf[static TERM_HUMAN_LEN]);

#endif
