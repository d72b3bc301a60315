/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dataplane process: typed messages in, kernel tables out.  It runs with no
 * capability; everything it does to the kernel it does through descriptors
 * that the parent opened.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <string.h>

#include "bulk.h"
#include "clock.h"
#include "conf_diff.h"
#include "dataplane.h"
#include "foreign.h"
#include "log.h"
#include "role.h"
#include "sandbox.h"
#include "selftest.h"
#include "spare.h"

#define TICK_MS 1000
#define COLLECT_MS 100       /* from when half of a part has gone until the next one is asked for, at most */
#define COUNTS_AT_ONCE 16384 /* asked for in one message, so that the answer fits into one */
#define USES_AT_ONCE 1024    /* of IPC_D_USED: one transaction of the engine's */
#define ENDED_AT_ONCE 8192   /* of IPC_D_ENDED in one message: half a megabyte */

/* ---- the engine's requests: each is answered once, in order ---- */

int
dataplane_done(struct dataplane *d, uint32_t id, int err)
{
	cleanup_buf struct buf b = {0};

	buf_put_u32(&b, (uint32_t)-err);
	return b.err ? b.err : chan_send(d->engine, IPC_D_DONE, id, b.p, b.len);
}

static struct tapset_life
life_of(const struct ipc_life *l)
{
	return (struct tapset_life){.start_ns = l->start_ns,
	    .end_ns = l->end_ns,
	    .idle_ns = l->idle_ns,
	    .packets = l->packets,
	    .bytes = l->bytes,
	    .more = l->more};
}

/*
 * Answers to copies, such as "port unreachable", go to their source: it must not be the target, nor
 * anybody else's.  Criteria that are stored were checked when they were new; their address may come
 * later than we do.
 */
static int
source_check(struct dataplane *d, const struct ipc_put *put)
{
	const struct ip_addr *a = &put->dest[0].src;
	struct route way;
	int r;

	if (ip_equal(a, &d->local))
		return 0;
	if ((r = route_ask(d->routes, a, &way)) < 0)
		return r;
	if (way.kind != ROUTE_LOCAL)
		return -EADDRNOTAVAIL;
	d->local = *a;
	return 0;
}

static int
put(struct dataplane *d, uint32_t id, struct rd *r, bool stored)
{
	struct tapset_dest dest[DTCP_CDESTS_MAX];
	struct tapset_want want;
	struct ipc_put put = {0};
	int rc = ipc_put_get(&put, r);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < put.ndest; i++)
		dest[i] = (struct tapset_dest){.src = put.dest[i].src,
		    .dst = put.dest[i].dst,
		    .sport = put.dest[i].sport,
		    .dport = put.dest[i].dport,
		    .ttl = put.dest[i].ttl};
	want = (struct tapset_want){.filter = &put.filter,
	    .dest = dest,
	    .ndest = put.ndest,
	    .agency = put.agency,
	    .life = life_of(&put.life),
	    .used = {put.used.packets, put.used.bytes, put.used.seen_ns},
	    .stored = stored};
	/* The last number is not the store's to give. */
	if (put.agency >= SELFTEST_AGENCY) {
		ipc_put_free(&put);
		return dataplane_done(d, id, -ENOSPC);
	}
	if (d->synced && (rc = source_check(d, &put)) < 0) {
		ipc_put_free(&put);
		return dataplane_done(d, id, rc);
	}
	rc = tapset_put(d->set, put.uid, &want, clock_boot_ns());
	ipc_put_free(&put);
	return dataplane_done(d, id, rc);
}

static int
on_put(struct dataplane *d, uint32_t id, struct rd *r)
{
	return put(d, id, r, false);
}

static int
on_keep(struct dataplane *d, uint32_t id, struct rd *r)
{
	return put(d, id, r, true);
}

static int
on_delete(struct dataplane *d, uint32_t id, struct rd *r)
{
	uint32_t n = rd_u32(r);
	int err = 0;

	for (uint32_t i = 0; i < n && r->err == 0; i++) {
		uint64_t uid = rd_u64(r);
		int rc = r->err ? 0 : tapset_remove(d->set, uid, clock_boot_ns());

		if (rc < 0 && rc != -ENOENT)
			err = rc;
	}
	if (rd_end(r) < 0)
		return -EBADMSG;
	return dataplane_done(d, id, err);
}

