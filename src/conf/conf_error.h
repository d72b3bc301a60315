/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_error.h - filling a struct conf_error: where, which word, what about it. */
#ifndef CONF_CONF_ERROR_H
#define CONF_CONF_ERROR_H

#include "conf.h"

struct conf_at {
	unsigned line, column;
	struct slice word; /* borrowed; empty at the end of the file */
};

/* Always -EINVAL.  Bytes of the word that are not printable ASCII become '?'; a word or
 * a text too long for its field ends in "...". */
int conf_error_set(struct conf_error *err, struct conf_at at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Returns r, a -errno, with its text and no place. */
int conf_error_errno(struct conf_error *err, int r);

#endif
