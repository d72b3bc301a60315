/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * liar - says in the place of one of the daemon's processes, or of a session, whatever can be said in frames.
 *
 *   liar -r ROLE -p PID [-q] SEED MILLISECONDS [UID...]   with the descriptors of that process, which is stopped
 *   liar -r session -s SOCKET SEED MILLISECONDS           as an agency's session; it comes again when it is ended
 *
 * Messages are made by the encoders of the product, of the kinds that the role may send and of all others, with ids of
 * requests that came and with others; some are changed, cut or longer than they should be, some come many times, some
 * with a descriptor.  Between them it is silent, or reads nothing.  UIDs are those of criteria that it lies about.  The
 * same seed says the same, as far as what it hears is the same.  -q: it ends by closing its channels.  Prints how many
 * messages it has sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "chan.h"
#include "ipc.h"
#include "ipc_names.h"

#define PARENT 3 /* the descriptors that every process of the daemon has, daemon.h */
#define PEER 4
#define ENOUGH (1u << 20) /* bytes that wait to be written */
#define HEARD 64
#define UIDS 16

struct door {
	int fd; /* -1: none */
	struct buf out, in;
	uint32_t heard[HEARD]; /* ids of what came and was not answered, a ring */
	unsigned first, n;
};

/* For so long it says only what can be decoded, to those who take it: what a channel does not survive ends the rest. */
static bool careful = true;

static struct door door[2] = {{.fd = -1}, {.fd = -1}}; /* to the parent, and to the engine */
static uint64_t rng, uids[UIDS], sent;
static unsigned nuid;

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "liar: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- numbers ---- */

static uint64_t
below(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return n ? (rng >> 11) % n : 0;
}

static bool
one_in(unsigned n)
{
	return below(n) == 0;
}

static uint64_t
number(void)
{
	static const uint64_t odd[] = {
	    0, 1, 2, 255, 256, 65535, INT32_MAX, 1ull << 31, UINT32_MAX, 1ull << 32, INT64_MAX, 1ull << 63, UINT64_MAX};

	return one_in(2) ? odd[below(ARRAY_LEN(odd))] : one_in(2) ? below(100) : rng;
}

static uint64_t
uid(void)
{
	return nuid && !one_in(4) ? uids[below(nuid)] : number();
}

static void
noise_put(struct buf *b, unsigned most)
{
	for (uint64_t n = below(most); n > 0; n--)
		buf_put_u8(b, (uint8_t)below(256));
}

/* ---- what each message is made of ---- */

static void
nothing(struct buf *b)
{
	(void)b;
}

static void
errno_put(struct buf *b)
{
	buf_put_u32(b, one_in(2) ? 0 : (uint32_t)number());
}

static void
ready_put(struct buf *b)
{
	static const char *const why[] = {"", "it is so", "interface e0: it is so", "\033]0;x\007", "%s%n"};

	errno_put(b);
	buf_put_str(b, why[below(ARRAY_LEN(why))]);
}

static struct ipc_count
count(void)
{
	return (struct ipc_count){uid(), number(), number(), number(), number(), number()};
}

static void
counts_put(struct buf *b)
{
	const uint32_t n = (uint32_t)below(5);

	buf_put_u32(b, !careful && one_in(8) ? (uint32_t)number() : n);
	for (uint32_t i = 0; i < n; i++) {
		const struct ipc_count c = count();

		ipc_count_put(b, &c);
	}
}

static void
agency_counts_put(struct buf *b)
{
	const uint32_t n = (uint32_t)below(4);

	buf_put_u32(b, !careful && one_in(8) ? (uint32_t)number() : n);
	for (uint32_t i = 0; i < n; i++)
		ipc_agency_count_put(b,
		    &(struct ipc_agency_count){(uint32_t)below(5), number(), number(), number(), number(), number()});
}

static void
state_put(struct buf *b)
{
	static const char *const states[] = {"", "{}", "[]", "null",
	    "{\"interfaces\":[{\"name\":\"e0\",\"wanted\":true}]}",
	    "{\"interfaces\":{},\"capacity\":[],\"losses\":\"x\",\"copies\":1,\"programs\":null}",
	    "{\"interfaces\":[1,null,{\"name\":7,\"why\":[],\"wanted\":1}],\"losses\":{\"internal-queue\":-1}}",
	    ("{\"interfaces\":[{\"name\":\"x\\u001b[2J\",\"wanted\":true,\"why\":\"\\n\\u0000\"}],\"capacity\":"
	     "{\"criteria\":9223372036854775807,\"criteria-limit\":-9223372036854775808}}"),
	    "{\"copies\":{\"sent\":9223372036854775807,\"matched\":-1},\"losses\":{\"a\":9223372036854775807,\"b\":"
	    "1e300}}",
	    "{\"device\":true,\"stage\":true,\"attached\":true,\"error\":0,\"matched\":3,\"arrived\":3,\"sent\":3}"};

	buf_printf(b, "%s", states[below(ARRAY_LEN(states))]);
}

