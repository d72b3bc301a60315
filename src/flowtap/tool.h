/* SPDX-License-Identifier: BSD-2-Clause */
/* tool.h - programs of the system, run as the user, without a shell in between. */
#ifndef FLOWTAP_TOOL_H
#define FLOWTAP_TOOL_H

#include <sys/types.h>

#include "buf.h"

#define TOOL_OUTPUT_MAX (64u << 20)
#define TOOL_SAID_MAX 4096

/* A host's name or address that no program takes for an option. */
bool tool_host_ok(const char *s);
/* A file's name without a way to it. */
bool tool_name_ok(const char *s);
/*
 * Runs argv[0], from the system's folders, with standard input closed.  What it prints and says goes to take, piece by
 * piece, which ends it by returning nonzero; an interrupt from the terminal is the program's.  Its exit code, 128 +
 * signal, or -errno: it could not be run (-ENOENT: it is not installed).
 */
int tool_run(const char *const *argv, int (*take)(void *arg, const char *bytes, size_t len), void *arg);
/* The same with all that it prints in *out, and the first TOOL_SAID_MAX bytes of what it says on standard error in
 * *said. -E2BIG: it prints more than TOOL_OUTPUT_MAX bytes. */
int tool_read(const char *const *argv, struct buf *out, struct buf *said);

#endif
