/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an operator is shown.  Who may see it was decided in engine_ctl.c, but for the
 * state, of which everybody gets the part without figures.  Nothing here knows a target.
 *
 * exports: ctl_show_ ctl_answer */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "conf_perm.h"
#include "engine_ctl.h"
#include "kern.h"

#define DESTS_MAX 16384 /* shown; of more the first ones */

int
ctl_answer(struct ctl *c, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	int r = text ? ctl_send(c, IPC_C_JSON, text, strlen(text)) : -ENOMEM;

	json_decref(o);
	free(text);
	return r;
}

/* ---- the state ---- */

/* The account of agency i: counts are in the order in which they were asked for. */
static void
account_add(json_t *o, const struct ipc_agency_count *k)
{
	json_object_set_new(o, "matched", json_integer((json_int_t)k->matched));
	json_object_set_new(o, "due", json_integer((json_int_t)k->due));
	json_object_set_new(o, "sent", json_integer((json_int_t)k->sent));
	json_object_set_new(o, "lost-budget", json_integer((json_int_t)k->lost_budget));
	json_object_set_new(o, "lost-otherwise", json_integer((json_int_t)k->lost_other));
}

static json_t *
agencies_json(struct engine *e, struct rd *counts)
{
	json_t *list = json_array();

	if (rd_u32(counts) != e->nagency)
		return list; /* they changed meanwhile */
	for (uint32_t i = 0; i < e->nagency; i++) {
		const struct agency *a = e->agency[i];
		struct ipc_agency_count k;
		json_t *o = json_pack("{s:s,s:i,s:I}", "agency", a->name, "sessions", (int)a->sessions, "criteria",
		    (json_int_t)a->criteria);

		if (ipc_agency_count_get(&k, counts) == 0 && k.agency == a->no)
			account_add(o, &k);
		json_array_append_new(list, o);
	}
	return list;
}

/* What the peer is not entitled to is taken out. */
static void
state_finish(struct ctl *c, json_t *state, struct rd *counts)
{
	static const char *const rest[] = {
	    "attach", "interfaces", "copies", "losses", "information", "capacity", "content-interfaces", "programs"};

	const struct engine_disk *d = &c->engine->disk;

	/* Everybody may know that it runs, but not that it has no room. */
	json_object_set_new(state, "state",
	    json_string(
		d->state >= DISK_FULL && ctl_perm(c) & CONF_PERM_FLOW_TAP ? "no new taps: disk full" : "running"));
	json_object_set_new(state, "version", json_string(FLOWTAP_VERSION));
	/* A services interface can be seen by everybody on the machine. */
	json_object_set_new(state, "services-interfaces", json_pack("[s,s]", KERN_STAGE_OUT, KERN_STAGE_IN));
	if (ctl_perm(c) & CONF_PERM_FLOW_TAP) {
		json_object_set_new(state, "start-time", json_integer((json_int_t)(c->engine->started_ms / 1000)));
		json_object_set_new(state, "sessions", json_integer(c->engine->nsessions));
		json_object_set_new(state, "agencies", agencies_json(c->engine, counts));
		json_object_set_new(state, "copies-per-second", json_integer((json_int_t)c->engine->watch.rate));
		json_object_set_new(
		    state, "copies-per-second-most", json_integer((json_int_t)c->engine->watch.rate_most));
		if (*c->engine->conf->pending)
			json_object_set_new(state, "pending-restart", json_string(c->engine->conf->pending));
		json_object_set_new(state, "reseal-rows", json_integer((json_int_t)c->engine->reseal_left));
		json_object_set_new(state, "disk",
		    json_pack("{s:s,s:I,s:I,s:I}", "state", engine_disk_name(d->state), "free-bytes",
			(json_int_t)d->free_bytes, "reserve-bytes", (json_int_t)d->reserve_bytes, "lines-owed",
			(json_int_t)engine_late_lines(c->engine)));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		json_object_del(state, rest[i]);
}

/* The last of the two answers. */
static void
on_counts(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct ctl *c = arg;
	json_t *state = TAKE_PTR(c->state);
	struct rd counts = rd_init(body, type == IPC_D_AGENCY_COUNTS ? len : 0);

	(void)e;
	if (!ctl_resume(c)) {
		json_decref(state);
		return;
	}
	if (state)
		state_finish(c, state, &counts);
	if (state)
		ctl_mark_apply(c, state);
	if (state == NULL || ctl_answer(c, state) < 0)
		ctl_error(c, EXIT_TRANSPORT, "the data plane gave no answer");
}

static void
on_state(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct ctl *c = arg;

	(void)e;
	c->waits--;
	json_decref(c->state);
	c->state = type == IPC_D_STATE ? json_loadb((const char *)body, len, 0, NULL) : NULL;
}

/* Answers come in the order of the questions. */
int
ctl_show_flow_tap(struct ctl *c, const char *args, struct slice text)
{
	cleanup_buf struct buf none = {0}, ask = {0};
	int r;

	(void)args;
	(void)text;
	if (c->waits != 0)
		return -EPROTO; /* one command a connection */
	buf_put_u32(&ask, c->engine->nagency);
	for (uint32_t i = 0; i < c->engine->nagency; i++)
		buf_put_u32(&ask, c->engine->agency[i]->no);
	if ((r = engine_dp_send(c->engine, IPC_D_STATUS, &none, on_state, c)) < 0)
		return r;
	c->waits++;
	if ((r = engine_dp_send(c->engine, IPC_D_AGENCIES, &ask, on_counts, c)) == 0)
		c->waits++;
	return r;
}

/* ---- sessions ---- */

int
ctl_show_sessions(struct ctl *c, const char *args, struct slice text)
{
	json_t *list = json_array();
	const struct session *s;

	(void)args;
	(void)text;
	TAILQ_FOREACH (s, &c->engine->sessions, entry) {
		char addr[IP_STRLEN];

		if (!s->opened)
			continue;
		json_array_append_new(
		    list, json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:i}", "agency", s->agency->name, "address",
			      s->peer.family ? ip_format(&s->peer, addr) : "unknown", "login",
			      s->auth[0] ? s->auth : "unknown", "open-seconds",
			      (json_int_t)((clock_boot_ns() - s->opened_ns) / 1000000000u), "requests",
			      (json_int_t)s->requests, "refused", (json_int_t)s->refused, "unanswered", (int)s->nops));
	}
	return ctl_answer(c, json_pack("{s:o}", "sessions", list));
}

