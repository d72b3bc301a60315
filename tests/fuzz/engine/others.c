/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's other processes, as far as the engine sees them, when they are honest. */
#include <errno.h>
#include <stdio.h>

#include "conf_print.h"
#include "log.h"
#include "world.h"

/* ---- the parent: configurations ---- */

static const char first[] =
    "services { flow-tap { source-address [ 192.0.2.1 2001:db8::1 ]; tapped-interfaces e0; family inet; family inet6;"
    " agency lea1 { authority standing; content-destination 0.0.0.0/0; content-destination ::/0; }"
    " agency lea2 { authority standing; content-destination 0.0.0.0/0; content-destination ::/0; }"
    " agency lea3 { authority warrant; content-destination 0.0.0.0/0; content-destination ::/0; } } }"
    " system { login { user op1 { class super-user; } user op2 { class read-only; } } }";

static char in_force[65536];

const char *
conf_in_force(size_t *len)
{
	*len = strlen(in_force);
	return in_force;
}

void
conf_remember(const struct conf *conf)
{
	cleanup_buf struct buf text = {0};

	if (conf)
		conf_print(conf, &text);
	else
		buf_printf(&text, "%s", first);
	if (text.err || text.len >= sizeof in_force)
		wrong("a configuration that is too long", text.len, 0);
	memcpy(in_force, text.p, text.len);
	in_force[text.len] = '\0';
}

struct conf *
others_conf(const char *text, size_t len)
{
	struct conf_error err;
	struct conf *c;

	return conf_parse(text, len, &c, &err) < 0 ? NULL : c;
}

/* As the system has them: users by their names; whom nobody knows has no number. */
static uint32_t
number_of(const char *user)
{
	static const char *const known[] = {"lea1", "lea2", "lea3"};

	for (uint32_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(user, known[i]) == 0)
			return AGENCY_UID + i;
	if (strcmp(user, "op1") == 0)
		return 3001;
	return strcmp(user, "op2") == 0 ? 3002 : 0;
}

void
others_config_put(struct buf *out, const struct conf *c, const char *by)
{
	cleanup_buf struct buf text = {0};
	struct ipc_config m = {.nuid = c->nagency + c->nlogin + DAEMON_NUMBERS};

	conf_print(c, &text);
	m.text = (struct slice){(const char *)text.p, text.len};
	snprintf(m.by, sizeof m.by, "%s", by);
	if ((m.uid = calloc(m.nuid, sizeof *m.uid)) == NULL)
		abort();
	for (uint32_t i = 0; i < c->nagency; i++)
		m.uid[i] = number_of(c->agency[i].user);
	for (uint32_t i = 0; i < c->nlogin; i++)
		m.uid[c->nagency + i] = number_of(c->login[i].name);
	m.uid[c->nagency + c->nlogin + DAEMON_NUMBER_AUDITORS] = 4001;
	m.uid[c->nagency + c->nlogin + DAEMON_NUMBER_OFFICERS] = 4002;
	m.uid[c->nagency + c->nlogin + DAEMON_NUMBER_LOGINS] = 4003;
	ipc_config_put(out, &m);
	free(m.uid);
}

static void
done_send(int err, const char *why)
{
	cleanup_buf struct buf b = {0};

	buf_put_u32(&b, (uint32_t)-err);
	buf_put_str(&b, why);
	peer_send(&world.peer[PARENT], IPC_P_DONE, 0, &b);
	conf_free(TAKE_PTR(world.asked));
}

static void
on_ask(struct rd *r)
{
	cleanup_buf struct buf b = {0};
	struct ipc_ask m;

	if (ipc_ask_get(&m, r) < 0 || rd_end(r) < 0)
		wrong("the parent can't read what it is asked", 0, 0);
	if (world.asked)
		wrong("two commits at once", 0, 0);
	if ((world.asked = others_conf(m.text.p, m.text.len)) == NULL) {
		done_send(-EINVAL, "it is none");
		return;
	}
	world.asked_check = m.check;
	world.asked_commits = false;
	others_config_put(&b, world.asked, "root");
	peer_send(&world.peer[PARENT], IPC_P_CONFIG, 0, &b);
}

