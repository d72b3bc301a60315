/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_lock.h - `configure exclusive': one operator's connection holds the configuration, and while it is open
 * nobody else's commit is taken.  It ends with the connection, however that ends.  What takes back a commit that
 * nobody confirmed, and a file that root has changed, ask for no lock.
 */
#ifndef FLOWTAPD_ENGINE_LOCK_H
#define FLOWTAPD_ENGINE_LOCK_H

#include "engine_ctl.h"

/* Takes it for the connection, or tells who has it. */
int ctl_lock(struct ctl *c, const char *args, struct slice text);
/* Who has it: {} or {"user", "pid", "since"}. */
int ctl_show_lock(struct ctl *c, const char *args, struct slice text);
/* Whether somebody else has it; c NULL: anybody.  why: in words. */
bool engine_lock_is_others(const struct engine *e, const struct ctl *c, char why[static 128]);
void engine_lock_drop(const struct ctl *c); /* if it has it */

#endif
