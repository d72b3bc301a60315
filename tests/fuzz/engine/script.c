/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a script says, byte by byte: the first of a step is what is done, those behind it are its details.  A script
 * that ends in the midst of a step has zeros behind it.
 */
#include <errno.h>
#include <stdio.h>

#include "ipc_names.h"
#include "log.h"
#include "world.h"

#define RAW_MAX 255

static unsigned
below(unsigned n)
{
	return world_byte() % n;
}

/* One of those that are there, of the kind; NULL: there is none. */
static struct client *
some_client(bool ctl)
{
	const unsigned at = below(CLIENTS);

	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client *c = &world.client[(at + i) % CLIENTS];

		if (c->used && c->ctl == ctl && c->peer.fd >= 0)
			return c;
	}
	return NULL;
}

/* Bytes of the script, as many as the next one says. */
static void
raw_take(struct buf *b)
{
	for (unsigned n = world_byte(); n > 0; n--)
		buf_put_u8(b, world_byte());
}

/* ---- requests ---- */

static void
timeouts_put(struct buf *b, bool refresh)
{
	static const char *const names[] = {"Idle", "Total", "Packets", "Bytes"};
	const unsigned kinds = world_byte();

	if (!refresh && (kinds & 15) == 0) {
		buf_printf(b, "Flags: STATIC\r\n");
		return;
	}
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (kinds & 1u << i)
			buf_printf(b, "Timeout-%s: %u\r\n", names[i], 1 + world_byte() * (kinds & 16 ? 1000 : 1));
}

static void
add_put(struct buf *b, int agency)
{
	const unsigned kind = world_byte();

	buf_printf(b, "Cdest-ID: cd%u\r\n", below(3));
	buf_printf(b, "Source-Address: 10.%d.%u.%u\r\n", agency + 1, below(4), below(8));
	if (kind & 1)
		buf_printf(b, "Protocol: 17\r\nDest-Port: %u\r\n", 50 + below(6));
	if (kind & 2)
		buf_printf(b, "Dest-Address: 198.51.100.0/%u\r\n", 24 + below(9));
	buf_printf(b, "X-JTap-Cdest-Dest-Address: 192.0.2.%u\r\nX-JTap-Cdest-Dest-Port: 7890\r\n", 10 + below(3));
	buf_printf(b, "X-JTap-Cdest-Source-Address: 192.0.2.1\r\nX-JTap-Cdest-Source-Port: 49153\r\n");
	if (kind & 4)
		buf_printf(b, "X-Warrant-Id: W-%u\r\n", below(3));
	timeouts_put(b, false);
}

static void
which_put(struct buf *b)
{
	const unsigned kind = below(4), lo = 1 + below(8);

	if (kind == 0)
		buf_printf(b, "Cdest-ID: cd%u\r\n", below(3));
	else if (kind == 1)
		buf_printf(b, "Criteria-ID: %u\r\n", lo);
	else
		buf_printf(b, "Criteria-ID: %u-%u\r\n", lo, lo + below(16));
}

static void
words_put(struct buf *b, int agency, uint32_t seq)
{
	static const char *const methods[] = {"ADD", "DELETE", "REFRESH", "LIST", "NOOP", "ADD", "ADD", "FETCH"};
	const unsigned m = below(ARRAY_LEN(methods));

	buf_printf(b, "%s DTCP/0.%u\r\nCsource-ID: lea%d\r\nSeq: %u\r\n", methods[m], 6 + below(3), agency + 1, seq);
	if (strcmp(methods[m], "ADD") == 0)
		add_put(b, agency);
	else if (m == 1) {
		which_put(b);
		buf_printf(b, below(2) ? "Flags: STATIC\r\n" : "");
	} else if (m == 2) {
		which_put(b);
		timeouts_put(b, true);
	} else if (m == 3) {
		if (below(2))
			which_put(b);
		buf_printf(b, "Flags: BOTH\r\n");
	}
}

static void
request(void)
{
	struct client *c = some_client(false);
	cleanup_buf struct buf words = {0};

	if (c == NULL)
		return;
	words_put(&words, c->agency, c->next_id + 1);
	client_request(c, &words, NULL);
}

