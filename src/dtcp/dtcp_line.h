/* SPDX-License-Identifier: BSD-2-Clause */
/* dtcp_line.h - lines and strings of a message; within this library only. */
#ifndef DTCP_LINE_H
#define DTCP_LINE_H

#include "dtcp.h"

/* Takes the next line off *rest, its end left out.  false: no end of line is left. */
bool line_next(struct slice *rest, struct slice *line);
/* "Name: value", both trimmed.  0; -EINVAL: no colon, or a name of other than letters, digits and "-". */
int line_param(struct slice line, struct slice *name, struct slice *value);
/* Whether the line is the digest's: it is not covered by it, and ends the message. */
bool line_is_auth(struct slice line);
/* Takes the next item of a comma-separated list off *rest, trimmed.  false: none is left. */
bool line_item(struct slice *rest, struct slice *item);
/* One string without white space, \ddd resolved, into a C string of at most DTCP_NAME_MAX bytes.
 * 0; -EINVAL: empty, white space, a bad escape or a NUL; -E2BIG: too long. */
int line_string(struct slice s, char out[static DTCP_NAME_MAX + 1]);
/* The same the other way: what would not survive as it is becomes \ddd. */
void line_string_put(struct buf *out, const char *s);

/* As dtcp_sign, in the spelling of a reply (dtcp_digest.c). */
void dtcp_sign_reply(struct buf *out, size_t start, const char *key);

#endif
