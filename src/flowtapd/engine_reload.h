/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_reload.h - the configuration's file is read again because root asked for it and waits for the outcome, as
 * `systemctl reload' does.  The parent reads the file; the engine only hands question and answer on.
 */
#ifndef FLOWTAPD_ENGINE_RELOAD_H
#define FLOWTAPD_ENGINE_RELOAD_H

#include "engine_ctl.h"

/* Asks the parent; answered when the configuration is in force, or is not to be. */
int ctl_reload(struct ctl *c, const char *args, struct slice text);
/* IPC_P_RELOADED, the parent's answer.  -EBADMSG: it is none, or nobody asked. */
int engine_reload_done(struct engine *e, const uint8_t *body, size_t len);

#endif