static void
ended_put(struct buf *b)
{
	const uint32_t n = (uint32_t)below(4);

	buf_put_u32(b, !careful && one_in(8) ? (uint32_t)number() : n);
	for (uint32_t i = 0; i < n; i++)
		ipc_ended_put(b, &(struct ipc_ended){uid(), (uint8_t)(1 + below(4)), count()});
}

static void
used_put(struct buf *b)
{
	const uint32_t n = (uint32_t)below(4);

	buf_put_u32(b, !careful && one_in(8) ? (uint32_t)number() : n);
	for (uint32_t i = 0; i < n; i++)
		ipc_use_put(b,
		    &(struct ipc_use){uid(), number(), number(), {number(), number(), (int64_t)number()}, one_in(2)});
}

static void
table_alarm_put(struct buf *b)
{
	buf_put_u8(b, (uint8_t)(!careful && one_in(8) ? number() : 1 + below(3)));
	buf_put_u64(b, uid());
}

static void
alarm_put(struct buf *b)
{
	static const char *const texts[] = {"a program that nobody authorised uses our maps: evil, program 7",
	    "our program is attached where nobody authorised it: interface 2, link 9", "", "\r\nALARM: \033[2J",
	    "%n%s"};

	buf_put_str(b, texts[below(ARRAY_LEN(texts))]);
}

static void
canary_put(struct buf *b)
{
	ipc_canary_put(b, &(struct ipc_canary){(uint8_t)below(5), (uint8_t)below(5), (uint8_t)number(),
			      (uint8_t)number(), (uint32_t)number()});
}

static void
clock_put(struct buf *b)
{
	buf_put_u64(b, number());
}

static const char *const words[] = {
    "ADD DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 1\r\nCdest-ID: cd1\r\nSource-Address: 203.0.113.9\r\n"
    "X-JTap-Cdest-Dest-Address: 192.0.2.10\r\nX-JTap-Cdest-Dest-Port: 7890\r\nX-JTap-Cdest-Source-Address: "
    "192.0.2.1\r\n"
    "X-JTap-Cdest-Source-Port: 49153\r\nFlags: STATIC\r\n",
    "LIST DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 2\r\nFlags: BOTH\r\n",
    "DELETE DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 3\r\nCriteria-ID: 1-9\r\nFlags: STATIC\r\n",
    "REFRESH DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 4\r\nCriteria-ID: 1-9\r\nTimeout-Idle: 9\r\n",
    "NOOP DTCP/0.7\r\nCsource-ID: lea1\r\nSeq: 5\r\n",
};

/* A request's struct, and its words or others'. */
static void
struct_put(struct buf *b, unsigned which)
{
	cleanup_buf struct buf text = {0};
	struct dtcp_req q;

	buf_printf(&text, "%s", words[which]);
	dtcp_sign(&text, 0, DTCP_KEY_JUNOS);
	if (dtcp_parse_request(text.p, text.len, DTCP_KEY_JUNOS, "lea1", &q).code != 0)
		fail("words");
	dtcp_req_encode(&q, b);
	dtcp_req_free(&q);
}

static void
request_put(struct buf *b)
{
	const unsigned which = (unsigned)below(ARRAY_LEN(words));

	struct_put(b, which);
	buf_put_str(b, words[one_in(2) ? which : below(ARRAY_LEN(words))]);
}

static void
says_put(struct buf *b)
{
	buf_put_u32(b, one_in(3) ? IPC_W_UNREAD : one_in(2) ? 0 : (uint32_t)number());
	if (one_in(2))
		struct_put(b, (unsigned)below(ARRAY_LEN(words)));
}

static void
refused_put(struct buf *b)
{
	struct ipc_refused m = {.code = one_in(2) ? DTCP_BAD_REQUEST : (uint32_t)number(),
	    .text = slice_of(words[below(ARRAY_LEN(words))])};

	snprintf(m.field, sizeof m.field, "%s", one_in(8) ? "\033" : "Seq");
	ipc_refused_put(b, &m);
}

static void
hello_put(struct buf *b)
{
	ipc_hello_put(b, &(struct ipc_hello){{(uint8_t)(one_in(8) ? 9 : 4), {8, 8, 8, 8}}, "root"});
}

