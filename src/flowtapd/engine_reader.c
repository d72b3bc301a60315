/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests wait here until the reader (reader.c) has said what their words mean; nothing of them is done before.  Each
 * agency's are answered in the order in which they were asked.  What ends taps does not depend on a process that may
 * not be had: a DELETE whose words could not be read is carried out, and then there is an alarm; the record has what
 * was done in any case, and that it was so.
 *
 * exports: engine_reader_ */
#include <errno.h>
#include <string.h>

#include "engine.h"
#include "log.h"

int
engine_reader_ask(struct engine *e, struct op *op)
{
	cleanup_buf struct buf b = {0};
	int r;

	buf_put_str(&b, op->session->agency->name);
	buf_put_slice(&b, (struct slice){(const char *)op->text.p, op->text.len});
	op->read_no = ++e->read_no;
	if ((r = b.err ? b.err : chan_send(e->reader, IPC_W_READ, op->read_no, b.p, b.len)) < 0)
		return r;
	op->state = OP_READING;
	op->waits++;
	STAILQ_INSERT_TAIL(&e->reading, op, reading);
	return 0;
}

/* Whether the words say what the session wants done. */
static int
agrees(const struct op *op, uint32_t code, struct rd *r, bool *yes)
{
	cleanup_buf struct buf mine = {0};

	dtcp_req_encode(&op->req, &mine);
	*yes = code == 0 && r->err == 0 && (size_t)(r->end - r->p) == mine.len && memcmp(r->p, mine.p, mine.len) == 0;
	return mine.err;
}

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct engine *e = arg;
	struct op *op;
	struct rd r = rd_init(body, len);
	const uint32_t said = rd_u32(&r), code = r.err ? IPC_W_UNREAD : said;
	bool yes = false;
	int rc;

	STAILQ_FOREACH (op, &e->reading, reading)
		if (op->read_no == id)
			break;
	if (type != IPC_W_SAYS || op == NULL) {
		engine_lie(e, LIAR_READER);
		return 0;
	}
	if ((rc = agrees(op, code, &r, &yes)) < 0)
		return rc;
	STAILQ_REMOVE(&e->reading, op, op, reading);
	op->waits--;
	if (op->session == NULL)
		op_unref(op);
	else if (yes || (code == IPC_W_UNREAD && op->req.method == DTCP_DELETE)) {
		op->unread = !yes;
		op->state = OP_QUEUED;
		engine_batch_soon(e);
	} else
		session_lied(op, code == IPC_W_UNREAD);
	return 0;
}

/* Nobody reads any more: the service manager starts all of us again. */
static void
on_end(void *arg, int err)
{
	struct engine *e = arg;

	log_warn(err, "the reader has gone");
	loop_stop(e->loop, 1);
}

static const struct chan_ops reader_ops = {.on_msg = on_msg, .on_end = on_end};

int
engine_reader_start(struct engine *e)
{
	STAILQ_INIT(&e->reading);
	return chan_new(e->loop, DAEMON_FD_READER, IPC_BODY_MAX, &reader_ops, e, &e->reader);
}
