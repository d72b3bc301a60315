/* SPDX-License-Identifier: BSD-2-Clause */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <time.h>

#include "chan.h"
#include "ipc.h"
#include "sandbox.h"

#define READ_CHUNK 65536u
#define REQUEST_USUAL 1024       /* bytes that an ADD has room in */
#define SESSION_WORDS_MAX 65535u /* of a request, on record */
#define SESSION_GARBAGE_MAX 512u /* of what is no request */

/* A request not answered yet, in the order of arrival. */
struct pending {
	STAILQ_ENTRY(pending) entry;
	uint32_t id;
	enum dtcp_method method;
	uint8_t version, flags;
	uint64_t seq;
	unsigned code; /* nonzero: refused here, and said so once the engine has it on record */
	char reason[200];
	/* LIST, once its first answer has come: */
	bool listing;
	uint64_t count, done;
	int64_t now_ms;
};

struct session {
	struct loop *loop;
	struct chan *engine;
	struct loop_io *in_io, *out_io; /* in_io NULL: nothing more comes */
	int in_fd, out_fd;
	char name[DTCP_NAME_MAX + 1]; /* the agency's: the only Csource-ID we know */
	struct dtcp_framer framer;
	struct buf in, out;
	size_t out_off;  /* written bytes at the front of out */
	struct buf list; /* a LIST reply being made: sent in one piece */
	STAILQ_HEAD(, pending) pending;
	unsigned npending;
	uint32_t last_id;
	bool reading, writing, eof, over; /* reading, writing: what the loop waits for */
	bool write_due;                   /* at the end of the round */
};

static void
finish(struct session *s, int value)
{
	s->over = true;
	loop_stop(s->loop, value);
}

/* ---- answers ---- */

static size_t
unsent(const struct session *s)
{
	return s->out.len - s->out_off;
}

/* The device takes no more for now: neither is more read, nor more asked of the engine. */
static void
flow(struct session *s)
{
	bool full = unsent(s) >= SESSION_OUT_MAX, write_on = unsent(s) > 0;
	bool read_on = !full && !s->eof && s->npending < SESSION_PENDING_MAX;

	if (s->over)
		return;
	chan_pause(s->engine, full);
	if (write_on != s->writing) {
		s->writing = write_on;
		loop_set(s->out_io, write_on ? EPOLLOUT : 0);
	}
	if (s->in_io && read_on != s->reading) {
		s->reading = read_on;
		loop_set(s->in_io, read_on ? EPOLLIN : 0);
	}
	if (s->eof && s->npending == 0 && !write_on)
		finish(s, 0);
}

static void
out_write(struct session *s)
{
	ssize_t n = 0;

	if (s->out.err) {
		finish(s, s->out.err);
		return;
	}
	while (unsent(s) > 0 && ((n = write(s->out_fd, s->out.p + s->out_off, unsent(s))) >= 0 || errno == EINTR))
		s->out_off += n > 0 ? (size_t)n : 0;
	if (n < 0 && errno != EAGAIN)
		finish(s, -EPIPE);
	/* Seldom, since the rest is moved. */
	if (unsent(s) > 0 && s->out_off < SESSION_OUT_MAX)
		return;
	buf_drop(&s->out, s->out_off);
	s->out_off = 0;
}

static void
write_cb(void *arg)
{
	struct session *s = arg;

	s->write_due = false;
	out_write(s);
	flow(s);
}

/* The engine's answers come many at a time: they go out together. */
static void
write_soon(struct session *s)
{
	if (s->write_due)
		return;
	s->write_due = true;
	loop_defer(s->loop, write_cb, s);
}

static void
pending_done(struct session *s)
{
	struct pending *p = STAILQ_FIRST(&s->pending);

	STAILQ_REMOVE_HEAD(&s->pending, entry);
	s->npending--;
	free(p);
}

/* Who does not belong here gets no answer. */
static bool
silent(unsigned code)
{
	return code >= DTCP_INVALID_AUTH && code <= DTCP_UNKNOWN_CSOURCE;
}

static void
answer_ok(struct session *s, const struct pending *p, const struct ipc_reply *r)
{
	switch (p->method) {
	case DTCP_ADD:
		dtcp_reply_add(&s->out, DTCP_KEY_JUNOS, p->version, p->seq, (uint32_t)r->value, r->now_ms);
		break;
	case DTCP_DELETE:
	case DTCP_REFRESH:
		dtcp_reply_count(&s->out, DTCP_KEY_JUNOS, p->version, p->seq, r->value, r->now_ms);
		break;
	default:
		dtcp_reply_noop(&s->out, DTCP_KEY_JUNOS, p->version, p->seq, r->now_ms);
		break;
	}
}

