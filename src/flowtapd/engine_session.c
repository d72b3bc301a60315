/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session is one flowtap-dtcp process: typed requests in, typed answers out,
 * in order.
 *
 * exports: op_ session_ */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "engine.h"
#include "engine_peer.h"
#include "engine_perm.h"
#include "engine_share.h"
#include "log.h"

#define MINUTE_NS 60000000000ull
#define LIE_NS MINUTE_NS             /* between two alarms of one agency's */
#define UNPROVEN_NS (60 * MINUTE_NS) /* where it is so by how the router is set up, it is each time */

void
op_unref(struct op *op)
{
	if (op->session || op->waits)
		return;
	listing_free(op->listing);
	dtcp_req_free(&op->req);
	if (op->text.p)
		explicit_bzero(op->text.p, op->text.len);
	buf_free(&op->text);
	free(op);
}

/* A session that sends nothing else does not fill the log; the record has every one. */
static void
note_refused(struct session *s, unsigned code)
{
	bool silent = code >= DTCP_INVALID_AUTH && code <= DTCP_UNKNOWN_CSOURCE;

	if (++s->refused > ENGINE_REFUSED_LOGGED || !s->told)
		return;
	log_info("agency %s: request refused: %u%s%s", s->agency->name, code, silent ? " (unanswered)" : "",
	    s->refused == ENGINE_REFUSED_LOGGED ? "; further ones are counted" : "");
}

void
op_done(struct op *op, unsigned code, uint64_t value)
{
	if (op->session && code != DTCP_OK && (op->refused == 0 || op->refused_here))
		note_refused(op->session, code); /* what came refused is counted */
	op->reply.code = (uint16_t)code;
	op->reply.value = value;
	op->state = OP_DONE;
}

