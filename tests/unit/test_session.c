/* SPDX-License-Identifier: BSD-2-Clause */
/* A session between a mediation device and an engine that are both this test. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "chan.h"
#include "ipc.h"
#include "session.h"

struct rig {
	struct session_opts opts;
	int device; /* the device's end, both ways */
	int engine;
	pthread_t thread;
	int result;
	bool joined;
};

static void *
run(void *arg)
{
	struct rig *r = arg;

	r->result = session_run(&r->opts);
	close(r->opts.in_fd);
	close(r->opts.out_fd);
	return NULL;
}

/* The engine's part of the beginning. */
static void
welcome(struct rig *r)
{
	cleanup_buf struct buf b = {0};
	struct ipc_hello hello;
	uint16_t type;
	uint32_t id;
	struct rd rd;

	assert_int_equal(chan_read_sync(r->engine, IPC_BODY_MAX, &type, &id, &b), 0);
	assert_int_equal(type, IPC_S_HELLO);
	rd = rd_init(b.p, b.len);
	assert_int_equal(ipc_hello_get(&hello, &rd), 0);
	assert_int_equal(hello.peer.family, 4);
	buf_reset(&b);
	buf_put_str(&b, "lea1");
	assert_int_equal(chan_write_sync(r->engine, IPC_S_WELCOME, 0, b.p, b.len), 0);
}

static struct rig *
begin(void)
{
	struct rig *r = calloc(1, sizeof *r);
	int d[2], e[2];

	assert_non_null(r);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, d), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, e), 0);
	r->device = d[0];
	r->engine = e[0];
	r->opts = (struct session_opts){
	    .in_fd = d[1], .out_fd = dup(d[1]), .engine_fd = e[1], .peer = {4, {192, 0, 2, 10}}};
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	welcome(r);
	return r;
}

static int
join(struct rig *r)
{
	if (!r->joined)
		assert_int_equal(pthread_join(r->thread, NULL), 0);
	r->joined = true;
	return r->result;
}

static void
end(struct rig *r)
{
	shutdown(r->device, SHUT_WR);
	(void)join(r);
	close(r->device);
	if (r->engine >= 0)
		close(r->engine);
	free(r);
}

static void
request_send(struct rig *r, const char *text)
{
	cleanup_buf struct buf b = {0};

	buf_printf(&b, "%s", text);
	dtcp_sign(&b, 0, DTCP_KEY_JUNOS);
	assert_int_equal(send(r->device, b.p, b.len, 0), b.len);
}

/* The next message for the engine; its type. */
static uint16_t
engine_read(struct rig *r, uint32_t *id, struct buf *body)
{
	uint16_t type;

	assert_int_equal(chan_read_sync(r->engine, IPC_BODY_MAX, &type, id, body), 0);
	return type;
}

static uint32_t
engine_request(struct rig *r)
{
	cleanup_buf struct buf b = {0};
	uint32_t id;

	assert_int_equal(engine_read(r, &id, &b), IPC_S_REQUEST);
	return id;
}

/* The engine has it on record: the session may say what it thinks of it. */
static void engine_reply(struct rig *r, uint32_t id, unsigned code, uint64_t value);

static uint32_t
engine_refused(struct rig *r, unsigned code, const char *text)
{
	cleanup_buf struct buf b = {0};
	struct ipc_refused m;
	struct rd rd;
	uint32_t id;

	assert_int_equal(engine_read(r, &id, &b), IPC_S_REFUSED);
	rd = rd_init(b.p, b.len);
	assert_int_equal(ipc_refused_get(&m, &rd), 0);
	assert_int_equal(m.code, code);
	assert_true(slice_eq(m.text, text));
	return id;
}

static void
engine_reply(struct rig *r, uint32_t id, unsigned code, uint64_t value)
{
	cleanup_buf struct buf b = {0};

	ipc_reply_put(&b, &(struct ipc_reply){.code = (uint16_t)code, .value = value, .now_ms = 1});
	assert_int_equal(chan_write_sync(r->engine, IPC_S_REPLY, id, b.p, b.len), 0);
}