/* Those that are waiting come again; so does what there is no room for in this message. */
static void
tell_uses(struct dataplane *d)
{
	cleanup_buf struct buf list = {0}, b = {0};
	struct tapset_use u;
	uint32_t n = 0;

	while (n < USES_AT_ONCE && tapset_use(d->set, &u)) {
		ipc_use_put(&list, &(struct ipc_use){.uid = u.uid,
				       .packets_given = u.packets_given,
				       .bytes_given = u.bytes_given,
				       .used = {u.used.packets, u.used.bytes, u.used.seen_ns},
				       .anew = u.anew});
		n++;
	}
	if (n == 0)
		return;
	buf_put_u32(&b, n);
	buf_put(&b, list.p, list.len);
	if (list.err || b.err || chan_send(d->engine, IPC_D_USED, 0, b.p, b.len) < 0)
		loop_stop(d->loop, 1);
}

static int
on_sync(struct dataplane *d, uint32_t id, struct rd *r)
{
	uint32_t n;
	int rc;

	if (rd_end(r) < 0)
		return -EBADMSG;
	n = tapset_drop_unconfirmed(d->set, clock_boot_ns());
	d->synced = true;
	bulk_end();
	if (n > 0)
		log_warnx("criteria that were in the kernel but not in the store are removed: %u", n);
	for (n = 0; (n = tapset_costly(d->set, n)) != 0;)
		log_warnx("agency number %u: packets pay more for its criteria than new ones may cost: they stay", n);
	if ((rc = dataplane_done(d, id, 0)) == 0)
		tell_uses(d);
	return rc;
}

static_assert((int)IPC_END_TIME == TAPSET_END_TIME && (int)IPC_END_IDLE == TAPSET_END_IDLE &&
		  (int)IPC_END_PACKETS == TAPSET_END_PACKETS && (int)IPC_END_BYTES == TAPSET_END_BYTES,
    "the ends of a life have the same numbers");
static_assert((int)IPC_LIFE_START == TAPSET_LIFE_START && (int)IPC_LIFE_END == TAPSET_LIFE_END &&
		  (int)IPC_LIFE_IDLE == TAPSET_LIFE_IDLE && (int)IPC_LIFE_PACKETS == TAPSET_LIFE_PACKETS &&
		  (int)IPC_LIFE_BYTES == TAPSET_LIFE_BYTES,
    "the parts of a life have the same bits");

static int
on_life(struct dataplane *d, uint32_t id, struct rd *r)
{
	struct ipc_life_set m;
	struct tapset_life life;

	if (ipc_life_set_get(&m, r) < 0)
		return -EBADMSG;
	life = life_of(&m.life);
	return dataplane_done(d, id, tapset_life_set(d->set, m.uid, m.which, &life, clock_boot_ns()));
}

static int
on_grant(struct dataplane *d, uint32_t id, struct rd *r)
{
	struct ipc_life_set m;
	struct tapset_life life;

	if (ipc_life_set_get(&m, r) < 0)
		return -EBADMSG;
	life = life_of(&m.life);
	return dataplane_done(d, id, tapset_grant(d->set, m.uid, &life, clock_boot_ns()));
}

static int
on_budget(struct dataplane *d, uint32_t id, struct rd *r)
{
	struct ipc_budget_set m;
	struct tapset_budget b;

	if (ipc_budget_set_get(&m, r) < 0)
		return -EBADMSG;
	b = (struct tapset_budget){.packets_per_s = m.budget.packets_per_s,
	    .bytes_per_s = m.budget.bytes_per_s,
	    .burst_ms = m.budget.burst_ms};
	return dataplane_done(d, id, tapset_budget_set(d->set, m.agency, &b));
}

