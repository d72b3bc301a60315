/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The self-test: the data plane puts a criterion for packets that come in by the test
 * device, the canary sends three of them and waits for the copies, the data plane says
 * what was counted.  Which link of the chain is broken follows from the three.
 *
 * exports: engine_selftest_ ctl_selftest */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine_ctl.h"
#include "log.h"
#include "selftest.h"

struct selftest {
	struct engine *engine;
	struct ctl *ctl;
	json_t *interfaces, *begun, *counted; /* NULL: not known */
	struct ipc_canary canary;
	struct loop_timer *timer; /* the canary is late */
	uint32_t id;              /* what the canary calls it */
	bool counting;
};

/* ---- the verdict ---- */

static json_int_t
number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char no_answer[] = "the data plane gave no answer";

/* Each says what is wrong with its link, if anything. */
static void
link_interfaces(const struct selftest *t, char why[static 128])
{
	const json_t *i;
	size_t n, more = 0, end;

	if (t->interfaces == NULL)
		snprintf(why, 128, "%s", no_answer);
	json_array_foreach (t->interfaces, n, i) {
		const char *name = json_string_value(json_object_get(i, "name"));
		const char *reason = json_string_value(json_object_get(i, "why"));

		if (name == NULL || reason == NULL || !json_is_true(json_object_get(i, "wanted")))
			continue;
		if (*why)
			more++;
		else
			snprintf(why, 128, "%.63s is not tapped: %.40s", name, reason);
	}
	if (more && (end = strlen(why)) < 128)
		snprintf(why + end, 128 - end, "; %zu more", more);
}

static void
link_test_device(const struct selftest *t, char why[static 128])
{
	if (t->begun == NULL)
		snprintf(why, 128, "%s", no_answer);
	else if (!json_is_true(json_object_get(t->begun, "device")))
		snprintf(why, 128, "%s and %s are not there, or down", KERN_TEST_OUT, KERN_TEST_IN);
}

static void
link_stage(const struct selftest *t, char why[static 128])
{
	const char *said = json_string_value(json_object_get(t->begun, "stage"));

	if (said)
		snprintf(why, 128, "%.100s", said);
}

static void
link_program(const struct selftest *t, char why[static 128])
{
	if (!json_is_true(json_object_get(t->begun, "attached")))
		snprintf(why, 128, "our program is not at the ingress of %s", KERN_TEST_OUT);
}

static void
link_criterion(const struct selftest *t, char why[static 128])
{
	json_int_t error = number(t->begun, "error");

	if (error)
		snprintf(why, 128, "it could not be put into the kernel's tables: %.60s", strerror((int)error));
}

static void
link_sent(const struct selftest *t, char why[static 128])
{
	if (t->canary.sent < SELFTEST_PACKETS)
		snprintf(why, 128, "the packets could not be sent: %.60s",
		    t->canary.error ? strerror((int)t->canary.error) : "the process that does it is not there");
}

static void
link_matched(const struct selftest *t, char why[static 128])
{
	if (t->counted == NULL)
		snprintf(why, 128, "%s", no_answer);
	else if (number(t->counted, "matched") != SELFTEST_PACKETS)
		snprintf(why, 128, "the program matched %lld of %d packets", (long long)number(t->counted, "matched"),
		    SELFTEST_PACKETS);
}

/* What most were lost by on the router meanwhile: others' copies are among them. */
static const char *
loss(const struct selftest *t)
{
	const char *reason, *most = "none";
	json_int_t n = 0;
	json_t *v;

	json_object_foreach (json_object_get(t->counted, "losses"), reason, v)
		if (json_integer_value(v) > n) {
			n = json_integer_value(v);
			most = reason;
		}
	return most;
}

static void
link_encapsulated(const struct selftest *t, char why[static 128])
{
	if (t->canary.bare)
		snprintf(why, 128, "%u of %d copies came without an outer header", t->canary.bare, SELFTEST_PACKETS);
	else if (number(t->counted, "arrived") < SELFTEST_PACKETS && number(t->counted, "sent") < SELFTEST_PACKETS)
		snprintf(why, 128, "copies did not come out of the stage device; loss: %.60s", loss(t));
}

static void
link_routed(const struct selftest *t, char why[static 128])
{
	if (number(t->counted, "sent") != SELFTEST_PACKETS)
		snprintf(why, 128, "%lld of %d copies were sent; loss: %.60s", (long long)number(t->counted, "sent"),
		    SELFTEST_PACKETS, loss(t));
}

static void
link_received(const struct selftest *t, char why[static 128])
{
	if (t->canary.received != SELFTEST_PACKETS || t->canary.wrong != 0)
		snprintf(why, 128, "%u of %d copies came as they should, %u otherwise", t->canary.received,
		    SELFTEST_PACKETS, t->canary.wrong);
}

static const struct {
	const char *name;
	void (*check)(const struct selftest *t, char why[static 128]);
} links[] = {
    {"interfaces tapped", link_interfaces},
    {"test device", link_test_device},
    {"stage device", link_stage},
    {"program attached", link_program},
    {"criterion in the tables", link_criterion},
    {"packets sent", link_sent},
    {"packets matched", link_matched},
    {"copies encapsulated", link_encapsulated},
    {"copies routed", link_routed},
    {"copies received", link_received},
};

/* Interfaces apart, what is behind the first broken link says nothing more. */
static json_t *
verdict(const struct selftest *t, const char **broken)
{
	json_t *list = json_array();
	bool chain = true;

	*broken = NULL;
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		char why[128] = "";
		const char *state = "not reached";

		if (chain) {
			links[i].check(t, why);
			state = why[0] ? "broken" : "works";
			chain = why[0] == '\0' || links[i].check == link_interfaces;
		}
		if (why[0] && *broken == NULL)
			*broken = links[i].name;
		json_array_append_new(
		    list, json_pack("{s:s,s:s,s:s}", "link", links[i].name, "state", state, "why", why));
	}
	return list;
}

