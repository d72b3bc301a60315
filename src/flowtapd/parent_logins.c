/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The users that a configuration speaks of: those of system login, which another process
 * makes (accounts.c), and the agencies', which may be among them.
 *
 * exports: parent_logins_ */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "conf_perm.h"
#include "conf_tree.h"
#include "parent_int.h"

#define WALK_USERS 64                        /* from here on all users are read at once */
#define NOBODY_YET(i) (UINT32_MAX - 1 - (i)) /* a number for a login that a check must not make */

/* ---- to the accounts ---- */

bool
parent_logins_matter(const struct parent *p)
{
	return p->conf->nlogin || p->next->nlogin;
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
	cleanup_buf struct buf keys = {0};

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
	buf_put_u32(&b, conf->nlogin);
	for (uint32_t i = 0; r == 0 && i < conf->nlogin; i++)
		r = login_put(&b, &conf->login[i]);
	p->child[ACCOUNTS].answered = false;
	return r < 0 ? r : parent_send(p, ACCOUNTS, IPC_P_LOGINS, &b);
}

/* ---- user numbers ---- */

struct user {
	const char *name;
	uint32_t i; /* which of conf's users it is */
};

struct users {
	const struct conf *conf;
	uint32_t *uid, n;
	gid_t made; /* the group of those we made; -1: there is none */
};

/* The agencies' users, then those of system login. */
static const char *
user_name(const struct conf *conf, uint32_t i)
{
	return i < conf->nagency ? conf->agency[i].user : conf->login[i - conf->nagency].name;
}

static int
by_user(const void *a, const void *b)
{
	return strcmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

/* Somebody else's account of the same name is no login. */
static void
user_set(struct users *u, uint32_t i, const struct passwd *pw)
{
	if (u->uid[i] == 0 && (i < u->conf->nagency || pw->pw_gid == u->made))
		u->uid[i] = pw->pw_uid;
}

/* Looking up a user reads the file up to his line, so that for many it is read once.  A table that can't be
 * walked through leaves zeros; of a name that is there twice the first counts, as for getpwnam. */
static int
users_walk(struct users *u)
{
	cleanup_free struct user *v = calloc(u->n, sizeof *v);
	const struct passwd *pw;

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < u->n; i++)
		v[i] = (struct user){user_name(u->conf, i), i};
	qsort(v, u->n, sizeof *v, by_user);
	setpwent();
	while ((pw = getpwent()) != NULL) {
		const struct user *hit = bsearch(&(struct user){pw->pw_name, 0}, v, u->n, sizeof *v, by_user);

		while (hit && hit > v && strcmp(hit[-1].name, pw->pw_name) == 0)
			hit--;
		for (; hit && hit < v + u->n && strcmp(hit->name, pw->pw_name) == 0; hit++)
			user_set(u, hit->i, pw);
	}
	endpwent();
	return 0;
}

static int
by_login(const void *a, const void *b)
{
	return strcmp(((const struct conf_login *)a)->name, ((const struct conf_login *)b)->name);
}

/* The number that stands for a login that is not there: 0, or in a check one for each name. */
static uint32_t
absent(const struct conf *conf, const char *name, bool check)
{
	const struct conf_login *l;

	if (!check || conf->nlogin == 0)
		return 0;
	l = bsearch(&(struct conf_login){.name = name}, conf->login, conf->nlogin, sizeof *l, by_login);
	return l ? NOBODY_YET((uint32_t)(l - conf->login)) : 0;
}

static int
users_find(struct users *u, bool check, char *why, size_t size)
{
	for (uint32_t i = 0; i < u->n; i++) {
		const struct passwd *pw = u->uid[i] ? NULL : getpwnam(user_name(u->conf, i));

		if (pw)
			user_set(u, i, pw);
		else if (u->uid[i] == 0)
			u->uid[i] = absent(u->conf, user_name(u->conf, i), check);
		if (u->uid[i] == 0 && i < u->conf->nagency) {
			snprintf(why, size, "agency %s: %s", u->conf->agency[i].name,
			    pw ? "root can't be an agency's user" : "no such system user");
			return -ENOENT;
		}
	}
	return 0;
}

int
parent_logins_resolve(const struct conf *conf, bool check, uint32_t **out, char *why, size_t size)
{
	const struct group *g = conf->nlogin ? getgrnam(ACCOUNTS_GROUP) : NULL;
	struct users u = {.conf = conf, .n = conf->nagency + conf->nlogin, .made = g ? g->gr_gid : (gid_t)-1};
	cleanup_free uint32_t *uid = calloc((size_t)u.n + 1, sizeof *uid);
	int r;

	snprintf(why, size, "the user table can't be read");
	if (uid == NULL)
		return -ENOMEM;
	u.uid = uid;
	if (u.n > WALK_USERS && (r = users_walk(&u)) < 0)
		return r;
	if ((r = users_find(&u, check, why, size)) == 0)
		*out = TAKE_PTR(uid);
	return r;
}
