/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: parent_names_ */
#include "parent_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"

#define NOBODY_YET(i) (UINT32_MAX - 1 - (i)) /* a number for a login that a check must not make */

/* What is asked before the users of a configuration. */
enum { OF_AUDITORS, OF_OFFICERS, OF_LOGINS, OF_ASKER, OF_USERS };

static const char *const group_names[] = {
    [OF_AUDITORS] = DAEMON_GROUP_AUDITORS, [OF_OFFICERS] = DAEMON_GROUP_OFFICERS, [OF_LOGINS] = ACCOUNTS_GROUP};

/* The agencies' users, then those of system login. */
static const char *
user_name(const struct conf *conf, uint32_t i)
{
	return i < conf->nagency ? conf->agency[i].user : conf->login[i - conf->nagency].name;
}

int
parent_names_question(const struct conf *conf, uint32_t asker, struct buf *out)
{
	struct ipc_names q = {.n = OF_USERS + conf->nagency + conf->nlogin};
	cleanup_free struct ipc_name *v = calloc(q.n, sizeof *v);

	if (v == NULL)
		return -ENOMEM;
	q.v = v;
	for (uint32_t i = 0; i < ARRAY_LEN(group_names); i++) {
		v[i].kind = IPC_NAME_GROUP;
		snprintf(v[i].name, sizeof v->name, "%s", group_names[i]);
	}
	v[OF_ASKER] = (struct ipc_name){.kind = IPC_NAME_USER_NUMBER, .number = asker};
	for (uint32_t i = 0; i + OF_USERS < q.n; i++) {
		v[OF_USERS + i].kind = IPC_NAME_USER;
		snprintf(v[OF_USERS + i].name, sizeof v->name, "%s", user_name(conf, i));
	}
	ipc_names_put(out, &q);
	return out->err;
}

void
parent_names_asker(const struct ipc_named *a, uint32_t asker, char *out, size_t size)
{
	if (a->n > OF_ASKER && a->v[OF_ASKER].err == 0 && a->v[OF_ASKER].name[0])
		snprintf(out, size, "%s", a->v[OF_ASKER].name);
	else
		snprintf(out, size, "%u", asker);
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

/* Somebody else's account of the same name is no login, and root is nobody's. */
static uint32_t
number_of(const struct conf *conf, const struct ipc_named *a, uint32_t i, bool check)
{
	const struct ipc_name_found *f = &a->v[OF_USERS + i], *g = &a->v[OF_LOGINS];

	if (f->err)
		return absent(conf, user_name(conf, i), check);
	return i < conf->nagency || (g->err == 0 && f->group == g->number) ? f->number : 0;
}

static bool
is_failed(const struct ipc_name_found *f)
{
	return f->err && f->err != ENOENT;
}

/* Of an agency that has no user, or of whom or what could not be looked up; q: its place in the question. */
static void
lacks(const struct conf *conf, uint32_t q, const struct ipc_name_found *f, char *why, size_t size)
{
	const struct conf_agency *agency = q - OF_USERS < conf->nagency ? &conf->agency[q - OF_USERS] : NULL;
	const char *what = f->err == 0 ? "root can't be an agency's user" : "no such system user";

	if (agency && is_failed(f))
		snprintf(why, size, "agency %s: its system user can't be looked up: %s", agency->name,
		    strerror((int)f->err));
	else if (agency && f->err && strcmp(agency->name, agency->user) != 0)
		snprintf(why, size, "agency %s: %s %s", agency->name, what, agency->user);
	else if (agency)
		snprintf(why, size, "agency %s: %s", agency->name, what);
	else
		snprintf(why, size, "%s %s can't be looked up: %s", q >= OF_USERS ? "login" : "group",
		    q >= OF_USERS ? user_name(conf, q - OF_USERS) : group_names[q], strerror((int)f->err));
}

static uint32_t
group_of(const struct ipc_name_found *f)
{
	return f->err ? UINT32_MAX : f->number;
}

/* Without an answer nobody has a number. */
static void
numbers_fill(const struct conf *conf, const struct ipc_named *a, bool check, struct parent_numbers *out)
{
	const uint32_t n = conf->nagency + conf->nlogin;

	for (uint32_t i = 0; i < n && a->n; i++)
		out->uid[i] = number_of(conf, a, i, check);
	out->uid[n + DAEMON_NUMBER_AUDITORS] = a->n ? group_of(&a->v[OF_AUDITORS]) : UINT32_MAX;
	out->uid[n + DAEMON_NUMBER_OFFICERS] = a->n ? group_of(&a->v[OF_OFFICERS]) : UINT32_MAX;
	out->uid[n + DAEMON_NUMBER_LOGINS] = a->n ? group_of(&a->v[OF_LOGINS]) : UINT32_MAX;
}

struct holder {
	uint32_t uid, i; /* of which agency */
};

static int
by_uid(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	return x->uid != y->uid ? (x->uid > y->uid ? 1 : -1) : (x->i > y->i) - (x->i < y->i);
}

/* A session is known by its user's number: of agencies whose users have one number nobody can tell which is meant, so
 * none of them has it.  (Two that name one user are no configuration; but two names may be one user, and the user table
 * changes without us.) */
static int
shared_take(const struct conf *conf, struct parent_numbers *out)
{
	cleanup_free struct holder *v = calloc((size_t)conf->nagency + 1, sizeof *v);
	uint32_t n = 0;

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < conf->nagency; i++)
		if (out->uid[i])
			v[n++] = (struct holder){out->uid[i], i};
	qsort(v, n, sizeof *v, by_uid);
	for (uint32_t i = 1, last = UINT32_MAX; i < n; i++) {
		if (v[i].uid != v[i - 1].uid)
			continue;
		if (out->shared == 0)
			snprintf(out->why_shared, sizeof out->why_shared,
			    "agencies %s and %s: their system users have one number, %u", conf->agency[v[i - 1].i].name,
			    conf->agency[v[i].i].name, (unsigned)v[i].uid);
		out->shared += last == i - 1 ? 1 : 2;
		last = i;
		out->uid[v[i - 1].i] = out->uid[v[i].i] = 0;
	}
	return 0;
}

