/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's side: one command a connection, JSON back.  Who may see
 * numbers is decided here, from the kernel's word on the peer: root and the
 * members of the daemon's own group.  Nothing here knows a target.
 *
 * exports: ctl_ */
#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>

#include "engine.h"
#include "log.h"

#define CTL_BODY_MAX 4096
#define CTL_GROUPS_MAX 256
#define EXIT_USAGE 2
#define EXIT_TRANSPORT 5

struct ctl {
	struct engine *engine;
	struct chan *chan; /* NULL: closed */
	unsigned waits;    /* the data plane owes an answer */
	bool entitled;
};

static void
ctl_close(struct ctl *c)
{
	chan_free(TAKE_PTR(c->chan));
	if (c->waits == 0)
		loop_defer(c->engine->loop, free, c);
}

static bool
peer_entitled(int fd)
{
	struct ucred cred;
	gid_t groups[CTL_GROUPS_MAX];
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	if (cred.uid == 0 || cred.gid == getgid())
		return true;
	len = sizeof groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof *groups; i++)
		if (groups[i] == getgid())
			return true;
	return false;
}

static void
ctl_error(struct ctl *c, uint8_t code, const char *text)
{
	cleanup_buf struct buf b = {0};

	buf_put_u8(&b, code);
	buf_put_str(&b, text);
	if (b.err == 0)
		(void)chan_send(c->chan, IPC_C_ERROR, 0, b.p, b.len);
}

static json_t *
agencies_json(struct engine *e)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < e->nagency; i++) {
		uint64_t count = 0;

		store_count(e->store, e->agency[i]->name, &count);
		json_array_append_new(list, json_pack("{s:s,s:i,s:I}", "agency", e->agency[i]->name, "sessions",
						(int)e->agency[i]->sessions, "criteria", (json_int_t)count));
	}
	return list;
}

/* state: what the data plane said.  What the peer is not entitled to is taken out. */
static void
state_finish(struct ctl *c, json_t *state)
{
	static const char *const numbers[] = {"copies", "losses", "information", "capacity"};

	json_object_set_new(state, "state", json_string("running"));
	json_object_set_new(state, "version", json_string(FLOWTAP_VERSION));
	if (c->entitled) {
		json_object_set_new(state, "sessions", json_integer(c->engine->nsessions));
		json_object_set_new(state, "agencies", agencies_json(c->engine));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		json_object_del(state, numbers[i]);
}

static void
on_state(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len)
{
	struct ctl *c = arg;
	json_t *state = type == IPC_D_STATE ? json_loadb((const char *)body, len, 0, NULL) : NULL;
	char *text = NULL;

	(void)e;
	c->waits--;
	if (c->chan == NULL) {
		json_decref(state);
		ctl_close(c);
		return;
	}
	if (state) {
		state_finish(c, state);
		text = json_dumps(state, JSON_COMPACT);
	}
	if (text == NULL || chan_send(c->chan, IPC_C_JSON, 0, text, strlen(text)) < 0)
		ctl_error(c, EXIT_TRANSPORT, "the data plane gave no answer");
	json_decref(state);
	free(text);
}

static int
show_flow_tap(struct ctl *c)
{
	const struct buf none = {0};
	int r = engine_dp_send(c->engine, IPC_D_STATUS, &none, on_state, c);

	if (r == 0)
		c->waits++;
	return r;
}

static const struct {
	const char *words;
	int (*run)(struct ctl *c);
} commands[] = {
    {"services flow-tap", show_flow_tap},
};

static int
on_msg(void *arg, uint16_t type, uint32_t id, const uint8_t *body, size_t len)
{
	struct ctl *c = arg;
	struct rd r = rd_init(body, len);
	char words[128];

	(void)id;
	rd_cstr(&r, words, sizeof words);
	if (type != IPC_C_SHOW || rd_end(&r) < 0)
		return -EPROTO;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(words, commands[i].words) == 0)
			return commands[i].run(c);
	ctl_error(c, EXIT_USAGE, "unknown command");
	return 0;
}

static void
on_end(void *arg, int err)
{
	(void)err;
	ctl_close(arg);
}

static const struct chan_ops ctl_ops = {.on_msg = on_msg, .on_end = on_end};

void
ctl_accept(struct engine *e, int fd)
{
	struct ctl *c = calloc(1, sizeof *c);

	if (c == NULL) {
		close(fd);
		return;
	}
	c->engine = e;
	c->entitled = peer_entitled(fd);
	if (chan_new(e->loop, fd, CTL_BODY_MAX, &ctl_ops, c, &c->chan) < 0)
		free(c);
}
