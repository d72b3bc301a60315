/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start-up, before the loop: everything stored goes to the data plane.  Many puts are under
 * way at once; the data plane never waits for us to read its answers, so that we may wait for it.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bulk.h"
#include "engine.h"
#include "engine_rejudge.h"
#include "log.h"

#define READ_CHUNK 65536
#define WRITE_CHUNK 65536
#define UNDER_WAY_MAX 2048 /* their answers fit into the socket's buffer many times */

struct sync {
	struct engine *engine;
	struct agency *agency; /* of the last row */
	unsigned under_way;
	uint64_t put, refused;
	struct store_aside of[UNDER_WAY_MAX]; /* what each answer to come is of, a ring; uid 0: no criterion */
	uint32_t first;
	struct buf out, in; /* frames not yet written; bytes read and not yet understood */
};

static int
flush(struct sync *y)
{
	int r = y->out.err ? y->out.err : chan_frames_write(DAEMON_FD_PEER, &y->out);

	buf_reset(&y->out);
	return r;
}

/* One that can't be active is nobody else's harm. */
static int
refused(struct sync *y, const struct store_aside *of)
{
	y->refused++;
	return of->uid ? store_aside_add(y->engine->store, of->agency, of->id, of->uid) : 0;
}

/* Every answer that is there whole. */
static int
answers_take(struct sync *y)
{
	size_t used = 0;
	int r;

	while (y->in.len - used >= CHAN_HEADER) {
		struct rd rd = rd_init(y->in.p + used, y->in.len - used);
		uint32_t len = rd_u32(&rd), err;
		uint16_t type = rd_u16(&rd);

		(void)rd_bytes(&rd, CHAN_HEADER - 6);
		if (type != IPC_D_DONE || len != sizeof err || y->under_way == 0)
			return -EPROTO;
		if (y->in.len - used < CHAN_HEADER + sizeof err)
			break;
		err = rd_u32(&rd);
		if (err != 0 && (r = refused(y, &y->of[y->first])) < 0)
			return r;
		y->first = (y->first + 1) % UNDER_WAY_MAX;
		y->under_way--;
		used += CHAN_HEADER + sizeof err;
	}
	buf_drop(&y->in, used);
	return 0;
}

/* Until so few are under way. */
static int
answers_wait(struct sync *y, unsigned left)
{
	int r = flush(y);

	while (r == 0 && y->under_way > left) {
		uint8_t *room = buf_room(&y->in, READ_CHUNK);
		ssize_t n = room ? recv(DAEMON_FD_PEER, room, READ_CHUNK, 0) : 0;

		if (room == NULL || n == 0)
			return room ? -ECONNRESET : -ENOMEM;
		if (n < 0 && errno != EINTR)
			return -errno;
		y->in.len += n > 0 ? (size_t)n : 0;
		r = answers_take(y);
	}
	return r;
}

/* Rows come agency by agency. */
static struct agency *
sync_agency(struct sync *y, const char *name)
{
	if (y->agency && strcmp(y->agency->name, name) == 0)
		return y->agency;
	return y->agency = agency_named(y->engine->agency, y->engine->nagency, name);
}

/* of: the criterion; NULL: it is of none. */
static int
sync_send(struct sync *y, uint16_t type, const struct buf *b, const struct store_aside *of)
{
	int r = 0;

	if (b->err)
		return b->err;
	if (y->under_way == UNDER_WAY_MAX && (r = answers_wait(y, UNDER_WAY_MAX / 2)) < 0)
		return r;
	chan_frame_put(&y->out, type, 0, b->p, b->len);
	y->of[(y->first + y->under_way) % UNDER_WAY_MAX] = of ? *of : (struct store_aside){0};
	y->under_way++;
	return y->out.len >= WRITE_CHUNK ? flush(y) : y->out.err;
}

static int
sync_put(void *arg, const char *agency, struct store_row *row)
{
	struct sync *y = arg;
	struct agency *a = sync_agency(y, agency);
	cleanup_buf struct buf b = {0};
	struct store_aside of;
	struct ipc_put put = {0};
	int r;

	if (a == NULL || engine_late_gone(y->engine, row->uid) || !engine_rejudge_stands(y->engine, a, row))
		return 0;
	of = (struct store_aside){.uid = row->uid, .id = row->id, .agency = a->no};
	if ((r = filter_compile(&row->criteria, &put.filter)) < 0)
		return r == -ENOMEM ? r : refused(y, &of);
	put_from_row(y->engine, &put, a->no, row);
	r = engine_grant_resume(y->engine, row, &put);
	ipc_put_put(&b, &put);
	ipc_put_free(&put);
	if (r < 0)
		return r;
	y->put++;
	return sync_send(y, IPC_D_KEEP, &b, &of);
}

static int
steps(struct sync *y)
{
	const struct engine *e = y->engine;
	const struct buf nothing = {0};
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < e->nagency; i++) {
		cleanup_buf struct buf b = {0};

		if (e->agency[i]->no == 0)
			continue; /* it has nothing: engine.c, agencies_known */
		engine_budget_put(e->agency[i], &b);
		r = sync_send(y, IPC_D_BUDGET, &b, NULL);
	}
	if (r == 0)
		r = store_load(e->store, sync_put, y);
	if (r == 0 && (r = answers_wait(y, 0)) == 0)
		r = sync_send(y, IPC_D_SYNC, &nothing, NULL);
	return r == 0 ? answers_wait(y, 0) : r;
}

int
engine_sync(struct engine *e)
{
	static struct sync y;
	int r;

	y = (struct sync){.engine = e};
	r = steps(&y);
	bulk_end();
	buf_free(&y.out);
	buf_free(&y.in);
	if (y.refused)
		log_warnx("%llu stored criteria are not active", (unsigned long long)y.refused);
	if (r == 0)
		log_info("%llu criteria active", (unsigned long long)(y.put - y.refused));
	return r;
}
