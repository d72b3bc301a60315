/* SPDX-License-Identifier: BSD-2-Clause */
/* commit_cmd.h - the configuration as operators change it: "flowtap commit", "flowtap rollback". */
#ifndef FLOWTAP_COMMIT_CMD_H
#define FLOWTAP_COMMIT_CMD_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "buf.h"
#include "ipc.h"

struct commit_opts {
	bool check;
	bool empty;          /* a text without a statement is meant */
	unsigned confirmed;  /* minutes; 0: at once and for good */
	uint64_t base;       /* the commit it was made from; 0: whatever is in force */
	const char *comment; /* NULL or one line */
	int64_t at;          /* not before then, in seconds since 1970; 0: now */
	const int *lock;     /* the connection that has the configuration for itself; NULL: none */
};

/*
 * Asks for the text to be in force; an empty one confirms the commit before.  EXIT_OK: *answer is the
 * daemon's, to be freed by json_decref.  Else the exit code: if wrong->expected is not empty the text
 * is at fault there, and nothing was said to the user yet.
 */
int commit_send(
    const char *socket, const struct commit_opts *o, struct slice text, json_t **answer, struct ipc_wrong *wrong);
/* What is in force (0) or was before: {"generation", "time", "user", "comment", "text"}.  The exit code. */
#define COMMIT_RESCUE UINT_MAX /* instead of a number: the rescue configuration */
int commit_fetch(const char *socket, unsigned rollback, json_t **answer);
/* Has the configuration for itself until *fd is closed.  The exit code, after a message to the user. */
int commit_lock(const char *socket, int *fd);
/* What was accepted and does nothing, or is dangerous. */
void commit_say_warnings(const json_t *answer);
/* Taps that it ended, or would end. */
void commit_say_ends(const json_t *answer);
/* What waits: which statements hold from the next start only, and another commit for its time. */
void commit_say_pending(const json_t *answer);

/* argv[0] is "commit" or "rollback".  The exit code. */
int commit_main(const char *socket, bool json, int argc, char **argv);
int rollback_main(const char *socket, bool json, int argc, char **argv);

/* Screens. */
void commit_show_history(const json_t *answer, unsigned width, struct buf *out);
void commit_show_rescue(const json_t *answer, unsigned width, struct buf *out);
void commit_show_reloaded(const json_t *answer, unsigned width, struct buf *out);
void commit_show_cleared(const json_t *answer, unsigned width, struct buf *out);

#endif
