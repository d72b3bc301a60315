/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_ctl_limit.h - what operators' connections may hold: anybody on this machine can connect.
 *
 * Each user has a share, all but root together another; root has no limit of connections, and a share of text apart.  A
 * connection that gives no command is ended: its first one has seconds, what follows a minute, unless it is root's or
 * has the configuration for itself.
 */
#ifndef FLOWTAPD_ENGINE_CTL_LIMIT_H
#define FLOWTAPD_ENGINE_CTL_LIMIT_H

#include "engine_ctl.h"

int ctl_limit_start(struct engine *e);
/* A new one, of whom the uid is known: it is counted, or not and why. */
const char *ctl_limit_enter(struct ctl *c);
void ctl_limit_leave(struct ctl *c); /* once for each that was counted */
/* A connection was refused: in the log, at most once a minute. */
void ctl_limit_told(struct engine *e, uint32_t uid, const char *why);
/* So much more text of a command to come: NULL, or why not.  It, too, has its time. */
const char *ctl_limit_text(struct ctl *c, size_t len);
void ctl_limit_command(struct ctl *c); /* it gives a command, or one was answered: its time begins anew */

#endif
