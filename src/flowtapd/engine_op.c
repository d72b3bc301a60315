/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What agencies ask for, in one transaction for all that has arrived: store
 * first, then the data plane, then the answers.
 *
 * exports: engine_batch engine_delete_uids put_from_row op_error_code op_refuse */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "engine_share.h"
#include "id_text.h"
#include "judge.h"
#include "log.h"

/* A change that is in the open transaction and has yet to go to the data plane. */
struct change {
	struct op *op;
	unsigned code; /* nonzero: refused, only to be recorded */
	bool is_put;
	struct ipc_put put; /* ADD */
	uint64_t *uid;      /* DELETE */
	size_t nuid, cap;
	struct id_text ids;
	bool failed, late;
	struct engine *engine;
	struct buf lives; /* REFRESH: nuid * struct ipc_life_set */
};

struct batch {
	struct change v[ENGINE_BATCH_MAX];
	size_t n;
	struct share_sums sums;
	bool late;      /* nothing can be written: what ends taps is done without the store (engine_late.h) */
	bool late_next; /* the next one is, since what this one was to end could not be written */
};

static void
change_fini(struct change *c)
{
	ipc_put_free(&c->put);
	buf_free(&c->ids.text);
	buf_free(&c->lives);
	free(c->uid);
}

static const struct {
	int err;
	unsigned code;
	const char *reason; /* for the agency; NULL: the code says it */
} error_codes[] = {
    {-ENOSPC, DTCP_MAX_CRITERIA},
    {-EDQUOT, DTCP_MAX_CDEST},
    {-EMLINK, DTCP_MAX_CRITERIA, ENGINE_WOULD_SLOW},
    {-E2BIG, DTCP_BAD_FILTER},
    {-EADDRINUSE, DTCP_BAD_FILTER},
    {-EADDRNOTAVAIL, DTCP_JTAP_FAILURE,
	"X-JTap-Cdest-Source-Address: not the router's own; its source-address statement can put the right one in "
	"place"},
    {-EAFNOSUPPORT, DTCP_BAD_FILTER},
    {-EACCES, DTCP_UNKNOWN_CDEST}, /* as one that does not exist */
    {-EPERM, DTCP_BAD_FILTER},
    {-EDOM, DTCP_BAD_TIMEOUT},
};

unsigned
op_error_code(int err)
{
	for (size_t i = 0; i < ARRAY_LEN(error_codes); i++)
		if (error_codes[i].err == err)
			return error_codes[i].code;
	return DTCP_SERVER_ERROR;
}

/* What the agency is told, unless it was told something already. */
static void
reply_reason(struct op *op, int err)
{
	for (size_t i = 0; op->reply.reason[0] == '\0' && i < ARRAY_LEN(error_codes); i++)
		if (error_codes[i].err == err && error_codes[i].reason)
			snprintf(op->reply.reason, sizeof op->reply.reason, "%s", error_codes[i].reason);
}

void
op_refuse(struct op *op, int err)
{
	reply_reason(op, err);
	op_done(op, op_error_code(err), 0);
}

static void
row_from_req(struct store_row *row, struct op *op)
{
	const struct dtcp_req *q = &op->req;

	row->added_ms = clock_wall_ms();
	row->csource_addr = op->session->peer;
	row->ncdest = q->ncdest;
	memcpy(row->cdest, q->cdest, sizeof row->cdest);
	row->csrc = q->csrc;
	row->csrc_port = q->csrc_port;
	row->ttl = q->ttl;
	row->priority = q->priority;
	row->timeouts = q->timeouts;
	row->criteria = q->criteria; /* lent: not freed through the row */
}

void
put_from_row(const struct engine *e, struct ipc_put *put, uint32_t agency, const struct store_row *row)
{
	put->uid = row->uid;
	put->agency = agency;
	engine_life_put(e, row, &put->life);
	put->ndest = row->ncdest;
	for (unsigned i = 0; i < row->ncdest; i++)
		put->dest[i] = (struct ipc_dest){.src = row->csrc,
		    .dst = row->cdest[i].addr,
		    .sport = row->csrc_port,
		    .dport = row->cdest[i].port,
		    .ttl = row->ttl};
}

