/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What agencies ask for, in one transaction for all that has arrived: store
 * first, then the data plane, then the answers.
 *
 * exports: engine_batch put_from_row */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "log.h"

/* A change that is in the open transaction and has yet to go to the data plane. */
struct change {
	struct op *op;
	bool is_put;
	struct ipc_put put; /* ADD */
	uint64_t *uid;      /* DELETE */
	size_t nuid, cap;
	bool failed;
};

struct batch {
	struct change v[ENGINE_BATCH_MAX];
	size_t n;
};

static void
change_fini(struct change *c)
{
	ipc_put_free(&c->put);
	free(c->uid);
}

static const struct {
	int err;
	unsigned code;
} error_codes[] = {
    {-ENOSPC, DTCP_MAX_CRITERIA},
    {-E2BIG, DTCP_BAD_FILTER},
    {-EADDRINUSE, DTCP_BAD_FILTER},
    {-EADDRNOTAVAIL, DTCP_JTAP_FAILURE},
    {-EAFNOSUPPORT, DTCP_BAD_FILTER},
};

static unsigned
error_code(int err)
{
	for (size_t i = 0; i < ARRAY_LEN(error_codes); i++)
		if (error_codes[i].err == err)
			return error_codes[i].code;
	return DTCP_SERVER_ERROR;
}

/* A configured source address of the destination's family wins over one that is not configured. */
static int
source_choose(const struct conf *conf, const struct dtcp_req *req, struct ip_addr *out)
{
	const struct ip_addr *first = NULL;

	*out = req->csrc;
	for (uint32_t i = 0; i < conf->nsource; i++) {
		if (ip_equal(&conf->source[i], &req->csrc))
			return 0;
		if (first == NULL && conf->source[i].family == req->csrc.family)
			first = &conf->source[i];
	}
	if (conf->nsource == 0)
		return 0;
	if (first == NULL)
		return -EADDRNOTAVAIL;
	*out = *first;
	return 0;
}

static int
family_check(const struct conf *conf, struct criteria *c)
{
	if (conf->family_inet && conf->family_inet6)
		return 0;
	if (c->family == 0)
		c->family = conf->family_inet ? 4 : 6;
	return (c->family == 4 ? conf->family_inet : conf->family_inet6) ? 0 : -EAFNOSUPPORT;
}

static void
row_from_req(struct store_row *row, struct op *op)
{
	const struct dtcp_req *q = &op->req;

	row->added_ms = clock_wall_ms();
	row->csource_addr = op->session->peer;
	row->ncdest = q->ncdest;
	memcpy(row->cdest, q->cdest, sizeof row->cdest);
	row->csrc_port = q->csrc_port;
	row->ttl = q->ttl;
	row->priority = q->priority;
	row->criteria = q->criteria; /* lent: not freed through the row */
}

void
put_from_row(struct ipc_put *put, const struct store_row *row)
{
	put->uid = row->uid;
	put->ndest = row->ncdest;
	for (unsigned i = 0; i < row->ncdest; i++)
		put->dest[i] = (struct ipc_dest){.src = row->csrc,
		    .dst = row->cdest[i].addr,
		    .sport = row->csrc_port,
		    .dport = row->cdest[i].port,
		    .ttl = row->ttl};
}

static int
do_add(struct engine *e, struct op *op, struct change *c)
{
	struct store_row row = {0};
	int r;

	if ((r = family_check(e->conf, &op->req.criteria)) < 0 || (r = source_choose(e->conf, &op->req, &row.csrc)) < 0)
		return r;
	row_from_req(&row, op);
	if ((r = filter_compile(&op->req.criteria, &c->put.filter)) < 0)
		return r;
	if ((r = store_add(e->store, op->session->agency->name, &row)) < 0)
		return r;
	put_from_row(&c->put, &row);
	c->is_put = true;
	op->uid = row.uid;
	op->reply.value = row.id;
	return 0;
}

static void
note_uid(void *arg, uint64_t uid)
{
	struct change *c = arg;

	if (c->nuid == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		uint64_t *v = reallocarray(c->uid, cap, sizeof *v);

		if (v == NULL) {
			c->failed = true;
			return;
		}
		c->uid = v;
		c->cap = cap;
	}
	c->uid[c->nuid++] = uid;
}

static int
do_delete(struct engine *e, struct op *op, struct change *c)
{
	const struct dtcp_req *q = &op->req;
	const char *agency = op->session->agency->name;
	uint64_t count = 0;
	int r;

	/* Everything here is static; without the flag, static criteria stay. */
	if (!(q->flags & DTCP_F_STATIC))
		return op->reply.value = 0, 0;
	if (q->select == DTCP_SEL_CDEST)
		r = store_delete_cdest(e->store, agency, q->sel_cdest, note_uid, c, &count);
	else
		r = store_delete_ids(e->store, agency, q->ids, q->nids, note_uid, c, &count);
	if (r == -ENOENT) {
		op_done(op, q->select == DTCP_SEL_CDEST ? DTCP_UNKNOWN_CDEST : DTCP_UNKNOWN_CRITERIA, 0);
		return 0;
	}
	op->reply.value = count;
	return c->failed ? -ENOMEM : r;
}

