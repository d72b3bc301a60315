/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_talk - two hosts in one process: sockets in two namespaces, all on one CPU; a ping
 * and its answer even in one thread, so that no scheduler stands between them.
 *
 *   ping n=N [len=64]    there and back; nanoseconds: p50, p90, p99
 *   tcp [ms=500]         one way as fast as it goes: bytes, ns, and segments sent by both
 *
 * Usage: bench_talk NETNS ADDR NETNS ADDR [CPU]      IPv4; the first one speaks first
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base.h"
#include "clock.h"
#include "gen.h"
#include "line.h"

#define PINGS_MAX 1000000
#define WARM 200 /* pings that do not count */
#define CHUNK 131072
#define ANSWER_US 100000

struct host {
	int ns;
	struct sockaddr_in addr;
};

struct talk {
	struct host host[2];
};

static int
enter(const struct host *h)
{
	return setns(h->ns, CLONE_NEWNET) < 0 ? -errno : 0;
}

static int
open_socket(const struct host *h, int type)
{
	int r = enter(h), s, on = 1;

	if (r < 0)
		return r;
	if ((s = socket(AF_INET, type | SOCK_CLOEXEC, 0)) < 0)
		return -errno;
	if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    bind(s, (const struct sockaddr *)&h->addr, sizeof h->addr) == 0)
		return s;
	r = -errno;
	close(s);
	return r;
}

static int
connect_to(int s, const struct host *h)
{
	return connect(s, (const struct sockaddr *)&h->addr, sizeof h->addr) < 0 ? -errno : 0;
}

/* ---- ping ---- */

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int
pair_open(const struct talk *t, int s[2])
{
	const struct timeval wait = {.tv_usec = ANSWER_US};
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		if ((s[i] = open_socket(&t->host[i], SOCK_DGRAM)) < 0)
			return s[i];
		if (setsockopt(s[i], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0)
			r = -errno;
	}
	for (int i = 0; i < 2 && r == 0; i++)
		r = connect_to(s[i], &t->host[!i]);
	return r;
}

static int
pass_on(int from, int to, size_t len)
{
	static char buf[CHUNK];

	if (send(from, buf, len, 0) < 0)
		return -errno;
	return recv(to, buf, sizeof buf, 0) < 0 ? -errno : 0;
}

static int
cmd_ping(void *ctx, char **word, json_t *out)
{
	cleanup_fd int a = -1, b = -1;
	cleanup_free uint32_t *ns = NULL;
	uint32_t n = 2000, len = 64;
	int s[2] = {-1, -1}, r;

	if ((r = line_number32(word, "n", PINGS_MAX, &n)) < 0 || (r = line_number32(word, "len", 1400, &len)) < 0)
		return r;
	if (n == 0 || (ns = calloc(n, sizeof *ns)) == NULL)
		return n ? -ENOMEM : -EINVAL;
	r = pair_open(ctx, s);
	a = s[0];
	b = s[1];
	for (uint32_t i = 0; i < n + WARM && r == 0; i++) {
		uint64_t start = clock_mono_ns();

		if ((r = pass_on(a, b, len)) == 0)
			r = pass_on(b, a, len);
		if (i >= WARM)
			ns[i - WARM] = (uint32_t)(clock_mono_ns() - start);
	}
	if (r < 0)
		return r;
	qsort(ns, n, sizeof *ns, by_value);
	line_put(out, "p50", ns[n / 2]);
	line_put(out, "p90", ns[(uint64_t)n * 90 / 100]);
	line_put(out, "p99", ns[(uint64_t)n * 99 / 100]);
	return 0;
}

/* ---- tcp ---- */

/* Segments that the namespace's TCP sent (a train counts its segments), by /proc/net/snmp. */
static int
segments(const struct host *h, uint64_t *out)
{
	unsigned long long v;
	char line[1024];
	int r = enter(h), found = 0;
	FILE *f;

	if (r < 0)
		return r;
	/* Not "self": that is the process's, this is the thread's, which is where setns works. */
	if ((f = fopen("/proc/thread-self/net/snmp", "re")) == NULL)
		return -errno;
	while (!found && fgets(line, sizeof line, f))
		found = sscanf(line, "Tcp: %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %llu", &v) == 1;
	fclose(f);
	*out = found ? v : 0;
	return found ? 0 : -EBADMSG;
}

