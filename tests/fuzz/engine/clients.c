/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions and operators' connections: what they send is the script's, what they are told is looked at here. */
#include <stdio.h>

#include "log.h"
#include "world.h"

uint32_t client_deleted;

struct client *
client_new(bool ctl, uint32_t uid, gid_t gid, int agency)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &world.client[i];

		if (c->used)
			continue;
		*c = (struct client){.used = true, .ctl = ctl, .agency = agency, .peer.fd = -1};
		client_socket(&c->peer, uid, gid, ctl);
		return c;
	}
	return NULL;
}

/* Its own targets are those of 10.1.0.0/16 for the first agency, 10.2.0.0/16 for the second. */
static void
entries_check(const struct client *c, struct rd *r)
{
	const uint32_t n = rd_u32(r);

	for (uint32_t i = 0; i < n; i++) {
		struct ipc_entry e;
		const struct addr_list *a;

		if (ipc_entry_get(&e, r) < 0)
			wrong("an entry that no session can read", i, n);
		a = &e.criteria.addr[CRIT_SOURCE_ADDRESS];
		if (a->n == 1 && e.criteria.family == 4 && !c->odd && a->v[0].lo.b[1] != c->agency + 1)
			wrong("an agency is shown another's criterion", (uint64_t)c->agency, e.id);
		ipc_entry_free(&e);
	}
}

static void
reply_check(struct client *c, const struct frame *f)
{
	struct rd r = f->body;
	struct ipc_reply m;

	if (ipc_reply_get(&m, &r) < 0 || rd_end(&r) < 0)
		wrong("an answer that no session can read", f->id, 0);
	log_debug("answered: %u %llu %s", m.code, (unsigned long long)m.value, m.reason);
	if (c->odd)
		return;
	if (c->nasked == 0 || c->asked[c->first] != f->id)
		wrong("an answer out of order", f->id, c->nasked ? c->asked[c->first] : 0);
	c->first = (c->first + 1) % CLIENT_ASKED;
	c->nasked--;
	if (world.deleting && m.code == DTCP_OK)
		client_deleted++;
}

static void
session_take(struct client *c, struct frame *f)
{
	switch (f->type) {
	case IPC_S_REPLY:
		reply_check(c, f);
		break;
	case IPC_S_ENTRIES:
		entries_check(c, &f->body);
		break;
	case IPC_S_WELCOME:
		break;
	default:
		wrong("a message that no session knows", f->type, 0);
	}
}

/* Of what an operator is told only a warrant's fingerprint is kept. */
static void
ctl_take(const struct frame *f)
{
	static const char key[] = "{\"fingerprint\":\"";
	const size_t n = (size_t)(f->body.end - f->body.p);
	const char *p = (const char *)f->body.p;

	if (f->type != IPC_C_JSON && f->type != IPC_C_ERROR && f->type != IPC_C_LINES && f->type != IPC_C_WRONG)
		wrong("a message that no operator's program knows", f->type, 0);
	if (f->type == IPC_C_JSON && n > sizeof key && memcmp(p, key, sizeof key - 1) == 0)
		snprintf(world.print, sizeof world.print, "%.*s", (int)(n - (sizeof key - 1) - 2), p + sizeof key - 1);
}

/* Whoever was honest is not sent away. */
static void
client_end(struct client *c)
{
	if (!c->ctl && !c->odd && c->agency >= 0 && !world.plane_odd && !world.parent_odd && !world.reader_odd &&
	    !world.others_odd && !world.changed)
		wrong("an honest session was ended", (uint64_t)c->agency, c->nasked);
	peer_close(&c->peer);
	*c = (struct client){.peer.fd = -1};
}

static bool
client_turn(struct client *c)
{
	bool any = false;
	struct frame f;

	if (!c->used || c->stalled)
		return false;
	any = peer_read(&c->peer);
	while (peer_frame(&c->peer, &f)) {
		if (c->ctl)
			ctl_take(&f);
		else
			session_take(c, &f);
		buf_drop(&c->peer.in, f.len);
	}
	if (c->peer.fd < 0) {
		client_end(c);
		return true;
	}
	any |= c->peer.out.len > 0;
	peer_flush(&c->peer);
	return any;
}

bool
clients_turn(void)
{
	bool any = false;

	for (int i = 0; i < CLIENTS; i++)
		any |= client_turn(&world.client[i]);
	return any;
}

static void
hello(struct client *c)
{
	cleanup_buf struct buf b = {0};

	ipc_hello_put(&b, &(struct ipc_hello){.peer = {4, {203, 0, 113, 9}}, .auth = "password"});
	peer_send(&c->peer, IPC_S_HELLO, 0, &b);
	c->greeted = true;
}

/* As a session does it: what it does not understand it has refused. */
void
client_request(struct client *c, const struct buf *words, const struct buf *other)
{
	static const char *const names[] = {"lea1", "lea2", "lea3"};
	cleanup_buf struct buf text = {0}, b = {0};
	const struct slice says = {(const char *)words->p, words->len};
	struct dtcp_result res;
	struct dtcp_req req;

	if (!c->greeted)
		hello(c);
	if (c->nasked == CLIENT_ASKED)
		return;
	c->asked[(c->first + c->nasked++) % CLIENT_ASKED] = ++c->next_id;
	log_debug("session of lea%d: %.*s", c->agency + 1, (int)words->len, (const char *)words->p);
	if (other == NULL)
		other = words;
	buf_put(&text, other->p, other->len);
	dtcp_sign(&text, 0, DTCP_KEY_JUNOS);
	res = dtcp_parse_request(text.p, text.len, DTCP_KEY_JUNOS, names[c->agency], &req);
	if (res.code) {
		struct ipc_refused m = {.code = res.code, .text = says};

		memcpy(m.field, res.field, sizeof m.field);
		memcpy(m.reason, res.reason, sizeof m.reason);
		ipc_refused_put(&b, &m);
		peer_send(&c->peer, IPC_S_REFUSED, c->next_id, &b);
		return;
	}
	dtcp_req_encode(&req, &b);
	buf_put_slice(&b, says);
	dtcp_req_free(&req);
	peer_send(&c->peer, IPC_S_REQUEST, c->next_id, &b);
}

void
clients_delete_all(void)
{
	client_deleted = 0;
	for (uint32_t i = 0; i < world.engine->nagency; i++) {
		cleanup_buf struct buf words = {0};
		const uint32_t uid = world.engine->agency[i]->uid;
		struct client *c = client_new(false, uid, 9000, (int)(uid - AGENCY_UID));

		buf_printf(&words,
		    "DELETE DTCP/0.7\r\nCsource-ID: lea%d\r\nSeq: 1\r\nCriteria-ID: 1-4294967295\r\nFlags: STATIC\r\n",
		    c->agency + 1);
		client_request(c, &words, NULL);
	}
}