static void
ask_put(struct buf *b)
{
	static const char *const texts[] = {"", "system { host-name x; }", "services { flow-tap { } }", "\033"};

	ipc_ask_put(b, &(struct ipc_ask){one_in(2), (uint32_t)number(), slice_of(texts[below(ARRAY_LEN(texts))])});
}

static void
named_put(struct buf *b)
{
	struct ipc_name_found v[8] = {{0}};
	struct ipc_named m = {.n = (uint32_t)below(9), .v = v};

	for (uint32_t i = 0; i < m.n; i++)
		v[i] = (struct ipc_name_found){
		    one_in(2) ? 0 : (uint32_t)number(), (uint32_t)number(), (uint32_t)number(), "x"};
	ipc_named_put(b, &m);
}

enum { TO_PARENT = 1, TO_PEER = 2 };

static const struct {
	uint16_t type;
	const char *role; /* whose it is; "": everybody's */
	unsigned door;
	void (*put)(struct buf *b);
} messages[] = {
    {IPC_D_DONE, "dataplane", TO_PEER, errno_put},
    {IPC_D_COUNTS, "dataplane", TO_PEER, counts_put},
    {IPC_D_STATE, "dataplane", TO_PEER, state_put},
    {IPC_D_AGENCY_COUNTS, "dataplane", TO_PEER, agency_counts_put},
    {IPC_D_ENDED, "dataplane", TO_PEER, ended_put},
    {IPC_D_USED, "dataplane", TO_PEER, used_put},
    {IPC_D_ALARM, "dataplane", TO_PEER, table_alarm_put},
    {IPC_D_PART, "dataplane", TO_PEER, state_put},
    {IPC_I_ALARM, "inventory", TO_PEER, alarm_put},
    {IPC_M_ASK, "metrics", TO_PEER, nothing},
    {IPC_T_DONE, "canary", TO_PEER, canary_put},
    {IPC_K_CLOCK, "hook", TO_PEER, clock_put},
    {IPC_W_SAYS, "reader", TO_PEER, says_put},
    {IPC_S_REQUEST, "session", TO_PEER, request_put},
    {IPC_S_REFUSED, "session", TO_PEER, refused_put},
    {IPC_S_HELLO, "session", TO_PEER, hello_put},
    {IPC_P_READY, "", TO_PARENT, ready_put},
    {IPC_P_ALIVE, "", TO_PARENT, nothing},
    {IPC_P_ASK, "engine", TO_PARENT, ask_put},
    {IPC_P_NAMED, "names", TO_PARENT, named_put},
    {IPC_P_WORKING, "engine", TO_PARENT, nothing},
    {IPC_P_UNCHANGED, "engine", TO_PARENT, nothing},
    {IPC_P_FILE, "keeper", TO_PARENT, errno_put},
};

/* ---- lies ---- */

static void
change(struct buf *b)
{
	switch (below(4)) {
	case 0:
		for (uint64_t n = 1 + below(4); n > 0 && b->len; n--)
			b->p[below(b->len)] = (uint8_t)number();
		break;
	case 1:
		b->len = below(b->len + 1);
		break;
	case 2:
		noise_put(b, 64);
		break;
	default:
		buf_reset(b);
		noise_put(b, 300);
		break;
	}
}

/* Of its own, or once in a while of another's. */
static unsigned
message_of(const char *role, unsigned to, bool own)
{
	unsigned i;

	do
		i = (unsigned)below(ARRAY_LEN(messages));
	while (own && (messages[i].door != to || (*messages[i].role && strcmp(messages[i].role, role) != 0)));
	return i;
}

static void
lie(struct door *d, const char *role, unsigned to, bool own)
{
	const unsigned i = message_of(role, to, own);
	cleanup_buf struct buf b = {0};
	uint32_t id = (uint32_t)number();
	uint64_t n = one_in(50) ? 1 + below(2000) : 1;

	messages[i].put(&b);
	if (!careful && one_in(own ? 8 : 3))
		change(&b);
	if (d->n && !one_in(4)) {
		id = d->heard[d->first];
		d->first = (d->first + 1) % HEARD;
		d->n--;
	}
	for (; n > 0 && d->out.len < ENOUGH; n--, sent++)
		chan_frame_put(&d->out, !careful && one_in(own ? 200 : 20) ? (uint16_t)number() : messages[i].type, id,
		    b.p, b.len);
}

