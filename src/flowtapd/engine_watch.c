/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions that last: each is an alarm when it begins and is told again when it is over.
 * On record they are not: nobody did anything.
 *
 * exports: engine_watch_ ctl_show_alarms engine_refuses */
#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "conf_perm.h"
#include "engine_ctl.h"
#include "engine_peer.h"
#include "engine_share.h"
#include "engine_time.h"
#include "log.h"
#include "spare.h"

#define WATCH_MS 2000
#define BOOT_NS 300000000000u
#define QUIET_ROUNDS 30 /* without a loss: the losses are over */

enum condition {
	COPIES_LOST,
	UNREACHABLE,
	UNTAPPED,
	TABLES_FULL,
	DISK_NEARLY_FULL,
	DISK_NO_ROOM,
	SHORT,
	AGENCY_USER,
	CLOCK_BEHIND
};

static_assert(CLOCK_BEHIND < ENGINE_WATCHED, "each condition has its place");

static void
condition(struct engine *e, enum condition c, bool is, const char *text)
{
	static const enum event kinds[] = {
	    [COPIES_LOST] = EVENT_COPIES_LOST,
	    [UNREACHABLE] = EVENT_UNREACHABLE,
	    [UNTAPPED] = EVENT_UNTAPPED,
	    [TABLES_FULL] = EVENT_TABLES_FULL,
	    [DISK_NEARLY_FULL] = EVENT_DISK_LOW,
	    [DISK_NO_ROOM] = EVENT_DISK_FULL,
	    [SHORT] = EVENT_SHORT,
	    [AGENCY_USER] = EVENT_AGENCY_USER,
	    [CLOCK_BEHIND] = EVENT_CLOCK_BEHIND,
	};
	bool was = e->watch.raised >> c & 1;

	if (is == was)
		return;
	e->watch.raised ^= 1u << c;
	e->watch.last[c] = (struct engine_event){
	    .time_ms = clock_wall_ms(), .severity = ENGINE_ALARM, .kind = kinds[c]};
	snprintf(e->watch.last[c].text, sizeof e->watch.last[c].text, "%s", text);
	if (!is)
		text = "it is over";
	if (!engine_event(e, is ? ENGINE_ALARM : ENGINE_CLEARED, kinds[c], "%s", text))
		log_warnx("%s%s: %s", is ? "ALARM: " : "", event_kinds[kinds[c]].name, text);
}

/*
 * Copies that went into the stage device and did not come out are lost, or on their way: the counters say only how many
 * there are.  What was missing in each of the last rounds is lost.
 */
static uint64_t
missing_for_long(struct engine_watch *w, uint64_t now)
{
	uint64_t least = now;

	w->missing[w->rounds++ % ENGINE_WATCH_MISSING] = now;
	for (unsigned i = 0; i < ENGINE_WATCH_MISSING && i < w->rounds; i++)
		if (w->missing[i] < least)
			least = w->missing[i];
	return least;
}

static void
watch_losses(struct engine *e, const json_t *state)
{
	struct engine_watch *w = &e->watch;
	char text[160], reasons[96] = "";
	uint64_t sum = 0, n;
	const char *reason;
	json_t *v;

	json_object_foreach (json_object_get(state, "losses"), reason, v) {
		/* An agency's own doing. */
		if (strcmp(reason, "agency-budget") == 0 || strncmp(reason, "criterion-removed", 17) == 0)
			continue;
		n = (uint64_t)json_integer_value(v);
		if (strcmp(reason, "internal-queue") == 0)
			n = missing_for_long(w, n);
		sum += n;
		if (n > 0 && strlen(reasons) + strlen(reason) + 2 < sizeof reasons)
			strcat(strcat(reasons, reasons[0] ? " " : ""), reason);
	}
	w->quiet = sum > w->lost ? 0 : w->quiet + 1;
	snprintf(text, sizeof text, "copies are lost; reasons so far: %s", reasons);
	/* What was lost before this daemon began is no news. */
	if (w->lost != UINT64_MAX)
		condition(e, COPIES_LOST, w->quiet < QUIET_ROUNDS, text);
	if (w->lost == UINT64_MAX || sum > w->lost)
		w->lost = sum;
}

/* What the machine can do shows when it is asked to. */
static void
watch_rate(struct engine *e, const json_t *state)
{
	struct engine_watch *w = &e->watch;
	const uint64_t sent = (uint64_t)json_integer_value(json_object_get(json_object_get(state, "copies"), "sent")),
		       now = clock_mono_ns(), was = w->lost;

	watch_losses(e, state);
	if (w->at_ns != 0 && now > w->at_ns && sent >= w->sent) {
		w->rate = (uint64_t)((double)(sent - w->sent) * 1e9 / (double)(now - w->at_ns));
		if (w->lost <= was && w->rate > w->rate_most)
			w->rate_most = w->rate;
	}
	w->sent = sent;
	w->at_ns = now;
}

