/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_numbers.h - the numbers by which the engine knows an agency's user, a login, a group.
 *
 * They come with a configuration, and alone (IPC_P_NUMBERS) when the user table has changed.  That is no commit: the
 * configuration, its history, a wait for confirmation and the candidates of operators are as before.
 *
 * Invariants:
 *  1. Whoever has lost a number has lost what it permitted before anything is written, so a full disk keeps nobody in.
 *  2. What belongs to an agency (its share of the record, its rate limit) stays the agency's, whatever number its user
 *     has.
 */
#ifndef FLOWTAPD_ENGINE_NUMBERS_H
#define FLOWTAPD_ENGINE_NUMBERS_H

#include "engine.h"

/* IPC_P_NUMBERS's body.  -EBADMSG: not those of the configuration in force; -EPROTO: not now, a change is under way;
 * -EEXIST: one number for two agencies; -ENOMEM.  Nothing has changed then. */
int engine_numbers(struct engine *e, const uint8_t *body, size_t len);
/* Sessions move to v, the agencies from now on; those whose agency has gone or has another number are ended. */
void engine_numbers_rebind(struct engine *e, struct agency **v, uint32_t n);
/* Ends the sessions of logins that have lost the permission. */
void engine_numbers_forbid(struct engine *e);

#endif