/* ---- LIST ---- */

/* The reply made so far goes out, digest and all. */
static void
list_send(struct session *s)
{
	dtcp_reply_list_end(&s->list, 0, DTCP_KEY_JUNOS);
	if (s->list.err)
		finish(s, s->list.err);
	else
		buf_put(&s->out, s->list.p, s->list.len);
	buf_free(&s->list);
}

static void
list_begin(struct session *s, struct pending *p)
{
	(void)dtcp_reply_list_begin(&s->list, p->version, p->seq, p->now_ms, p->reason);
	p->reason[0] = '\0'; /* once */
}

static void
list_end_if_done(struct session *s, struct pending *p)
{
	if (p->done < p->count)
		return;
	list_send(s);
	pending_done(s);
}

static void
list_entry(struct session *s, struct pending *p, const struct ipc_entry *e)
{
	struct dtcp_entry d = {.id = e->id,
	    .csource = s->name,
	    .csource_addr = e->csource_addr,
	    .ncdest = e->ncdest,
	    .csrc = e->csrc,
	    .csrc_port = e->csrc_port,
	    .ttl = e->ttl,
	    .added_ms = e->added_ms,
	    .criteria = &e->criteria,
	    .bandwidth_bps = e->bandwidth_bps,
	    .packets = e->packets,
	    .bytes = e->bytes,
	    .timeouts = e->timeouts,
	    .num_refresh = e->num_refresh,
	    .refreshed_ms = e->refreshed_ms};

	memcpy(d.cdest, e->cdest, sizeof d.cdest);
	if (s->list.len >= SESSION_LIST_MAX) {
		list_send(s);
		list_begin(s, p);
	}
	dtcp_reply_list_entry(&s->list, &d, p->flags, ++p->done, p->count);
}

static int
on_entries(struct session *s, struct pending *p, struct rd *r)
{
	uint32_t n = rd_u32(r);

	if (!p->listing)
		return -EPROTO;
	for (; n > 0 && p->done < p->count; n--) {
		struct ipc_entry e;
		int rc = ipc_entry_get(&e, r);

		if (rc < 0)
			return rc;
		list_entry(s, p, &e);
		ipc_entry_free(&e);
	}
	if (n > 0 || rd_end(r) < 0)
		return -EPROTO;
	list_end_if_done(s, p);
	return 0;
}

/* ---- the engine ---- */

static int
on_reply(struct session *s, struct pending *p, struct rd *r)
{
	struct ipc_reply reply;
	int rc = ipc_reply_get(&reply, r);

	if (rc < 0 || p->listing)
		return rc < 0 ? rc : -EPROTO;
	if (p->code != 0) {
		if (!silent(p->code))
			dtcp_reply_error(&s->out, DTCP_KEY_JUNOS, p->code, p->version, p->seq, p->reason);
	} else if (reply.code != DTCP_OK) {
		dtcp_reply_error(&s->out, DTCP_KEY_JUNOS, reply.code, p->version, p->seq, reply.reason);
	} else if (p->method == DTCP_LIST) {
		p->listing = true;
		p->count = reply.value;
		p->now_ms = reply.now_ms;
		memcpy(p->reason, reply.reason, sizeof reply.reason);
		list_begin(s, p);
		list_end_if_done(s, p);
		return 0;
	} else {
		answer_ok(s, p, &reply);
	}
	pending_done(s);
	return 0;
}

static int requests(struct session *s);

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct session *s = arg;
	struct pending *p = STAILQ_FIRST(&s->pending);
	struct rd r = rd_init(body, len);
	int rc = -EPROTO;

	if (p == NULL || p->id != id)
		return -EPROTO;
	if (type == IPC_S_REPLY)
		rc = on_reply(s, p, &r);
	else if (type == IPC_S_ENTRIES)
		rc = on_entries(s, p, &r);
	/* Requests that were read when there was no room for their answers: nothing else may come. */
	if (rc == 0 && s->in.len > 0 && s->npending <= SESSION_PENDING_MAX / 2)
		rc = requests(s);
	write_soon(s);
	return rc;
}

static void
on_end(void *arg, int err)
{
	finish(arg, err < 0 ? err : -EPIPE);
}