/* What it wants done is not what its words say, or these are odd. */
static void
request_lie(void)
{
	struct client *c = some_client(false);
	cleanup_buf struct buf words = {0}, other = {0};

	if (c == NULL)
		return;
	c->odd = true;
	words_put(&words, c->agency, c->next_id + 1);
	words_put(&other, c->agency, c->next_id + 1);
	for (unsigned n = below(4); n > 0; n--)
		other.p[(world_byte() << 8 | world_byte()) % other.len] = world_byte();
	client_request(c, &words, &other);
}

static void
session_open(void)
{
	const int agency = (int)below(AGENCIES + 1);

	(void)client_new(false, AGENCY_UID + (unsigned)agency, 9000, agency < AGENCIES ? agency : -1);
}

/* ---- operators ---- */

static void
ctl_open(void)
{
	static const struct {
		uint32_t uid;
		gid_t gid;
	} who[] = {{0, 0}, {3001, 9001}, {3002, 9002}, {5001, 4001}, {5002, 4002}, {5003, 4002}, {6000, 9000},
	    {AGENCY_UID, 9000}};
	const unsigned i = below(ARRAY_LEN(who));

	(void)client_new(true, who[i].uid, who[i].gid, -1);
}

static const char *const commands[] = {"configuration", "system commit", "system alarms",
    "clear services flow-tap statistics", "commit", "commit check", "commit confirmed 1",
    "commit confirmed 1 comment x", "clear system commit", "configure exclusive", "configure",
    "request system configuration rescue save", "request system configuration rescue delete",
    "request system configuration reload", "cli authorization", "services flow-tap statistics",
    "services flow-tap sessions", "services flow-tap content-destinations", "services flow-tap events",
    "services flow-tap", "audit export", "audit export 3", "audit head", "warrant enter", "warrant approve lea3 W-1",
    "warrant approve lea3 W-2", "warrant revoke lea3 W-1", "warrant revoke lea3 W-2", "warrant show",
    "warrant show lea3 W-1", "request services flow-tap self-test", "request services flow-tap rotate-keys",
    "login-failed", "configuration rescue", "configuration rollback 1", "commit at 2023-11-14T23:00:00Z",
    "warrant accept-clock"};

/* Statements of an agency, any of them. */
static void
conf_put(struct buf *b)
{
	const unsigned kind = world_byte();

	buf_printf(b,
	    "services { flow-tap { source-address [ 192.0.2.1 2001:db8::1 ]; tapped-interfaces e0; family inet;"
	    " family inet6;%s",
	    kind & 1 ? " maximum-criteria 2048;" : "");
	for (unsigned i = 0; i < AGENCIES; i++) {
		const unsigned a = world_byte();

		if (a & 1)
			buf_printf(b, " agency lea%u { authority %s; content-destination %s; %s %s }", i + 1,
			    a & 2 ? "standing" : "warrant", a & 4 ? "0.0.0.0/0" : "192.0.2.10/32",
			    a & 8 ? "content-destination ::/0;" : "", a & 16 ? "maximum-criteria 2;" : "");
	}
	buf_printf(b, " } } system { login { user op1 { class super-user; }%s } }",
	    kind & 2 ? " user op2 { class operator; }" : "");
}

static void
warrant_put(struct buf *b)
{
	buf_printf(b, "Reference: W-%u\nAgency: lea3\nStart: 2023-11-14T%02u:00:00Z\nEnd: 2023-11-%02uT10:00:00Z\n",
	    1 + below(2), below(24), 14 + below(10));
	buf_printf(b, "Prefix: 10.3.0.0/16\n");
	if (below(2))
		buf_printf(b, "Maximum-Criteria: %u\n", 1 + below(4));
}

static void
ctl_text_put(struct buf *b)
{
	switch (below(6)) {
	case 0:
	case 1:
		conf_put(b);
		break;
	case 2:
	case 3:
		warrant_put(b);
		break;
	case 4:
		buf_printf(b, "lea1\n203.0.113.%u", world_byte());
		break;
	default:
		raw_take(b);
	}
}

