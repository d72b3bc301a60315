/* SPDX-License-Identifier: BSD-2-Clause */
/* pipe.h - what stands behind a |: output goes through it line by line, in memory that does not grow with it
 * (but for `last').  Pure. */
#ifndef FLOWTAP_PIPE_H
#define FLOWTAP_PIPE_H

#include "buf.h"

enum pipe_kind { PIPE_MATCH, PIPE_EXCEPT, PIPE_FIND, PIPE_COUNT, PIPE_LAST, PIPE_TAKE /* by pipe_take() only */ };

#define PIPE_LAST_MAX 100000

struct pipe;

/* sink gets each line without its end; what it returns but 0 ends the output. */
int pipe_new(int (*sink)(void *arg, struct slice line), void *arg, struct pipe **out);
void pipe_free(struct pipe *p);
/* One more at the end.  text: what a regular expression matches, of any case; or how many lines.  -EINVAL with why. */
int pipe_add(struct pipe *p, enum pipe_kind kind, const char *text, char *why, size_t size);
/* One more at the end, which takes each line and passes none on; what it returns but 0 ends the output. */
int pipe_take(struct pipe *p, int (*take)(void *arg, struct slice line), void *arg);
int pipe_write(struct pipe *p, const char *bytes, size_t len); /* 0, or what sink or take returned */
int pipe_end(struct pipe *p);                                  /* the last line, the count, the last lines */

#endif
