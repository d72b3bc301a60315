/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.h - the one place that draws on a terminal (with ncurses): a picture over all of standard output's screen,
 * drawn again and again.  Never draws in the background, never waits for a terminal that takes nothing, and gives the
 * terminal back as it was: at the end, before it stops (SIGTSTP), and when the process dies of a signal.
 *
 * A process has one screen.  The locale is the caller's to have set.
 */
#ifndef TERM_SCREEN_H
#define TERM_SCREEN_H

#include <signal.h>

#include "terminal.h"

/* In a text to be drawn: from here on it looks so, until the next one or the line's end. */
#define SCREEN_PLAIN "\001"
#define SCREEN_BOLD "\002"
#define SCREEN_RED "\003"
#define SCREEN_GREEN "\004"
#define SCREEN_CYAN "\005"
#define SCREEN_ALARM "\006"

/* Whether standard output is a terminal on which the cursor can be moved, now or once we are in the foreground. */
bool screen_is_possible(void);
/* Loads what is known of the terminal (files: before any confinement) and takes it.  0; -ENOTTY: not a terminal, or
 * not one on which the cursor can be moved (TERM dumb, unknown, not set); -EAGAIN: not while we are in the background.
 */
int screen_open(enum term_color color);
/* Gives it back.  Legal at any time, also when it is not open. */
void screen_close(void);
bool screen_is_open(void);
/* On the terminal at this moment: what is typed is meant for us. */
bool screen_is_visible(void);

/* Its present size: what does not fit is cut off.  80 x 24 if the terminal does not know. */
void screen_size(unsigned *columns, unsigned *rows);
/* The lines of text from the top left on, and nothing else.  In the background, nothing. */
void screen_draw(struct slice text);

/* Adds the signals that have to be blocked and handed to screen_signal while it is open. */
void screen_signals(sigset_t *set);
/* One of them has come; SIGTSTP returns when the process goes on.  true: the picture should be drawn now. */
bool screen_signal(int signo);

#endif
