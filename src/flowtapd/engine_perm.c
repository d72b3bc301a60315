/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine_perm.h"

#include <errno.h>
#include <sys/socket.h>

#include "command_perm.h"
#include "conf_perm.h"

#define GROUPS_MAX 256
#define NO_GID ((gid_t)-1)

/* ---- groups ---- */

/* An operator is in the daemon's own group; an auditor is not an operator, nor the other way round. */
static uint32_t
group_perm(const struct engine *e, gid_t gid)
{
	uint32_t perm = 0;

	if (gid == NO_GID)
		return 0;
	if (gid == e->gid)
		perm |= CONF_PERM_ALL_OF_IT | CONF_PERM_OPERATE;
	if (gid == e->auditor_gid)
		perm |= CONF_PERM_AUDIT;
	if (gid == e->officer_gid)
		perm |= CONF_PERM_OFFICER;
	return perm;
}

uint32_t
engine_perm_of_groups(const struct engine *e, int fd)
{
	gid_t groups[GROUPS_MAX];
	struct ucred cred;
	socklen_t len = sizeof cred;
	uint32_t perm;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return 0;
	perm = group_perm(e, cred.gid);
	len = sizeof groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return perm;
	for (size_t i = 0; i < len / sizeof *groups; i++)
		perm |= group_perm(e, groups[i]);
	return perm;
}

/* ---- logins ---- */

static int
by_uid(const void *a, const void *b)
{
	const struct engine_login *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

/* A login that is no user of the system has no number, so nobody is it. */
int
engine_perm_update(struct engine *e)
{
	const uint32_t *uid = e->uid + e->conf->nagency;
	struct engine_login *v = calloc(e->conf->nlogin + 1, sizeof *v);
	uint32_t n = 0;

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->conf->nlogin; i++)
		if (uid[i] != 0)
			v[n++] = (struct engine_login){uid[i], e->conf->login[i].perm, &e->conf->login[i]};
	qsort(v, n, sizeof *v, by_uid);
	e->gid = getgid();
	e->auditor_gid = uid[e->conf->nlogin + DAEMON_NUMBER_AUDITORS];
	e->officer_gid = uid[e->conf->nlogin + DAEMON_NUMBER_OFFICERS];
	e->login_gid = uid[e->conf->nlogin + DAEMON_NUMBER_LOGINS];
	free(e->login);
	e->login = v;
	e->nlogin = n;
	return 0;
}

static const struct engine_login *
login_find(const struct engine *e, uint32_t uid)
{
	return e->nlogin ? bsearch(&(struct engine_login){.uid = uid}, e->login, e->nlogin, sizeof *e->login, by_uid)
			 : NULL;
}

uint32_t
engine_perm_of(const struct engine *e, uint32_t uid, uint32_t of_groups)
{
	const struct engine_login *l = login_find(e, uid);
	uint32_t perm = of_groups | CONF_PERM_EVERYBODY | (l ? l->perm : 0);

	if (uid == 0)
		perm = (perm | CONF_PERM_ALL | CONF_PERM_OFFICER | COMMAND_PERM_ROOT) & ~CONF_PERM_FLOW_TAP_OPERATION;
	return perm;
}

const char *
engine_perm_login(const struct engine *e, uint32_t uid)
{
	const struct engine_login *l = login_find(e, uid);

	return l ? l->conf->name : NULL;
}

const char *
engine_perm_user(const struct engine *e, uint32_t uid, char room[static 32])
{
	const char *name = engine_perm_login(e, uid);

	if (name)
		return name;
	snprintf(room, 32, uid ? "user number %u" : "root", uid);
	return room;
}

/* One that system login does not name was made by hand, and its agency is the permission; or a commit has made it and
 * another removed it, and it is there still because its connection is. */
bool
engine_perm_dtcp(const struct engine *e, uint32_t uid, gid_t gid)
{
	const struct engine_login *l = login_find(e, uid);

	return l ? l->perm & CONF_PERM_FLOW_TAP_OPERATION : gid == NO_GID || gid != e->login_gid;
}

const struct conf_login *
engine_perm_conf(const struct engine *e, uint32_t uid)
{
	const struct engine_login *l = login_find(e, uid);

	return l ? l->conf : NULL;
}

/* ---- commands ---- */

const char *
engine_perm_missing(const struct engine *e, uint32_t uid, const char *command, uint32_t perm)
{
	const struct conf_login *l = uid ? engine_perm_conf(e, uid) : NULL;

	return command_perm_missing(l ? l->class : NULL, command, perm);
}