static void
on_ready(struct rd *r)
{
	const uint32_t err = rd_u32(r);
	char why[512];

	rd_cstr(r, why, sizeof why);
	if (world.asked == NULL)
		return; /* the start, or what the script itself made of the parent */
	if (world.asked_commits)
		done_send(0, "");
	else if (err || world.asked_check) {
		peer_send(&world.peer[PARENT], IPC_P_ABORT, 0, NULL);
		done_send(err ? -EINVAL : 0, err ? "the engine refuses it" : "");
	} else {
		world.asked_commits = world.changed = true;
		peer_send(&world.peer[PARENT], IPC_P_COMMIT, 0, NULL);
	}
}

/* Of a file there is none here. */
static void
on_reload(void)
{
	cleanup_buf struct buf b = {0};

	buf_put_u32(&b, world.asked ? EBUSY : 0);
	buf_put_str(&b, world.asked ? "a change is under way" : "");
	peer_send(&world.peer[PARENT], IPC_P_RELOADED, 0, &b);
}

static void
parent_take(struct frame *f)
{
	switch (f->type) {
	case IPC_P_ASK:
		on_ask(&f->body);
		break;
	case IPC_P_READY:
		on_ready(&f->body);
		break;
	case IPC_P_RELOAD:
		on_reload();
		break;
	case IPC_P_ALIVE:
	case IPC_P_WORKING:
	case IPC_P_UNCHANGED:
		break;
	default:
		wrong("a message that no parent knows", f->type, 0);
	}
}

/* ---- the data plane: a kernel ---- */

static struct entry *
entry_find(uint64_t uid)
{
	for (int i = 0; i < world.nentry; i++)
		if (world.entry[i].uid == uid)
			return &world.entry[i];
	return NULL;
}

static uint32_t
plane_put(struct rd *r)
{
	struct ipc_put put;
	struct entry *k;

	if (ipc_put_get(&put, r) < 0 || rd_end(r) < 0)
		wrong("a PUT that no data plane can read", 0, 0);
	if (put.ndest == 0 || put.agency == 0)
		wrong("a PUT of nobody, or to nowhere", put.uid, put.agency);
	k = entry_find(put.uid);
	if (k == NULL && (world.refuse || world.nentry == ENTRIES)) {
		world.refuse -= world.refuse > 0;
		ipc_put_free(&put);
		return ENOSPC;
	}
	if (k == NULL) {
		k = &world.entry[world.nentry++];
		*k = (struct entry){.uid = put.uid, .agency = put.agency};
	} else if (k->agency != put.agency)
		wrong("another agency's", put.uid, put.agency);
	k->confirmed = true; /* has it ended, it stays so */
	k->end_ns = put.life.end_ns;
	ipc_put_free(&put);
	return 0;
}

static uint32_t
plane_delete(struct rd *r)
{
	const uint32_t n = rd_u32(r);

	for (uint32_t i = 0; i < n && r->err == 0; i++) {
		struct entry *k = entry_find(rd_u64(r));

		if (k)
			*k = world.entry[--world.nentry];
	}
	if (rd_end(r) < 0)
		wrong("a DELETE that no data plane can read", n, 0);
	return 0;
}

/* What a former daemon has left, and this one has not put, goes. */
static uint32_t
plane_sync(void)
{
	for (int i = 0; i < world.nentry;)
		if (world.entry[i].confirmed)
			i++;
		else
			world.entry[i] = world.entry[--world.nentry];
	return 0;
}

