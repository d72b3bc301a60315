/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits are given to the kernel in parts (grant.h), and a criterion's being seen is written down from time to time,
 * so that neither begins anew with new tables.  Invariants:
 *  1. What the kernel may copy of a limit is durable as used before it is told (store_used).
 *  2. While the disk is full nothing is given: the reserve is for what ends taps.  The data plane counts what waits,
 *     and tells of it again.
 *  3. A row without such an entry (a former release made it) stands for one packet and one byte given.
 *
 * exports: engine_grant_ */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "grant.h"
#include "log.h"

#define NS_PER_MS 1000000

static uint64_t
limit_of(const struct store_row *row, enum dtcp_timeout t)
{
	return row->timeouts.v[t] > INT64_MAX ? INT64_MAX : row->timeouts.v[t];
}

static bool
is_bounded(const struct store_row *row)
{
	return (row->timeouts.v[DTCP_T_PACKETS] | row->timeouts.v[DTCP_T_BYTES] | row->timeouts.v[DTCP_T_IDLE]) != 0;
}

static int
used_get(struct engine *e, const struct store_row *row, struct store_used *u)
{
	int r = store_used_get(e->store, row->uid, u);

	if (r == -ENOENT)
		*u = (struct store_used){.packets = row->timeouts.v[DTCP_T_PACKETS] != 0,
		    .bytes = row->timeouts.v[DTCP_T_BYTES] != 0,
		    .seen_ms = row->refreshed_ms > row->added_ms ? row->refreshed_ms : row->added_ms};
	return r == -ENOENT ? 0 : r;
}

static uint64_t
next(uint64_t limit, uint64_t least, uint64_t given, uint64_t was, int64_t passed_ms, uint64_t used)
{
	return grant_next(&(struct grant){limit, least, given, was, passed_ms}, used);
}

/* What of its limits a criterion has been given. */
static void
life_limit(const struct store_row *row, const struct store_used *u, struct ipc_life *life)
{
	const uint64_t packets = limit_of(row, DTCP_T_PACKETS), bytes = limit_of(row, DTCP_T_BYTES);

	life->packets = packets ? u->packets : 0;
	life->bytes = bytes ? u->bytes : 0;
	life->more = (uint8_t)((life->packets < packets ? IPC_LIFE_PACKETS : 0) |
			       (life->bytes < bytes ? IPC_LIFE_BYTES : 0));
}

/* The first parts of the limits whose bits are in which; idleness begins now. */
static void
begin(const struct store_row *row, uint8_t which, int64_t now_ms, struct store_used *u)
{
	u->at_ms = now_ms;
	if (which & IPC_LIFE_PACKETS) {
		u->packets = next(limit_of(row, DTCP_T_PACKETS), GRANT_LEAST_PACKETS, 0, 0, 1, 0);
		u->packets_was = 0;
	}
	if (which & IPC_LIFE_BYTES) {
		u->bytes = next(limit_of(row, DTCP_T_BYTES), GRANT_LEAST_BYTES, 0, 0, 1, 0);
		u->bytes_was = 0;
	}
	if (which & IPC_LIFE_IDLE)
		u->seen_ms = u->at_ms;
}

int
engine_grant_begin(struct engine *e, const struct store_row *row, uint8_t which, struct ipc_life *life)
{
	struct store_used u = {0};
	int r = 0;

	if (which != IPC_LIFE_ALL)
		r = used_get(e, row, &u);
	if (r < 0)
		return r;
	begin(row, which, wallclock_ms(&e->clock), &u);
	life_limit(row, &u, life);
	/* What is static, or ends by time alone, needs no entry. */
	if (!is_bounded(row) && which == IPC_LIFE_ALL)
		return 0;
	return store_used_set(e->store, row->uid, &u);
}

/* A moment of the judged time by the boot clock, before which it may have been: never 0, nor TAP_SEEN_ENDED. */
static int64_t
boot_ns(const struct engine *e, int64_t then_ms)
{
	const int64_t ago_ms = wallclock_ms(&e->clock) - then_ms, now = (int64_t)clock_boot_ns();
	const int64_t at = ago_ms > 0 && ago_ms < INT64_MAX / NS_PER_MS / 2 ? now - ago_ms * NS_PER_MS : now;

	return at == 0 || at == -1 ? -2 : at;
}

int
engine_grant_resume(struct engine *e, const struct store_row *row, struct ipc_put *put)
{
	struct store_used u;
	int r;

	if (!is_bounded(row))
		return 0;
	if ((r = used_get(e, row, &u)) < 0)
		return r;
	life_limit(row, &u, &put->life);
	/* New tables know nothing of what was used: all that was given may be. */
	put->used = (struct ipc_used){.packets = put->life.packets, .bytes = put->life.bytes};
	if (row->timeouts.v[DTCP_T_IDLE])
		put->used.seen_ns = boot_ns(e, u.seen_ms);
	return 0;
}