/* As many as there is room for, and how many more there are. */
static void
untapped_text(const json_t *untapped, char *text, size_t size)
{
	cleanup_buf struct buf b = {0};
	size_t left = json_object_size(untapped), said = 0;
	const char *name;
	json_t *why;

	text[0] = '\0';
	json_object_foreach ((json_t *)untapped, name, why) {
		buf_reset(&b);
		buf_printf(&b, "%s%s: %s", said ? "; " : "", name, json_string_value(why));
		if (b.err || said + b.len + sizeof "; and 4294967295 more" > size)
			break;
		memcpy(text + said, b.p, b.len);
		text[said += b.len] = '\0';
		left--;
	}
	if (left)
		snprintf(text + said, size - said, "; and %zu more", left);
}

/* While the machine starts, interfaces and their names come one by one, and this daemon is before them. */
static bool
may_come_yet(const json_t *i)
{
	return json_integer_value(json_object_get(i, "ifindex")) == 0 && clock_boot_ns() < BOOT_NS;
}

/* {name: why} of those that are to be tapped and are not. */
static json_t *
untapped_of(const json_t *list)
{
	json_t *found = json_object();
	const json_t *i;
	size_t n;

	json_array_foreach (list, n, i) {
		const char *why = json_string_value(json_object_get(i, "why")),
			   *name = json_string_value(json_object_get(i, "name"));

		if (why == NULL && json_is_true(json_object_get(i, "taken-away")))
			why = "our program was taken away, and attached again";
		/* Those that are not to be tapped are as they should be. */
		if (why && name && json_is_true(json_object_get(i, "wanted")) && !may_come_yet(i))
			json_object_set_new(found, name, json_string(why));
	}
	return found;
}

/* While some are not tapped, another one is told of as the first was. */
static void
watch_interfaces(struct engine *e, const json_t *list)
{
	struct engine_watch *w = &e->watch;
	json_t *found = untapped_of(list), *why;
	const char *name;
	bool more = false;
	char text[184];

	json_object_foreach (found, name, why)
		more = more || json_object_get(w->untapped, name) == NULL;
	json_decref(w->untapped);
	w->untapped = found;
	untapped_text(found, text, sizeof text);
	if (more)
		w->raised &= ~(1u << UNTAPPED);
	condition(e, UNTAPPED, text[0] != '\0', text);
	if (text[0])
		memcpy(w->last[UNTAPPED].text, text, sizeof text);
}

static void
watch_capacity(struct engine *e, const json_t *c)
{
	static const char *const tables[] = {"criteria", "terms-ipv4", "terms-ipv6", "destinations"};
	json_int_t unresolved = json_integer_value(json_object_get(c, "destinations-unresolved")), used, room;
	char text[128], key[64];
	bool full = false;

	snprintf(text, sizeof text, "the next hop of %lld content destinations does not answer", (long long)unresolved);
	/* One that is just being asked is not silent yet: it has to be so twice. */
	condition(e, UNREACHABLE, unresolved > 0 && e->watch.unresolved, text);
	e->watch.unresolved = unresolved > 0;
	for (size_t i = 0; i < ARRAY_LEN(tables) && !full; i++) {
		snprintf(key, sizeof key, "%s-limit", tables[i]);
		used = json_integer_value(json_object_get(c, tables[i]));
		room = json_integer_value(json_object_get(c, key));
		full = used > room / 10 * 9;
		snprintf(text, sizeof text, "%s: %lld of %lld", tables[i], (long long)used, (long long)room);
	}
	condition(e, TABLES_FULL, full, text);
}

static void
on_state(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	json_t *state = type == IPC_D_STATE ? json_loadb((const char *)body, len, 0, NULL) : NULL;

	(void)arg;
	if (state) {
		watch_rate(e, state);
		watch_interfaces(e, json_object_get(state, "interfaces"));
		watch_capacity(e, json_object_get(state, "capacity"));
	}
	json_decref(state);
	loop_timer_set(e->watch.timer, WATCH_MS);
}

