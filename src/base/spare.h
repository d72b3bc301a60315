/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spare.h - memory that is kept for what has to be done when there is none left.
 *
 * A program that links base has a malloc() and a calloc() of ours: where glibc's find nothing, what was kept is given
 * up and they try again, for every caller, SQLite, jansson and libc included.  It is given up as free pieces of the
 * heap, not to the kernel, which might not give it back.  Who has kept some looks now and then, refuses what is new
 * while it is gone, and takes it anew.  Not in a build with ASan, whose business the heap is.
 *
 * A stack grows when it is used, and a process whose stack can't grow is killed: who does not want that makes it as
 * large as it will be at the start.
 */
#ifndef BASE_SPARE_H
#define BASE_SPARE_H

#include <stdbool.h>
#include <stddef.h>

#define SPARE_STACK_BYTES (512u << 10) /* several times what the deepest of our calls takes, SQLite's included */

/* The calling thread's stack has this room from now on.  Near main(), so that it is there below the caller too. */
void spare_stack(void);
/* Once, at the start.  -ENOMEM: none is kept. */
int spare_keep(size_t bytes);
/* It was given up: there is no memory. */
bool spare_is_gone(void);
/* Takes it anew if there is memory again; true: it is there, or none was ever kept. */
bool spare_again(void);

#endif
