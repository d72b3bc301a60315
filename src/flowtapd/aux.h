/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aux.h - a service of its own for what talks to the world: it makes the TCP socket that metrics are read
 * from, runs the alarm hook, and says what the kernel knows of the clock's error.  So the daemon's own unit
 * can be denied all Internet sockets, and the clock.  Where that service is not, the daemon does without it.
 *
 * The service manager listens at AUX_SOCKET for it; the daemon's parent connects as root, sends IPC_P_AUX
 * and the engine's channel, gets IPC_P_READY and the socket, if one was asked for.
 */
#ifndef FLOWTAPD_AUX_H
#define FLOWTAPD_AUX_H

#include "ipc.h"

#define AUX_SOCKET "aux.sock" /* in the run directory */
#define AUX_WAIT_MS 20000

/* The parent's part.  engine: the hook's end of its channel, which stays the caller's.  *sock: connected, for
 * ever; *tcp: -1 or listening.  -ENOENT: there is no such service.  why: what is wrong with the socket, or "". */
int aux_ask(const char *run_dir, const struct ipc_aux *t, int engine, int *sock, int *tcp, char *why, size_t size);

/* The service itself: its exit code. */
int aux_main(int verbose);

#endif
