/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the dataplane knows of itself, as JSON for the operator's side: figures and
 * content destinations, never a filter.
 *
 * exports: dataplane_ */
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "dataplane.h"
#include "ipc_parts.h"
#include "selftest.h"

#define NS_PER_S 1000000000ull
#define DESTS_AT_ONCE 1024 /* of about 300 bytes each, in one message */

static const struct {
	const char *group, *name;
	enum tap_counter counter;
} counters[] = {
    {"copies", "matched", TAP_C_MATCHED},
    {"copies", "due", TAP_C_COPIES_DUE},
    {"copies", "sent", TAP_C_COPIES_SENT},
    {"losses", "agency-budget", TAP_C_LOST_BUDGET},
    {"losses", "timeout-grant", TAP_C_LOST_GRANT},
    {"losses", "copy-limit", TAP_C_LOST_LIMIT},
    {"losses", "encapsulation", TAP_C_LOST_ENCAP},
    {"losses", "encapsulation-gso", TAP_C_LOST_ENCAP_GSO},
    {"losses", "criterion-removed-early", TAP_C_LOST_GONE_OUT},
    {"losses", "too-big", TAP_C_LOST_TOO_BIG},
    {"losses", "no-route", TAP_C_LOST_NO_ROUTE},
    {"losses", "no-neighbour", TAP_C_LOST_NO_NEIGHBOUR},
    {"losses", "fragment", TAP_C_LOST_FRAGMENT},
    {"losses", "transmit", TAP_C_LOST_TX},
    {"information", "own-copies-skipped", TAP_C_INFO_OWN_COPY},
    {"information", "own-ssh-skipped", TAP_C_INFO_OWN_SSH},
    {"information", "extension-header-limit", TAP_C_INFO_EXT_LIMIT},
    {"information", "chain-limit", TAP_C_INFO_CHAIN_LIMIT},
    {"information", "fragment-without-first", TAP_C_INFO_FRAG_UNKNOWN},
    {"information", "copies-fragmented", TAP_C_INFO_FRAGMENTED},
    {"information", "copies-while-resolving", TAP_C_INFO_NEIGH_PENDING},
};

/* What went into the stage device and neither came out nor was refused before it. */
static uint64_t
internal_queue_loss(const uint64_t *v)
{
	uint64_t out = v[TAP_C_ARRIVED] + v[TAP_C_LOST_ENCAP] + v[TAP_C_LOST_ENCAP_GSO] + v[TAP_C_LOST_GONE_OUT] +
		       v[TAP_C_LOST_TOO_BIG];

	return v[TAP_C_HANDED] > out ? v[TAP_C_HANDED] - out : 0;
}

json_t *
dataplane_losses_json(const uint64_t *before, const uint64_t *now)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		uint64_t n = now[counters[i].counter] - before[counters[i].counter];

		if (n != 0 && strcmp(counters[i].group, "losses") == 0)
			json_object_set_new(o, counters[i].name, json_integer((json_int_t)n));
	}
	return o;
}

static int
counters_json(struct dataplane *d, json_t *o)
{
	uint64_t v[TAP_C_MAX];
	int r = kern_stats(d->kern, v);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		json_t *g = json_object_get(o, counters[i].group);

		if (g == NULL) {
			g = json_object();
			json_object_set_new(o, counters[i].group, g);
		}
		json_object_set_new(g, counters[i].name, json_integer((json_int_t)v[counters[i].counter]));
	}
	json_object_set_new(
	    json_object_get(o, "losses"), "internal-queue", json_integer((json_int_t)internal_queue_loss(v)));
	return 0;
}

static void
content_interface(void *arg, int ifindex, bool direct)
{
	char name[IF_NAMESIZE];

	if (if_indextoname((unsigned)ifindex, name) && strcmp(name, KERN_TEST_OUT) != 0)
		json_array_append_new(
		    arg, json_pack("{s:s,s:s}", "name", name, "way", direct ? "direct" : "stage device"));
}

/* Where copies leave, and which way they take to there. */
static json_t *
content_interfaces_json(struct dataplane *d)
{
	json_t *v = json_array();

	(void)kern_ports_each(d->kern, content_interface, v); /* fewer are told of */
	return v;
}

/* What is in use, and how much the tables have. */
static json_t *
capacity_json(struct dataplane *d)
{
	const struct tapset_tables *t = &d->tables;
	struct tapset_usage u;
	json_t *o;

	tapset_usage(d->set, &u);
	o = json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "criteria", (int)u.crits, "criteria-limit",
	    (int)d->conf->max_criteria, "terms-ipv4", (int)u.terms4, "terms-ipv6", (int)u.terms6, "destinations",
	    (int)u.dests, "destinations-unresolved", (int)u.unresolved, "masks-ipv4", (int)u.masks4, "masks-ipv6",
	    (int)u.masks6);
	if (o)
		(void)json_object_update_new(o,
		    json_pack("{s:i,s:i,s:i,s:i,s:i,s:I}", "terms-ipv4-limit", (int)t->nterm4 - 1, "terms-ipv6-limit",
			(int)t->nterm6 - 1, "destinations-limit", (int)t->ndest - 1, "masks-ipv4-limit", TAP_MASKS_MAX,
			"masks-ipv6-limit", TAP_MASKS_MAX, "table-bytes", (json_int_t)kern_bytes(d->kern)));
	return o;
}

