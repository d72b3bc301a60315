/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LIST: a snapshot of the store, streamed in chunks.  Each chunk asks the data
 * plane for its counters; the next one waits until the session has taken most
 * of the last.  Other sessions are served in between.  While a snapshot is held, what
 * others delete stays in the database's log: a LIST that is not read is broken off.  And whoever reads none of their
 * answers, whatever they asked, is not kept for ever either.
 *
 * exports: listing_ engine_list_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "engine_share.h"
#include "log.h"

#define STALLED_MS 10000 /* without a byte of it taken */
#define TOTAL_MS 600000
#define LOOK_MS 1000
#define ENTRIES_ENOUGH (256u << 10) /* bytes of entries at which a message ends; one more entry still fits */

struct listing {
	struct op *op;
	struct store_list *list;
	struct store_row row[ENGINE_LIST_CHUNK];
	uint32_t n; /* rows waiting for their counters */
	bool asked;
	bool counted;                /* how many there are is known, and was told */
	uint64_t begun_ms, moved_ms; /* CLOCK_MONOTONIC: the start, and when something was last taken */
	uint64_t sent, taken;        /* bytes, by us and by the session */
};

static void
rows_free(struct listing *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		store_row_free(&l->row[i]);
	l->n = 0;
}

void
listing_free(struct listing *l)
{
	if (l == NULL)
		return;
	rows_free(l);
	store_list_close(l->list);
	free(l);
}

static void
listing_finish(struct listing *l)
{
	struct op *op = l->op;

	op->state = OP_DONE;
	session_flush(op->session);
}

/* The session can't be told in mid-reply that the rest is missing: it is ended. */
static void
listing_abort(struct listing *l, int err)
{
	struct session *s = l->op->session;

	log_warn(err, "agency %s: LIST broken off", s->agency->name);
	engine_aside_tell(s->engine);
	session_free(s);
}

/* op: the LIST; NULL: it is other answers. */
static void
unread(struct session *s, const struct op *op, const char *why)
{
	struct audit_event v;

	engine_audit_of(&v, s, op ? "list" : "session-unread");
	v.seq = op ? op->req.seq : 0;
	v.have_seq = op != NULL;
	v.reason = why;
	engine_share_happened(s->engine, s->agency, &v);
	if (!engine_event(s->engine, ENGINE_WARNING, EVENT_SESSION_CLOSE, "agency %s: %s", s->agency->name, why))
		log_warnx("agency %s: %s", s->agency->name, why);
	session_free(s);
}

static void
listing_look(struct listing *l, uint64_t now)
{
	const size_t queued = chan_queued(l->op->session->chan);

	/* What was queued before it is taken before it. */
	if (queued == 0 || l->sent - queued != l->taken)
		l->moved_ms = now;
	l->taken = l->sent - queued;
	if (now - l->moved_ms >= STALLED_MS)
		unread(l->op->session, l->op, "LIST broken off: nothing of it was read for 10 seconds");
	else if (now - l->begun_ms >= TOTAL_MS)
		unread(l->op->session, l->op, "LIST broken off: it was not read in 10 minutes");
}

/* Answers that are no LIST's.  true: it is to be looked at again. */
static bool
session_look(struct session *s, uint64_t now)
{
	const uint64_t written = chan_written(s->chan);

	if (!chan_is_full(s->chan)) {
		s->stalled_ms = 0;
		return false;
	}
	if (s->stalled_ms == 0 || written != s->taken)
		s->stalled_ms = now;
	s->taken = written;
	if (now - s->stalled_ms < STALLED_MS)
		return true;
	unread(s, NULL, "session ended: nothing of its answers was read for 10 seconds");
	return false;
}

static void
on_look(void *arg)
{
	struct engine *e = arg;
	const uint64_t now = clock_mono_ns() / 1000000u;
	struct session *s, *next;
	bool any = false;

	for (s = TAILQ_FIRST(&e->sessions); s; s = next) {
		struct op *op = TAILQ_FIRST(&s->ops);

		next = TAILQ_NEXT(s, entry);
		if (op && op->state == OP_LISTING) {
			any = true;
			listing_look(op->listing, now);
		} else
			any |= session_look(s, now);
	}
	if (any)
		loop_timer_set(e->list_timer, LOOK_MS);
}

void
engine_list_watch(struct engine *e)
{
	if (!loop_timer_armed(e->list_timer))
		loop_timer_set(e->list_timer, LOOK_MS);
}

int
engine_list_start(struct engine *e)
{
	return loop_timer_new(e->loop, on_look, e, &e->list_timer);
}

