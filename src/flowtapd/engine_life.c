/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When criteria begin and end.  The kernel keeps every bound by the boot clock, which
 * nobody can set.  A warrant's bounds, and all of a former boot, are made from the wall's clock, by
 * wallclock.h's rules, and made again when that is set (engine_time.h).
 *
 * exports: engine_life_ */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "engine_share.h"
#include "log.h"

#define NS_PER_S 1000000000ull

/* The text of /proc/sys/kernel/random/boot_id, without its dashes. */
int
engine_life_start(struct engine *e)
{
	cleanup_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[64], hex[2 * STORE_BOOT_LEN + 1];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	size_t k = 0;

	if (n < 0)
		return -errno;
	for (ssize_t i = 0; i < n && k < sizeof hex - 1; i++)
		if (text[i] != '-')
			hex[k++] = text[i];
	return audit_unhex((struct slice){hex, k}, e->boot, sizeof e->boot);
}

static struct store_moment
moment_in(const struct engine *e, uint64_t seconds)
{
	if (seconds == 0)
		return (struct store_moment){0};
	return (struct store_moment){.wall_ms = wallclock_ms(&e->clock) + (int64_t)seconds * 1000,
	    .boot_ns = clock_boot_ns() + seconds * NS_PER_S};
}

void
engine_life_set(const struct engine *e, struct store_row *row, const struct authority *a)
{
	memcpy(row->boot, e->boot, sizeof row->boot);
	row->end = moment_in(e, row->timeouts.v[DTCP_T_TOTAL]);
	if (a == NULL)
		return;
	row->start = (struct store_moment){a->warrant.start_ms, wallclock_start_ns(&e->clock, a->warrant.start_ms)};
	row->until = (struct store_moment){a->warrant.end_ms, wallclock_end_ns(&e->clock, a->warrant.end_ms)};
}

static bool
is_of_this_boot(const struct engine *e, const struct store_row *row)
{
	return memcmp(row->boot, e->boot, sizeof row->boot) == 0;
}

bool
engine_life_is_dated(const struct engine *e, const struct store_row *row)
{
	return row->start.wall_ms != 0 || row->until.wall_ms != 0 ||
	       (row->end.wall_ms != 0 && !is_of_this_boot(e, row));
}

/* 0 stands for "no such bound". */
static uint64_t
start_of(const struct engine *e, const struct store_row *row)
{
	if (e->clock.waits && engine_life_is_dated(e, row))
		return WALLCLOCK_NEVER;
	return row->start.wall_ms == 0 ? 0 : wallclock_start_ns(&e->clock, row->start.wall_ms);
}

/* Timeout-Total is so long: within a boot the wall's clock has no part in it. */
static uint64_t
end_of(const struct engine *e, const struct store_row *row)
{
	const struct store_moment *until = &row->until, *end = &row->end;
	const uint64_t a = until->wall_ms == 0 ? 0 : wallclock_end_ns(&e->clock, until->wall_ms),
		       b = end->wall_ms == 0         ? 0
			   : is_of_this_boot(e, row) ? end->boot_ns
						     : wallclock_end_ns(&e->clock, end->wall_ms);

	return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

void
engine_life_put(const struct engine *e, const struct store_row *row, struct ipc_life *out)
{
	*out = (struct ipc_life){.start_ns = start_of(e, row),
	    .end_ns = end_of(e, row),
	    .idle_ns = row->timeouts.v[DTCP_T_IDLE] * NS_PER_S,
	    .packets = row->timeouts.v[DTCP_T_PACKETS],
	    .bytes = row->timeouts.v[DTCP_T_BYTES]};
}

int
engine_life_refresh(
    const struct engine *e, struct store_row *row, const struct dtcp_timeouts *t, struct ipc_life_set *out)
{
	static const uint8_t bits[DTCP_TIMEOUTS] = {IPC_LIFE_IDLE, IPC_LIFE_END, IPC_LIFE_PACKETS, IPC_LIFE_BYTES};

	*out = (struct ipc_life_set){.uid = row->uid};
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++) {
		if (!(t->named >> i & 1))
			continue;
		row->timeouts.v[i] = t->v[i];
		row->timeouts.named = (uint8_t)((row->timeouts.named & ~(1u << i)) | (t->v[i] != 0) << i);
		out->which |= bits[i];
	}
	if (row->timeouts.named == 0)
		return -EDOM;
	if (t->named >> DTCP_T_TOTAL & 1)
		row->end = moment_in(e, t->v[DTCP_T_TOTAL]);
	row->num_refresh++;
	row->refreshed_ms = clock_wall_ms();
	engine_life_put(e, row, &out->life);
	return 0;
}