static json_t *
programs_json(struct dataplane *d)
{
	json_t *v = json_array();
	struct kern_prog p;

	for (unsigned i = 0; kern_prog(d->kern, i, &p) == 0; i++) {
		char tag[2 * sizeof p.tag + 1];

		for (size_t k = 0; k < sizeof p.tag; k++)
			snprintf(tag + 2 * k, 3, "%02x", p.tag[k]);
		json_array_append_new(
		    v, json_pack("{s:s,s:i,s:s,s:I}", "name", p.name, "id", (int)p.id, "tag", tag, "loaded-seconds",
			   (json_int_t)((clock_boot_ns() - p.loaded_ns) / NS_PER_S)));
	}
	return v;
}

int
dataplane_status(struct dataplane *d, uint32_t id, struct rd *r)
{
	json_t *o;
	char *text;
	int rc;

	if (rd_end(r) < 0)
		return -EBADMSG;
	if ((o = json_object()) == NULL)
		return -ENOMEM;
	json_object_set_new(o, "attach", json_string(kern_attach_name(d->kern)));
	json_object_set_new(o, "programs", programs_json(d));
	json_object_set_new(o, "interfaces", iface_json(d->ifaces));
	json_object_set_new(o, "content-interfaces", content_interfaces_json(d));
	json_object_set_new(o, "capacity", capacity_json(d));
	rc = counters_json(d, o);
	text = rc == 0 ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (text == NULL)
		return dataplane_done(d, id, rc ? rc : -ENOMEM);
	rc = ipc_parts_send(d->engine, IPC_D_PART, IPC_D_STATE, id, (struct slice){text, strlen(text)});
	free(text);
	return rc;
}

/* ---- content destinations ---- */

struct port_find {
	int ifindex;
	bool direct;
};

static void
port_is(void *arg, int ifindex, bool direct)
{
	struct port_find *f = arg;

	if (ifindex == f->ifindex)
		f->direct = direct;
}

/* Where the routing table would send it, and whether copies go directly there. */
static const char *
dest_way(struct dataplane *d, const struct tapset_dest_state *s, json_t *o)
{
	struct port_find port = {0};
	char name[IF_NAMESIZE], via[IP_STRLEN];
	struct route way;

	if (route_ask(d->routes, &s->dest.dst, &way) < 0 || way.kind == ROUTE_NONE)
		return "no route";
	if (way.kind == ROUTE_LOCAL)
		return "own address";
	port.ifindex = way.ifindex;
	(void)kern_ports_each(d->kern, port_is, &port);
	if (if_indextoname((unsigned)way.ifindex, name))
		json_object_set_new(o, "interface", json_string(name));
	if (way.via.family)
		json_object_set_new(o, "next-hop", json_string(ip_format(&way.via, via)));
	json_object_set_new(o, "way", json_string(port.direct ? "direct" : "stage device"));
	if (s->unresolved_since_ns != 0)
		return "unresolved";
	return s->probed_ns != 0 ? "reachable" : "not used yet";
}

static json_t *
dest_json(struct dataplane *d, const struct tapset_dest_state *s)
{
	char addr[IP_STRLEN], source[IP_STRLEN];
	uint64_t now = clock_mono_ns();
	json_t *o = json_pack("{s:s,s:i,s:s,s:i,s:i,s:i}", "address", ip_format(&s->dest.dst, addr), "port",
	    (int)s->dest.dport, "source", ip_format(&s->dest.src, source), "source-port", (int)s->dest.sport,
	    "agency-number", (int)s->agency, "criteria", (int)s->criteria);
	const char *state = dest_way(d, s, o);

	json_object_set_new(o, "state", json_string(state));
	if (s->unresolved_since_ns != 0 && now > s->unresolved_since_ns)
		json_object_set_new(
		    o, "unresolved-seconds", json_integer((json_int_t)((now - s->unresolved_since_ns) / NS_PER_S)));
	return o;
}

int
dataplane_dests(struct dataplane *d, uint32_t id, struct rd *r)
{
	uint32_t at = rd_u32(r), n = 0;
	struct tapset_dest_state s;
	json_t *list, *o;
	char *text;
	int rc;

	if (rd_end(r) < 0)
		return -EBADMSG;
	if ((list = json_array()) == NULL)
		return -ENOMEM;
	while (n++ < DESTS_AT_ONCE && (at = tapset_dest_next(d->set, at, &s)) != 0)
		if (s.agency != SELFTEST_AGENCY)
			json_array_append_new(list, dest_json(d, &s));
	o = json_pack("{s:i,s:o}", "next", (int)at, "destinations", list);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL)
		return dataplane_done(d, id, -ENOMEM);
	rc = ipc_parts_send(d->engine, IPC_D_PART, IPC_D_STATE, id, (struct slice){text, strlen(text)});
	free(text);
	return rc;
}