static int
listing_send(struct listing *l, uint16_t type, const struct buf *b)
{
	l->sent += CHAN_HEADER + b->len;
	return b->err ? b->err : chan_send(l->op->session->chan, type, l->op->id, b->p, b->len);
}

static void
entry_from_row(struct ipc_entry *e, const struct store_row *row, const struct ipc_count *count)
{
	memset(e, 0, sizeof *e);
	e->id = row->id;
	e->csource_addr = row->csource_addr;
	e->ncdest = row->ncdest;
	memcpy(e->cdest, row->cdest, sizeof e->cdest);
	e->csrc = row->csrc;
	e->csrc_port = row->csrc_port;
	e->ttl = row->ttl;
	e->added_ms = row->added_ms;
	e->criteria = row->criteria; /* lent */
	e->bandwidth_bps = count->bandwidth_bps;
	e->packets = count->packets;
	e->bytes = count->bytes;
	e->timeouts = row->timeouts;
	e->num_refresh = row->num_refresh;
	e->refreshed_ms = row->refreshed_ms;
}

/* How long a criterion is the agency decides: a message ends where it is long enough. */
static int
entries_end(struct listing *l, struct buf *entries, uint32_t *n)
{
	cleanup_buf struct buf b = {0};

	buf_put_u32(&b, *n);
	buf_put(&b, entries->p, entries->len);
	if (b.err == 0)
		b.err = entries->err;
	*n = 0;
	buf_reset(entries);
	return listing_send(l, IPC_S_ENTRIES, &b);
}

static int
entries_send(struct listing *l, struct rd *counts)
{
	cleanup_buf struct buf b = {0};
	uint32_t n = 0;
	int r = rd_u32(counts) == l->n ? 0 : -EPROTO;

	for (uint32_t i = 0; r == 0 && i < l->n; i++) {
		struct ipc_count count;
		struct ipc_entry entry;

		if ((r = ipc_count_get(&count, counts)) < 0)
			return r;
		entry_from_row(&entry, &l->row[i], &count);
		ipc_entry_put(&b, &entry);
		n++;
		if (b.len >= ENTRIES_ENOUGH)
			r = entries_end(l, &b, &n);
	}
	if (r == 0 && n > 0)
		r = entries_end(l, &b, &n);
	rows_free(l);
	return r;
}

static void listing_step(struct listing *l);

static void
on_counts(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct op *op = arg;
	struct listing *l = op->listing;
	struct rd r = rd_init(body, len);
	int rc;

	(void)e;
	op->waits--;
	if (op->session == NULL) {
		op_unref(op);
		return;
	}
	l->asked = false;
	rc = type == IPC_D_COUNTS ? entries_send(l, &r) : -EPROTO;
	if (rc < 0)
		listing_abort(l, rc);
	else
		listing_step(l);
}

static uint32_t
items_of(const struct criteria *c)
{
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(c->addr); i++)
		n += c->addr[i].n;
	for (size_t i = 0; i < ARRAY_LEN(c->num); i++)
		n += c->num[i].n;
	return n;
}

static int
rows_fetch(struct listing *l)
{
	uint32_t items = 0;
	int r = 1;

	while (
	    l->n < ENGINE_LIST_CHUNK && items < ENGINE_LIST_ITEMS && (r = store_list_next(l->list, &l->row[l->n])) == 1)
		items += items_of(&l->row[l->n++].criteria);
	return r < 0 ? r : 0;
}

static int
counts_ask(struct listing *l)
{
	cleanup_buf struct buf b = {0};
	int r;

	buf_put_u32(&b, l->n);
	for (uint32_t i = 0; i < l->n; i++)
		buf_put_u64(&b, l->row[i].uid);
	if ((r = engine_dp_send(l->op->session->engine, IPC_D_STATS, &b, on_counts, l->op)) == 0) {
		l->op->waits++;
		l->asked = true;
	}
	return r;
}

static void
listing_step(struct listing *l)
{
	int r;

	if (l->asked || chan_is_full(l->op->session->chan))
		return; /* on_counts or on_drain goes on */
	if ((r = rows_fetch(l)) == 0) {
		if (l->n == 0) {
			listing_finish(l);
			return;
		}
		r = counts_ask(l);
	}
	if (r < 0)
		listing_abort(l, r);
}

static unsigned
list_error(const struct dtcp_req *q, int err)
{
	if (err != -ENOENT)
		return DTCP_SERVER_ERROR;
	return q->select == DTCP_SEL_CDEST ? DTCP_UNKNOWN_CDEST : DTCP_UNKNOWN_CRITERIA;
}