static int
engine_send(struct session *s, uint16_t type, uint32_t id, const struct buf *b)
{
	return b->err ? b->err : chan_send(s->engine, type, id, b->p, b->len);
}

/* ---- requests ---- */

static struct pending *
pending_new(struct session *s)
{
	struct pending *p = calloc(1, sizeof *p);

	if (p != NULL) {
		p->id = ++s->last_id;
		STAILQ_INSERT_TAIL(&s->pending, p, entry);
		s->npending++;
	}
	return p;
}

/* The request as it was asked, without its digest line, for the record. */
static struct slice
words(const uint8_t *p, size_t len)
{
	static const char auth[] = "authentication-info";
	size_t at = 0;

	while (at + sizeof auth - 1 < len) {
		const uint8_t *nl;

		if ((p[at] | 0x20) == 'a' && strncasecmp((const char *)p + at, auth, sizeof auth - 1) == 0)
			break;
		if ((nl = memchr(p + at, '\n', len - at)) == NULL)
			break;
		at = (size_t)(nl - p) + 1;
	}
	return (struct slice){(const char *)p, at < SESSION_WORDS_MAX ? at : SESSION_WORDS_MAX};
}

static int
request_pass(struct session *s, const struct dtcp_req *req, struct slice text)
{
	cleanup_buf struct buf b = {0};
	struct pending *p = pending_new(s);

	if (p == NULL)
		return -ENOMEM;
	p->method = req->method;
	p->version = req->version;
	p->flags = req->flags;
	p->seq = req->seq;
	(void)buf_room(&b, REQUEST_USUAL);
	dtcp_req_encode(req, &b);
	buf_put_slice(&b, text);
	return engine_send(s, IPC_S_REQUEST, p->id, &b);
}

static int
request_refuse(struct session *s, const struct dtcp_result *res, struct slice text)
{
	cleanup_buf struct buf b = {0};
	struct ipc_refused m = {.code = res->code, .text = text};
	struct pending *p = pending_new(s);

	if (p == NULL)
		return -ENOMEM;
	p->code = res->code;
	p->version = res->version;
	p->seq = res->seq;
	snprintf(p->reason, sizeof p->reason, "%s%s%s", res->field, res->field[0] ? ": " : "", res->reason);
	memcpy(m.field, res->field, sizeof m.field);
	memcpy(m.reason, res->reason, sizeof m.reason);
	ipc_refused_put(&b, &m);
	return engine_send(s, IPC_S_REFUSED, p->id, &b);
}

static int
request_handle(struct session *s, const uint8_t *p, size_t len)
{
	struct dtcp_req req;
	struct dtcp_result res = dtcp_parse_request(p, len, DTCP_KEY_JUNOS, s->name, &req);
	int r;

	if (res.code != 0)
		return request_refuse(s, &res, words(p, len));
	r = request_pass(s, &req, words(p, len));
	dtcp_req_free(&req);
	return r;
}

/* Bytes that are no request: what is recorded of them is their beginning. */
static int
garbage_handle(struct session *s, const uint8_t *p, size_t len)
{
	struct dtcp_result res = {.code = DTCP_INVALID_AUTH};
	size_t n = len < SESSION_GARBAGE_MAX ? len : SESSION_GARBAGE_MAX;

	snprintf(res.reason, sizeof res.reason, "no request: %zu bytes", len);
	return request_refuse(s, &res, (struct slice){(const char *)p, n});
}

/* Every whole message in the input, as long as there is room for its answer. */
static int
requests(struct session *s)
{
	size_t at = 0, skip, len;
	int f, r = 0;

	chan_hold(s->engine, true);
	while (r == 0 && s->npending < SESSION_PENDING_MAX && unsent(s) < SESSION_OUT_MAX &&
	       (f = dtcp_frame(&s->framer, s->in.p + at, s->in.len - at, &skip, &len)) != 0) {
		if (f == 1)
			r = request_handle(s, s->in.p + at + skip, len);
		else
			r = garbage_handle(s, s->in.p + at + skip, len);
		at += skip + len;
	}
	chan_hold(s->engine, false);
	buf_drop(&s->in, at);
	return r;
}