static int
on_agencies(struct dataplane *d, uint32_t id, struct rd *r)
{
	cleanup_buf struct buf b = {0};
	uint32_t n = rd_u32(r);

	if (n > COUNTS_AT_ONCE)
		return -EBADMSG;
	buf_put_u32(&b, n);
	for (uint32_t i = 0; i < n && r->err == 0; i++) {
		struct ipc_agency_count c = {.agency = rd_u32(r)};
		struct tapset_agency_count k = {0};

		(void)tapset_agency_counts(d->set, c.agency, &k); /* no such number: zeros */
		c.matched = k.matched;
		c.due = k.due;
		c.sent = k.sent;
		c.lost_budget = k.lost_budget;
		c.lost_other = k.lost_other;
		ipc_agency_count_put(&b, &c);
	}
	if (rd_end(r) < 0)
		return -EBADMSG;
	return b.err ? b.err : chan_send(d->engine, IPC_D_AGENCY_COUNTS, id, b.p, b.len);
}

static struct ipc_count
count_of(const struct dataplane *d, uint64_t uid, const struct tap_count *k)
{
	return (struct ipc_count){.uid = uid,
	    .packets = k->packets,
	    .bytes = k->bytes,
	    .copies_due = k->copies_due,
	    .copies_sent = k->copies_sent,
	    .bandwidth_bps = tapset_bandwidth(d->set, uid)};
}

static int
on_stats(struct dataplane *d, uint32_t id, struct rd *r)
{
	cleanup_buf struct buf b = {0};
	uint32_t n = rd_u32(r);

	if (n > COUNTS_AT_ONCE)
		return -EBADMSG;
	buf_put_u32(&b, n);
	for (uint32_t i = 0; i < n && r->err == 0; i++) {
		uint64_t uid = rd_u64(r);
		struct tap_count k = {0};
		struct ipc_count c;

		(void)tapset_counts(d->set, uid, &k); /* deleted meanwhile: zeros */
		c = count_of(d, uid, &k);
		ipc_count_put(&b, &c);
	}
	if (rd_end(r) < 0)
		return -EBADMSG;
	return b.err ? b.err : chan_send(d->engine, IPC_D_COUNTS, id, b.p, b.len);
}

static const struct {
	uint16_t type;
	int (*run)(struct dataplane *d, uint32_t id, struct rd *r);
} requests[] = {
    {IPC_D_PUT, on_put},
    {IPC_D_KEEP, on_keep},
    {IPC_D_DELETE, on_delete},
    {IPC_D_SYNC, on_sync},
    {IPC_D_STATS, on_stats},
    {IPC_D_STATUS, dataplane_status},
    {IPC_D_DESTS, dataplane_dests},
    {IPC_D_TEST_BEGIN, dataplane_selftest_begin},
    {IPC_D_TEST_END, dataplane_selftest_end},
    {IPC_D_LIFE, on_life},
    {IPC_D_GRANT, on_grant},
    {IPC_D_BUDGET, on_budget},
    {IPC_D_AGENCIES, on_agencies},
};

/*
 * A request that can't be taken is refused, and the next one is read: one criterion that is wrong must not end all.
 * Frames say their length, so what is wrong in one is wrong in that one alone; only who sends other types than these is
 * not the engine.
 */
static int
engine_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	int rc = -EPROTO;

	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		if (requests[i].type == type)
			rc = requests[i].run(arg, id, &r);
	if (rc != -EBADMSG && rc != -ENOMEM)
		return rc;
	return dataplane_done(arg, id, rc == -EBADMSG ? -EINVAL : rc);
}

/* ---- the parent's requests ---- */

static int
prepare(struct dataplane *d, const uint8_t *body, size_t len, const char **why)
{
	char by[33];
	uint32_t *uid = NULL;
	int r;

	conf_free(TAKE_PTR(d->next));
	*why = "configuration not understood";
	if ((r = daemon_config_get(body, len, &d->next, &uid, by)) < 0)
		return r;
	free(uid);
	if (d->conf)
		conf_diff_hold(d->conf, d->next);
	return iface_prepare(d->ifaces, d->next, why);
}