static void
ctl_command(void)
{
	struct client *c = some_client(true);
	cleanup_buf struct buf body = {0}, text = {0};
	const char *command = commands[below(ARRAY_LEN(commands))];
	char words[256];

	if (c == NULL)
		return;
	snprintf(words, sizeof words, "%s%s%s", command, strncmp(command, "warrant approve", 15) == 0 ? " " : "",
	    strncmp(command, "warrant approve", 15) == 0 ? world.print : "");
	buf_put_str(&body, words);
	ctl_text_put(&text);
	if (below(3) == 0) {
		peer_send(&c->peer, IPC_C_TEXT, 0, &text);
		buf_reset(&text);
	}
	buf_put_slice(&body, (struct slice){text.len ? (const char *)text.p : "", text.len});
	peer_send(&c->peer, IPC_C_SHOW, 0, &body);
}

/* ---- any message of anybody ---- */

static void
client_raw(void)
{
	static const uint16_t types[] = {IPC_S_HELLO, IPC_S_REQUEST, IPC_S_REFUSED, IPC_C_SHOW, IPC_C_TEXT, 0, 255};
	struct client *c = some_client(below(2));
	cleanup_buf struct buf b = {0};
	const uint16_t type = types[below(ARRAY_LEN(types))];

	if (c == NULL)
		return;
	c->odd = true;
	raw_take(&b);
	peer_send(&c->peer, type, c->next_id + 1, &b);
}

static void
client_bytes(void)
{
	struct client *c = some_client(below(2));
	cleanup_buf struct buf b = {0};

	if (c == NULL)
		return;
	c->odd = true;
	raw_take(&b);
	peer_put(&c->peer, b.p, b.len);
}

static void
client_gone(void)
{
	struct client *c = some_client(below(2));

	if (c == NULL)
		return;
	peer_close(&c->peer);
	*c = (struct client){.peer.fd = -1};
}

static void
client_stalls(void)
{
	struct client *c = some_client(below(2));

	if (c) {
		c->stalled = !c->stalled;
		c->odd = true; /* its listings are broken off */
	}
}

/* ---- the data plane ---- */

static void
plane_hold(void)
{
	world.plane_waits = !world.plane_waits;
}

static void
plane_answer(void)
{
	others_plane_answer((int)below(4));
}

static void
plane_refuse(void)
{
	world.refuse += below(4);
}

static uint64_t
some_uid(void)
{
	const unsigned i = world_byte();

	return world.nentry && i < 128 ? world.entry[i % (unsigned)world.nentry].uid : i + 1;
}

/* What it may say unasked, of what is there. */
static void
plane_tells(void)
{
	cleanup_buf struct buf b = {0};
	const uint64_t uid = some_uid();

	switch (below(3)) {
	case 0:
		buf_put_u32(&b, 1);
		ipc_ended_put(&b, &(struct ipc_ended){.uid = uid, .reason = (uint8_t)(1 + below(4)), .count.uid = uid});
		for (int i = 0; i < world.nentry; i++)
			world.entry[i].ended |= world.entry[i].uid == uid;
		peer_send(&world.peer[DATAPLANE], IPC_D_ENDED, 0, &b);
		break;
	case 1:
		buf_put_u32(&b, 1);
		ipc_use_put(&b, &(struct ipc_use){.uid = uid,
				    .packets_given = below(40),
				    .bytes_given = world_byte() * 100u,
				    .used = {below(40), world_byte() * 100u, (int64_t)world.mono_ns},
				    .anew = below(2)});
		peer_send(&world.peer[DATAPLANE], IPC_D_USED, 0, &b);
		break;
	default:
		buf_put_u8(&b, (uint8_t)(1 + below(3)));
		buf_put_u64(&b, uid);
		peer_send(&world.peer[DATAPLANE], IPC_D_ALARM, 0, &b);
	}
}

static void
plane_lies(void)
{
	static const uint16_t types[] = {IPC_D_DONE, IPC_D_DONE, IPC_D_COUNTS, IPC_D_STATE, IPC_D_AGENCY_COUNTS,
	    IPC_D_ENDED, IPC_D_USED, IPC_D_ALARM, IPC_D_PART, 0};
	const uint16_t type = types[below(ARRAY_LEN(types))];
	cleanup_buf struct buf b = {0};

	world.plane_odd = true;
	raw_take(&b);
	peer_send(&world.peer[DATAPLANE], type, 0, &b);
}

/* ---- the reader, the parent and the others ---- */

static void
reader_hold(void)
{
	world.reader_waits = !world.reader_waits;
}

static void
reader_answer(void)
{
	others_reader_answer((int)below(4));
}

