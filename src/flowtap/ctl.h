/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl.h - the daemon's control socket, and how this program ends. */
#ifndef FLOWTAP_CTL_H
#define FLOWTAP_CTL_H

#include "ipc.h"

enum exit_code { EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_NOT_AUTHORISED, EXIT_NO_OBJECT, EXIT_TRANSPORT };

/* Connects and sends the command, and what goes with it.  The socket, or -1 after a message to the user: then *code
 * is the exit code. */
int ctl_ask(const char *path, const char *words, struct slice text, int *code);
/* One more command on a connection that is open.  -errno after a message to the user. */
int ctl_ask_again(int fd, const char *words, struct slice text);
/* The same, and the answer; the message's type, or -errno, without a word to the user. */
int ctl_try(const char *path, const char *words, struct buf *body);
/* The next message: IPC_C_*.  -1 after a message to the user. */
int ctl_read(int fd, struct buf *body);
/* Prints the daemon's IPC_C_ERROR; the exit code in it, never EXIT_OK. */
int ctl_error(const struct buf *body);
/* What came is no answer: says so.  EXIT_TRANSPORT. */
int ctl_nonsense(void);

#endif
