/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_allow.h - what a class's regular expressions say beside its permissions, in the one place where that is
 * decided.
 *
 * As on Junos they are POSIX extended, without regard to case, and match anywhere unless anchored; what both allow
 * and deny is decided by the longer match, and a tie allows.  Two things are ours.  allow-configuration gives back
 * what deny-configuration takes, and nothing that the permissions do not give: who may not see flow-tap is not to
 * learn of it by an expression.  And whoever changes a class that has an allow-commands needs every permission
 * that a class can give, since the expression can (conf_perm.c).
 */
#ifndef CONF_CONF_ALLOW_H
#define CONF_CONF_ALLOW_H

#include "conf.h"

#define CONF_REGEX_MAX 512
#define CONF_ALLOW_PATH_MAX 1024

enum conf_allow { CONF_ALLOW_UNSAID, CONF_ALLOW_YES, CONF_ALLOW_NO };

/* Whether it can be compiled, and asks for no memory out of proportion: no back reference, no interval over 64, and at
 * most two intervals and + behind groups and repetitions together. */
bool conf_allow_regex_ok(struct slice s);
/* class: a login class, or NULL; command: full words, as "show services flow-tap".  An expression that can't be
 * compiled for want of memory denies. */
enum conf_allow conf_allow_command(const struct conf_node *class, const char *command);
/* The class's expressions for statements, compiled once for many of them. */
struct conf_allow_paths;
int conf_allow_paths_new(const struct conf_node *class, struct conf_allow_paths **out); /* -ENOMEM */
void conf_allow_paths_free(struct conf_allow_paths *x);                                 /* NULL is legal */
/* path: of a statement, as "services flow-tap agency lea1 maximum-sessions".  One of more than CONF_ALLOW_PATH_MAX
 * octets is denied, and so is all that follows if many take too long. */
enum conf_allow conf_allow_configuration(struct conf_allow_paths *x, const char *path);
/* Whether the class has an expression that gives more than its permissions. */
bool conf_allow_gives(const struct conf_node *class);

#endif