/* By the configuration. */
static int
add_judge(struct engine *e, struct op *op, const struct store_row *row)
{
	const struct agency *a = op->session->agency;
	const enum judge_fault f = judge_place(e->conf, a->conf, a->criteria, row);

	if (f != JUDGE_OK)
		snprintf(op->reason, sizeof op->reason, "%s", judge_reason(f));
	return judge_errno(f);
}

/* Finds what the criterion stands on. */
static int
add_authorise(struct engine *e, struct op *op, const struct tap_filter *f, const struct authority **out)
{
	const char *why = NULL;
	int r = engine_warrant_find(e, op->session->agency, &op->req, f, out, &why);

	if (why) {
		snprintf(op->reason, sizeof op->reason, "%s", why);
		if (r < 0)
			snprintf(op->reply.reason, sizeof op->reply.reason, "%s", why);
	}
	snprintf(op->warrant, sizeof op->warrant, "%s",
	    *out     ? (*out)->warrant.ref
	    : r == 0 ? "standing"
		     : op->req.warrant);
	return r;
}

static int
do_add(struct engine *e, struct op *op, struct change *c)
{
	const struct authority *authority;
	struct store_row row = {0};
	int r;

	row_from_req(&row, op);
	judge_settle(e->conf, &row);
	op->req.csrc = row.csrc; /* for the record: from there copies come, of these packets */
	op->req.criteria.family = row.criteria.family;
	if ((r = add_judge(e, op, &row)) < 0 || (r = filter_compile(&row.criteria, &c->put.filter)) < 0 ||
	    (r = add_authorise(e, op, &c->put.filter, &authority)) < 0)
		return r;
	row.warrant = authority ? authority->no : 0;
	engine_life_set(e, &row, authority);
	if ((r = store_add(e->store, op->session->agency->name, &row)) < 0)
		return r;
	put_from_row(e, &c->put, op->session->agency->no, &row);
	if ((r = engine_grant_begin(e, &row, IPC_LIFE_ALL, &c->put.life)) < 0)
		return r;
	c->is_put = true;
	op->session->agency->criteria++;
	op->uid = row.uid;
	op->reply.value = row.id;
	return 0;
}