/* It is done; what conf names and is not there is a warning, as much of it as the parent takes. */
static void
ready_but(struct dataplane *d, const struct conf *conf)
{
	cleanup_buf struct buf b = {0};
	char why[DAEMON_WHY];

	iface_missing(d->ifaces, conf, &b);
	foreign_text((struct slice){(const char *)b.p, b.err ? 0 : b.len}, why, sizeof why);
	daemon_ready(d->parent, 0, why);
}

/* All copies from now on, whoever's they are. */
static void
copies_class(struct dataplane *d, const struct conf *conf)
{
	__atomic_store_n(&d->tables.ctl->copy_tos, (uint8_t)(conf->copy_dscp << 2), __ATOMIC_RELEASE);
	__atomic_store_n(&d->tables.ctl->copy_priority, conf->copy_priority, __ATOMIC_RELEASE);
}

static void
commit(struct dataplane *d)
{
	if (d->next == NULL)
		return;
	copies_class(d, d->next);
	iface_commit(d->ifaces, d->next);
	conf_free(d->conf);
	d->conf = TAKE_PTR(d->next);
}

static int
parent_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct dataplane *d = arg;
	const char *why;
	int r;

	(void)id;
	switch (type) {
	case IPC_P_CONFIG:
		if ((r = prepare(d, body, len, &why)) < 0)
			daemon_ready(d->parent, r, why);
		else
			ready_but(d, d->next);
		return 0;
	case IPC_P_COMMIT:
		commit(d);
		ready_but(d, d->conf);
		return 0;
	case IPC_P_ABORT:
		iface_abort(d->ifaces);
		conf_free(TAKE_PTR(d->next));
		return 0;
	case IPC_P_ALIVE:
		return chan_send(d->parent, IPC_P_ALIVE, 0, NULL, 0);
	case IPC_P_STOP:
		loop_stop(d->loop, 0);
		return 0;
	default:
		return -EPROTO;
	}
}

static void
on_end(void *arg, int err)
{
	struct dataplane *d = arg;

	daemon_chan_end(err);
	/* Taps stay in the kernel; the service manager starts us again. */
	loop_stop(d->loop, 1);
}

/* One message of what has ended.  How many there were in it. */
static uint32_t
tell_ended(struct dataplane *d, uint64_t now_ns)
{
	cleanup_buf struct buf list = {0}, b = {0};
	struct tapset_ended e;
	uint32_t n = 0;

	while (n < ENDED_AT_ONCE && tapset_ended(d->set, now_ns, &e)) {
		ipc_ended_put(
		    &list, &(struct ipc_ended){
			       .uid = e.uid, .reason = (uint8_t)e.reason, .count = count_of(d, e.uid, &e.count)});
		n++;
	}
	if (n == 0)
		return 0;
	buf_put_u32(&b, n);
	buf_put(&b, list.p, list.len);
	/* What cannot be told now, the next dataplane will tell. */
	if (list.err || b.err || chan_send(d->engine, IPC_D_ENDED, 0, b.p, b.len) < 0)
		loop_stop(d->loop, 1);
	return n;
}

static_assert((int)IPC_ALARM_CRITERION == TAPSET_FOREIGN_CRITERION && (int)IPC_ALARM_TERM == TAPSET_FOREIGN_TERM &&
		  (int)IPC_ALARM_CHANGED == TAPSET_CHANGED,
    "what is found has the same numbers");

static void
tell_foreign(struct dataplane *d)
{
	struct tapset_foreign f;

	while (tapset_foreign(d->set, &f)) {
		cleanup_buf struct buf b = {0};

		buf_put_u8(&b, (uint8_t)f.kind);
		buf_put_u64(&b, f.uid);
		if (b.err || chan_send(d->engine, IPC_D_ALARM, 0, b.p, b.len) < 0) {
			loop_stop(d->loop, 1);
			return;
		}
	}
}