struct reader {
	struct dtcp_framer framer;
	struct buf in;
	size_t drop;
};

/* The next whole reply, its digest checked. */
static struct dtcp_reply
reply_read(struct rig *r, struct reader *d)
{
	struct dtcp_reply reply;
	size_t skip, len;

	if (d->framer.max == 0)
		dtcp_framer_init(&d->framer, DTCP_REPLY_MAX, false);
	buf_drop(&d->in, d->drop);
	while (dtcp_frame(&d->framer, d->in.p, d->in.len, &skip, &len) == 0) {
		uint8_t *room = buf_room(&d->in, 65536);
		ssize_t n = recv(r->device, room, 65536, 0);

		assert_true(n > 0);
		d->in.len += (size_t)n;
	}
	assert_int_equal(dtcp_verify(d->in.p + skip, len, DTCP_KEY_JUNOS), 0);
	assert_int_equal(dtcp_parse_reply(d->in.p + skip, len, &reply), 0);
	d->drop = skip + len;
	return reply;
}

static void
expect(struct rig *r, struct reader *d, unsigned code, uint64_t seq)
{
	struct dtcp_reply reply = reply_read(r, d);

	assert_int_equal(reply.code, code);
	assert_true(reply.have_seq && reply.seq == seq);
	dtcp_reply_free(&reply);
}

/* A refusal waits for the answers before it. */
/* Nothing comes: it has nothing to say before the engine has spoken. */
static void
silence(const struct rig *r)
{
	struct pollfd p = {.fd = r->device, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 20), 0);
}

static void
test_order(void **state)
{
	struct rig *r = begin();
	struct reader d = {0};
	uint32_t a, c, refused[3];

	(void)state;
	request_send(r, "NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 1\r\n");
	request_send(r, "FROB DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 2\r\n");
	request_send(r, "NOOP DTCP/0.7\r\nCsource-ID: lea2\r\nSeq: 3\r\n");
	request_send(r, "LIST DTCP/0.6\r\nCsource-ID: lea1\r\nSeq: 4\r\n");
	request_send(r, "FROB DTCP/0.6\r\nCsource-ID: lea1\r\nSeq: 5\r\n");
	a = engine_request(r);
	refused[0] = engine_refused(r, 501, "FROB DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 2\r\n");
	refused[1] = engine_refused(r, 499, "NOOP DTCP/0.7\r\nCsource-ID: lea2\r\nSeq: 3\r\n");
	c = engine_request(r);
	refused[2] = engine_refused(r, 501, "FROB DTCP/0.6\r\nCsource-ID: lea1\r\nSeq: 5\r\n");
	assert_int_not_equal(a, c);
	engine_reply(r, a, 200, 0);
	expect(r, &d, 200, 1);
	silence(r);
	engine_reply(r, refused[0], 501, 0);
	expect(r, &d, 501, 2);
	engine_reply(r, refused[1], 499, 0);
	engine_reply(r, c, 200, 0);
	expect(r, &d, 200, 4);
	silence(r);
	engine_reply(r, refused[2], 501, 0);
	expect(r, &d, 501, 5);
	buf_free(&d.in);
	end(r);
}

static void
test_eof_waits_for_answers(void **state)
{
	struct rig *r = begin();
	struct reader d = {0};
	uint32_t id;

	(void)state;
	request_send(r, "DELETE DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 1\r\nCriteria-ID: 1\r\n");
	shutdown(r->device, SHUT_WR);
	id = engine_request(r);
	engine_reply(r, id, 431, 0);
	expect(r, &d, 431, 1);
	assert_int_equal(join(r), 0);
	buf_free(&d.in);
	end(r);
}

