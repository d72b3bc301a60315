/* SPDX-License-Identifier: BSD-2-Clause */
/* engine_peer.h - where a session comes from and how its login was proved, by what root saw (connection.h). */
#ifndef FLOWTAPD_ENGINE_PEER_H
#define FLOWTAPD_ENGINE_PEER_H

#include "engine.h"

#define ENGINE_PEER_UNPROVEN "unproven" /* auth of a session of which nobody but itself tells anything */

/*
 * A session begins at this socket: fills in its peer and auth from the file of its connection.  0; -ENOENT: no
 * connection of our sshd that is still there is known for it; -EPERM: it is another user's.  Then they say that they
 * are unproven.
 */
int engine_peer_look(struct session *s, int fd);
/* To be called every second or two: ends the sessions whose connections are over, though their processes are not. Twice
 * a connection has to be missing: a session that ends as usual is not hurried. */
void engine_peer_watch(struct engine *e);
/* Whether what a session says of itself differs from what root saw; what it does not say does not. */
bool engine_peer_differs(const struct session *s, const struct ipc_hello *hello);

#endif
