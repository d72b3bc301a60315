/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * append.h - what is added to the end of a file, all of it or nothing: a full disk, and a kill in the midst of a
 * write, leave no half of it for the next one to go on behind.
 */
#ifndef BASE_APPEND_H
#define BASE_APPEND_H

#include "base.h"

struct append {
	int fd;     /* borrowed; opened with O_APPEND */
	off_t size; /* up to the end of the last one that was added whole */
};

/* A file of lines: what is behind the end of its last line is cut off, unless it can only be read.  0 or -errno. */
int append_lines(struct append *a, int fd);

/* -errno of the write that failed (-ENOSPC for one that was cut short and can't go on), and then the file is as it
 * was; if not even that could be done, the next call does it before all else, or fails too. */
int append_put(struct append *a, const void *p, size_t len);

#endif
