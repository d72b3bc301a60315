/* SPDX-License-Identifier: BSD-2-Clause */
/* output.h - the three standard streams of every program: there from the start, and seen to at the end. */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H

/* Fills those of descriptors 0 to 2 that are closed, so that no file or socket gets their number.  Reading from such
 * a one ends at once; writing to it fails. */
void output_begin(void);

/* Writes what is left for standard output.  0, or -errno if anything of it could not be written: then standard error
 * has a line that says so, once. */
int output_end(const char *program);

#endif