/* Carries one request out in the open transaction.  Nonzero: the transaction is spoilt. */
static int
op_execute(struct engine *e, struct batch *b, struct op *op)
{
	struct change *c = &b->v[b->n];
	int r = 0;

	memset(c, 0, sizeof *c);
	c->op = op;
	snprintf(op->agency, sizeof op->agency, "%s", op->session->agency->name);
	switch (op->req.method) {
	case DTCP_ADD:
		r = do_add(e, op, c);
		break;
	case DTCP_DELETE:
		r = do_delete(e, op, c);
		break;
	case DTCP_NOOP:
		break;
	default:
		op_done(op, DTCP_NOT_IMPLEMENTED, 0);
		break;
	}
	if (r < 0) {
		bool spoilt = error_code(r) == DTCP_SERVER_ERROR;

		change_fini(c);
		op_done(op, error_code(r), 0);
		return spoilt ? r : 0;
	}
	if (op->state == OP_QUEUED)
		op->state = OP_WAITING;
	b->n++;
	return 0;
}

/* Requests that can go together: each session's, up to its first LIST and to its
 * share of the batch, so that no session keeps the others waiting. */
static int
batch_gather(struct engine *e, struct batch *b)
{
	struct session *s;
	struct op *op;
	int r;

	LIST_FOREACH (s, &e->sessions, entry) {
		unsigned share = ENGINE_BATCH_MAX / (e->nsessions ? e->nsessions : 1) + 1;

		TAILQ_FOREACH (op, &s->ops, entry) {
			if (op->state == OP_LISTING || (op->state == OP_QUEUED && op->req.method == DTCP_LIST))
				break;
			if (op->state != OP_QUEUED)
				continue;
			if (share-- == 0 || b->n == ENGINE_BATCH_MAX) {
				engine_batch_soon(e);
				break;
			}
			if ((r = op_execute(e, b, op)) < 0)
				return r;
		}
	}
	return 0;
}

static void
op_take_back(struct engine *e, struct op *op)
{
	int r = store_delete_uid(e->store, op->agency, op->uid);

	if (r < 0)
		log_warn(r, "agency %s: cannot take a refused criterion back", op->agency);
}

static void
on_dp_done(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct op *op = arg;
	struct rd r = rd_init(body, len);
	int err = -(int)rd_u32(&r);

	if (type != IPC_D_DONE || rd_end(&r) < 0)
		err = -EPROTO;
	if (err < 0 && op->dp_error == 0)
		op->dp_error = err;
	if (--op->waits == 0) {
		if (op->dp_error && op->req.method == DTCP_ADD) {
			op_take_back(e, op);
			op_done(op, error_code(op->dp_error), 0);
		} else
			op_done(op, op->dp_error ? DTCP_SERVER_ERROR : DTCP_OK, op->reply.value);
		op->reply.now_ms = clock_wall_ms();
	}
	if (op->session)
		session_flush(op->session);
	else
		op_unref(op);
}

#define DELETE_CHUNK 8192

static int
send_deletes(struct engine *e, struct change *c)
{
	for (size_t at = 0; at < c->nuid; at += DELETE_CHUNK) {
		size_t n = c->nuid - at < DELETE_CHUNK ? c->nuid - at : DELETE_CHUNK;
		cleanup_buf struct buf b = {0};
		int r;

		buf_put_u32(&b, (uint32_t)n);
		for (size_t i = 0; i < n; i++)
			buf_put_u64(&b, c->uid[at + i]);
		if ((r = engine_dp_send(e, IPC_D_DELETE, &b, on_dp_done, c->op)) < 0)
			return r;
		c->op->waits++;
	}
	return 0;
}

static int
send_put(struct engine *e, struct change *c)
{
	cleanup_buf struct buf b = {0};
	int r;

	ipc_put_put(&b, &c->put);
	if ((r = engine_dp_send(e, IPC_D_PUT, &b, on_dp_done, c->op)) == 0)
		c->op->waits++;
	return r;
}

/* The transaction is durable: tell the data plane. */
static void
batch_apply(struct engine *e, struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct change *c = &b->v[i];
		int r = c->is_put ? send_put(e, c) : send_deletes(e, c);

		if (r < 0)
			fatal(r, "cannot reach the data plane");
		if (c->op->waits == 0 && c->op->state == OP_WAITING)
			op_done(c->op, DTCP_OK, c->op->reply.value);
		c->op->reply.now_ms = clock_wall_ms();
	}
}

/* Nothing of the transaction holds: every request of it is answered 500. */
static void
batch_fail(struct batch *b, int err)
{
	log_warn(err, "store: transaction failed");
	for (size_t i = 0; i < b->n; i++)
		op_done(b->v[i].op, DTCP_SERVER_ERROR, 0);
}

static void
batch_finish(struct engine *e, struct batch *b)
{
	struct session *s, *next;

	for (size_t i = 0; i < b->n; i++)
		change_fini(&b->v[i]);
	for (s = LIST_FIRST(&e->sessions); s; s = next) {
		next = LIST_NEXT(s, entry);
		session_flush(s);
	}
}

void
engine_batch(struct engine *e)
{
	static struct batch b;
	int r;

	b.n = 0;
	if ((r = store_begin(e->store)) < 0)
		fatal(r, "store");
	r = batch_gather(e, &b);
	if (r == 0 && b.n > 0)
		r = store_commit(e->store);
	else
		store_rollback(e->store);
	if (r < 0) {
		store_rollback(e->store);
		batch_fail(&b, r);
	} else
		batch_apply(e, &b);
	batch_finish(e, &b);
}