static int
tcp_open(const struct talk *t, int s[2])
{
	cleanup_fd int l = open_socket(&t->host[1], SOCK_STREAM);
	int r;

	if (l < 0 || listen(l, 1) < 0)
		return l < 0 ? l : -errno;
	if ((s[0] = open_socket(
		 &(struct host){t->host[0].ns, {.sin_family = AF_INET, .sin_addr = t->host[0].addr.sin_addr}},
		 SOCK_STREAM)) < 0)
		return s[0];
	if ((r = connect_to(s[0], &t->host[1])) < 0)
		return r;
	s[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	return s[1] < 0 ? -errno : 0;
}

struct reader {
	int s, error;
	uint64_t bytes;
};

static void *
read_all(void *arg)
{
	static char buf[CHUNK];
	struct reader *r = arg;
	ssize_t n;

	while ((n = recv(r->s, buf, sizeof buf, 0)) > 0)
		r->bytes += (uint64_t)n;
	r->error = n < 0 ? -errno : 0;
	return NULL;
}

/* A thread that writes and one that reads, on one CPU, as two iperf3 would. */
static int
transfer(int from, int to, uint32_t ms, json_t *out)
{
	static char buf[CHUNK];
	struct reader r = {.s = to};
	uint64_t start = clock_mono_ns(), end = start + ms * 1000000ull;
	pthread_t t;
	int error = 0;

	if (pthread_create(&t, NULL, read_all, &r) != 0)
		return -EAGAIN;
	while (error == 0 && clock_mono_ns() < end)
		if (send(from, buf, sizeof buf, MSG_NOSIGNAL) < 0)
			error = -errno;
	shutdown(from, SHUT_WR);
	pthread_join(t, NULL);
	line_put(out, "ns", clock_mono_ns() - start);
	line_put(out, "bytes", r.bytes);
	return error ? error : r.error;
}

static int
cmd_tcp(void *ctx, char **word, json_t *out)
{
	const struct talk *t = ctx;
	cleanup_fd int a = -1, b = -1;
	uint64_t before[2], after[2];
	char end;
	uint32_t ms = 500;
	int s[2] = {-1, -1}, r;

	if ((r = line_number32(word, "ms", 600000, &ms)) < 0 || (r = segments(&t->host[0], &before[0])) < 0 ||
	    (r = segments(&t->host[1], &before[1])) < 0)
		return r;
	r = tcp_open(t, s);
	a = s[0];
	b = s[1];
	if (r < 0)
		return r;
	if ((r = transfer(a, b, ms, out)) < 0)
		return r;
	/* The other end's FIN and its answer, too, have been sent when the first end has read its own. */
	if (shutdown(b, SHUT_WR) < 0 || recv(a, &end, 1, 0) < 0)
		return -errno;
	if ((r = segments(&t->host[0], &after[0])) < 0 || (r = segments(&t->host[1], &after[1])) < 0)
		return r;
	line_put(out, "segments", after[0] - before[0] + after[1] - before[1]);
	return 0;
}

static const struct line_command commands[] = {
    {"ping", cmd_ping},
    {"tcp", cmd_tcp},
};

int
main(int argc, char **argv)
{
	static struct talk t;
	cpu_set_t set;

	if (argc < 5 || argc > 6)
		errx(2, "usage: bench_talk NETNS ADDR NETNS ADDR [CPU]");
	CPU_ZERO(&set);
	CPU_SET(argc == 6 ? atoi(argv[5]) : (int)sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
	if (sched_setaffinity(0, sizeof set, &set) < 0)
		err(1, "cpu");
	for (int i = 0; i < 2; i++) {
		struct host *h = &t.host[i];

		if ((h->ns = open(argv[1 + 2 * i], O_RDONLY | O_CLOEXEC)) < 0)
			err(1, "%s", argv[1 + 2 * i]);
		h->addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(GEN_PORT)};
		if (inet_pton(AF_INET, argv[2 + 2 * i], &h->addr.sin_addr) != 1)
			errx(2, "%s is no IPv4 address", argv[2 + 2 * i]);
	}
	line_serve(commands, ARRAY_LEN(commands), &t);
	return 0;
}
