/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics in Prometheus' text format, for the operator: totals of the router.  No label
 * and no number of them is of one agency, a target or a filter.
 *
 * exports: engine_metrics_ */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "foreign.h"
#include "ipc_parts.h"
#include "log.h"

static void
head_put(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP flowtap_%s %s\n# TYPE flowtap_%s %s\n", name, help, name, type);
}

static void
value_put(struct buf *out, const char *name, const char *labels, json_int_t v)
{
	buf_printf(out, "flowtap_%s%s %lld\n", name, labels, (long long)v);
}

static void
one_put(struct buf *out, const char *name, const char *type, const char *help, json_int_t v)
{
	head_put(out, name, type, help);
	value_put(out, name, "", v);
}

/* {label="value"}; an interface's name may have any bytes in it but a blank and a slash. */
static const char *
label(char out[static 160], const char *name, const char *value)
{
	size_t n = (size_t)snprintf(out, 160, "{%s=\"", name);
	char shown[64];

	foreign_text(slice_of(value ? value : ""), shown, sizeof shown);
	for (const char *s = shown; *s && n < 150; s++) {
		if (*s == '"' || *s == '\\')
			out[n++] = '\\';
		out[n++] = *s;
	}
	strcpy(out + n, "\"}");
	return out;
}

static json_int_t
number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void
reasons_put(struct buf *out, const char *name, const char *help, const json_t *counters)
{
	const char *reason;
	char room[160];
	json_t *v;

	head_put(out, name, "counter", help);
	json_object_foreach ((json_t *)counters, reason, v)
		value_put(out, name, label(room, "reason", reason), json_integer_value(v));
}

static void
copies_put(struct buf *out, const json_t *state)
{
	const json_t *c = json_object_get(state, "copies");

	one_put(
	    out, "matches_total", "counter", "Packets that a criterion matched, once for each.", number(c, "matched"));
	one_put(
	    out, "copies_due_total", "counter", "Copies that were due: matches times destinations.", number(c, "due"));
	one_put(out, "copies_sent_total", "counter", "Copies that an outgoing interface took.", number(c, "sent"));
	reasons_put(out, "copies_lost_total", "Copies that were due and not sent, by reason.",
	    json_object_get(state, "losses"));
	reasons_put(
	    out, "notes_total", "What is of interest and no loss, by reason.", json_object_get(state, "information"));
}

/* In use, and the room for it. */
static void
capacity_put(struct buf *out, const json_t *c)
{
	static const struct {
		const char *name, *help;
		const char *key[2], *label[2];
	} rows[] = {
	    {"criteria", "Criteria in the kernel's tables", {"criteria"}, {""}},
	    {"terms", "Terms of criteria in the kernel's tables", {"terms-ipv4", "terms-ipv6"},
		{"{family=\"ipv4\"}", "{family=\"ipv6\"}"}},
	    {"masks", "Kinds of filter in use", {"masks-ipv4", "masks-ipv6"},
		{"{family=\"ipv4\"}", "{family=\"ipv6\"}"}},
	    {"destinations", "Content destinations in use", {"destinations"}, {""}},
	};
	char name[64], key[64], help[128];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(help, sizeof help, "%s.", rows[i].help);
		head_put(out, rows[i].name, "gauge", help);
		for (int k = 0; k < 2 && rows[i].key[k]; k++)
			value_put(out, rows[i].name, rows[i].label[k], number(c, rows[i].key[k]));
		snprintf(name, sizeof name, "%s_limit", rows[i].name);
		snprintf(help, sizeof help, "%s: the room for them.", rows[i].help);
		head_put(out, name, "gauge", help);
		for (int k = 0; k < 2 && rows[i].key[k]; k++) {
			snprintf(key, sizeof key, "%s-limit", rows[i].key[k]);
			value_put(out, name, rows[i].label[k], number(c, key));
		}
	}
	one_put(out, "destinations_unresolved", "gauge", "Content destinations whose next hop does not answer.",
	    number(c, "destinations-unresolved"));
	one_put(out, "tables_bytes", "gauge", "Memory of the kernel's tables.", number(c, "table-bytes"));
}