static void
on_tick(void *arg)
{
	struct dataplane *d = arg;
	uint64_t now_ns = clock_boot_ns();
	int r;

	/* Without its pins nothing can be attached, and what was is gone: a start makes them anew. */
	if ((r = kern_pins_look(d->kern)) < 0) {
		log_warn(r, "%s: our pins in the kernel are gone, and the taps with them: all of us start again",
		    kern_pin_dir(d->kern));
		loop_stop(d->loop, 1);
		return;
	}
	tapset_tick(d->set, now_ns);
	iface_look(d->ifaces);
	if ((r = kern_ports_look(d->kern)) < 0)
		log_warn(r, "interfaces of content destinations cannot be read");
	d->local = (struct ip_addr){0};
	while (d->synced && tell_ended(d, now_ns) == ENDED_AT_ONCE)
		;
	if (d->synced)
		tell_foreign(d);
	loop_timer_set(d->tick, TICK_MS);
}

static void
on_collect(void *arg)
{
	struct dataplane *d = arg;

	tapset_collect(d->set);
	if (d->synced)
		tell_uses(d);
	loop_timer_set(d->collect, COLLECT_MS);
}

/* ---- start ---- */

static const struct chan_ops parent_ops = {.on_msg = parent_on_msg, .on_end = on_end};
static const struct chan_ops engine_ops = {.on_msg = engine_on_msg, .on_end = on_end};

static int
dataplane_start(struct dataplane *d, const char **why)
{
	int r;

	*why = "descriptors";
	if ((r = kern_child_open(d->conf->run_dir, DAEMON_FD_KERN, &d->kern)) < 0 ||
	    (r = iface_new(d->kern, &d->ifaces)) < 0 || (r = local_new(d->kern, &d->own_addresses)) < 0)
		return r;
	*why = "kernel tables";
	if ((r = kern_tables(d->kern, &d->tables)) < 0 || (r = loop_new(&d->loop)) < 0)
		return r;
	*why = "routes";
	if ((d->routes = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) == NULL ||
	    mnl_socket_bind(d->routes, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	*why = "sandbox";
	if ((r = role_confine_dataplane(kern_pin_dir(d->kern))) < 0)
		return r;
	*why = "recovery";
	if ((r = tapset_new(&d->tables, &d->set)) < 0 || (r = tapset_recover(d->set, clock_boot_ns())) < 0)
		return r;
	copies_class(d, d->conf);
	*why = "event loop";
	if ((r = chan_new(d->loop, DAEMON_FD_PARENT, DAEMON_CHAN_MAX, &parent_ops, d, &d->parent)) < 0 ||
	    (r = chan_new(d->loop, DAEMON_FD_PEER, IPC_BODY_MAX, &engine_ops, d, &d->engine)) < 0 ||
	    (r = loop_timer_new(d->loop, on_tick, d, &d->tick)) < 0 ||
	    (r = loop_timer_new(d->loop, on_collect, d, &d->collect)) < 0)
		return r;
	loop_timer_set(d->tick, TICK_MS);
	loop_timer_set(d->collect, COLLECT_MS);
	*why = "addresses";
	if ((r = local_start(d->own_addresses, d->loop)) < 0)
		return r;
	*why = "interfaces";
	if ((r = iface_start(d->ifaces, d->loop)) < 0)
		return r;
	return iface_prepare(d->ifaces, d->conf, why);
}

int
dataplane_run(int verbose)
{
	struct dataplane d = {0};
	const char *why = "";
	uint32_t *uid = NULL;
	int r;

	log_init("flowtapd: dataplane", verbose);
	if ((r = sandbox_basics()) < 0)
		fatal(r, "cannot drop privileges");
	if ((r = sandbox_lock()) < 0)
		log_warn(r, "memory may be swapped out");
	spare_stack();
	if ((r = daemon_config_wait(DAEMON_FD_PARENT, &d.conf, &uid)) < 0)
		fatal(r, "no configuration");
	free(uid);
	bulk_begin(); /* on_sync ends it */
	if ((r = dataplane_start(&d, &why)) < 0) {
		daemon_ready_sync(DAEMON_FD_PARENT, r, why);
		return 1;
	}
	iface_commit(d.ifaces, d.conf);
	(void)kern_sweep(d.kern);
	(void)kern_ports_look(d.kern); /* with our programs instead of a predecessor's */
	daemon_ready(d.parent, 0, "");
	r = loop_run(d.loop);
	return r < 0 ? 1 : r;
}