/* A whole frame, with a descriptor. */
static void
gift(const struct door *d)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} rights = {0};
	cleanup_buf struct buf b = {0};
	struct iovec iov;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
	const int fd = STDERR_FILENO;

	chan_frame_put(&b, IPC_P_ALIVE, 0, NULL, 0);
	iov = (struct iovec){b.p, b.len};
	rights.head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(&rights.head), &fd, sizeof fd);
	(void)!sendmsg(d->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- channels ---- */

static void
door_close(struct door *d)
{
	close(d->fd);
	buf_free(&d->out);
	buf_free(&d->in);
	*d = (struct door){.fd = -1};
}

static void
hear(struct door *d)
{
	uint8_t *room = buf_room(&d->in, 65536);
	const ssize_t n = room ? recv(d->fd, room, 65536, MSG_DONTWAIT) : -1;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		door_close(d);
		return;
	}
	d->in.len += n > 0 ? (size_t)n : 0;
	while (d->in.len >= CHAN_HEADER) {
		struct rd r = rd_init(d->in.p, d->in.len);
		const uint32_t len = rd_u32(&r);

		(void)rd_bytes(&r, CHAN_HEADER - sizeof len - sizeof(uint32_t));
		if (d->in.len < CHAN_HEADER + (size_t)len)
			break;
		if (d->n < HEARD) {
			d->heard[(d->first + d->n++) % HEARD] = rd_u32(&r);
		}
		buf_drop(&d->in, CHAN_HEADER + (size_t)len);
	}
}

static void
speak(struct door *d)
{
	const ssize_t n = send(d->fd, d->out.p, d->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		buf_drop(&d->out, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		door_close(d);
}

static void
borrow(struct door *d, int pid, int number_there)
{
	const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0 || (d->fd = (int)syscall(SYS_pidfd_getfd, pidfd, number_there, 0)) < 0)
		fail("its descriptor");
	close(pidfd);
}

static void
knock(struct door *d, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	cleanup_buf struct buf b = {0};

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
	if ((d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		fail("socket");
	if (connect(d->fd, (const struct sockaddr *)&sun, sizeof sun) < 0)
		fail("connect");
	if (!one_in(8)) {
		hello_put(&b);
		chan_frame_put(&d->out, IPC_S_HELLO, 0, b.p, b.len);
	}
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
turn(const char *role)
{
	struct pollfd p[2] = {{.fd = door[0].fd}, {.fd = door[1].fd}};
	const bool deaf = one_in(30);

	for (unsigned i = 0; i < 2; i++) {
		p[i].events = (short)((deaf ? 0 : POLLIN) | (door[i].out.len ? POLLOUT : 0));
		if (p[i].fd >= 0 && door[i].out.len == 0 && one_in(50))
			gift(&door[i]);
		for (unsigned n = 0; p[i].fd >= 0 && n < 4 && door[i].out.len < ENOUGH; n++)
			lie(&door[i], role, i + 1, careful || !one_in(10));
	}
	(void)poll(p, 2, one_in(40) ? 200 : 1);
	for (unsigned i = 0; i < 2; i++) {
		if (door[i].fd >= 0 && !deaf)
			hear(&door[i]);
		if (door[i].fd >= 0 && door[i].out.len)
			speak(&door[i]);
	}
}

int
main(int argc, char **argv)
{
	const char *role = "", *path = NULL;
	bool quits = false;
	uint64_t begun, ms;
	int c, pid = 0;

	while ((c = getopt(argc, argv, "r:p:s:q")) != -1)
		if (c == 'r')
			role = optarg;
		else if (c == 'p')
			pid = atoi(optarg);
		else if (c == 's')
			path = optarg;
		else
			quits = c == 'q';
	if (argc - optind < 2 || (pid == 0) == (path == NULL))
		return 2;
	signal(SIGPIPE, SIG_IGN);
	rng = (strtoull(argv[optind], NULL, 0) + 1) * 0x9e3779b97f4a7c15u;
	ms = strtoull(argv[optind + 1], NULL, 0);
	for (int i = optind + 2; i < argc && nuid < UIDS; i++)
		uids[nuid++] = strtoull(argv[i], NULL, 0);
	if (pid) {
		borrow(&door[0], pid, PARENT);
		if (strcmp(role, "keeper") != 0 && strcmp(role, "accounts") != 0 && strcmp(role, "names") != 0)
			borrow(&door[1], pid, PEER);
	}
	for (begun = now_ms(); now_ms() - begun < ms;) {
		if (path && door[1].fd < 0)
			knock(&door[1], path);
		careful = now_ms() - begun < ms / 2;
		turn(role);
	}
	for (unsigned i = 0; quits && i < 2; i++)
		if (door[i].fd >= 0)
			(void)shutdown(door[i].fd, SHUT_RDWR);
	printf("%llu %d %d\n", (unsigned long long)sent, door[0].fd >= 0, door[1].fd >= 0);
	return 0;
}
