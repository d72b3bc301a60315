/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * foreign.h - text that somebody else chose (an agency, a router, another process, a file), as it may reach a terminal,
 * a line or an argument.  What is shown is the same for all outputs of all programs: ASCII and valid UTF-8 as they
 * are; as escapes, what a terminal obeys or what changes how other text is read: control characters (C0, DEL, C1),
 * bytes that are no UTF-8, and the characters of Unicode that reorder, join or hide (bidirectional marks, separators
 * of lines, of no width, tags).
 */
#ifndef BASE_FOREIGN_H
#define BASE_FOREIGN_H

#include "buf.h"

enum foreign_kind {
	FOREIGN_LINE, /* one line, or a part of one: what begins another is an escape, too: \n, \r, \t, \x1b */
	FOREIGN_TEXT, /* lines: \n and tabs stay */
	FOREIGN_JSON, /* JSON: the same values, with escapes of JSON (\u001b); a byte that is no UTF-8 is \ufffd */
};

/* Appends it. */
void foreign_put(struct buf *out, struct slice s, enum foreign_kind kind);

/* A FOREIGN_LINE as a C string of less than size bytes, at least 4; "..." stands for what has no room.  No escape and
 * no character is cut.  Returns out. */
char *foreign_text(struct slice s, char *out, size_t size);

#endif