/* More at once than may be on their way, and then nothing: what had to wait is asked when there is room. */
static void
test_more_than_may_be_pending(void **state)
{
	struct rig *r = begin();
	struct reader d = {0};
	cleanup_buf struct buf heap = {0};
	const unsigned count = SESSION_PENDING_MAX + 40;

	(void)state;
	for (unsigned i = 1; i <= count; i++) {
		size_t start = heap.len;

		buf_printf(&heap, "NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: %u\r\n", i);
		dtcp_sign(&heap, start, DTCP_KEY_JUNOS);
	}
	assert_int_equal(send(r->device, heap.p, heap.len, 0), heap.len);
	for (unsigned i = 1; i <= SESSION_PENDING_MAX; i++)
		assert_int_equal(engine_request(r), i);
	for (unsigned i = 1; i <= SESSION_PENDING_MAX; i++) {
		engine_reply(r, i, 200, 0);
		expect(r, &d, 200, i);
	}
	for (unsigned i = SESSION_PENDING_MAX + 1; i <= count; i++) {
		assert_int_equal(engine_request(r), i);
		engine_reply(r, i, 200, 0);
		expect(r, &d, 200, i);
	}
	buf_free(&d.in);
	end(r);
}

static void
test_engine_gone(void **state)
{
	struct rig *r = begin();

	(void)state;
	request_send(r, "NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 1\r\n");
	(void)engine_request(r);
	close(r->engine);
	r->engine = -1;
	assert_int_equal(join(r), -EPIPE);
	end(r);
}

/* An answer nobody asked for, or to another request, ends the session. */
static void
test_engine_nonsense(void **state)
{
	static const struct {
		uint16_t type;
		uint32_t id;
		int result;
	} row[] = {{IPC_S_REPLY, 77, -EPROTO}, {IPC_S_ENTRIES, 1, -EPROTO}, {IPC_S_HELLO, 1, -EPROTO}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct rig *r = begin();

		request_send(r, "NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 1\r\n");
		(void)engine_request(r);
		assert_int_equal(chan_write_sync(r->engine, row[i].type, row[i].id, "\0\0\0\1", 4), 0);
		assert_int_equal(join(r), row[i].result);
		end(r);
	}
}

static void
entry_put(struct buf *b, uint32_t id)
{
	struct ipc_entry e = {.id = id, .ncdest = 1, .cdest = {{"cd1", {4, {192, 0, 2, 10}}, 7890}}};

	e.csrc = (struct ip_addr){4, {192, 0, 2, 1}};
	ipc_entry_put(b, &e);
}

#define LONG 20000u
#define CHUNK 200u

static void *
feed(void *arg)
{
	struct rig *r = arg;
	uint32_t id = engine_request(r);

	engine_reply(r, id, 200, LONG);
	for (uint32_t n = 0; n < LONG; n += CHUNK) {
		cleanup_buf struct buf b = {0};

		buf_put_u32(&b, CHUNK);
		for (uint32_t i = 0; i < CHUNK; i++)
			entry_put(&b, n + i + 1);
		assert_int_equal(chan_write_sync(r->engine, IPC_S_ENTRIES, id, b.p, b.len), 0);
	}
	return NULL;
}

/* Each part is a whole reply under the limit; numbers go on over all of them. */
static void
test_long_list_is_split(void **state)
{
	struct rig *r = begin();
	struct reader d = {0};
	uint64_t next = 1;
	unsigned parts = 0;
	pthread_t feeder;

	(void)state;
	assert_int_equal(pthread_create(&feeder, NULL, feed, r), 0);
	request_send(r, "LIST DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 9\r\nFlags: BOTH\r\n");
	while (next <= LONG) {
		struct dtcp_reply reply = reply_read(r, &d);

		assert_true(reply.code == 200 && reply.seq == 9 && reply.nentries > 0);
		assert_true(d.drop < SESSION_LIST_MAX + 4096);
		for (uint32_t i = 0; i < reply.nentries; i++, next++)
			assert_true(reply.entry[i].num == next && reply.entry[i].id == next);
		dtcp_reply_free(&reply);
		parts++;
	}
	assert_true(parts > 1);
	assert_int_equal(next, LONG + 1);
	pthread_join(feeder, NULL);
	buf_free(&d.in);
	end(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_eof_waits_for_answers),
	    cmocka_unit_test(test_more_than_may_be_pending),
	    cmocka_unit_test(test_engine_gone),
	    cmocka_unit_test(test_engine_nonsense),
	    cmocka_unit_test(test_long_list_is_split),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