static void
op_leave(struct session *s, struct op *op)
{
	TAILQ_REMOVE(&s->ops, op, entry);
	s->nops--;
	s->ops_bytes -= op->text.len;
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

/* What a session asks faster than it is answered, or than it reads the answers, waits with the session, not with us. */
static bool
is_full(const struct session *s)
{
	return s->nops >= ENGINE_OPS_MAX || s->ops_bytes >= ENGINE_OPS_BYTES || chan_is_full(s->chan);
}

void
session_flush(struct session *s)
{
	struct op *op;

	if (s->chan == NULL)
		return;
	chan_hold(s->chan, true);
	while ((op = TAILQ_FIRST(&s->ops)) != NULL) {
		if (op->state == OP_LIED) {
			chan_hold(s->chan, false);
			session_free(s);
			return;
		}
		engine_share_judge(op);
		if (op->state == OP_QUEUED && op->req.method == DTCP_LIST)
			listing_start(op);
		if (op->state != OP_DONE)
			break;
		if (op->listing == NULL && reply_send(s, op) < 0)
			break; /* the end of the channel follows */
		op_leave(s, op);
	}
	chan_hold(s->chan, false);
	chan_pause(s->chan, s->lied || is_full(s));
	if (chan_is_full(s->chan))
		engine_list_watch(s->engine);
	if (op && op->state == OP_QUEUED && !engine_share_waits(op))
		engine_batch_soon(s->engine);
}

static void
flush_all(void *arg)
{
	struct engine *e = arg;
	struct session *s, *next;

	e->flush_due = false;
	for (s = TAILQ_FIRST(&e->sessions); s; s = next) {
		next = TAILQ_NEXT(s, entry);
		session_flush(s);
	}
}

void
session_flush_soon(struct session *s)
{
	struct engine *e = s->engine;

	if (e->flush_due)
		return;
	e->flush_due = true;
	loop_defer(e->loop, flush_all, e);
}

static void
op_queue(struct session *s, struct op *op, uint32_t id)
{
	op->id = id;
	op->session = s;
	s->requests++;
	TAILQ_INSERT_TAIL(&s->ops, op, entry);
	s->nops++;
	s->ops_bytes += op->text.len;
	if (is_full(s))
		chan_pause(s->chan, true);
	if (op->state == OP_QUEUED)
		engine_batch_soon(s->engine);
}

static int
request_decode(struct op *op, struct rd *r)
{
	struct slice text;
	int rc = dtcp_req_decode(&op->req, r);

	if (rc < 0)
		return rc;
	text = rd_slice(r);
	if ((rc = rd_end(r)) == 0) {
		buf_put(&op->text, text.p, text.len);
		rc = op->text.err;
	}
	if (rc < 0)
		dtcp_req_free(&op->req);
	return rc;
}

static int
on_request(struct session *s, uint32_t id, struct rd *r)
{
	struct op *op = calloc(1, sizeof *op);
	int rc;

	if (op == NULL)
		return -ENOMEM;
	if ((rc = request_decode(op, r)) < 0) {
		buf_free(&op->text);
		free(op);
		return rc;
	}
	op->state = OP_READING;
	op_queue(s, op, id);
	return engine_reader_ask(s->engine, op);
}

/* Answered like any other request, in its turn, once it is on record. */
static int
on_refused(struct session *s, uint32_t id, struct rd *r)
{
	struct ipc_refused m;
	struct op *op;
	int rc = ipc_refused_get(&m, r);

	if (rc < 0)
		return rc;
	if ((op = calloc(1, sizeof *op)) == NULL)
		return -ENOMEM;
	op->req.method = DTCP_NOOP;
	op->refused = m.code;
	snprintf(op->reason, sizeof op->reason, "%s%s%s", m.field, m.field[0] && m.reason[0] ? ": " : "", m.reason);
	buf_put(&op->text, m.text.p, m.text.len);
	if ((rc = op->text.err) < 0) {
		free(op);
		return rc;
	}
	note_refused(s, m.code);
	op_queue(s, op, id);
	return 0;
}

/* What no program of ours sends: whoever has the agency's user number talks to us.  Its session ends.  They may come
 * back as often as they like: one alarm tells of many. */
static void
alarm_tell(struct session *s, const char *what, const struct op *op, uint64_t n)
{
	cleanup_buf struct buf parsed = {0};
	struct audit_event v;
	char text[480];

	snprintf(text, sizeof text, "agency %s %s (%llu times)", s->agency->name, what, (unsigned long long)n);
	if (!engine_event(s->engine, ENGINE_ALARM, EVENT_ALARM, "%s", text))
		log_warnx("ALARM: %s", text);
	engine_audit_of(&v, s, "alarm");
	v.reason = text;
	if (op) {
		dtcp_req_print(&op->req, &parsed);
		v.request = (struct slice){(const char *)op->text.p, op->text.len};
		v.parsed = (struct slice){(const char *)parsed.p, parsed.len};
	}
	engine_share_happened(s->engine, s->agency, &v);
}

/* How many there were, if it is time to tell of them; 0: not yet. */
static uint64_t
knock_due(struct knocks *k, uint64_t interval_ns)
{
	const uint64_t now = clock_mono_ns(), n = ++k->n;

	if (k->told_ns != 0 && now - k->told_ns < interval_ns)
		return 0;
	k->told_ns = now;
	k->n = 0;
	return n;
}

static void
note_alarm(struct session *s, const char *what, const struct op *op)
{
	const uint64_t n = knock_due(&s->agency->lies, LIE_NS);

	if (n > 0)
		alarm_tell(s, what, op, n);
}

/* What it says of itself, for the record: nobody else says so. */
static void
claim_print(const struct ipc_hello *hello, char *out, size_t size)
{
	char addr[IP_STRLEN];

	snprintf(out, size, "it says that it is from %s, by \"%s\"",
	    hello->peer.family ? ip_format(&hello->peer, addr) : "nowhere", hello->auth);
}

/* Of ours none says anything else than what our sshd has told it. */
static int
hello_judge(struct session *s, const struct ipc_hello *hello, char *claim, size_t size)
{
	char text[384];
	uint64_t n;

	claim_print(hello, claim, size);
	if (s->unproven) {
		if ((n = knock_due(&s->agency->unproven, UNPROVEN_NS)) > 0)
			alarm_tell(s,
			    "has a session that did not come by flowtap-sshd, or of which pam_flowtap.so told nothing: "
			    "where it is from is unproven",
			    NULL, n);
		return 0;
	}
	if (!engine_peer_differs(s, hello))
		return 0;
	snprintf(text, sizeof text, "lied about where its session comes from, which was ended: %s", claim);
	note_alarm(s, text, NULL);
	s->lied = true;
	return -EPROTO;
}

static int
on_hello(struct session *s, struct rd *r)
{
	cleanup_buf struct buf b = {0};
	char claim[IPC_AUTH_MAX + IP_STRLEN + 64], reason[sizeof claim + 32];
	struct audit_event event;
	struct ipc_hello hello;
	int rc = ipc_hello_get(&hello, r);

	if (rc < 0)
		return rc;
	if (s->opened)
		return -EPROTO;
	if ((rc = hello_judge(s, &hello, claim, sizeof claim)) < 0)
		return rc;
	engine_audit_of(&event, s, "session-open");
	if (s->unproven) {
		snprintf(reason, sizeof reason, "peer unproven: %s", claim);
		event.reason = reason;
	}
	s->told = engine_share_session(s->engine, s->agency, &event, true);
	s->opened = true;
	s->opened_ns = clock_boot_ns();
	if (!engine_event(s->engine, ENGINE_NOTICE, EVENT_SESSION_OPEN, "agency %s", s->agency->name) && s->told)
		log_info("agency %s: session opened", s->agency->name);
	buf_put_str(&b, s->agency->name);
	return b.err ? b.err : chan_send(s->chan, IPC_S_WELCOME, 0, b.p, b.len);
}

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct session *s = arg;
	struct rd r = rd_init(body, len);

	if (type == IPC_S_HELLO)
		return on_hello(s, &r);
	if (!s->opened)
		return -EPROTO;
	if (type == IPC_S_REQUEST)
		return on_request(s, id, &r);
	return type == IPC_S_REFUSED ? on_refused(s, id, &r) : -EPROTO;
}

