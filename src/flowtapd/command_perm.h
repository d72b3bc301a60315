/* SPDX-License-Identifier: BSD-2-Clause */
/* command_perm.h - what each command of the control socket takes, and what a class's expressions say of it.  Pure. */
#ifndef FLOWTAPD_COMMAND_PERM_H
#define FLOWTAPD_COMMAND_PERM_H

#include "conf.h"

#define COMMAND_PERM_ROOT (1u << 31) /* root itself; see conf_perm.h for the others */
#define COMMAND_PERM_TYPED_MAX 128

/* NULL, or why who has these rights may not give that command.  class: whose expressions have their say, NULL: none.
 * They have none in "cli authorization", by which a shell learns the rights and the idle-timeout of its user. */
const char *command_perm_missing(const struct conf_node *class, const char *command, uint32_t perm);
/* The command as an operator types it, which is what expressions are matched with: those that only show have no verb on
 * the socket.  Without its arguments: they may hold any text, such as a comment, that an expression would match. */
void command_perm_spell(const char *command, char out[static COMMAND_PERM_TYPED_MAX]);
/* The i-th command; NULL: there are no more. */
const char *command_perm_words(size_t i);

#endif
