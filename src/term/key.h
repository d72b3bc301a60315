/* SPDX-License-Identifier: BSD-2-Clause */
/* key.h - what a person types: one key, or a line. */
#ifndef TERM_KEY_H
#define TERM_KEY_H

#include <stdbool.h>

/* One key from standard input, at once and without its echo.  -1: none will come.  A signal that ends or stops us finds
 * the terminal as it was before. */
int key_read(void);
/* Until a line can be read from standard input, a terminal, or its end.  false: Control-C came first. */
bool key_line_wait(void);

#endif
