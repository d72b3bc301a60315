/* SPDX-License-Identifier: BSD-2-Clause */
/* replace.h - a file has its old contents or its new ones, whatever happens meanwhile. */
#ifndef FLOWTAPD_REPLACE_H
#define FLOWTAPD_REPLACE_H

#include <sys/types.h>

#include "base.h"

#define REPLACE_SUFFIX ".new"

/* Writes dir/name.new and makes it durable; nobody but its owner reads it unless mode says so.  An
 * older one goes.  0 or -errno. */
int replace_write(int dir, const char *name, struct slice text, mode_t mode);
/* Makes name.new, if it is there, name's contents, durably.  -ENOENT: it is not.  REPLACE_UNKNOWN: it took the
 * place of the older one, but after a power cut either may be there; nobody may be told that it was refused. */
#define REPLACE_UNKNOWN (-ENOTRECOVERABLE)
int replace_commit(int dir, const char *name);
/* Both. */
int replace_file(int dir, const char *name, struct slice text, mode_t mode);
/* Both, for a folder in which others choose the names, of which none begins with a dot: what is written meanwhile is
 * .name.new, which is no name of theirs, as name.new could be. */
int replace_hidden(int dir, const char *name, struct slice text, mode_t mode);
bool replace_is_hidden(const char *name); /* left by one that was killed */
/* All of a regular file that is no link, at most max bytes.  -EFBIG, -EINVAL (no regular file), -errno. */
struct buf;
int replace_read(int dir, const char *name, size_t max, struct buf *out);

#endif
