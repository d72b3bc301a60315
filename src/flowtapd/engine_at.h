/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_at.h - `commit at': a commit that waits for its time, on disk, so that it outlives the daemon.
 *
 * There is one at most.  When it is due it is a commit like any other of the same user, with what system login gives
 * them then: nobody is there whose groups could be asked for.  It is refused if another configuration is in force than
 * when it was asked for, its author's number is another login's, or somebody holds the lock.
 */
#ifndef FLOWTAPD_ENGINE_AT_H
#define FLOWTAPD_ENGINE_AT_H

#include "engine_ctl.h"

int engine_at_start(struct engine *e);
void engine_at_look(struct engine *e);                         /* at the clock, which was set */
uint32_t engine_at_perm(const struct engine *e, uint32_t uid); /* CONF_PERM_... that count for it */
/* For "commit at SECONDS ...": keeps it, and answers. */
int ctl_commit_at(struct ctl *c, const struct config_ask *ask, uint64_t due_s, struct slice text);
int ctl_clear_commit(struct ctl *c, const char *args, struct slice text);
/* {"time", "user", "comment"} of the one that waits, NULL: none does. */
json_t *ctl_at_json(const struct ctl *c);

#endif