/* ---- what the data plane says was used ---- */

static void
on_granted(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);
	uint32_t err = type == IPC_D_DONE ? rd_u32(&r) : EPROTO;

	(void)e;
	(void)arg;
	if (err != 0 && err != ENOENT) /* it may have ended meanwhile */
		log_warnx("a criterion's limit can't be raised to what it may have");
}

struct renewal {
	struct store_used u;
	bool grant, write;
};

static void
renew(const struct store_row *row, const struct ipc_use *m, int64_t now_ms, struct renewal *v)
{
	const uint64_t packets = limit_of(row, DTCP_T_PACKETS), bytes = limit_of(row, DTCP_T_BYTES);
	const int64_t now_ns = (int64_t)clock_boot_ns(),
		      seen_ms = m->used.seen_ns > now_ns
				    ? INT64_MAX
				    : now_ms - (int64_t)(((uint64_t)now_ns - (uint64_t)m->used.seen_ns) / NS_PER_MS),
		      passed_ms = now_ms - v->u.at_ms;
	const struct store_used was = v->u;

	/* Of another limit, which a REFRESH has replaced meanwhile: it is told again. */
	if (packets && m->packets_given == was.packets)
		v->u.packets = next(packets, GRANT_LEAST_PACKETS, was.packets,
		    m->anew ? m->used.packets : was.packets_was, passed_ms, m->used.packets);
	if (bytes && m->bytes_given == was.bytes)
		v->u.bytes = next(bytes, GRANT_LEAST_BYTES, was.bytes, m->anew ? m->used.bytes : was.bytes_was,
		    passed_ms, m->used.bytes);
	v->grant = v->u.packets != was.packets || v->u.bytes != was.bytes;
	if (v->grant) {
		v->u.at_ms = now_ms;
		v->u.packets_was = m->used.packets;
		v->u.bytes_was = m->used.bytes;
	}
	v->write = v->grant;
	if (row->timeouts.v[DTCP_T_IDLE] && seen_ms > was.seen_ms && seen_ms <= now_ms) {
		v->u.seen_ms = seen_ms;
		v->write = true;
	}
}

/* In the open transaction; what the data plane is to be told is appended.  -ENOENT: it was deleted meanwhile. */
static int
use_one(struct engine *e, const struct ipc_use *m, struct buf *out, uint32_t *n)
{
	char agency[DTCP_NAME_MAX + 1];
	struct store_row row;
	struct renewal v = {0};
	struct ipc_life_set set = {.uid = m->uid, .which = IPC_LIFE_PACKETS | IPC_LIFE_BYTES};
	int r = store_find_uid(e->store, m->uid, agency, &row);

	if (r < 0)
		return r;
	if ((r = used_get(e, &row, &v.u)) == 0) {
		renew(&row, m, wallclock_ms(&e->clock), &v);
		life_limit(&row, &v.u, &set.life);
		if (v.write)
			r = store_used_set(e->store, m->uid, &v.u);
	}
	store_row_free(&row);
	if (r == 0 && v.grant) {
		ipc_life_set_put(out, &set);
		++*n;
	}
	return r < 0 ? r : out->err;
}

static int
grants_send(struct engine *e, const struct buf *grants, uint32_t n)
{
	const size_t each = n ? grants->len / n : 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		const struct buf one = {.p = grants->p + i * each, .len = each};

		r = engine_dp_send(e, IPC_D_GRANT, &one, on_granted, NULL);
	}
	return r;
}

/* A full disk has its alarm, and they are told of several times a second. */
static void
log_unless_full(int err)
{
	if (err != -ENOSPC)
		log_warn(err, "limits of criteria are not raised");
}

int
engine_grant_uses(struct engine *e, struct rd *r)
{
	cleanup_buf struct buf grants = {0};
	uint32_t n = rd_u32(r), given = 0;
	struct ipc_use m;
	int rc;

	if (engine_disk_refuses(e)) /* there is an alarm of it */
		return 0;
	if ((rc = engine_txn_begin(e)) < 0) {
		log_unless_full(rc);
		return 0;
	}
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		if (ipc_use_get(&m, r) < 0) {
			engine_txn_rollback(e);
			return -EBADMSG;
		}
		rc = use_one(e, &m, &grants, &given);
		if (rc == -ENOENT || rc == -EBADMSG) /* set aside: engine_aside.c */
			rc = 0;
	}
	if (rc == 0 && (rc = rd_end(r)) < 0) {
		engine_txn_rollback(e);
		return rc;
	}
	if (rc == 0)
		rc = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (rc < 0) {
		log_unless_full(rc);
		return 0;
	}
	return grants_send(e, &grants, given);
}
