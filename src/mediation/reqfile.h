/* SPDX-License-Identifier: BSD-2-Clause */
/* reqfile.h - requests from a file or a pipe, one after the other, separated by lines that
 * are empty or blank.  Reads as far ahead as one request, whatever the file's size. */
#ifndef MEDIATION_REQFILE_H
#define MEDIATION_REQFILE_H

#include "buf.h"

struct reqfile {
	int fd;     /* owned unless standard input */
	bool waits; /* not a plain file: data may come later */
	bool eof;
	struct buf in;
	size_t start;      /* of the unread part of in */
	uint64_t line;     /* number of the line at start, from 1 */
	uint64_t consumed; /* bytes of the file before start */
	uint64_t size;     /* of the file, 0 if unknown */
};

/* "-" is standard input. */
int reqfile_open(const char *path, struct reqfile *f);
void reqfile_close(struct reqfile *f);

/*
 * The next request as its lines stand, without the blank line.
 *   1         *raw, borrowed until the next call; it begins at line *line of the file
 *   0         the end
 *  -EAGAIN    nothing whole there yet; poll f->fd
 *  -EMSGSIZE  the request at *line is longer than DTCP allows; the next call goes on after it
 *  -errno     could not read
 */
int reqfile_next(struct reqfile *f, struct slice *raw, uint64_t *line);

#endif