static uint32_t
plane_life(struct rd *r)
{
	struct ipc_life_set m;
	struct entry *k;

	if (ipc_life_set_get(&m, r) < 0 || rd_end(r) < 0)
		wrong("a life that no data plane can read", 0, 0);
	k = entry_find(m.uid);
	if (k && m.which & IPC_LIFE_END)
		k->end_ns = m.life.end_ns;
	return k && !k->ended ? 0 : ENOENT;
}

/* In the order asked. */
static void
counts_put(struct buf *out, struct rd *r, bool agencies)
{
	const uint32_t n = rd_u32(r);

	buf_put_u32(out, n);
	for (uint32_t i = 0; i < n && r->err == 0; i++)
		if (agencies)
			ipc_agency_count_put(out, &(struct ipc_agency_count){.agency = rd_u32(r)});
		else
			ipc_count_put(out, &(struct ipc_count){.uid = rd_u64(r), .packets = 7, .bytes = 700});
	if (rd_end(r) < 0)
		wrong("a question that no data plane can read", n, 0);
}

static const char state[] =
    "{\"attach\":\"tcx\",\"programs\":[],\"interfaces\":[{\"name\":\"e0\",\"ifindex\":2,\"wanted\":true,\"tapped\":"
    "true,"
    "\"taken-away\":false}],\"content-interfaces\":[],\"capacity\":{\"criteria\":1,\"criteria-limit\":1024},"
    "\"copies\":{\"matched\":5,\"due\":5,\"sent\":5},\"losses\":{\"no-route\":0},\"information\":{},"
    "\"next\":0,\"destinations\":[{\"address\":\"192.0.2.10\",\"agency-number\":1}]}";

/* Another time: an interface is not tapped, copies are lost, tables are full; and a self-test comes to its end. */
static const char worse[] =
    "{\"attach\":\"tcx\",\"programs\":[],\"interfaces\":[{\"name\":\"e0\",\"ifindex\":2,\"wanted\":true,\"tapped\":"
    "false,\"why\":\"it is down\"},{\"name\":\"e1\",\"ifindex\":3,\"wanted\":true,\"taken-away\":true}],"
    "\"content-interfaces\":[],\"capacity\":{\"criteria\":1024,\"criteria-limit\":1024,\"destinations-unresolved\":1},"
    "\"copies\":{\"matched\":9,\"due\":9,\"sent\":7},\"losses\":{\"no-route\":2,\"internal-queue\":1},"
    "\"information\":{},\"device\":true,\"stage\":true,\"attached\":true,\"error\":0,\"matched\":3,\"arrived\":3,"
    "\"sent\":3,\"next\":0,\"destinations\":[]}";

/* The type of the answer. */
static uint16_t
plane_do(const struct question *q, struct buf *out)
{
	struct rd r = rd_init(q->body.len ? q->body.p : (const uint8_t *)"", q->body.len);

	switch (q->type) {
	case IPC_D_PUT:
	case IPC_D_KEEP:
		buf_put_u32(out, plane_put(&r));
		return IPC_D_DONE;
	case IPC_D_DELETE:
		buf_put_u32(out, plane_delete(&r));
		return IPC_D_DONE;
	case IPC_D_LIFE:
	case IPC_D_GRANT:
		buf_put_u32(out, plane_life(&r));
		return IPC_D_DONE;
	case IPC_D_BUDGET: {
		struct ipc_budget_set m;

		if (ipc_budget_set_get(&m, &r) < 0 || rd_end(&r) < 0)
			wrong("a budget that no data plane can read", 0, 0);
		buf_put_u32(out, 0);
		return IPC_D_DONE;
	}
	case IPC_D_SYNC:
		buf_put_u32(out, plane_sync());
		return IPC_D_DONE;
	case IPC_D_STATS:
		counts_put(out, &r, false);
		return IPC_D_COUNTS;
	case IPC_D_AGENCIES:
		counts_put(out, &r, true);
		return IPC_D_AGENCY_COUNTS;
	case IPC_D_STATUS:
	case IPC_D_DESTS:
	case IPC_D_TEST_BEGIN:
	case IPC_D_TEST_END:
		buf_printf(out, "%s", q->id & 1 ? worse : state);
		return IPC_D_STATE;
	default:
		wrong("a message that no data plane knows", q->type, 0);
	}
}