static void
on_in(void *arg, uint32_t events)
{
	struct session *s = arg;
	uint8_t *room;
	ssize_t n;
	int r;

	(void)events;
	if ((room = buf_room(&s->in, READ_CHUNK)) == NULL) {
		finish(s, -ENOMEM);
		return;
	}
	n = read(s->in_fd, room, READ_CHUNK);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			finish(s, -errno);
		return;
	}
	s->in.len += (size_t)n;
	if (n == 0) {
		s->eof = true;
		loop_remove(TAKE_PTR(s->in_io));
		/* A whole request but for its last empty line. */
		if (dtcp_frame_ends_in_digest(s->in.p, s->in.len))
			buf_put(&s->in, "\r\n\r\n", 4);
	}
	if ((r = requests(s)) < 0)
		finish(s, r);
	flow(s);
}

static void
on_out(void *arg, uint32_t events)
{
	struct session *s = arg;
	int r;

	/* Nobody reads any more: also while nothing is to be written. */
	if (unsent(s) == 0 && events & (EPOLLERR | EPOLLHUP)) {
		finish(s, -EPIPE);
		return;
	}
	out_write(s);
	/* Input may be waiting since there was no room for answers. */
	if ((r = requests(s)) < 0)
		finish(s, r);
	flow(s);
}

/* ---- start ---- */

/* The engine says which agency the kernel says we are. */
static int
hello(struct session *s, int fd, const struct session_opts *o)
{
	cleanup_buf struct buf b = {0}, answer = {0};
	struct ipc_hello m = {.peer = o->peer};
	uint16_t type;
	uint32_t id;
	struct rd r;
	int rc;

	snprintf(m.auth, sizeof m.auth, "%s", o->auth ? o->auth : "");
	ipc_hello_put(&b, &m);
	if (b.err || (rc = chan_write_sync(fd, IPC_S_HELLO, 0, b.p, b.len)) < 0)
		return b.err ? b.err : rc == -EPIPE ? -EACCES : rc; /* it may close before it reads */
	if (chan_read_sync(fd, IPC_BODY_MAX, &type, &id, &answer) < 0)
		return -EACCES;
	r = rd_init(answer.p, answer.len);
	rd_cstr(&r, s->name, sizeof s->name);
	return type != IPC_S_WELCOME || rd_end(&r) < 0 ? -EPROTO : 0;
}

int
session_confine(void)
{
	static const int calls[] = {-1};
	char hex[DTCP_DIGEST_HEX + 1];
	int r;

	/* What libraries read from files, they read now. */
	tzset();
	dtcp_digest(DTCP_KEY_JUNOS, NULL, 0, hex);
	/* flowtap-sshd.service permits it; sshd's user cannot be told from here. */
	(void)sandbox_lock();
	if ((r = sandbox_basics()) < 0 || (r = sandbox_files(NULL, 0)) < 0)
		return r;
	return sandbox_calls(calls, NULL);
}

static int
nonblocking(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	return fl < 0 || fcntl(fd, F_SETFL, fl | O_NONBLOCK) < 0 ? -errno : 0;
}

static const struct chan_ops engine_ops = {.on_msg = on_msg, .on_end = on_end, .body_max = IPC_BODY_MAX};

static int
start(struct session *s, const struct session_opts *o)
{
	int r, fd = o->engine_fd;

	if ((r = hello(s, fd, o)) < 0) {
		close(fd);
		return r;
	}
	if ((r = loop_new(&s->loop)) < 0) {
		close(fd);
		return r;
	}
	if ((r = chan_new(s->loop, fd, IPC_BODY_MAX, &engine_ops, s, &s->engine)) < 0 ||
	    (r = nonblocking(o->in_fd)) < 0 || (r = nonblocking(o->out_fd)) < 0 ||
	    (o->sandbox && (r = session_confine()) < 0))
		return r;
	if ((r = loop_add(s->loop, o->in_fd, EPOLLIN, on_in, s, &s->in_io)) < 0)
		return r;
	s->reading = true;
	return loop_add(s->loop, o->out_fd, 0, on_out, s, &s->out_io);
}

int
session_run(const struct session_opts *o)
{
	struct session s = {.in_fd = o->in_fd, .out_fd = o->out_fd};
	int r;

	STAILQ_INIT(&s.pending);
	dtcp_framer_init(&s.framer, DTCP_REQUEST_MAX, true);
	if ((r = start(&s, o)) == 0)
		r = loop_run(s.loop);
	while (!STAILQ_EMPTY(&s.pending))
		pending_done(&s);
	loop_remove(s.in_io);
	loop_remove(s.out_io);
	chan_free(s.engine);
	if (s.loop != NULL)
		loop_free(s.loop);
	buf_free(&s.in);
	buf_free(&s.out);
	buf_free(&s.list);
	return r;
}