/* ---- content destinations ---- */

/* The data plane knows agencies by number. */
static void
agency_name(const struct engine *e, json_t *dest)
{
	json_int_t no = json_integer_value(json_object_get(dest, "agency-number"));
	const char *name = "";

	for (uint32_t i = 0; i < e->nagency; i++)
		if (e->agency[i]->no == no)
			name = e->agency[i]->name;
	json_object_del(dest, "agency-number");
	json_object_set_new(dest, "agency", json_string(name));
}

static void on_dests(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len);

static int
dests_ask(struct ctl *c, uint32_t behind)
{
	cleanup_buf struct buf ask = {0};
	int r;

	buf_put_u32(&ask, behind);
	if ((r = engine_dp_send(c->engine, IPC_D_DESTS, &ask, on_dests, c)) == 0)
		c->waits++;
	return r;
}

/* Adds what came to c->state.  1: there is more behind *next; 0: no; -errno. */
static int
dests_take(struct ctl *c, const char *body, size_t len, uint32_t *next)
{
	json_t *all = json_object_get(c->state, "content-destinations"), *part = json_loadb(body, len, 0, NULL), *d;
	size_t i;

	if (part == NULL)
		return -EBADMSG;
	*next = (uint32_t)json_integer_value(json_object_get(part, "next"));
	json_array_foreach (json_object_get(part, "destinations"), i, d) {
		agency_name(c->engine, d);
		json_array_append(all, d);
	}
	json_decref(part);
	if (*next != 0 && json_array_size(all) >= DESTS_MAX)
		json_object_set_new(c->state, "more", json_true());
	return *next != 0 && json_array_size(all) < DESTS_MAX;
}

static void
on_dests(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct ctl *c = arg;
	uint32_t next = 0;
	int r;

	(void)e;
	c->waits--;
	if (c->chan == NULL) {
		json_decref(TAKE_PTR(c->state));
		ctl_close(c);
		return;
	}
	r = type == IPC_D_STATE ? dests_take(c, (const char *)body, len, &next) : -EBADMSG;
	if (r == 1 && (r = dests_ask(c, next)) == 0)
		return;
	if (r < 0 || ctl_answer(c, json_incref(c->state)) < 0)
		ctl_error(c, EXIT_TRANSPORT, "the data plane gave no answer");
	json_decref(TAKE_PTR(c->state));
}

int
ctl_show_dests(struct ctl *c, const char *args, struct slice text)
{
	(void)args;
	(void)text;
	if (c->waits != 0)
		return -EPROTO;
	json_decref(c->state);
	c->state = json_pack("{s:[]}", "content-destinations");
	return c->state ? dests_ask(c, 0) : -ENOMEM;
}

/* ---- events ---- */

static void
event_show(void *arg, const struct engine_event *k)
{
	json_array_append_new(arg,
	    json_pack("{s:I,s:I,s:s,s:s,s:s}", "number", (json_int_t)k->number, "time-ms", (json_int_t)k->time_ms,
		"severity", engine_severity_name(k->severity), "kind", event_kinds[k->kind].name, "text", k->text));
}

int
ctl_show_events(struct ctl *c, const char *args, struct slice text)
{
	json_t *list = json_array();

	(void)args;
	(void)text;
	engine_events_each(c->engine, event_show, list);
	return ctl_answer(c, json_pack("{s:o}", "events", list));
}
