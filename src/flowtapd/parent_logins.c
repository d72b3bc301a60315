/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The users of system login that a configuration speaks of, which another process makes (accounts.c).
 *
 * exports: parent_logins_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "conf_perm.h"
#include "conf_tree.h"
#include "parent_int.h"

/* ---- to the accounts ---- */

bool
parent_logins_matter(const struct parent *p)
{
	return p->conf->nlogin || p->next->nlogin || p->conf->ssh_legacy || p->next->ssh_legacy;
}

static const char *
hash_of(const struct conf_node *authentication)
{
	const struct conf_node *hash = conf_tree_find(authentication, "encrypted-password");

	return hash ? hash->word[0].text : "*";
}

static void
keys_put(struct buf *b, const struct conf_node *authentication)
{
	const struct conf_node *n;

	if (authentication)
		TAILQ_FOREACH (n, &authentication->child, entry)
			if (!n->inactive && strncmp(n->row->name, "ssh-", 4) == 0)
				buf_printf(b, "%s\n", n->word[0].text);
}

static int
login_put(struct buf *b, const struct conf_login *l)
{
	const struct conf_node *authentication = conf_tree_find(l->node, "authentication");
	const char *hash = hash_of(authentication);
	struct account a = {.operation = l->perm & CONF_PERM_FLOW_TAP_OPERATION, .hash = {hash, strlen(hash)}};
	const struct conf_node *full_name = conf_tree_find(l->node, "full-name"), *uid = conf_tree_find(l->node, "uid");
	cleanup_buf struct buf keys = {0};

	if (full_name)
		a.full_name = (struct slice){full_name->word[0].text, strlen(full_name->word[0].text)};
	if (uid)
		a.uid = (uint32_t)strtoul(uid->word[0].text, NULL, 10);
	snprintf(a.name, sizeof a.name, "%s", l->name);
	keys_put(&keys, authentication);
	a.keys = (struct slice){(const char *)keys.p, keys.len};
	account_put(b, &a);
	return keys.err ? keys.err : b->err;
}

int
parent_logins_ask(struct parent *p, const struct conf *conf, int phase)
{
	cleanup_buf struct buf b = {0};
	int r = 0;

	buf_put_u8(&b, (uint8_t)phase);
	buf_put_u8(&b, conf->ssh_legacy);
	buf_put_u32(&b, conf->nlogin);
	for (uint32_t i = 0; r == 0 && i < conf->nlogin; i++)
		r = login_put(&b, &conf->login[i]);
	p->child[ACCOUNTS].answered = false;
	return r < 0 ? r : parent_send(p, ACCOUNTS, IPC_P_LOGINS, &b);
}
