/* SPDX-License-Identifier: BSD-2-Clause */
/* key.h - one key of a person's. */
#ifndef TERM_KEY_H
#define TERM_KEY_H

/* One key from standard input, at once and without its echo.  -1: none will come.  A signal that ends or stops us finds
 * the terminal as it was before. */
int key_read(void);

#endif
