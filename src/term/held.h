/* SPDX-License-Identifier: BSD-2-Clause */
/* held.h - standard error put aside: while a picture covers the terminal that would show it, or because it has to
 * become JSON.  For what is written with stdio. */
#ifndef TERM_HELD_H
#define TERM_HELD_H

#include "buf.h"

/* From here on it is kept, up to 64 KiB.  Nested calls are not counted. */
void held_begin(void);
/* From here on it is as before.  What was kept; the caller's to free. */
struct buf held_end(void);
/* The same, and what was kept is written now. */
void held_print(void);
/* Whether it is put aside at present. */
bool held_is(void);
/* The last whole line of it so far, without its end; empty if there is none. */
struct slice held_last(void);

#endif
