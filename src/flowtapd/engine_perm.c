/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine_perm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "conf_allow.h"
#include "conf_perm.h"

#define GROUPS_MAX 256
#define NO_GID ((gid_t)-1)

#define AUDITORS "for auditors only: root, the group " AUDITOR_GROUP " and the permission audit"
#define OFFICERS "for warrant officers only: root and the group " OFFICER_GROUP

/* What each command takes; one that is not here nobody may give.  Why not is said without a word about what
 * somebody without rights need not know. */
static const struct {
	const char *words;
	uint32_t needs; /* all of them */
	const char *missing;
} commands[] = {
    {"configuration", CONF_PERM_READ, "permission denied"},
    {"system commit", CONF_PERM_READ, "permission denied"},
    {"commit", CONF_PERM_READ | CONF_PERM_CONFIGURE, "permission denied"},
    {"system alarms", CONF_PERM_VIEW, "permission denied"},
    {"clear services flow-tap statistics", CONF_PERM_FLOW_TAP | CONF_PERM_CLEAR, "permission denied"},
    {"clear system commit", CONF_PERM_READ | CONF_PERM_CONFIGURE, "permission denied"},
    {"configure", CONF_PERM_READ, "permission denied"},
    {"configure exclusive", CONF_PERM_READ | CONF_PERM_CONFIGURE, "permission denied"},
    {"request system configuration rescue save", CONF_PERM_READ | CONF_PERM_MAINTENANCE, "permission denied"},
    {"request system configuration rescue delete", CONF_PERM_READ | CONF_PERM_MAINTENANCE, "permission denied"},
    {"cli authorization", CONF_PERM_EVERYBODY, NULL},
    {"services flow-tap", CONF_PERM_EVERYBODY, NULL}, /* who lacks flow-tap is shown that it is there */
    {"services flow-tap statistics", CONF_PERM_FLOW_TAP, "permission denied"},
    {"services flow-tap sessions", CONF_PERM_FLOW_TAP, "permission denied"},
    {"services flow-tap content-destinations", CONF_PERM_FLOW_TAP, "permission denied"},
    {"services flow-tap events", CONF_PERM_FLOW_TAP, "permission denied"},
    {"audit export", CONF_PERM_AUDIT, AUDITORS},
    {"audit head", CONF_PERM_AUDIT, AUDITORS},
    {"warrant enter", CONF_PERM_OFFICER, OFFICERS},
    {"warrant approve", CONF_PERM_OFFICER, OFFICERS},
    {"warrant revoke", CONF_PERM_OFFICER, OFFICERS},
    {"warrant show", CONF_PERM_OFFICER, OFFICERS},
    {"request services flow-tap self-test", CONF_PERM_FLOW_TAP, "permission denied"},
    {"request services flow-tap rotate-keys", CONF_PERM_FLOW_TAP | CONF_PERM_MAINTENANCE, "permission denied"},
    {"login-failed", ENGINE_PERM_ROOT, "for root only"},
};

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
		perm = (perm | CONF_PERM_ALL | CONF_PERM_OFFICER | ENGINE_PERM_ROOT) & ~CONF_PERM_FLOW_TAP_OPERATION;
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

/* One that system login does not name was made by hand, and its agency is the permission. */
bool
engine_perm_dtcp(const struct engine *e, uint32_t uid)
{
	const struct engine_login *l = login_find(e, uid);

	return l == NULL || (l->perm & CONF_PERM_FLOW_TAP_OPERATION);
}

const struct conf_login *
engine_perm_conf(const struct engine *e, uint32_t uid)
{
	const struct engine_login *l = login_find(e, uid);

	return l ? l->conf : NULL;
}

/* ---- commands ---- */

/* As an operator types it: those that only show have no verb on the socket. */
static void
command_spell(const char *command, char *out, size_t size)
{
	static const char *const verbs[] = {"commit", "audit", "warrant", "request", "login-failed"};
	bool has_verb = false;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		has_verb |= strncmp(command, verbs[i], strlen(verbs[i])) == 0;
	snprintf(out, size, "%s%s", has_verb ? "" : "show ", command);
}

/* An expression gives nothing that no class can give: warrants, and what is root's. */
static bool
can_be_given(uint32_t needs)
{
	return (needs & ~(CONF_PERM_ALL | CONF_PERM_EVERYBODY)) == 0;
}

const char *
engine_perm_missing(const struct engine *e, uint32_t uid, const char *command, uint32_t perm)
{
	const struct conf_login *l = engine_perm_conf(e, uid);
	enum conf_allow said = CONF_ALLOW_UNSAID;
	char typed[128];

	command_spell(command, typed, sizeof typed);
	if (l && uid != 0)
		said = conf_allow_command(l->class, typed);
	if (said == CONF_ALLOW_NO)
		return "permission denied";
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(command, commands[i].words) == 0)
			return (commands[i].needs & ~perm) == 0 ||
				       (said == CONF_ALLOW_YES && can_be_given(commands[i].needs))
				   ? NULL
				   : commands[i].missing;
	return "permission denied";
}