static void
note_uid(void *arg, uint64_t uid, uint32_t id)
{
	struct change *c = arg;

	/* It was deleted, and is stored still, until what is owed to the store is paid. */
	if (engine_late_gone(c->engine, uid))
		return;
	id_text_add(&c->ids, id);
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

/* Of a DELETE or REFRESH, what was done in this part. */
static int
part_done(struct op *op, struct change *c, int r, uint64_t count)
{
	if (r == -ENOENT) {
		c->code = op->req.select == DTCP_SEL_CDEST ? DTCP_UNKNOWN_CDEST : DTCP_UNKNOWN_CRITERIA;
		return 0;
	}
	(void)id_text_end(&c->ids);
	op->reply.value = op->changed + count;
	return c->failed ? -ENOMEM : r;
}

struct gone_look {
	const struct engine *engine;
	const struct dtcp_req *req;
	bool named; /* a criterion that was deleted already is asked for by its number */
};

static void
gone_note(void *arg, uint64_t uid, uint32_t id)
{
	struct gone_look *g = arg;

	for (uint32_t i = 0; i < g->req->nids && !g->named; i++)
		g->named = g->req->ids[i].single && g->req->ids[i].lo == id && engine_late_gone(g->engine, uid);
}

/* A number of one that was deleted, and is stored still, is unknown: -ENOENT, as of one that never was. */
static int
none_is_gone(struct engine *e, const struct op *op)
{
	struct gone_look g = {.engine = e, .req = &op->req};
	struct store_part part = op->next;
	uint64_t count;
	int r;

	if (engine_late_lines(e) == 0 || op->req.select != DTCP_SEL_IDS)
		return 0;
	r = store_select(
	    e->store, op->session->agency->name, &op->req, op->req.flags & DTCP_F_STATIC, &part, gone_note, &g, &count);
	return r == 0 && g.named ? -ENOENT : r;
}

static int
do_delete(struct engine *e, struct op *op, struct change *c)
{
	const struct dtcp_req *q = &op->req;
	struct agency *a = op->session->agency;
	uint64_t count = 0;
	int r;

	c->engine = e;
	/* Without the flag, static criteria stay. */
	if ((r = none_is_gone(e, op)) == 0)
		r = (c->late ? store_select : store_delete)(
		    e->store, a->name, q, q->flags & DTCP_F_STATIC, &op->next, note_uid, c, &count);
	a->criteria -= c->nuid;
	return part_done(op, c, r, c->nuid);
}

static int
refresh_row(void *arg, struct store_row *row)
{
	struct change *c = arg;
	struct ipc_life_set m;
	int r;

	if (engine_late_gone(c->engine, row->uid))
		return 0;
	r = engine_life_refresh(c->engine, row, &c->op->req.timeouts, &m);
	if (r < 0 || (r = engine_grant_begin(c->engine, row, m.which, &m.life)) < 0)
		return r;
	ipc_life_set_put(&c->lives, &m);
	note_uid(c, row->uid, row->id);
	return c->failed ? -ENOMEM : c->lives.err;
}

static int
do_refresh(struct engine *e, struct op *op, struct change *c)
{
	uint64_t count = 0;
	int r;

	c->engine = e;
	if (engine_aside_named(e, op->session->agency, &op->req)) {
		engine_aside_reason(e, op->session->agency, op->reply.reason, sizeof op->reply.reason);
		return part_done(op, c, -ENOENT, 0);
	}
	if ((r = none_is_gone(e, op)) == 0)
		r = store_update(e->store, op->session->agency->name, &op->req, &op->next, refresh_row, c, &count);
	return part_done(op, c, r, c->nuid);
}

static const char *const kinds[DTCP_METHODS] = {
    [DTCP_ADD] = "add",
    [DTCP_DELETE] = "delete",
    [DTCP_REFRESH] = "refresh",
    [DTCP_LIST] = "list",
    [DTCP_NOOP] = "noop",
    [DTCP_ENABLE] = "enable",
    [DTCP_DISABLE] = "disable",
};

/* NOOP changes nothing and reveals nothing. */
static int
change_record(struct engine *e, struct batch *b, const struct change *c)
{
	struct op *op = c->op;
	cleanup_buf struct buf parsed = {0};
	struct audit_event v;
	char count[128];

	if (op->req.method == DTCP_NOOP && !op->refused)
		return 0;
	engine_audit_of(&v, op->session, op->refused ? "refused" : kinds[op->req.method]);
	v.seq = op->req.seq;
	v.have_seq = !op->refused;
	v.code = c->code ? c->code : DTCP_OK;
	v.request = (struct slice){(const char *)op->text.p, op->text.len};
	if (!op->refused) {
		dtcp_req_print(&op->req, &parsed);
		v.parsed = (struct slice){(const char *)parsed.p, parsed.len};
		if (parsed.err)
			return parsed.err;
	}
	if (op->reason[0])
		v.reason = op->reason;
	if (op->warrant[0])
		v.warrant = op->warrant;
	if (v.code == DTCP_OK && op->req.method == DTCP_ADD)
		v.id = op->reply.value;
	if (v.code == DTCP_OK && (op->req.method == DTCP_DELETE || op->req.method == DTCP_REFRESH)) {
		snprintf(count, sizeof count, "%llu %s%s%s", (unsigned long long)op->reply.value,
		    op->req.method == DTCP_DELETE ? "deleted" : "refreshed", op->next.more ? " so far" : "",
		    op->unread ? "; the request's words could not be read" : "");
		v.reason = count;
		v.ids = (struct slice){(const char *)c->ids.text.p, c->ids.text.len};
	}
	if (c->late)
		return engine_late_add(
		    e, &v, c->nuid ? &(struct late_debt){.uid = c->uid, .nuid = c->nuid, .agency = op->agency} : NULL);
	return engine_share_record(e, op, &v, &b->sums);
}

/* On a full disk nothing begins and nothing goes on longer.  The line of it is late: there is no end to requests. */
static bool
is_refused_room(struct engine *e, struct change *c)
{
	struct op *op = c->op;
	const char *why;

	if (op->req.method != DTCP_ADD && op->req.method != DTCP_REFRESH)
		return false;
	why = engine_disk_refuses(e);
	if (why == NULL && c->late)
		why = "the router's disk does not take what is written";
	if (why == NULL && op->session->agency->no == 0)
		why = "the router's disk could not be written until now: try again"; /* engine_agencies_again */
	if (why)
		c->late = true;
	else if ((why = engine_refuses(e)) == NULL)
		return false;
	c->code = DTCP_SERVER_ERROR;
	snprintf(op->reason, sizeof op->reason, "%s", why);
	snprintf(op->reply.reason, sizeof op->reply.reason, "%s", why);
	return true;
}

static int
change_make(struct engine *e, struct change *c)
{
	struct op *op = c->op;

	c->code = op->refused;
	if (op->refused) {
		if (op->refused_here)
			snprintf(op->reply.reason, sizeof op->reply.reason, "%.127s", op->reason);
		c->late = c->late || engine_disk_refuses(e);
		return 0;
	}
	if (is_refused_room(e, c))
		return 0;
	switch (op->req.method) {
	case DTCP_ADD:
		return do_add(e, op, c);
	case DTCP_DELETE:
		return do_delete(e, op, c);
	case DTCP_REFRESH:
		return do_refresh(e, op, c);
	case DTCP_NOOP:
		return 0;
	default:
		c->code = DTCP_NOT_IMPLEMENTED;
		return 0;
	}
}

/* As if it had not been looked at. */
static void
op_requeue(struct op *op)
{
	op->state = OP_QUEUED;
	op->next = op->part;
	op->uid = 0;
	op->reply = (struct ipc_reply){0};
	op->warrant[0] = '\0';
	if (!op->refused)
		op->reason[0] = '\0';
}

/*
 * Carries one request out in the open transaction and records it there.  Below 0: the
 * transaction is spoilt.  1: not now, since it is refused for what the session's ADDs that the
 * data plane may still refuse (adding) have taken: a name, a place.
 */
static int
op_execute(struct engine *e, struct batch *b, struct op *op, bool adding)
{
	struct change *c = &b->v[b->n++];
	int r;

	memset(c, 0, sizeof *c);
	c->op = op;
	c->late = b->late;
	op->state = OP_WAITING;
	op->next = op->part;
	op->next.max = ENGINE_PART_MAX;
	snprintf(op->agency, sizeof op->agency, "%s", op->session->agency->name);
	r = change_make(e, c);
	if (r < 0) {
		c->code = op_error_code(r);
		if (c->code == DTCP_SERVER_ERROR)
			return r;
		reply_reason(op, r);
		if (adding) {
			change_fini(c);
			op_requeue(op);
			b->n--;
			return 1;
		}
	}
	return change_record(e, b, c);
}

/* An agency's share of a batch is that of its sessions together, however many it has. */
static unsigned
batch_share(const struct engine *e, const struct session *s)
{
	return ENGINE_BATCH_MAX / e->busy / s->agency->sessions + 1;
}

/* The batch is full: it is s's turn in the next one. */
static void
batch_full(struct engine *e, struct session *s)
{
	struct session *first;

	while ((first = TAILQ_FIRST(&e->sessions)) != s) {
		TAILQ_REMOVE(&e->sessions, first, entry);
		TAILQ_INSERT_TAIL(&e->sessions, first, entry);
	}
	engine_batch_soon(e);
}

/* Requests that can go together: each session's, up to its first LIST and to its
 * share of the batch, so that no session keeps the others waiting. */
static bool
changes_what_is_there(const struct op *op)
{
	return op->req.method == DTCP_DELETE || op->req.method == DTCP_REFRESH;
}

static int
batch_gather(struct engine *e, struct batch *b)
{
	/* What is done without the store can't be rolled back for another one's sake. */
	size_t max = e->alone || b->late ? 1 : ENGINE_BATCH_MAX;
	struct session *s;
	struct op *op;
	int r;

	TAILQ_FOREACH (s, &e->sessions, entry) {
		unsigned share = batch_share(e, s);
		bool adding = false;

		TAILQ_FOREACH (op, &s->ops, entry) {
			if (op->state == OP_READING || op->state == OP_LISTING || op->state == OP_LIED ||
			    (op->state == OP_QUEUED && op->req.method == DTCP_LIST))
				break;
			adding |= op->state == OP_WAITING && op->req.method == DTCP_ADD;
			if (op->state == OP_WAITING && op->next.more)
				break; /* what follows it waits until its last part is done */
			if (op->state != OP_QUEUED)
				continue;
			/* The data plane may still refuse what was added: whether it is there must not depend on
			 * what fits into one batch. */
			if (adding && changes_what_is_there(op))
				break;
			if (b->n == max) {
				batch_full(e, s);
				return 0;
			}
			engine_share_judge(op);
			if (engine_share_waits(op))
				break;
			if (share-- == 0) {
				engine_batch_soon(e);
				break;
			}
			if ((r = op_execute(e, b, op, adding)) < 0)
				return r;
			if (r == 1 || op->next.more)
				break;
			adding |= op->req.method == DTCP_ADD && b->v[b->n - 1].code == 0;
		}
	}
	return 0;
}

/* The next part, in one of the next batches; if the session has gone, there is none. */
static void
op_go_on(struct op *op)
{
	op->state = OP_QUEUED;
	if (op->session)
		engine_batch_soon(op->session->engine);
}

static void
on_dp_done(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct op *op = arg;
	struct rd r = rd_init(body, len);
	int err = rd_errno(&r);

	if (type != IPC_D_DONE || rd_end(&r) < 0)
		err = -EPROTO;
	if (err < 0 && op->dp_error == 0)
		op->dp_error = err;
	if (--op->waits == 0) {
		if (op->part.more && op->dp_error == 0)
			op_go_on(op);
		else if (op->dp_error && op->req.method == DTCP_ADD)
			engine_refused_note(e, op);
		else
			op_done(op, op->dp_error ? DTCP_SERVER_ERROR : DTCP_OK, op->reply.value);
		op->reply.now_ms = clock_wall_ms();
	}
	if (op->session)
		session_flush_soon(op->session);
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
		for (size_t i = 0; i < n; i++) {
			buf_put_u64(&b, c->uid[at + i]);
			store_aside_remove(e->store, c->uid[at + i]);
		}
		if ((r = engine_dp_send(e, IPC_D_DELETE, &b, on_dp_done, c->op)) < 0)
			return r;
		c->op->waits++;
	}
	return 0;
}

