/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_numbers */
#include "engine_numbers.h"

#include <errno.h>
#include <stdio.h>

#include "conf.h"
#include "engine_perm.h"
#include "engine_share.h"
#include "ipc_names.h"
#include "log.h"

/* ---- sessions ---- */

static bool
is_same(const struct agency *now, const struct agency *was)
{
	return now && now->uid == was->uid;
}

/* Neither a commit nor a new number is a way to get more of them. */
static void
hand_on(struct agency *to, struct agency *was)
{
	to->knocks = was->knocks;
	to->lies = was->lies;
	to->starts = TAKE_PTR(was->starts);
	was->share.extra = to->share.extra;
	to->share = was->share;
}

void
engine_numbers_rebind(struct engine *e, struct agency **v, uint32_t n)
{
	struct session *s, *next;

	for (s = TAILQ_FIRST(&e->sessions); s; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (!is_same(agency_named(v, n, s->agency->name), s->agency))
			session_free(s);
	}
	engine_share_sessions_tell(e, true);
	for (uint32_t i = 0; i < n; i++) {
		struct agency *was = agency_named(e->agency, e->nagency, v[i]->name);

		if (was)
			hand_on(v[i], was);
	}
	TAILQ_FOREACH (s, &e->sessions, entry) {
		s->agency = agency_named(v, n, s->agency->name);
		s->agency->sessions++;
	}
	e->busy = 0;
	for (uint32_t i = 0; i < n; i++)
		e->busy += v[i]->sessions > 0;
}

void
engine_numbers_forbid(struct engine *e)
{
	struct session *s, *next;

	for (s = TAILQ_FIRST(&e->sessions); s; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (!engine_perm_dtcp(e, s->agency->uid, s->gid))
			session_free(s);
	}
}

/* ---- what is told of it ---- */

/* "number 12", or that there is none. */
static const char *
number_say(char room[static 32], uint32_t number, uint32_t none)
{
	if (number == none)
		return "none";
	snprintf(room, 32, "number %u", (unsigned)number);
	return room;
}

/* One that changed from was to now. */
static void
tell(struct engine *e, const char *agency, const char *what, const uint32_t was_now[2], uint32_t none)
{
	char reason[192], a[32], b[32];

	snprintf(reason, sizeof reason, "%s: %s, was %s", what, number_say(a, was_now[1], none),
	    number_say(b, was_now[0], none));
	engine_audit_happened(e, &(struct audit_event){.kind = "number", .agency = agency, .reason = reason});
	if (!engine_event(e, ENGINE_NOTICE, EVENT_NUMBERS, "%s%s%s%s", agency ? "agency " : "", agency ? agency : "",
		agency ? ": " : "", reason))
		log_info("%s%s%s%s", agency ? "agency " : "", agency ? agency : "", agency ? ": " : "", reason);
}

static void
tell_group(struct engine *e, const char *name, const uint32_t was_now[2])
{
	char what[64];

	snprintf(what, sizeof what, "group %s", name);
	if (was_now[0] != was_now[1])
		tell(e, NULL, what, was_now, UINT32_MAX);
}

/* Between the former numbers and those in force. */
static void
tell_all(struct engine *e, const uint32_t *was)
{
	static const char *const groups[DAEMON_NUMBERS] = {
	    [DAEMON_NUMBER_AUDITORS] = DAEMON_GROUP_AUDITORS,
	    [DAEMON_NUMBER_OFFICERS] = DAEMON_GROUP_OFFICERS,
	    [DAEMON_NUMBER_LOGINS] = "flowtap-login",
	};
	const struct conf *c = e->conf;
	const uint32_t users = c->nagency + c->nlogin;
	char what[96];

	for (uint32_t i = 0; i < users; i++) {
		const bool agency = i < c->nagency;

		if (was[i] == e->uid[i])
			continue;
		snprintf(what, sizeof what, "%s %s", agency ? "user" : "login",
		    agency ? c->agency[i].user : c->login[i - c->nagency].name);
		tell(e, agency ? c->agency[i].name : NULL, what, (const uint32_t[]){was[i], e->uid[i]}, 0);
	}
	for (uint32_t i = 0; i < DAEMON_NUMBERS; i++)
		tell_group(e, groups[i], (const uint32_t[]){was[users + i], e->uid[users + i]});
}

/* ---- the numbers ---- */

/* The agencies are the same ones: their numbers in the store, and what they have, need not be read. */
static void
agencies_replace(struct engine *e, struct agency **v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct agency *was = agency_named(e->agency, e->nagency, v[i]->name);

		v[i]->no = was->no;
		v[i]->criteria = was->criteria;
	}
	engine_numbers_rebind(e, v, n);
	agency_free(e->agency, e->nagency);
	e->agency = v;
	e->nagency = n;
}

static int
numbers_apply(struct engine *e, uint32_t *uid)
{
	cleanup_free uint32_t *was = e->uid;
	struct agency **v;
	uint32_t n;
	int r = agency_build(e->conf, uid, &v, &n);

	if (r < 0) {
		was = uid;
		return r;
	}
	e->uid = uid;
	if ((r = engine_perm_update(e)) < 0) {
		e->uid = was;
		was = uid;
		agency_free(v, n);
		return r;
	}
	agencies_replace(e, v, n);
	engine_numbers_forbid(e);
	tell_all(e, was);
	return 0;
}

int
engine_numbers(struct engine *e, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	struct ipc_numbers m;
	int rc = ipc_numbers_get(&m, &r);

	if (rc < 0)
		return rc;
	if ((rc = rd_end(&r)) == 0 && (!e->serving || e->next))
		rc = -EPROTO;
	if (rc == 0 && m.n != e->conf->nagency + e->conf->nlogin + DAEMON_NUMBERS)
		rc = -EBADMSG;
	if (rc < 0) {
		free(m.uid);
		return rc;
	}
	return numbers_apply(e, m.uid);
}
