/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wipe.h - memory that held a target holds nothing once it is given back.
 *
 * A program that links base has a free() and a realloc() of ours: they overwrite
 * what they give back, for every caller, SQLite, jansson and libc included.  No
 * list of places that may hold a target is to be kept, so none can be missed.
 */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

/* Overwrites the stack below the caller, where calls that have returned left
 * their locals: as deep as WIPE_STACK_DEPTH. */
#define WIPE_STACK_DEPTH (48u << 10)
void wipe_stack(void);

#endif