static void
interfaces_put(struct buf *out, const json_t *list)
{
	const json_t *i;
	char room[160];
	size_t n;

	head_put(out, "interface_tapped", "gauge", "Whether packets that come in by the interface are looked at.");
	json_array_foreach (list, n, i)
		value_put(out, "interface_tapped",
		    label(room, "interface", json_string_value(json_object_get(i, "name"))),
		    json_is_true(json_object_get(i, "tapped")));
}

static void
engine_put(struct buf *out, const struct engine *e)
{
	char room[160];

	one_put(out, "sessions", "gauge", "DTCP sessions that are open.", e->nsessions);
	one_put(out, "agencies", "gauge", "Agencies that are configured.", e->nagency);
	one_put(out, "reseal_rows", "gauge", "Stored rows that a rotation of keys has before it, at most.",
	    (json_int_t)e->reseal_left);
	one_put(out, "audit_lines_total", "counter", "Lines of the record, since it was begun.",
	    (json_int_t)e->audit.chain.n);
	head_put(out, "events_total", "counter", "Events since the start, by severity.");
	for (int s = 0; s < ENGINE_SEVERITIES; s++)
		value_put(out, "events_total", label(room, "severity", engine_severity_name((enum engine_severity)s)),
		    (json_int_t)e->events.of[s]);
	one_put(out, "disk_free_bytes", "gauge", "Free for us on the disk of the state directory.",
	    (json_int_t)e->disk.free_bytes);
	one_put(
	    out, "disk_reserve_bytes", "gauge", "Kept there for what ends taps.", (json_int_t)e->disk.reserve_bytes);
	one_put(out, "disk_refuses", "gauge", "Whether nothing new is tapped since nothing more can be written.",
	    e->disk.state >= DISK_FULL);
	one_put(out, "audit_lines_owed", "gauge", "Lines that will be on record when there is room again.",
	    (json_int_t)engine_late_lines(e));
	head_put(out, "start_time_seconds", "gauge", "When the daemon was started, in Unix time.");
	buf_printf(out, "flowtap_start_time_seconds %.3f\n", (double)e->started_ms / 1000);
}

static void
text_put(struct buf *out, const struct engine *e, const json_t *state)
{
	const char *attach = json_string_value(json_object_get(state, "attach"));

	head_put(out, "build_info", "gauge", "Which program this is, and how it is attached; always 1.");
	buf_printf(out, "flowtap_build_info{version=\"%s\",attach=\"%s\"} 1\n", FLOWTAP_VERSION, attach ? attach : "");
	engine_put(out, e);
	interfaces_put(out, json_object_get(state, "interfaces"));
	copies_put(out, state);
	capacity_put(out, json_object_get(state, "capacity"));
}

static void
on_state(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	cleanup_buf struct buf out = {0};
	json_t *state = type == IPC_D_STATE ? json_loadb((const char *)body, len, 0, NULL) : NULL;

	(void)arg;
	if (state)
		text_put(&out, e, state);
	json_decref(state);
	e->metrics_asked = false;
	if (e->metrics)
		(void)ipc_parts_send(
		    e->metrics, IPC_M_PART, IPC_M_TEXT, 0, (struct slice){(const char *)out.p, out.err ? 0 : out.len});
}

/* It asks again when it has read the answer, and not before: the data plane has to do with it. */
static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct engine *e = arg;
	const struct buf none = {0};

	(void)id;
	(void)body;
	if (type != IPC_M_ASK || len != 0 || e->metrics_asked || chan_queued(e->metrics) > 0)
		return -EPROTO;
	e->metrics_asked = true;
	return engine_dp_send(e, IPC_D_STATUS, &none, on_state, NULL);
}

/* What the operator does not see any more does not stop what agencies are owed. */
static void
on_end(void *arg, int err)
{
	struct engine *e = arg;

	chan_free(TAKE_PTR(e->metrics));
	if (!engine_event(e, ENGINE_WARNING, EVENT_METRICS, "the process that metrics are read from has gone"))
		log_warn(err, "metrics cannot be read any more");
}

static const struct chan_ops metrics_ops = {.on_msg = on_msg, .on_end = on_end, .body_max = IPC_BODY_MAX};

int
engine_metrics_start(struct engine *e)
{
	return chan_new(e->loop, DAEMON_FD_METRICS, 64, &metrics_ops, e, &e->metrics);
}
