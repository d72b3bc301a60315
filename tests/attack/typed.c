/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * typed - what a process with an agency's user number can say to the engine without our session in between.
 *
 *   typed SOCKET [-u | -n N] [-p PEER] [-a AUTH] [-w WORDS-FILE] [-b OFFSET=BYTE]... [FIELD=VALUE]... < REQUEST
 *   typed SOCKET -t TYPE [BYTES-IN-HEX]
 *
 * REQUEST is DTCP text without a digest, parsed as a session parses it; then fields of the struct are set, bytes of the
 * encoded message at last, and it is sent with its own words, or others.  Prints the answer's code, value and reason,
 * or "closed".  With -u it sends the same again and again, reads nothing, and prints "closed" when it is.  With -n N
 * it opens and closes that many sessions, and prints how many were let in.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chan.h"
#include "ipc.h"

#define PATCHES 16

struct asked {
	const char *path, *words;
	struct ipc_hello hello;
	unsigned npatch;
	struct {
		size_t at;
		uint8_t byte;
	} patch[PATCHES];
	bool unread;
	int sessions;
	int type; /* of a message that is sent as it is; 0: none */
};

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "typed: %s\n", what);
	exit(2);
}

/* ---- fields ---- */

enum kind { U8, U16, U64, TEXT, ADDR };

static const struct {
	const char *name;
	enum kind kind;
	size_t at;
} fields[] = {
    {"version", U8, offsetof(struct dtcp_req, version)},
    {"flags", U8, offsetof(struct dtcp_req, flags)},
    {"seq", U64, offsetof(struct dtcp_req, seq)},
    {"family", U8, offsetof(struct dtcp_req, criteria.family)},
    {"paired", U8, offsetof(struct dtcp_req, criteria.paired)},
    {"ncdest", U8, offsetof(struct dtcp_req, ncdest)},
    {"name", TEXT, offsetof(struct dtcp_req, cdest[0].name)},
    {"to", ADDR, offsetof(struct dtcp_req, cdest[0].addr)},
    {"port", U16, offsetof(struct dtcp_req, cdest[0].port)},
    {"from", ADDR, offsetof(struct dtcp_req, csrc)},
    {"from-port", U16, offsetof(struct dtcp_req, csrc_port)},
    {"ttl", U8, offsetof(struct dtcp_req, ttl)},
    {"priority", U8, offsetof(struct dtcp_req, priority)},
    {"warrant", TEXT, offsetof(struct dtcp_req, warrant)},
    {"named", U8, offsetof(struct dtcp_req, timeouts.named)},
    {"idle", U64, offsetof(struct dtcp_req, timeouts.v[DTCP_T_IDLE])},
    {"total", U64, offsetof(struct dtcp_req, timeouts.v[DTCP_T_TOTAL])},
    {"packets", U64, offsetof(struct dtcp_req, timeouts.v[DTCP_T_PACKETS])},
    {"bytes", U64, offsetof(struct dtcp_req, timeouts.v[DTCP_T_BYTES])},
    {"sel-cdest", TEXT, offsetof(struct dtcp_req, sel_cdest)},
};

