/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_mark.c - `clear services flow-tap statistics': the account itself is never touched.  What was counted until
 * then is kept as a mark, and beside the account is shown what was counted since.  The mark ends with the daemon, and
 * when the kernel's counters begin anew.
 *
 * exports: ctl_clear_statistics ctl_mark_ */
#include <string.h>

#include "clock.h"
#include "conf_perm.h"
#include "engine_ctl.h"
#include "engine_perm.h"

static const char *const parts[] = {"copies", "losses", "information"};

/* All numbers of the one less those of the other; NULL: some would be below zero. */
static json_t *
less(const json_t *now, const json_t *then)
{
	json_t *o = json_object(), *v;
	const char *key;

	json_object_foreach ((json_t *)now, key, v) {
		const json_int_t n = json_integer_value(v) - json_integer_value(json_object_get(then, key));

		if (n < 0) {
			json_decref(o);
			return NULL;
		}
		json_object_set_new(o, key, json_integer(n));
	}
	return o;
}

static void
mark_set(const struct ctl *c, const json_t *state)
{
	json_t *mark = json_object();
	char when[32], user[32];

	json_object_set_new(mark, "time", json_string(ctl_time_format(clock_wall_ms(), when)));
	json_object_set_new(mark, "user", json_string(engine_perm_user(c->engine, c->uid, user)));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		json_object_set_new(mark, parts[i], json_deep_copy(json_object_get(state, parts[i])));
	json_decref(c->engine->mark);
	c->engine->mark = mark;
}

/* {"time", "user", "copies", "losses", "information"} of what was counted since. */
static json_t *
since(const json_t *mark, const json_t *state)
{
	json_t *o = json_pack(
	    "{s:O,s:O}", "time", json_object_get(mark, "time"), "user", json_object_get(mark, "user"));

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		json_t *d = less(json_object_get(state, parts[i]), json_object_get(mark, parts[i]));

		if (d == NULL) {
			json_decref(o);
			return NULL;
		}
		json_object_set_new(o, parts[i], d);
	}
	return o;
}

void
ctl_mark_apply(struct ctl *c, json_t *state)
{
	const bool marking = c->marking;
	json_t *o;

	c->marking = false;
	if (!(ctl_perm(c) & CONF_PERM_FLOW_TAP) || json_object_get(state, "copies") == NULL)
		return;
	if (marking)
		mark_set(c, state);
	if (c->engine->mark == NULL)
		return;
	if ((o = since(c->engine->mark, state)) != NULL)
		json_object_set_new(state, "since-cleared", o);
	else
		json_decref(TAKE_PTR(c->engine->mark));
}

int
ctl_clear_statistics(struct ctl *c, const char *args, struct slice text)
{
	int r = engine_audit_now(c->engine, &(struct audit_event){.kind = "statistics-cleared",
						.uid = c->uid,
						.have_uid = true,
						.reason = "shown figures begin anew, counters do not"});

	if (r < 0) {
		ctl_error(c, EXIT_REFUSED, "it could not be recorded");
		return 0;
	}
	c->marking = true;
	return ctl_show_flow_tap(c, args, text);
}
