/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_at_ ctl_commit_at ctl_clear_commit ctl_at_json */
#include "engine_at.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "conf_perm.h"
#include "engine_lock.h"
#include "engine_perm.h"
#include "history_extra.h"
#include "log.h"

#define LOOK_MS 60000 /* the wall's clock may be set meanwhile */
#define BUSY_MS 1000
#define FORGOTTEN "the commit that was put off is forgotten"
#define FUTURE_S (400 * 86400LL)

static void
arm(struct engine *e)
{
	struct history_at at;
	int64_t left;

	if (history_at_read(&e->history, &at, NULL) < 0) {
		loop_timer_set(e->at, -1);
		return;
	}
	left = at.due_ms - clock_wall_ms();
	loop_timer_set(e->at, left < 0 ? 0 : left < LOOK_MS ? left : LOOK_MS);
}

/* ---- when it is due ---- */

static void
told(struct engine *e, const char *user, const char *why)
{
	if (!engine_event(
		e, ENGINE_WARNING, EVENT_CONFIGURATION, "the commit that %s had put off was refused: %s", user, why))
		log_warnx("the commit that %s had put off was refused: %s", user, why);
}

static void
over(struct engine *e)
{
	int r = engine_config_known(history_at_delete(&e->history), FORGOTTEN);

	if (r < 0 && r != -ENOENT)
		log_warn(r, "the commit that was put off could not be forgotten");
	arm(e);
}

static void
done(void *arg, int err, unsigned line, const char *why)
{
	struct engine *e = arg;
	struct history_at at;

	(void)line;
	if (err == -EBUSY) { /* the parent has another change under way, as at a start */
		loop_timer_set(e->at, BUSY_MS);
		return;
	}
	if (err < 0 && history_at_read(&e->history, &at, NULL) == 0)
		told(e, at.user, why);
	over(e);
}

uint32_t
engine_at_perm(const struct engine *e, uint32_t uid)
{
	return engine_perm_of(e, uid, 0);
}

/* The number may have become somebody else's: here as far as system login knows, and by engine_config_prepare as far
 * as the system does. */
static const char *
why_not(const struct engine *e, const struct history_at *at)
{
	char room[32];

	if (at->base == 0)
		return "it does not tell which configuration it was made from";
	if (strcmp(engine_perm_user(e, at->uid, room), at->user) != 0)
		return "its author is not the same user any more";
	return engine_perm_missing(e, at->uid, "commit", engine_at_perm(e, at->uid)) ? "permission denied" : NULL;
}

static int
give(struct engine *e, const struct history_at *at, struct slice text, struct conf_error *err)
{
	const char *why = why_not(e, at);
	struct config_ask ask = {
	    .uid = at->uid, .perm = engine_at_perm(e, at->uid), .base = at->base, .done = done, .arg = e};

	snprintf(ask.comment, sizeof ask.comment, "%s", at->comment);
	*err = (struct conf_error){0};
	if (why) {
		snprintf(err->expected, sizeof err->expected, "%s", why);
		return -EPERM;
	}
	if (at->uid != 0)
		snprintf(ask.author, sizeof ask.author, "%s", at->user);
	if (engine_lock_is_others(e, NULL, err->expected))
		return -EPERM;
	return engine_config_commit(e, &ask, text, err);
}

static void
on_due(void *arg)
{
	struct engine *e = arg;
	cleanup_buf struct buf text = {0};
	struct history_at at;
	struct conf_error err;
	int r = history_at_read(&e->history, &at, &text);

	if (r < 0 || at.due_ms > clock_wall_ms()) {
		arm(e);
		return;
	}
	if (e->ask || !e->serving) { /* another commit is under way, or the first one */
		loop_timer_set(e->at, BUSY_MS);
		return;
	}
	r = give(e, &at, (struct slice){(char *)text.p, text.len}, &err);
	if (r == 0)
		return;
	if (r != -EALREADY) {
		engine_config_refused(e, at.uid, at.comment, err.expected);
		told(e, at.user, err.expected);
	}
	over(e);
}

void
engine_at_look(struct engine *e)
{
	arm(e);
}

int
engine_at_start(struct engine *e)
{
	int r = loop_timer_new(e->loop, on_due, e, &e->at);

	if (r == 0)
		arm(e);
	return r;
}

/* ---- asked for, shown, and cleared ---- */

json_t *
ctl_at_json(const struct ctl *c)
{
	struct history_at at;
	char time[32];

	if (history_at_read(&c->engine->history, &at, NULL) < 0)
		return NULL;
	return json_pack("{s:s,s:s,s:s}", "time", ctl_time_format(at.due_ms, time), "user", at.user, "comment",
	    at.uid == c->uid ? at.comment : "");
}

static const char *
at_wrong(struct ctl *c, uint64_t due_s)
{
	struct history_at other;

	if (history_at_read(&c->engine->history, &other, NULL) == 0)
		return "another commit waits for its time: clear system commit forgets it";
	if ((int64_t)due_s * 1000 <= clock_wall_ms())
		return "that time has passed";
	if ((int64_t)due_s > clock_wall_ms() / 1000 + FUTURE_S)
		return "that is too far away";
	return NULL;
}

int
ctl_commit_at(struct ctl *c, const struct config_ask *ask, uint64_t due_s, struct slice text)
{
	const char *why = at_wrong(c, due_s);
	struct history_at at = {.due_ms = (int64_t)due_s * 1000, .uid = c->uid};
	char user[32];
	int r;

	if (why) {
		ctl_error(c, EXIT_REFUSED, why);
		return 0;
	}
	snprintf(at.user, sizeof at.user, "%s", engine_perm_user(c->engine, c->uid, user));
	snprintf(at.comment, sizeof at.comment, "%s", ask->comment);
	/* Its client may have named none, and has named no other: base_check. */
	at.base = c->engine->history.entry[0].no;
	if ((r = engine_audit_now(c->engine, &(struct audit_event){.kind = "commit-at",
						 .uid = c->uid,
						 .have_uid = true,
						 .request = {at.comment, strlen(at.comment)}})) < 0 ||
	    (r = engine_config_known(history_at_write(&c->engine->history, &at, text), "the commit is put off")) < 0) {
		ctl_error(c, EXIT_REFUSED, strerror(-r));
		return 0;
	}
	arm(c->engine);
	return ctl_answer(c, json_pack("{s:s,s:o}", "result", "at", "scheduled", ctl_at_json(c)));
}

int
ctl_clear_commit(struct ctl *c, const char *args, struct slice text)
{
	struct history_at at;
	int r = history_at_read(&c->engine->history, &at, NULL);

	(void)args;
	(void)text;
	if (r == -ENOENT)
		ctl_error(c, EXIT_NO_OBJECT, "no commit waits for its time");
	else if (r == 0 && at.uid != c->uid && !(ctl_perm(c) & CONF_PERM_MAINTENANCE))
		ctl_error(c, EXIT_NOT_AUTHORISED, "permission denied");
	else if ((r = engine_audit_now(c->engine,
		      &(struct audit_event){.kind = "commit-at-cleared", .uid = c->uid, .have_uid = true})) < 0 ||
		 (r = engine_config_known(history_at_delete(&c->engine->history), FORGOTTEN)) < 0)
		ctl_error(c, EXIT_REFUSED, strerror(-r));
	else {
		arm(c->engine);
		return ctl_answer(c, json_pack("{s:s}", "result", "cleared"));
	}
	return 0;
}
