/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.h - telling a service manager how we are: the datagrams of sd_notify(3), which are
 * fixed for good.  Ours and not libsystemd's, which would bring five libraries for compression
 * and cryptography into a process of root's for the sake of one sendto().
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;               /* -1: nobody wants to know */
	uint64_t watchdog_us; /* we have to be heard of at least as often; 0: we need not */
};

/* What the environment asks for, which is cleared of it: children shall not speak for us.
 * 0 or -errno; the descriptor is closed by whoever ends the process. */
int notify_open(struct notify *n);
/* One or more of sd_notify(3)'s assignments, lines without the last one's end: "READY=1".  Waits for nobody. */
void notify_send(const struct notify *n, const char *text);
/* A new configuration is being read; READY=1 ends it. */
void notify_reloading(const struct notify *n);

#endif