static void
reader_lies(void)
{
	cleanup_buf struct buf b = {0};
	const unsigned kind = below(3);

	world.reader_odd = true;
	buf_put_u32(&b, kind == 0 ? IPC_W_UNREAD : kind == 1 ? DTCP_BAD_REQUEST : 0);
	if (kind == 2)
		raw_take(&b);
	if (world.nreader)
		peer_send(&world.peer[READER], IPC_W_SAYS, world.reader[0].id, &b);
	else
		peer_send(&world.peer[READER], IPC_W_SAYS, world_byte(), &b);
}

/* Mostly as many as there are of the configuration in force, and few different ones. */
static void
numbers_put(struct buf *b)
{
	uint32_t uid[64], n = world.engine->conf->nagency + world.engine->conf->nlogin + DAEMON_NUMBERS;

	n = below(8) == 0 || n > ARRAY_LEN(uid) ? below(ARRAY_LEN(uid)) : n;
	for (uint32_t i = 0; i < n; i++)
		uid[i] = AGENCY_UID + below(8) - 1;
	ipc_numbers_put(b, &(struct ipc_numbers){n, uid});
}

static void
parent_says(void)
{
	static const uint16_t types[] = {
	    IPC_P_ALIVE, IPC_P_CONFIG, IPC_P_COMMIT, IPC_P_ABORT, IPC_P_DONE, IPC_P_STOP, IPC_P_NUMBERS, 0};
	const uint16_t type = types[below(ARRAY_LEN(types))];
	cleanup_buf struct buf b = {0}, text = {0};
	struct conf *c;

	if (type != IPC_P_ALIVE)
		world.parent_odd = true;
	if (type == IPC_P_CONFIG && below(2)) {
		conf_put(&text);
		if ((c = others_conf((const char *)text.p, text.len)) != NULL) {
			others_config_put(&b, c, below(2) ? "root" : "");
			conf_free(c);
		}
	} else if (type == IPC_P_NUMBERS && below(4))
		numbers_put(&b);
	else
		raw_take(&b);
	peer_send(&world.peer[PARENT], type, 0, &b);
}

static void
others_say(void)
{
	static const struct {
		enum who who;
		uint16_t type;
	} says[] = {{INVENTORY, IPC_I_ALARM}, {METRICS, IPC_M_ASK}, {CANARY, IPC_T_DONE}, {HOOK, IPC_K_CLOCK}};
	const unsigned i = below(ARRAY_LEN(says));
	const bool other = below(16) == 0;
	const uint16_t type = other ? world_byte() : says[i].type;
	cleanup_buf struct buf b = {0};

	world.others_odd |= i == 0 && other;
	if (i == 0 && below(2))
		buf_put_str(&b, "a program that nobody authorised");
	else if (i == 2 && below(2))
		ipc_canary_put(&b, &(struct ipc_canary){.sent = 3, .received = 3});
	else if (i == 3 && below(2))
		buf_put_u64(&b, world_byte());
	else {
		raw_take(&b);
		world.others_odd |= i == 0;
	}
	peer_send(&world.peer[says[i].who], type, below(4), &b);
}

static void
clock_set(uint8_t how)
{
	static const int64_t by_ms[] = {1000, -1000, 60000, -60000, 3600000, -3600000, 100000000000, -100000000000};

	world.wall_ms += by_ms[how % ARRAY_LEN(by_ms)];
}

#define SET_FROM 192 /* so many milliseconds stand for a clock that is set */

static void
time_passes(void)
{
	static const uint64_t units[] = {1, 100, 1000, 60000, 3600000};
	const uint64_t unit = units[below(ARRAY_LEN(units))], n = world_byte(), ms = unit * n;

	if (unit == 1 && n >= SET_FROM) {
		clock_set((uint8_t)n);
		return;
	}
	world.mono_ns += ms * 1000000;
	world.wall_ms += (int64_t)ms;
}

static void (*const steps[])(void) = {request, request, request, session_open, ctl_open, ctl_command, ctl_command,
    plane_hold, plane_answer, plane_refuse, plane_tells, reader_hold, reader_answer, time_passes, client_gone,
    client_stalls, request_lie, client_raw, client_bytes, others_say, parent_says, reader_lies, plane_lies};

void
script_step(void)
{
	const unsigned i = below(ARRAY_LEN(steps));

	log_debug("-- step %u, %zu bytes left", i, world.left);
	steps[i]();
}
