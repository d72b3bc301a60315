/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that reads the words of requests once more: a session says what it wants done, and in which words it was
 * asked to; whether these say the same, somebody else has to find out who has nothing to gain.  It has no key and no
 * file, sees hostile text, and answers with a struct that the engine compares with the session's, byte by byte.
 */
#include <errno.h>
#include <string.h>

#include "daemon.h"
#include "log.h"
#include "role.h"
#include "sandbox.h"

struct reader {
	struct loop *loop;
	struct chan *parent, *engine;
};

/* u32: the code, 0 that it is accepted; then dtcp_req_encode's bytes. */
static void
answer_put(struct buf *out, struct slice words, const char *login)
{
	cleanup_buf struct buf text = {0};
	struct dtcp_result res;
	struct dtcp_req req;

	/* The words come without their digest, which says nothing to us: whoever has them can make it. */
	buf_put(&text, words.p, words.len);
	dtcp_sign(&text, 0, DTCP_KEY_JUNOS);
	res = text.err ? (struct dtcp_result){.code = DTCP_SERVER_ERROR}
		       : dtcp_parse_request(text.p, text.len, DTCP_KEY_JUNOS, login, &req);
	buf_put_u32(out, res.code);
	if (res.code != 0)
		return;
	dtcp_req_encode(&req, out);
	dtcp_req_free(&req);
}

static int
engine_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct reader *d = arg;
	cleanup_buf struct buf out = {0};
	struct rd r = rd_init(body, len);
	char login[DTCP_NAME_MAX + 1];
	struct slice words;

	rd_cstr(&r, login, sizeof login);
	words = rd_slice(&r);
	if (type != IPC_W_READ || rd_end(&r) < 0)
		return -EPROTO;
	answer_put(&out, words, login);
	return out.err ? out.err : chan_send(d->engine, IPC_W_SAYS, id, out.p, out.len);
}

static int
parent_on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct reader *d = arg;

	(void)id;
	(void)body;
	(void)len;
	if (type == IPC_P_STOP)
		loop_stop(d->loop, 0);
	return 0;
}

static void
on_end(void *arg, int err)
{
	struct reader *d = arg;

	(void)err;
	loop_stop(d->loop, 1);
}

static const struct chan_ops parent_ops = {.on_msg = parent_on_msg, .on_end = on_end};
static const struct chan_ops engine_ops = {.on_msg = engine_on_msg, .on_end = on_end};

int
reader_run(int verbose)
{
	static struct reader d;
	char hex[DTCP_DIGEST_HEX + 1];
	int r;

	log_init("flowtapd: reader", verbose);
	/* What libraries read from files, they read now. */
	dtcp_digest(DTCP_KEY_JUNOS, NULL, 0, hex);
	if ((r = sandbox_basics()) < 0)
		fatal(r, "cannot drop privileges");
	if ((r = sandbox_lock()) < 0)
		log_warn(r, "memory may be swapped out");
	if ((r = loop_new(&d.loop)) < 0 || (r = role_confine_reader()) < 0 ||
	    (r = chan_new(d.loop, DAEMON_FD_PARENT, 64, &parent_ops, &d, &d.parent)) < 0 ||
	    (r = chan_new(d.loop, DAEMON_FD_PEER, IPC_BODY_MAX, &engine_ops, &d, &d.engine)) < 0)
		fatal(r, "cannot start");
	r = loop_run(d.loop);
	return r < 0 ? 1 : r;
}