/* The first answer says how many entries follow; from then on the op answers by entries. */
static int
listing_begin(struct op *op, uint64_t count)
{
	cleanup_buf struct buf b = {0};

	op->reply = (struct ipc_reply){.code = DTCP_OK, .value = count, .now_ms = clock_wall_ms()};
	engine_aside_reason(op->session->engine, op->session->agency, op->reply.reason, sizeof op->reply.reason);
	ipc_reply_put(&b, &op->reply);
	return listing_send(op->listing, IPC_S_REPLY, &b);
}

static int
list_record(const struct op *op, unsigned code, uint64_t count)
{
	cleanup_buf struct buf parsed = {0};
	struct audit_event v;
	char reason[64];

	dtcp_req_print(&op->req, &parsed);
	if (parsed.err)
		return parsed.err;
	engine_audit_of(&v, op->session, "list");
	v.parsed = (struct slice){(const char *)parsed.p, parsed.len};
	v.seq = op->req.seq;
	v.have_seq = true;
	v.code = code;
	v.request = (struct slice){(const char *)op->text.p, op->text.len};
	if (code == DTCP_OK) {
		snprintf(reason, sizeof reason, "%llu entries", (unsigned long long)count);
		v.reason = reason;
	}
	return engine_share_list(op->session->engine, op->session->agency, &v);
}

/* Not a word was said yet: it is answered like any other request that failed. */
static void
listing_refuse(struct op *op, unsigned code)
{
	listing_free(TAKE_PTR(op->listing));
	op_done(op, code, 0);
	session_flush_soon(op->session);
}

static void
listing_soon(void *arg)
{
	listing_resume(arg);
}

/* In steps too: there may be a million. */
static void
listing_count(struct listing *l)
{
	struct op *op = l->op;
	uint64_t count;
	int r = store_list_count(l->list, ENGINE_LIST_COUNT, &count);

	if (r == 1) {
		loop_defer(op->session->engine->loop, listing_soon, op->session);
		return;
	}
	if (r < 0 || list_record(op, DTCP_OK, count) < 0) {
		listing_refuse(op, DTCP_SERVER_ERROR);
		return;
	}
	l->counted = true;
	if (listing_begin(op, count) == 0)
		loop_defer(op->session->engine->loop, listing_soon, op->session);
}

void
listing_resume(struct session *s)
{
	struct op *op = TAILQ_FIRST(&s->ops);

	if (op == NULL || op->state != OP_LISTING)
		return;
	if (op->listing->counted)
		listing_step(op->listing);
	else
		listing_count(op->listing);
}

/* What is told is on record first; on a full disk the room for that is kept for what ends taps.  And what is gone is
 * not told of, stored though it may be. */
static bool
is_refused_room(struct op *op)
{
	struct engine *e = op->session->engine;
	const char *why = engine_refuses(e);
	struct audit_event v;

	if (why == NULL && engine_late_count(e, op->session->agency->name) > 0)
		why = "what was deleted while the router's disk was full is being written";
	if (why == NULL)
		return false;
	engine_audit_of(&v, op->session, "list");
	v.seq = op->req.seq;
	v.have_seq = true;
	v.code = DTCP_SERVER_ERROR;
	v.request = (struct slice){(const char *)op->text.p, op->text.len};
	v.reason = why;
	engine_share_happened(e, op->session->agency, &v);
	snprintf(op->reply.reason, sizeof op->reply.reason, "%s", why);
	op_done(op, DTCP_SERVER_ERROR, 0);
	return true;
}

void
listing_start(struct op *op)
{
	const struct dtcp_req *q = &op->req;
	struct engine *e = op->session->engine;
	struct listing *l = calloc(1, sizeof *l);
	unsigned code;
	int r = -ENOMEM;

	op->reply.now_ms = clock_wall_ms();
	if (is_refused_room(op)) {
		free(l);
		return;
	}
	if (l)
		r = store_list_open(
		    e->store, op->session->agency->name, q->select, q->ids, q->nids, q->sel_cdest, &l->list);
	if (r < 0) {
		free(l);
		code = list_error(q, r);
		if (r == -EBADMSG)
			engine_aside_reason(e, op->session->agency, op->reply.reason, sizeof op->reply.reason);
		op_done(op, list_record(op, code, 0) < 0 ? DTCP_SERVER_ERROR : code, 0);
		return;
	}
	l->op = op;
	op->listing = l;
	op->state = OP_LISTING;
	l->begun_ms = l->moved_ms = clock_mono_ns() / 1000000u;
	engine_list_watch(e);
	loop_defer(e->loop, listing_soon, op->session);
}
