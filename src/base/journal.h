/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.h - events with fields of their own, for systemd's journal: its native protocol, datagrams
 * of KEY=VALUE lines, which is documented and stable.  Ours for the same reason as notify.h.
 */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include "buf.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal {
	int fd;           /* -1: it could not be made */
	const char *path; /* borrowed */
};

struct journal_field {
	const char *key; /* capitals, digits, underscores; NULL ends a list */
	const char *value;
};

/* One field, any bytes but NUL in its value. */
void journal_put(struct buf *b, const char *key, const char *value);

/* Makes the socket only, so that a process that is confined later can send.  0 or -errno. */
int journal_open(struct journal *j, const char *path);
void journal_close(struct journal *j);

/* One entry.  Waits for nobody: -EAGAIN; -ENOENT, -ECONNREFUSED: there is no journal; -errno. */
int journal_send(const struct journal *j, const struct journal_field *fields);

#endif