/* The disk is looked at here, whatever the data plane does. */
static void
watch_disk(struct engine *e)
{
	const struct engine_disk *d = &e->disk;
	char text[160];

	engine_disk_look(e);
	snprintf(text, sizeof text, "the disk of the state directory is nearly full: %llu MiB are left",
	    (unsigned long long)(d->free_bytes >> 20));
	condition(e, DISK_NEARLY_FULL, d->state == DISK_LOW || d->state == DISK_FULL, text);
	snprintf(text, sizeof text, "the %s: nothing new is tapped; what ends taps works%s",
	    d->state == DISK_LOCKED      ? "database in the state directory is locked by another program"
	    : d->state == DISK_READ_ONLY ? "disk of the state directory can't be written"
	    : d->state == DISK_FAILING   ? "disk of the state directory fails"
					 : "disk of the state directory is full",
	    d->state >= DISK_READ_ONLY ? ", and a boot of the machine would forget it" : "");
	condition(e, DISK_NO_ROOM, d->state >= DISK_FULL, text);
	if (store_is_reading(e->store) && d->state != DISK_READ_ONLY) {
		log_warnx("the state directory can be written again: a new start opens the database for it");
		loop_stop(e->loop, 1);
		return;
	}
	engine_agencies_again(e);
	engine_late_flush(e);
}

#define SHORT_NS (QUIET_ROUNDS * WATCH_MS * 1000000ull)

void
engine_watch_short(struct engine *e, int err)
{
	e->watch.short_ns = clock_mono_ns();
	e->watch.short_of = err;
	condition(e, SHORT, true,
	    err == -ENOMEM ? "there is no memory: nothing new is tapped; what ends taps works"
			   : "a session or command was refused: no descriptor is left");
}

const char *
engine_refuses(struct engine *e)
{
	const char *why = engine_disk_refuses(e);

	if (why || !spare_is_gone())
		return why;
	if (e->watch.short_ns == 0 || e->watch.short_of != -ENOMEM)
		engine_watch_short(e, -ENOMEM);
	return "the router has no memory";
}

static void
watch_clock(struct engine *e)
{
	char text[160] = "";

	condition(e, CLOCK_BEHIND, engine_time_alarm(e, text, sizeof text), text);
}

/* What was kept of both is taken again as soon as that can be. */
static void
watch_spare(struct engine *e)
{
	if (spare_is_gone()) {
		engine_watch_short(e, -ENOMEM);
		if (spare_again())
			log_info("there is memory again");
	}
	if (e->fds_short && !engine_fds_back(e))
		engine_watch_short(e, -EMFILE);
}

/* Its user is gone, or is another agency's too.  Told of the first one; the list of agencies has all. */
static void
watch_users(struct engine *e)
{
	const struct agency *first = NULL;
	char text[184], more[48] = "";
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->nagency; i++)
		if (e->agency[i]->uid == 0 && n++ == 0)
			first = e->agency[i];
	if (n > 1)
		snprintf(more, sizeof more, " (and %u more agencies)", (unsigned)(n - 1));
	snprintf(text, sizeof text, "agency %s%s: nobody is let in, since it has no user; useradd(8) makes one",
	    first ? first->name : "", more);
	condition(e, AGENCY_USER, n > 0, text);
	if (n > 0)
		memcpy(e->watch.last[AGENCY_USER].text, text, sizeof text);
}

static void
on_timer(void *arg)
{
	struct engine *e = arg;
	const struct buf none = {0};

	watch_disk(e);
	watch_spare(e);
	watch_users(e);
	watch_clock(e);
	engine_peer_watch(e);
	engine_share_sessions_tell(e, false);
	if (e->watch.short_ns != 0 && clock_mono_ns() - e->watch.short_ns > SHORT_NS) {
		condition(e, SHORT, false, "");
		e->fds_short = false;
	}
	if (engine_dp_send(e, IPC_D_STATUS, &none, on_state, NULL) < 0)
		loop_timer_set(e->watch.timer, WATCH_MS);
}

int
engine_watch_start(struct engine *e)
{
	int r = loop_timer_new(e->loop, on_timer, e, &e->watch.timer);

	if (r < 0)
		return r;
	e->watch.lost = UINT64_MAX;
	e->watch.quiet = QUIET_ROUNDS;
	loop_timer_set(e->watch.timer, WATCH_MS);
	return 0;
}

/* Those that last.  What they are about is flow-tap's: who may not know of it is told of none. */
int
ctl_show_alarms(struct ctl *c, const char *args, struct slice text)
{
	const struct engine_watch *w = &c->engine->watch;
	json_t *list = json_array();
	char when[32];

	(void)args;
	(void)text;
	for (unsigned i = 0; i < ENGINE_WATCHED && (ctl_perm(c) & CONF_PERM_FLOW_TAP); i++)
		if (w->raised >> i & 1)
			json_array_append_new(
			    list, json_pack("{s:s,s:s,s:s}", "time", ctl_time_format(w->last[i].time_ms, when), "kind",
				      event_kinds[w->last[i].kind].name, "text", w->last[i].text));
	return ctl_answer(c, json_pack("{s:o}", "alarms", list));
}
