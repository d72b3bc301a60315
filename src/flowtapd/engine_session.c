/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session is one flowtap-dtcp process: typed requests in, typed answers out,
 * in order.
 *
 * exports: op_ session_ */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "engine.h"
#include "log.h"

void
op_unref(struct op *op)
{
	if (op->session || op->waits)
		return;
	listing_free(op->listing);
	dtcp_req_free(&op->req);
	free(op);
}

void
op_done(struct op *op, unsigned code, uint64_t value)
{
	op->reply.code = (uint16_t)code;
	op->reply.value = value;
	op->state = OP_DONE;
}

static void
op_leave(struct session *s, struct op *op)
{
	TAILQ_REMOVE(&s->ops, op, entry);
	s->nops--;
	op->session = NULL;
	op_unref(op);
}

static int
reply_send(struct session *s, struct op *op)
{
	cleanup_buf struct buf b = {0};

	ipc_reply_put(&b, &op->reply);
	return b.err ? b.err : chan_send(s->chan, IPC_S_REPLY, op->id, b.p, b.len);
}

void
session_flush(struct session *s)
{
	struct op *op;

	if (s->chan == NULL)
		return;
	while ((op = TAILQ_FIRST(&s->ops)) != NULL) {
		if (op->state == OP_QUEUED && op->req.method == DTCP_LIST)
			listing_start(op);
		if (op->state != OP_DONE)
			break;
		if (op->listing == NULL && reply_send(s, op) < 0)
			break; /* the end of the channel follows */
		op_leave(s, op);
	}
	if (s->nops < ENGINE_OPS_MAX)
		chan_pause(s->chan, false);
	if (op && op->state == OP_QUEUED)
		engine_batch_soon(s->engine);
}

static int
on_request(struct session *s, uint32_t id, struct rd *r)
{
	struct op *op = calloc(1, sizeof *op);
	int rc;

	if (op == NULL)
		return -ENOMEM;
	rc = dtcp_req_decode(&op->req, r);
	if (rc == 0 && (rc = rd_end(r)) < 0)
		dtcp_req_free(&op->req);
	if (rc < 0) {
		free(op);
		return rc;
	}
	op->id = id;
	op->session = s;
	TAILQ_INSERT_TAIL(&s->ops, op, entry);
	if (++s->nops >= ENGINE_OPS_MAX)
		chan_pause(s->chan, true);
	engine_batch_soon(s->engine);
	return 0;
}

/* A session that sends nothing else does not fill the log. */
static void
note_refused(struct session *s, unsigned code)
{
	bool silent = code >= DTCP_INVALID_AUTH && code <= DTCP_UNKNOWN_CSOURCE;

	if (++s->refused > ENGINE_REFUSED_LOGGED)
		return;
	log_info("agency %s: request refused: %u%s%s", s->agency->name, code, silent ? " (unanswered)" : "",
	    s->refused == ENGINE_REFUSED_LOGGED ? "; further ones are counted" : "");
}

static int
on_hello(struct session *s, struct rd *r)
{
	cleanup_buf struct buf b = {0};
	struct ipc_hello hello;
	int rc = ipc_hello_get(&hello, r);

	if (rc < 0)
		return rc;
	s->peer = hello.peer;
	buf_put_str(&b, s->agency->name);
	return b.err ? b.err : chan_send(s->chan, IPC_S_WELCOME, 0, b.p, b.len);
}

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct session *s = arg;
	struct rd r = rd_init(body, len);
	struct ipc_refused refused;
	int rc;

	switch (type) {
	case IPC_S_HELLO:
		return on_hello(s, &r);
	case IPC_S_REQUEST:
		return on_request(s, id, &r);
	case IPC_S_REFUSED:
		if ((rc = ipc_refused_get(&refused, &r)) == 0)
			note_refused(s, refused.code);
		return rc;
	default:
		return -EPROTO;
	}
}

void
session_free(struct session *s)
{
	struct op *op;

	LIST_REMOVE(s, entry);
	s->engine->nsessions--;
	s->agency->sessions--;
	while ((op = TAILQ_FIRST(&s->ops)) != NULL)
		op_leave(s, op);
	chan_free(TAKE_PTR(s->chan));
	log_info("agency %s: session closed, %llu requests refused", s->agency->name, (unsigned long long)s->refused);
	/* Callers further up may still look at it in this round. */
	loop_defer(s->engine->loop, free, s);
}

static void
on_end(void *arg, int err)
{
	struct session *s = arg;

	if (err < 0)
		log_warn(err, "agency %s: session", s->agency->name);
	session_free(s);
}

static void
on_drain(void *arg)
{
	listing_resume(arg);
}

static const struct chan_ops session_ops = {.on_msg = on_msg, .on_end = on_end, .on_drain = on_drain};

/* The kernel says who is at the other end; nothing the peer sends can. */
static struct agency *
peer_agency(struct engine *e, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return NULL;
	return agency_find(e->agency, e->nagency, cred.uid);
}

void
session_accept(struct engine *e, int fd)
{
	struct agency *a = peer_agency(e, fd);
	struct session *s;

	if (a == NULL || e->nsessions >= ENGINE_SESSIONS_MAX) {
		log_warnx("session refused: %s", a ? "too many sessions" : "its user is no agency");
		close(fd);
		return;
	}
	s = calloc(1, sizeof *s);
	if (s == NULL || chan_new(e->loop, fd, IPC_BODY_MAX, &session_ops, s, &s->chan) < 0) {
		if (s == NULL)
			close(fd);
		free(s);
		log_warnx("session refused: out of memory");
		return;
	}
	s->engine = e;
	s->agency = a;
	a->sessions++;
	TAILQ_INIT(&s->ops);
	LIST_INSERT_HEAD(&e->sessions, s, entry);
	e->nsessions++;
	log_info("agency %s: session opened", a->name);
}