void
session_free(struct session *s)
{
	struct audit_event event;
	const unsigned unanswered = s->nops;
	char reason[96];
	struct op *op;
	bool told;
	int n;

	TAILQ_REMOVE(&s->engine->sessions, s, entry);
	s->engine->nsessions--;
	s->engine->busy -= --s->agency->sessions == 0;
	while ((op = TAILQ_FIRST(&s->ops)) != NULL)
		op_leave(s, op);
	chan_free(TAKE_PTR(s->chan));
	if (s->opened) {
		engine_audit_of(&event, s, "session-close");
		n = snprintf(reason, sizeof reason, "%llu requests refused", (unsigned long long)s->refused);
		if (unanswered)
			n += snprintf(reason + n, sizeof reason - (size_t)n, ", %u not answered", unanswered);
		if (s->lied || s->over)
			snprintf(reason + n, sizeof reason - (size_t)n, "; %s",
			    s->lied ? "ended for what it sent" : "its connection is over");
		event.reason = reason;
		told = engine_share_session(s->engine, s->agency, &event, false);
		if (!engine_event(s->engine, ENGINE_NOTICE, EVENT_SESSION_CLOSE, "agency %s", s->agency->name) && told)
			log_info("agency %s: session closed, %s", s->agency->name, reason);
	}
	/* Callers further up may still look at it in this round. */
	loop_defer(s->engine->loop, free, s);
}

void
session_unread(struct op *op)
{
	op->unread = false;
	note_alarm(op->session, "had a DELETE whose words can't be read: it was carried out", op);
}

void
session_lied(struct op *op, bool unread)
{
	struct session *s = op->session;

	note_alarm(s,
	    unread ? "asked for something in words that can't be read: its session was ended"
		   : "asked for something in the words of something else: its session was ended",
	    op);
	s->lied = true;
	chan_pause(s->chan, true);
	op->state = OP_LIED;
	session_flush_soon(s);
}

static void
on_end(void *arg, int err)
{
	struct session *s = arg;

	if (err < 0 && s->told)
		log_warn(err, "agency %s: session", s->agency->name);
	if ((err == -EBADMSG || err == -EPROTO || err == -EMSGSIZE) && !s->lied) {
		s->lied = true;
		note_alarm(s, "sent what no session of ours sends: its session was ended", NULL);
	}
	session_free(s);
}