/* From the data plane alone: they are gone from the store. */
static void
on_uids_done(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct rd r = rd_init(body, len);

	(void)e;
	(void)arg;
	if (type != IPC_D_DONE || rd_u32(&r) != 0)
		log_warnx("a criterion that is gone is still in the kernel");
}

void
engine_delete_uids(struct engine *e, const uint64_t *uid, size_t n)
{
	for (size_t at = 0; at < n; at += DELETE_CHUNK) {
		size_t k = n - at < DELETE_CHUNK ? n - at : DELETE_CHUNK;
		cleanup_buf struct buf b = {0};
		int r;

		buf_put_u32(&b, (uint32_t)k);
		for (size_t i = 0; i < k; i++)
			buf_put_u64(&b, uid[at + i]);
		if ((r = engine_dp_send(e, IPC_D_DELETE, &b, on_uids_done, NULL)) < 0)
			fatal(r, "cannot reach the data plane");
	}
}

static void
on_life_done(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	uint8_t done[4] = {0};
	struct rd r = rd_init(body, len);

	/* It has ended in this moment: that is told, and recorded, by itself. */
	if (type == IPC_D_DONE && rd_u32(&r) == ENOENT)
		on_dp_done(e, arg, type, done, sizeof done);
	else
		on_dp_done(e, arg, type, body, len);
}

