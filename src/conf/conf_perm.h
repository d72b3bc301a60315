/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_perm.h - who may see and change which part of a configuration.
 *
 * Rights are bits.  The schema says which one a branch asks for, and which ones a
 * permission of a login class gives; the daemon adds those of root and of its groups.
 * A discreet branch is one that nobody who may not see it hears of: for him neither
 * its statements nor their words exist.
 */
#ifndef CONF_CONF_PERM_H
#define CONF_CONF_PERM_H

#include "conf.h"

#define CONF_PERM_EVERYBODY (1u << 0)     /* whoever asks has it */
#define CONF_PERM_READ (1u << 1)          /* ask for the configuration and its history */
#define CONF_PERM_CONFIGURE (1u << 2)     /* commit */
#define CONF_PERM_LOGIN (1u << 3)         /* see system login */
#define CONF_PERM_LOGIN_CONTROL (1u << 4) /* change it */
#define CONF_PERM_PORTS_CONTROL (1u << 5) /* change chassis, class-of-service and interfaces, which everybody sees */
#define CONF_PERM_SECRET (1u << 6)        /* see password hashes */
#define CONF_PERM_MAINTENANCE (1u << 7)
#define CONF_PERM_FLOW_TAP (1u << 8)
#define CONF_PERM_FLOW_TAP_CONTROL (1u << 9)
#define CONF_PERM_FLOW_TAP_OPERATION (1u << 10)
#define CONF_PERM_AUDIT (1u << 11)
#define CONF_PERM_OFFICER (1u << 12) /* warrants: no class gives it */
#define CONF_PERM_VIEW (1u << 13)    /* see interfaces, routes, uptime, users and alarms of the router */
#define CONF_PERM_NETWORK (1u << 14) /* ping and traceroute */
#define CONF_PERM_CLEAR (1u << 15)   /* begin counting anew */
#define CONF_PERM_TRACE (1u << 16)   /* read logs */

/* What an operator of the router does beside its configuration. */
#define CONF_PERM_OPERATE (CONF_PERM_VIEW | CONF_PERM_NETWORK | CONF_PERM_CLEAR | CONF_PERM_TRACE)

/* What sees and changes all of a configuration. */
#define CONF_PERM_ALL_OF_IT                                                                                            \
	(CONF_PERM_EVERYBODY | CONF_PERM_READ | CONF_PERM_CONFIGURE | CONF_PERM_LOGIN | CONF_PERM_LOGIN_CONTROL |      \
	    CONF_PERM_PORTS_CONTROL | CONF_PERM_SECRET | CONF_PERM_FLOW_TAP | CONF_PERM_FLOW_TAP_CONTROL)
/* The permission "all": everything that classes give, but flow-tap-operation. */
#define CONF_PERM_ALL (CONF_PERM_ALL_OF_IT | CONF_PERM_OPERATE | CONF_PERM_MAINTENANCE | CONF_PERM_AUDIT)

/* What the user's class gives; CONF_PERM_EVERYBODY if the configuration has no such user. */
uint32_t conf_perm_of(const struct conf *c, const char *user);
/* The canonical text, as far as he may see it: what is discreet and not for him is left out like what is
 * merely not for him; secrets are "*".  -ENOMEM. */
int conf_perm_view(const struct conf *c, uint32_t perm, struct buf *out);
/*
 * What now becomes if he has it that way: text is a candidate made from his view, *next all of the
 * configuration, checked.  -EINVAL: it is wrong, -EPERM: he may not, each with *err, which tells nothing of
 * what he may not see; -ENOMEM.
 */
int conf_perm_judge(
    const struct conf *now, struct slice text, uint32_t perm, struct conf **next, struct conf_error *err);
/* Whether the expressions of the login's class permit what differs between now and next (conf_allow.h); who is no
 * login has none.  -EPERM with *err; -ENOMEM. */
int conf_perm_expressions(const struct conf *now, const struct conf *next, const char *login, struct conf_error *err);
const struct conf_login *conf_perm_login(const struct conf *c, const char *name); /* NULL: there is none */
/* Fills c->login.  0 or -ENOMEM. */
int conf_perm_logins(struct conf *c);

#endif