/* Users come before the groups. */
static void
lacking_count(const struct conf *conf, const struct ipc_named *a, struct parent_numbers *out)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const uint32_t q = (i + OF_USERS) % a->n;
		const bool agency = q - OF_USERS < conf->nagency, failed = q != OF_ASKER && is_failed(&a->v[q]);

		out->failed = out->failed || failed;
		if ((failed || (agency && out->uid[q - OF_USERS] == 0)) && out->lacking++ == 0)
			lacks(conf, q, &a->v[q], out->why, sizeof out->why);
	}
}

/* Whoever it belongs to may come from a service that the user files know nothing of. */
static void
taken_find(const struct conf *conf, const struct ipc_named *a, struct parent_numbers *out)
{
	for (uint32_t i = conf->nagency; a->n && i < conf->nagency + conf->nlogin && !out->taken[0]; i++)
		if (a->v[OF_USERS + i].err == 0 && a->v[OF_LOGINS].err == 0 && number_of(conf, a, i, false) == 0)
			snprintf(out->taken, sizeof out->taken, ACCOUNTS_NOT_OURS, user_name(conf, i));
}

int
parent_names_resolve(const struct conf *conf, const struct ipc_named *a, bool check, struct parent_numbers *out)
{
	const uint32_t n = conf->nagency + conf->nlogin;
	int r;

	if (a->n && a->n != OF_USERS + n)
		return -EPROTO;
	*out = (struct parent_numbers){.n = n + DAEMON_NUMBERS, .uid = calloc(n + DAEMON_NUMBERS, sizeof *out->uid)};
	if (out->uid == NULL)
		return -ENOMEM;
	numbers_fill(conf, a, check, out);
	lacking_count(conf, a, out);
	taken_find(conf, a, out);
	if ((r = shared_take(conf, out)) < 0) {
		free(TAKE_PTR(out->uid));
		return r;
	}
	out->lacking += out->shared;
	if (a->n == 0) {
		out->failed = true;
		out->lacking = n + ARRAY_LEN(group_names);
		snprintf(out->why, sizeof out->why, "users can't be looked up: %s", a->why);
	}
	return 0;
}
