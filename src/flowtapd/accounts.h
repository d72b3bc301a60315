/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accounts.h - the users of system login, on the system.
 *
 * A user that we made has ACCOUNTS_GROUP as his primary group, and a file of his name in the folder
 * ACCOUNTS_DIR beside the configuration, which is root's: his keys are in it, for our sshd.  Both together
 * are the mark; an account without it is never touched.
 *
 * accounts.c is the process that does it, by the system's own tools; parent_logins.c asks it to, in the words of
 * account.c.
 */
#ifndef FLOWTAPD_ACCOUNTS_H
#define FLOWTAPD_ACCOUNTS_H

#include "buf.h"

#define ACCOUNTS_DIR "logins"
#define ACCOUNTS_GROUP "flowtap-login"
#define ACCOUNTS_AGENCIES "flowtap-agency" /* who may log in to our sshd */
#define ACCOUNTS_NOT_OURS "system login user %s: there is such a user, whom no commit made"

enum accounts_phase {
	ACCOUNTS_CHECK,   /* is every name free, or one of ours? */
	ACCOUNTS_PREPARE, /* that, and who is missing is made, without any power */
	ACCOUNTS_APPLY,   /* everything as it is asked for; who is not asked for goes */
};

struct account {
	char name[33];
	bool operation;          /* may log in to our sshd */
	uint32_t uid;            /* 0: the next free one */
	struct slice full_name;  /* borrowed; "": none */
	struct slice hash, keys; /* borrowed; of shadow(5); lines of authorized_keys */
};

void account_put(struct buf *b, const struct account *a);
/* -EBADMSG, too, for what no configuration can say: a name that is none, a password that is more than one field of
 * shadow(5), a line of keys that is more than a key, a number that is somebody else's range. */
int account_get(struct account *a, struct rd *r);

struct account_list {
	struct account *v; /* owned: free(); sorted by name, none twice */
	uint32_t n;
};
/* u32 n, n accounts, and nothing behind them.  0; -EBADMSG, -ENOMEM: l->v is to be freed all the same. */
int account_list_get(struct account_list *l, struct rd *r);
bool account_is_listed(const struct account_list *l, const char *name);
#endif