/* ---- what the data plane says has ended ---- */

static const char *const reasons[] = {
    [IPC_END_TIME] = "its time is over",
    [IPC_END_IDLE] = "no packet for Timeout-Idle",
    [IPC_END_PACKETS] = "Timeout-Packets is used up",
    [IPC_END_BYTES] = "Timeout-Bytes is used up",
};

/* What never had such a bound does not end by it, whoever says so.  A REFRESH may have taken one away meanwhile. */
static bool
may_end(const struct engine *e, const struct store_row *row, uint8_t reason)
{
	struct ipc_life life;

	if (row->num_refresh)
		return true;
	engine_life_put(e, row, &life);
	switch (reason) {
	case IPC_END_TIME:
		return life.end_ns != 0 && clock_boot_ns() >= life.end_ns;
	case IPC_END_IDLE:
		return life.idle_ns != 0;
	case IPC_END_PACKETS:
		return life.packets != 0;
	default:
		return life.bytes != 0;
	}
}

/* Out of the store and on record, in the open transaction or late.  -ENOENT: it was deleted meanwhile. */
static int
ended_one(struct engine *e, const struct ipc_ended *m, bool late)
{
	struct audit_event v = {.kind = "ended"};
	char agency[DTCP_NAME_MAX + 1], reason[128];
	struct store_row row;
	int r = store_find_uid(e->store, m->uid, agency, &row);

	if (r < 0)
		return r;
	if (!may_end(e, &row, m->reason)) {
		store_row_free(&row);
		return -EPROTO;
	}
	snprintf(
	    reason, sizeof reason, "%s, after %llu packets", reasons[m->reason], (unsigned long long)m->count.packets);
	v.agency = agency;
	v.id = row.id;
	v.reason = reason;
	store_row_free(&row);
	if (engine_late_gone(e, m->uid))
		r = -ENOENT;
	else if (late)
		r = engine_late_add(e, &v, &(struct late_debt){.uid = &m->uid, .nuid = 1, .agency = agency});
	else if ((r = store_delete_uid(e->store, agency, m->uid)) == 0)
		r = engine_share_add(e, agency, &v);
	if (r == 0)
		engine_agency_lost(e, agency, 1);
	return r;
}

/* All of it, before anything is done.  *v: owned. */
static int
ended_get(struct rd *r, struct ipc_ended **v, uint32_t *n)
{
	cleanup_free struct ipc_ended *all = NULL;

	*n = rd_u32(r);
	if (r->err || *n > (size_t)(r->end - r->p))
		return -EBADMSG;
	if ((all = calloc((size_t)*n + 1, sizeof *all)) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < *n; i++)
		if (ipc_ended_get(&all[i], r) < 0)
			return -EBADMSG;
	if (rd_end(r) < 0)
		return -EBADMSG;
	*v = TAKE_PTR(all);
	return 0;
}

int
engine_life_ended(struct engine *e, struct rd *r)
{
	cleanup_free struct ipc_ended *v = NULL;
	cleanup_free uint64_t *uid = NULL;
	uint32_t n, k = 0;
	bool late, lied = false;
	int rc = ended_get(r, &v, &n);

	if (rc < 0)
		return rc;
	if ((uid = calloc((size_t)n + 1, sizeof *uid)) == NULL)
		return -ENOMEM;
	late = !engine_disk_ready(e) || engine_txn_begin(e) < 0;
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		rc = ended_one(e, &v[i], late);
		lied |= rc == -EPROTO;
		if (rc != -EPROTO)
			uid[k++] = v[i].uid;
		if (rc == -ENOENT || rc == -EBADMSG || rc == -EPROTO) /* set aside: engine_aside.c */
			rc = 0;
	}
	if (late)
		;
	else if (rc == 0)
		rc = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (rc < 0) {
		/* They copy nothing any more; the next daemon is told of them again. */
		log_warn(rc, "criteria that have ended but stay stored: %u", k);
		return 0;
	}
	engine_delete_uids(e, uid, k);
	return lied ? -EPROTO : 0;
}
