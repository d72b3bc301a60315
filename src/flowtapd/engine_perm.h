/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_perm.h - what the peer of a control socket may do.
 *
 * Who it is the kernel says.  Root may do everything but speak DTCP; a user of system login what the class
 * gives; and members of our groups, beside that, what these are for.
 */
#ifndef FLOWTAPD_ENGINE_PERM_H
#define FLOWTAPD_ENGINE_PERM_H

#include "engine.h"

/* The logins of e->conf become those in force. */
int engine_perm_update(struct engine *e);
/* CONF_PERM_... that come from the groups that the peer was in when it connected, by their numbers as they are now. */
uint32_t engine_perm_of_groups(const struct engine *e, int fd);
/* All that uid has now. */
uint32_t engine_perm_of(const struct engine *e, uint32_t uid, uint32_t of_groups);
/* The name in system login; NULL: none. */
const char *engine_perm_login(const struct engine *e, uint32_t uid);
/* The same, or "root", or "user number N" in room: look-ups in the system are not for this process. */
const char *engine_perm_user(const struct engine *e, uint32_t uid, char room[static 32]);
/* Whether a user who is an agency's may speak DTCP; gid: his primary group, which says whether a commit has made him.
 */
bool engine_perm_dtcp(const struct engine *e, uint32_t uid, gid_t gid);

/* NULL, or why a peer with these rights may not give that command of the control socket; the expressions of its
 * class have their say. */
const char *engine_perm_missing(const struct engine *e, uint32_t uid, const char *command, uint32_t perm);
/* The login itself; NULL: none. */
const struct conf_login *engine_perm_conf(const struct engine *e, uint32_t uid);

#endif