static struct slice
whole(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void
address_set(struct ip_addr *a, const char *value)
{
	*a = (struct ip_addr){0};
	if (*value != '\0' && ip_parse(whole(value), a) < 0)
		fail("no address");
}

static void
target_set(struct dtcp_req *q, const char *value)
{
	struct criteria c = {0};

	if (criteria_parse(&c, CRIT_SOURCE_ADDRESS, whole(value), NULL) < 0)
		fail("no Source-Address");
	free(q->criteria.addr[CRIT_SOURCE_ADDRESS].v);
	q->criteria.addr[CRIT_SOURCE_ADDRESS] = c.addr[CRIT_SOURCE_ADDRESS];
}

static void
ports_set(struct dtcp_req *q, const char *value)
{
	struct criteria c = {0};

	if (criteria_parse(&c, CRIT_DEST_PORT, whole(value), NULL) < 0)
		fail("no Dest-Port");
	free(q->criteria.num[CRIT_DEST_PORT - CRIT_PROTOCOL].v);
	q->criteria.num[CRIT_DEST_PORT - CRIT_PROTOCOL] = c.num[CRIT_DEST_PORT - CRIT_PROTOCOL];
}

static void
field_put(void *to, enum kind kind, const char *value)
{
	const uint64_t n = kind == TEXT || kind == ADDR ? 0 : strtoull(value, NULL, 0);

	switch (kind) {
	case U8:
		*(uint8_t *)to = (uint8_t)n;
		break;
	case U16:
		*(uint16_t *)to = (uint16_t)n;
		break;
	case U64:
		*(uint64_t *)to = n;
		break;
	case TEXT:
		snprintf(to, DTCP_NAME_MAX + 1, "%s", value);
		break;
	case ADDR:
		address_set(to, value);
		break;
	}
}

static void
field_set(struct dtcp_req *q, char *word)
{
	char *value = strchr(word, '=');

	if (value == NULL)
		fail("expected FIELD=VALUE");
	*value++ = '\0';
	if (strcmp(word, "method") == 0)
		q->method = (enum dtcp_method)strtoul(value, NULL, 0);
	else if (strcmp(word, "select") == 0)
		q->select = (enum dtcp_select)strtoul(value, NULL, 0);
	else if (strcmp(word, "target") == 0)
		target_set(q, value);
	else if (strcmp(word, "dest-port") == 0)
		ports_set(q, value);
	else {
		size_t i = 0;

		while (i < ARRAY_LEN(fields) && strcmp(fields[i].name, word) != 0)
			i++;
		if (i == ARRAY_LEN(fields))
			fail("no such field");
		field_put((char *)q + fields[i].at, fields[i].kind, value);
	}
}

/* ---- the conversation ---- */

static int
hello(const struct asked *a, char name[static DTCP_NAME_MAX + 1])
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	cleanup_buf struct buf b = {0}, answer = {0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t type;
	uint32_t id;
	struct rd r;

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", a->path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sun, sizeof sun) < 0)
		fail("cannot connect");
	ipc_hello_put(&b, &a->hello);
	if (chan_write_sync(fd, IPC_S_HELLO, 0, b.p, b.len) < 0 ||
	    chan_read_sync(fd, IPC_BODY_MAX, &type, &id, &answer) < 0) {
		close(fd);
		return -1;
	}
	r = rd_init(answer.p, answer.len);
	rd_cstr(&r, name, DTCP_NAME_MAX + 1);
	return type == IPC_S_WELCOME && rd_end(&r) == 0 ? fd : -1;
}

static int
say(int fd, const struct asked *a, uint16_t type, const struct buf *b)
{
	cleanup_buf struct buf answer = {0};
	struct ipc_reply reply;
	uint32_t id;
	struct rd r;

	for (unsigned i = 0; i < a->npatch; i++) {
		if (a->patch[i].at >= b->len)
			fail("no such byte");
		b->p[a->patch[i].at] = a->patch[i].byte;
	}
	if (b->err || chan_write_sync(fd, type, 1, b->p, b->len) < 0 ||
	    chan_read_sync(fd, IPC_BODY_MAX, &type, &id, &answer) < 0) {
		puts("closed");
		return 0;
	}
	r = rd_init(answer.p, answer.len);
	if (type != IPC_S_REPLY || ipc_reply_get(&reply, &r) < 0)
		fail("an answer that is none");
	printf("%u %llu %s\n", reply.code, (unsigned long long)reply.value, reply.reason);
	return 0;
}

static void
read_all(int fd, struct buf *b)
{
	ssize_t n;

	do {
		uint8_t *room = buf_room(b, 65536);

		if (room == NULL || (n = read(fd, room, 65536)) < 0)
			fail("cannot read");
		b->len += (size_t)n;
	} while (n > 0);
}

static int
say_for_ever(int fd, const struct buf *b)
{
	signal(SIGPIPE, SIG_IGN);
	for (uint32_t i = 1; chan_write_sync(fd, IPC_S_REQUEST, i, b->p, b->len) == 0; i++)
		;
	puts("closed");
	return 0;
}

static int
request(const struct asked *a, char **edit)
{
	cleanup_buf struct buf text = {0}, words = {0}, b = {0};
	char name[DTCP_NAME_MAX + 1];
	int fd = hello(a, name), file;
	struct dtcp_req q;
	struct dtcp_result res;
	size_t len;

	if (fd < 0) {
		puts("closed");
		return 0;
	}
	read_all(STDIN_FILENO, &text);
	len = text.len;
	dtcp_sign(&text, 0, DTCP_KEY_JUNOS);
	res = dtcp_parse_request(text.p, text.len, DTCP_KEY_JUNOS, name, &q);
	if (res.code != 0)
		fail(res.reason);
	for (; *edit; edit++)
		field_set(&q, *edit);
	dtcp_req_encode(&q, &b);
	if (a->words) {
		if ((file = open(a->words, O_RDONLY | O_CLOEXEC)) < 0)
			fail("cannot read the words");
		read_all(file, &words);
		close(file);
		buf_put_slice(&b, (struct slice){(const char *)words.p, words.len});
	} else
		buf_put_slice(&b, (struct slice){(const char *)text.p, len});
	return a->unread ? say_for_ever(fd, &b) : say(fd, a, IPC_S_REQUEST, &b);
}

static int
as_it_is(const struct asked *a, const char *hex)
{
	cleanup_buf struct buf b = {0};
	char name[DTCP_NAME_MAX + 1];
	int fd = hello(a, name);
	unsigned byte;

	for (; fd >= 0 && hex && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		buf_put_u8(&b, (uint8_t)byte);
	if (fd < 0)
		puts("closed");
	return fd < 0 ? 0 : say(fd, a, (uint16_t)a->type, &b);
}

static int
sessions(const struct asked *a)
{
	char name[DTCP_NAME_MAX + 1];
	int fd, in = 0;

	for (int i = 0; i < a->sessions; i++)
		if ((fd = hello(a, name)) >= 0) {
			close(fd);
			in++;
		}
	printf("%d\n", in);
	return 0;
}

static void
patch_add(struct asked *a, const char *word)
{
	unsigned at, byte;

	if (a->npatch == PATCHES || sscanf(word, "%u=%u", &at, &byte) != 2)
		fail("expected OFFSET=BYTE");
	a->patch[a->npatch].at = at;
	a->patch[a->npatch++].byte = (uint8_t)byte;
}

int
main(int argc, char **argv)
{
	struct asked a = {.path = argc > 1 ? argv[1] : ""};
	int c;

	optind = 2;
	while ((c = getopt(argc, argv, "un:p:a:w:b:t:")) != -1) {
		if (c == 'u')
			a.unread = true;
		else if (c == 'n')
			a.sessions = atoi(optarg);
		else if (c == 'p')
			address_set(&a.hello.peer, optarg);
		else if (c == 'a')
			snprintf(a.hello.auth, sizeof a.hello.auth, "%s", optarg);
		else if (c == 'w')
			a.words = optarg;
		else if (c == 'b')
			patch_add(&a, optarg);
		else if (c == 't')
			a.type = atoi(optarg);
		else
			return 2;
	}
	if (a.sessions)
		return sessions(&a);
	return a.type ? as_it_is(&a, argv[optind]) : request(&a, argv + optind);
}