static void
on_drain(void *arg)
{
	struct session *s = arg;

	listing_resume(s);
	if (s->chan && !is_full(s))
		chan_pause(s->chan, false);
}

static const struct chan_ops session_ops = {
    .on_msg = on_msg, .on_end = on_end, .on_drain = on_drain, .mark = ENGINE_SESSION_QUEUE, .body_max = IPC_BODY_MAX};

/* The kernel says who is at the other end; nothing the peer sends can. */
static struct agency *
peer_agency(struct engine *e, int fd, struct ucred *cred)
{
	socklen_t len = sizeof *cred;

	*cred = (struct ucred){.uid = UINT32_MAX, .gid = (gid_t)-1};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, cred, &len) < 0)
		return NULL;
	return agency_find(e->agency, e->nagency, cred->uid);
}

/* Anybody on this machine may knock: what they do is on record, but at most once a second.  Each agency's
 * is counted by itself, so that none hides another's. */
static void
note_refused_session(struct engine *e, struct agency *a, uint32_t uid, const char *why)
{
	struct knocks *k = a ? &a->knocks : &e->strangers;
	uint64_t now = clock_mono_ns();
	char reason[160];

	k->n++;
	if (k->told_ns != 0 && now - k->told_ns < 1000000000ull)
		return;
	snprintf(reason, sizeof reason, "%s; attempts since the last such line: %llu", why, (unsigned long long)k->n);
	k->told_ns = now;
	k->n = 0;
	if (!engine_event(e, ENGINE_WARNING, EVENT_SESSION_REFUSED, "%s", reason))
		log_warnx("session refused: %s", why);
	engine_share_happened(
	    e, a, &(struct audit_event){.kind = "session-refused", .uid = uid, .have_uid = true, .reason = reason});
}

/* Whether the limit-th last one began less than a minute ago. */
static bool
is_too_fast(const struct engine *e, const struct agency *a)
{
	const uint32_t limit = e->conf->rate_limit;
	const struct starts *s = a->starts;

	return limit && s && s->n >= limit && clock_boot_ns() - s->at_ns[(s->n - limit) % STARTS_MAX] < MINUTE_NS;
}

/* NULL: none. */
static const char *
refusal(const struct engine *e, const struct agency *a, const struct ucred *peer)
{
	if (a == NULL)
		return "the user is no agency";
	if (!engine_perm_dtcp(e, a->uid, peer->gid))
		return "the login has no permission flow-tap-operation";
	if (a->sessions >= a->conf->max_sessions)
		return "as many sessions as the agency may have";
	if (e->conf->connection_limit && a->sessions >= e->conf->connection_limit)
		return "as many sessions as connection-limit permits";
	return is_too_fast(e, a) ? "as many sessions within a minute as rate-limit permits" : NULL;
}

/* One that was refused does not count: who waits long enough gets in, however often others of his tried. */
static int
start_note(struct agency *a)
{
	if (a->starts == NULL && (a->starts = calloc(1, sizeof *a->starts)) == NULL)
		return -ENOMEM;
	a->starts->at_ns[a->starts->n++ % STARTS_MAX] = clock_boot_ns();
	return 0;
}

void
session_accept(struct engine *e, int fd)
{
	struct ucred peer;
	struct agency *a = peer_agency(e, fd, &peer);
	const char *why = refusal(e, a, &peer);
	struct session *s;

	if (why) {
		note_refused_session(e, a, peer.uid, why);
		close(fd);
		return;
	}
	if ((s = start_note(a) < 0 ? NULL : calloc(1, sizeof *s)) != NULL) {
		s->engine = e;
		s->agency = a;
		s->gid = peer.gid;
		s->unproven = engine_peer_look(s, fd) < 0;
	}
	if (s == NULL || chan_new(e->loop, fd, IPC_BODY_MAX, &session_ops, s, &s->chan) < 0) {
		if (s == NULL)
			close(fd);
		free(s);
		log_warnx("session refused: out of memory");
		engine_watch_short(e, -ENOMEM);
		return;
	}
	e->busy += a->sessions++ == 0;
	TAILQ_INIT(&s->ops);
	TAILQ_INSERT_TAIL(&e->sessions, s, entry);
	e->nsessions++;
}