static int
send_lives(struct engine *e, struct change *c)
{
	size_t each = c->nuid ? c->lives.len / c->nuid : 0;

	for (size_t i = 0; i < c->nuid; i++) {
		const struct buf one = {.p = c->lives.p + i * each, .len = each};
		int r = engine_dp_send(e, IPC_D_LIFE, &one, on_life_done, c->op);

		if (r < 0)
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

static int
change_send(struct engine *e, struct change *c)
{
	if (c->code)
		return 0;
	c->op->part = c->op->next;
	c->op->changed = c->op->reply.value;
	if (c->op->req.method == DTCP_REFRESH)
		return send_lives(e, c);
	return c->is_put ? send_put(e, c) : send_deletes(e, c);
}

/* The transaction is durable: tell the data plane. */
static void
batch_apply(struct engine *e, struct batch *b)
{
	chan_hold(e->dp, true);
	for (size_t i = 0; i < b->n; i++) {
		struct change *c = &b->v[i];
		int r = change_send(e, c);

		if (r < 0)
			fatal(r, "cannot reach the data plane");
		if (c->op->waits == 0)
			op_done(c->op, c->code ? c->code : DTCP_OK, c->code ? 0 : c->op->reply.value);
		if (c->op->unread && c->code == 0)
			session_unread(c->op);
		c->op->reply.now_ms = clock_wall_ms();
	}
	chan_hold(e->dp, false);
}

/* What the agencies of the batch have, after it was rolled back; nobody else's changed in it. */
static void
recount(struct engine *e, const struct batch *b)
{
	struct agency *last = NULL;

	for (size_t i = 0; i < b->n; i++) {
		struct agency *a = b->v[i].op->session->agency;

		if (a != last)
			engine_agency_recount(e, a->name);
		last = a;
	}
}

/* Nothing of the transaction holds.  What was asked, in vain, goes on record if that works. */
static void
batch_fail(struct engine *e, struct batch *b, int err)
{
	int r = engine_txn_begin(e);

	log_warn(err, "store: transaction failed");
	recount(e, b);
	b->sums.n = 0;
	for (size_t i = 0; i < b->n; i++) {
		struct change *c = &b->v[i];

		if (!c->op->refused)
			c->code = DTCP_SERVER_ERROR;
		if (r == 0)
			r = change_record(e, b, c);
		op_done(c->op, c->code, 0);
	}
	if (r == 0)
		r = engine_share_settle(e, &b->sums);
	if (r == 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (r < 0)
		log_warn(r, "audit: %zu failed requests could not be recorded", b->n);
}

/*
 * One request spoilt the transaction of several, such as by a row that is damaged: all of them again,
 * each in a transaction of its own, so that nobody feels the damage of another.
 */
static void
batch_again(struct engine *e, struct batch *b, int err)
{
	log_warn(err, "store: transaction failed; its %zu requests are repeated one by one", b->n);
	recount(e, b);
	for (size_t i = 0; i < b->n; i++)
		op_requeue(b->v[i].op);
	e->alone = (uint32_t)b->n;
	engine_batch_soon(e);
}

/* What ends a tap can't be refused because it can't be written: it is done again, and owed. */
static bool
batch_late(struct engine *e, struct batch *b, int err)
{
	if (b->late || b->n != 1 || b->v[0].op->req.method != DTCP_DELETE || b->v[0].op->refused)
		return false;
	log_warn(err, "store: a DELETE can't be written: it is done, and written later");
	recount(e, b);
	op_requeue(b->v[0].op);
	e->alone = 1;
	b->late_next = true;
	engine_batch_soon(e);
	return true;
}

static void
batch_finish(struct engine *e, struct batch *b)
{
	struct session *s, *next;

	for (size_t i = 0; i < b->n; i++)
		change_fini(&b->v[i]);
	for (s = TAILQ_FIRST(&e->sessions); s; s = next) {
		next = TAILQ_NEXT(s, entry);
		session_flush(s);
	}
}

void
engine_batch(struct engine *e)
{
	static struct batch b;
	int r, spoilt;

	engine_refused(e);
	b.n = b.sums.n = 0;
	b.late = b.late_next || !engine_disk_ready(e);
	b.late_next = false;
	if (!b.late && (r = engine_txn_begin(e)) < 0) {
		log_warn(r, "store: no transaction can be begun");
		b.late = true;
	}
	if ((r = batch_gather(e, &b)) == 0 && !b.late)
		r = engine_share_settle(e, &b.sums);
	spoilt = r;
	if (b.late)
		;
	else if (r == 0 && b.n > 0)
		r = engine_txn_commit(e);
	else
		engine_txn_rollback(e);
	if (e->alone > 0)
		e->alone--;
	/* Of a COMMIT that failed nothing holds either. */
	engine_disk_failed(e, spoilt);
	if (r < 0 && b.n > 1)
		batch_again(e, &b, r);
	else if (r < 0 && batch_late(e, &b, r))
		;
	else if (r < 0)
		batch_fail(e, &b, r);
	else
		batch_apply(e, &b);
	batch_finish(e, &b);
}