/* ---- the course of it ---- */

static int
record(struct engine *e, uint32_t uid, const char *text)
{
	return engine_audit_now(
	    e, &(struct audit_event){.kind = "self-test", .uid = uid, .have_uid = true, .reason = text});
}

static void
finish(struct selftest *t)
{
	struct engine *e = t->engine;
	struct ctl *c = t->ctl;
	const char *broken;
	char text[96];
	json_t *list = verdict(t, &broken);
	json_t *o = json_pack("{s:s,s:o}", "result", broken ? "broken" : "works", "links", list);

	if (broken)
		json_object_set_new(o, "broken", json_string(broken));
	snprintf(text, sizeof text, "%s%s", broken ? "broken: " : "works", broken ? broken : "");
	(void)record(e, c->uid, text);
	engine_event(e, broken ? ENGINE_WARNING : ENGINE_NOTICE, EVENT_SELF_TEST, "%s", text);
	e->selftest = NULL;
	json_decref(t->interfaces);
	json_decref(t->begun);
	json_decref(t->counted);
	loop_timer_free(t->timer);
	free(t);
	c->waits--;
	if (c->chan == NULL) {
		json_decref(o);
		ctl_close(c);
	} else if (ctl_answer(c, o) < 0)
		ctl_error(c, EXIT_TRANSPORT, "no memory for the answer");
}

static json_t *
json_of(uint16_t type, const uint8_t *body, size_t len)
{
	return type == IPC_D_STATE ? json_loadb((const char *)body, len, 0, NULL) : NULL;
}

static void
on_counted(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct selftest *t = arg;

	(void)e;
	t->counted = json_of(type, body, len);
	finish(t);
}

static void
count(struct selftest *t)
{
	const struct buf none = {0};

	if (t->counting)
		return;
	t->counting = true;
	if (engine_dp_send(t->engine, IPC_D_TEST_END, &none, on_counted, t) < 0)
		finish(t);
}

static void
on_late(void *arg)
{
	count(arg);
}

/* Whether packets are worth sending. */
static bool
begun_well(const struct selftest *t)
{
	return json_is_true(json_object_get(t->begun, "device")) &&
	       json_is_true(json_object_get(t->begun, "attached")) && json_object_get(t->begun, "stage") == NULL &&
	       number(t->begun, "error") == 0;
}

static void
on_begun(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct selftest *t = arg;
	cleanup_buf struct buf b = {0};

	t->begun = json_of(type, body, len);
	buf_put_u64(&b, clock_mono_ns());
	loop_timer_set(t->timer, 2 * SELFTEST_WAIT_MS);
	if (!begun_well(t) || e->canary == NULL || b.err || chan_send(e->canary, IPC_T_BEGIN, t->id, b.p, b.len) < 0)
		count(t);
}

static void
on_state(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct selftest *t = arg;
	const struct buf none = {0};
	json_t *state = json_of(type, body, len);

	t->interfaces = json_incref(json_object_get(state, "interfaces"));
	json_decref(state);
	if (engine_dp_send(e, IPC_D_TEST_BEGIN, &none, on_begun, t) < 0)
		finish(t);
}

int
ctl_selftest(struct ctl *c, const char *args, struct slice text)
{
	struct engine *e = c->engine;
	const struct buf none = {0};
	struct selftest *t;
	int r;

	(void)args;
	(void)text;
	if (e->selftest || !e->conf->flow_tap) {
		ctl_error(c, EXIT_REFUSED, e->selftest ? "a self-test is under way" : "flow-tap is not configured");
		return 0;
	}
	if (record(e, c->uid, "begun") < 0) {
		ctl_error(c, EXIT_REFUSED, "it could not be recorded");
		return 0;
	}
	if ((t = calloc(1, sizeof *t)) == NULL)
		return -ENOMEM;
	*t = (struct selftest){.engine = e, .ctl = c, .id = ++e->selftests};
	if ((r = loop_timer_new(e->loop, on_late, t, &t->timer)) < 0 ||
	    (r = engine_dp_send(e, IPC_D_STATUS, &none, on_state, t)) < 0) {
		loop_timer_free(t->timer);
		free(t);
		return r;
	}
	e->selftest = t;
	c->waits++;
	return 0;
}

/* ---- the canary's process ---- */

static int
canary_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct engine *e = arg;
	struct rd r = rd_init(body, len);
	struct ipc_canary m;

	if (type != IPC_T_DONE || ipc_canary_get(&m, &r) < 0 || rd_end(&r) < 0)
		return -EPROTO;
	if (e->selftest == NULL || e->selftest->counting || e->selftest->id != id)
		return 0; /* too late */
	e->selftest->canary = m;
	count(e->selftest);
	return 0;
}

/* Then there is no self-test, and all else goes on. */
static void
canary_on_end(void *arg, int err)
{
	struct engine *e = arg;

	chan_free(TAKE_PTR(e->canary));
	if (!engine_event(e, ENGINE_WARNING, EVENT_SELF_TEST, "the process that sends its packets is not there"))
		log_warn(err, "there will be no self-test");
	if (e->selftest && e->selftest->begun)
		count(e->selftest);
}

static const struct chan_ops canary_ops = {.on_msg = canary_on_msg, .on_end = canary_on_end};

int
engine_selftest_start(struct engine *e)
{
	return chan_new(e->loop, DAEMON_FD_CANARY, 64, &canary_ops, e, &e->canary);
}
