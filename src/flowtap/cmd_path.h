/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd_path.h - the words of a statement on a command line, by the schema of the configuration. */
#ifndef FLOWTAP_CMD_PATH_H
#define FLOWTAP_CMD_PATH_H

#include "cmd.h"

/* The words from to to-1, below the level: abbreviations in full, into out.  whole: the statement has to be. */
int cmd_path_expand(const struct cmd_context *ctx, bool whole, const struct words *line, size_t from, size_t to,
    struct cmd_word *out, struct cmd_fault *fault);
/* As cmd_hints, of the word behind those. */
int cmd_path_hints(const struct cmd_context *ctx, const struct words *line, size_t from, size_t to,
    const struct word *last, void (*cb)(void *arg, const struct cmd_hint *hint), void *arg, struct cmd_fault *fault);

/* The machine's interfaces whose names begin with prefix. */
void cmd_path_interfaces(
    const struct cmd_context *ctx, const char *prefix, void (*cb)(void *, const struct cmd_hint *), void *arg);

#endif
