/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: ctl_limit_ */
#include "engine_ctl_limit.h"

#include <stdio.h>

#include "clock.h"
#include "log.h"

#define OF_USER 32    /* connections at once */
#define OF_ALL 256    /* of all users but root */
#define FIRST_MS 5000 /* until the first command has come */
#define NEXT_MS 60000 /* for the next one, or for taking an answer */
#define TEXT_MS 5000  /* from the first text to the command it goes with */
#define ROOT_TEXTS 2  /* longest ones, at once */
#define ALL_TEXTS 2   /* of all users but root; each of them one */
#define LOOK_MS 1000
#define TOLD_MS 60000

static uint64_t
now_ms(void)
{
	return clock_mono_ns() / 1000000u;
}

/* What others owe it an answer for, and what it reads piece by piece, takes as long as it takes. */
static bool
is_overdue(const struct ctl *c, uint64_t now)
{
	return c->due_ms && c->due_ms <= now && c->waits == 0 && !c->exporting;
}

static void
on_look(void *arg)
{
	struct engine *e = arg;
	const uint64_t now = now_ms();
	struct ctl *c, *next;

	for (c = TAILQ_FIRST(&e->ctls); c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (!is_overdue(c, now))
			continue;
		ctl_error(c, EXIT_REFUSED, "no command came in time");
		ctl_close(c);
	}
	if (!TAILQ_EMPTY(&e->ctls))
		loop_timer_set(e->ctl_timer, LOOK_MS);
}

int
ctl_limit_start(struct engine *e)
{
	TAILQ_INIT(&e->ctls);
	return loop_timer_new(e->loop, on_look, e, &e->ctl_timer);
}

const char *
ctl_limit_enter(struct ctl *c)
{
	struct engine *e = c->engine;
	const struct ctl *o;
	unsigned of_user = 0, of_all = 0;

	TAILQ_FOREACH (o, &e->ctls, entry) {
		of_user += o->uid == c->uid;
		of_all += o->uid != 0;
	}
	if (c->uid != 0 && of_user >= OF_USER)
		return "as many connections as a user may have";
	if (c->uid != 0 && of_all >= OF_ALL)
		return "as many connections as all users may have";
	TAILQ_INSERT_TAIL(&e->ctls, c, entry);
	c->due_ms = now_ms() + FIRST_MS;
	if (!loop_timer_armed(e->ctl_timer))
		loop_timer_set(e->ctl_timer, LOOK_MS);
	return NULL;
}

void
ctl_limit_leave(struct ctl *c)
{
	TAILQ_REMOVE(&c->engine->ctls, c, entry);
}

void
ctl_limit_told(struct engine *e, uint32_t uid, const char *why)
{
	const uint64_t now = now_ms();

	if (e->ctl_told_ms && now - e->ctl_told_ms < TOLD_MS)
		return;
	e->ctl_told_ms = now;
	if (!engine_event(e, ENGINE_WARNING, EVENT_SESSION_REFUSED, "control socket: user number %u has %s", uid, why))
		log_warnx("control socket: user number %u has %s", uid, why);
}

const char *
ctl_limit_text(struct ctl *c, size_t len)
{
	const struct ctl *o;
	size_t of_user = 0, of_all = 0;

	TAILQ_FOREACH (o, &c->engine->ctls, entry) {
		of_user += o->uid == c->uid ? o->text.len : 0;
		of_all += o->uid != 0 ? o->text.len : 0;
	}
	if (c->text.len + len > CONF_TEXT_MAX)
		return "too much text";
	if (of_user + len > CONF_TEXT_MAX * (c->uid == 0 ? ROOT_TEXTS : 1))
		return "too much text of this user's commands";
	if (c->uid != 0 && of_all + len > ALL_TEXTS * CONF_TEXT_MAX)
		return "too much text of all users' commands";
	if (c->text.len == 0 && len > 0)
		c->due_ms = now_ms() + TEXT_MS;
	if (c->due_ms)
		c->due_ms += len >> 12; /* the longest one some seconds more: the engine may be busy */
	return NULL;
}

void
ctl_limit_command(struct ctl *c)
{
	c->due_ms = c->uid == 0 || c->engine->lock == c ? 0 : now_ms() + NEXT_MS;
}
