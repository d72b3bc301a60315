/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spare.h - memory that is kept for what has to be done when there is none left.
 *
 * A program that links base has a malloc() and a calloc() of ours: where glibc's find nothing, what was kept is given
 * up and they try again, for every caller, SQLite, jansson and libc included.  It is given up as free pieces of the
 * heap, not to the kernel, which might not give it back.  Who has kept some looks now and then, refuses what is new
 * while it is gone, and takes it anew.  Not in a build with ASan, whose business the heap is.
 */
#ifndef BASE_SPARE_H
#define BASE_SPARE_H

#include <stdbool.h>
#include <stddef.h>

/* Once, at the start.  -ENOMEM: none is kept. */
int spare_keep(size_t bytes);
/* It was given up: there is no memory. */
bool spare_is_gone(void);
/* Takes it anew if there is memory again; true: it is there, or none was ever kept. */
bool spare_again(void);

#endif
