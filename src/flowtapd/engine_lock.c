/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: ctl_lock ctl_show_lock engine_lock_ */
#include "engine_lock.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine_perm.h"

static const char *
user_of(const struct ctl *c, char room[static 32])
{
	return engine_perm_user(c->engine, c->uid, room);
}

bool
engine_lock_is_others(const struct engine *e, const struct ctl *c, char why[static 128])
{
	char user[32], since[32];

	if (e->lock == NULL || e->lock == c)
		return false;
	snprintf(why, 128, "configuration database locked by %.40s (pid %d) since %s", user_of(e->lock, user),
	    (int)e->lock->pid, ctl_time_format(e->lock->locked_ms, since));
	return true;
}

void
engine_lock_drop(const struct ctl *c)
{
	if (c->engine->lock == c)
		c->engine->lock = NULL;
}

static json_t *
lock_json(const struct ctl *holder)
{
	char user[32], since[32];

	return holder ? json_pack("{s:s,s:i,s:s}", "user", user_of(holder, user), "pid", (int)holder->pid, "since",
			    ctl_time_format(holder->locked_ms, since))
		      : json_object();
}

int
ctl_lock(struct ctl *c, const char *args, struct slice text)
{
	char why[128];

	(void)args;
	(void)text;
	if (engine_lock_is_others(c->engine, c, why)) {
		ctl_error(c, EXIT_REFUSED, why);
		return 0;
	}
	c->locked_ms = clock_wall_ms();
	c->engine->lock = c;
	return ctl_answer(c, lock_json(c));
}

int
ctl_show_lock(struct ctl *c, const char *args, struct slice text)
{
	(void)args;
	(void)text;
	return ctl_answer(c, lock_json(c->engine->lock));
}