static void
question_keep(struct question *v, int *n, const struct frame *f)
{
	struct question *q = &v[*n];

	if (*n == PENDING)
		wrong("too many questions", f->type, 0);
	*q = (struct question){.type = f->type, .id = f->id};
	buf_put(&q->body, f->body.p, (size_t)(f->body.end - f->body.p));
	++*n;
}

static void
questions_drop(struct question *v, int *n, int k)
{
	for (int i = 0; i < k; i++)
		buf_free(&v[i].body);
	memmove(v, v + k, (size_t)(*n - k) * sizeof *v);
	*n -= k;
}

void
others_plane_answer(int n)
{
	if (n > world.nplane)
		n = world.nplane;
	for (int i = 0; i < n; i++) {
		cleanup_buf struct buf out = {0};
		const uint16_t type = plane_do(&world.plane[i], &out);

		log_debug("data plane: message %u of %zu bytes, answered by %u", world.plane[i].type,
		    world.plane[i].body.len, type);
		peer_send(&world.peer[DATAPLANE], type, world.plane[i].id, &out);
	}
	questions_drop(world.plane, &world.nplane, n);
}

/* ---- the reader ---- */

static void
reader_do(const struct question *q)
{
	cleanup_buf struct buf text = {0}, out = {0};
	struct rd r = rd_init(q->body.p, q->body.len);
	char login[DTCP_NAME_MAX + 1];
	struct dtcp_result res;
	struct dtcp_req req;
	struct slice words;

	rd_cstr(&r, login, sizeof login);
	words = rd_slice(&r);
	if (q->type != IPC_W_READ || rd_end(&r) < 0)
		wrong("a question that no reader can read", q->type, 0);
	buf_put(&text, words.p, words.len);
	dtcp_sign(&text, 0, DTCP_KEY_JUNOS);
	res = dtcp_parse_request(text.p, text.len, DTCP_KEY_JUNOS, login, &req);
	buf_put_u32(&out, res.code);
	if (res.code == 0) {
		dtcp_req_encode(&req, &out);
		dtcp_req_free(&req);
	}
	peer_send(&world.peer[READER], IPC_W_SAYS, q->id, &out);
}

void
others_reader_answer(int n)
{
	if (n > world.nreader)
		n = world.nreader;
	for (int i = 0; i < n; i++)
		reader_do(&world.reader[i]);
	questions_drop(world.reader, &world.nreader, n);
}

/* ---- a turn ---- */

static void
take(enum who who, struct frame *f)
{
	if (who == PARENT)
		parent_take(f);
	else if (who == DATAPLANE)
		question_keep(world.plane, &world.nplane, f);
	else if (who == READER)
		question_keep(world.reader, &world.nreader, f);
	else if (who == INVENTORY)
		wrong("the inventory is told something", f->type, 0);
}

bool
others_turn(void)
{
	bool any = false;

	for (enum who who = 0; who < PEERS; who++) {
		struct peer *p = &world.peer[who];
		struct frame f;

		(void)peer_read(p);
		while (peer_frame(p, &f)) {
			take(who, &f);
			buf_drop(&p->in, f.len);
			any = true;
		}
		any |= p->out.len > 0 && p->fd >= 0;
		peer_flush(p);
	}
	if (!world.plane_waits && world.nplane) {
		others_plane_answer(world.nplane);
		any = true;
	}
	if (!world.reader_waits && world.nreader) {
		others_reader_answer(world.nreader);
		any = true;
	}
	return any;
}

void
others_forget(void)
{
	questions_drop(world.plane, &world.nplane, world.nplane);
	questions_drop(world.reader, &world.nreader, world.nreader);
	conf_free(TAKE_PTR(world.asked));
}
