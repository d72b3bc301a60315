/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_gen - sends packets into the lab's router and counts what comes out.
 *
 * Packets are frames that BPF_PROG_TEST_RUN hands to the router's port as its
 * driver would, all on this CPU; the program that makes them looks at the clock
 * every 256 packets, so that the price of the system call (some 20 ms) is not in
 * the time.  The last packets, after the last look, are sent but not timed.
 *
 *   run [at=router|mediation] [ms=200] [len=64] [family=4] [burst=64] [rate=PER_S] [own=1]
 *       [src=SPACE] [dst=SPACE] [target=SPACE] [match=OF_2^20] [ports=BITS] [raw=HEX] [stats=1]
 *                        sends for about so long; SPACE as in spec.h, len without Ethernet.
 *                        raw: this IPv4 packet, to UDP ports from 7000 on; with wire=1 the frames go out of
 *                        OUT, so that they come to MEDIATION's driver instead of its stack
 *                        stats: what the programs at the router's port took (bpf_stats)
 *                        bursts=N: so many bursts instead, each when nothing of the last is on its way; not timed
 *   hook none|noop|clone [copies=N]    at the router's port
 *   count on|mediation|off     where UDP is counted and dropped: at both ends, at one, nowhere
 *   counts               what came there since the beginning
 *   addresses of=SPACE   of targets, as numbers
 *   spin                 two measures of this machine: work done by one thread, and by each of two at once
 *
 * Usage: bench_gen ROUTER PORT SINK PORT MEDIATION PORT OUT [CPU]
 *        network namespaces (files) and interfaces; OUT: the router's towards the mediation device
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base.h"
#include "clock.h"
#include "gen.h"
#include "gen.skel.h"
#include "line.h"
#include "port.skel.h"
#include "spec.h"

#define TCX_INGRESS 46 /* of Linux 6.6; libbpf 1.1 has no name for it */
#define FRAME_MAX 2048
#define SPIN_NS 100000000
#define RAW_PORT 7000
#define CALLS_MAX 10     /* in one run, until one of them has been timed */
#define LATE_MAX 1024    /* packets that a rate makes up for after a pause */
#define QUIET_NS 2000000 /* nothing came for so long: all has arrived */
#define QUIET_MAX_NS 2000000000

enum place { ROUTER, SINK, MEDIATION, OUT, PLACES };

struct port {
	int ns, ifindex;
	uint8_t mac[ETH_ALEN];
};

struct bench {
	struct port port[PLACES]; /* OUT is in the router's namespace */
	struct gen_bpf *gen;
	struct port_bpf *ports;
	int hook, count[2]; /* links, -1: none */
	int cpu;
};

struct request {
	struct port *at;
	struct gen_conf conf;
	uint8_t frame[FRAME_MAX];
	uint32_t len, burst, bursts, ms, stats, own;
};

struct sum {
	uint64_t packets, bytes;
};

/* ---- the lab's ports ---- */

static int
enter(const struct port *p)
{
	return setns(p->ns, CLONE_NEWNET) < 0 ? -errno : 0;
}

static void
port_open(struct port *p, const char *netns, const char *name)
{
	struct ifreq q = {0};
	cleanup_fd int s = -1;

	if ((p->ns = open(netns, O_RDONLY | O_CLOEXEC)) < 0 || enter(p) < 0)
		err(1, "%s", netns);
	if ((p->ifindex = (int)if_nametoindex(name)) == 0)
		err(1, "%s", name);
	strncpy(q.ifr_name, name, sizeof q.ifr_name - 1);
	if ((s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0 || ioctl(s, SIOCGIFHWADDR, &q) < 0)
		err(1, "%s", name);
	memcpy(p->mac, q.ifr_hwaddr.sa_data, ETH_ALEN);
}

static int
hook_set(const struct port *p, const struct bpf_program *prog, int *link)
{
	int r = enter(p);

	if (*link >= 0) {
		bpf_link_detach(*link);
		close(TAKE_FD(*link));
	}
	if (r < 0 || prog == NULL)
		return r;
	r = bpf_link_create(bpf_program__fd(prog), p->ifindex, TCX_INGRESS, NULL);
	*link = r < 0 ? -1 : r;
	return r < 0 ? r : 0;
}

static struct sum
sum_up(const struct gen_count *c)
{
	struct sum s = {0};

	for (int i = 0; i < GEN_CPUS; i++) {
		s.packets += ((const volatile struct gen_count *)c)[i].packets;
		s.bytes += ((const volatile struct gen_count *)c)[i].bytes;
	}
	return s;
}

/* ---- the programs at the router's port ---- */

struct usage {
	uint64_t ns, runs;
	uint32_t n;
};

static int
usage_read(const struct bench *b, struct usage *u)
{
	uint32_t id[16] = {0}, n = ARRAY_LEN(id);
	int r;

	*u = (struct usage){0};
	if ((r = enter(&b->port[ROUTER])) < 0 ||
	    (r = bpf_prog_query(b->port[ROUTER].ifindex, TCX_INGRESS, 0, NULL, id, &n)) < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		cleanup_fd int fd = bpf_prog_get_fd_by_id(id[i]);
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof info;

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
			return -errno;
		u->ns += info.run_time_ns;
		u->runs += info.run_cnt;
		u->n++;
	}
	return 0;
}

/* ---- sending ---- */

static int
hex_parse(const char *text, uint8_t *out, uint32_t *len)
{
	size_t n = strlen(text);

	if (n % 2 || n / 2 > FRAME_MAX - ETH_HLEN)
		return -EINVAL;
	for (size_t i = 0; i < n / 2; i++)
		if (sscanf(text + 2 * i, "%2hhx", &out[i]) != 1)
			return -EINVAL;
	*len = (uint32_t)(n / 2);
	return 0;
}

static int
request_spaces(struct gen_conf *c, char **word)
{
	int r = spec_parse(line_text(word, "src"), SPACE_OTHERS, &c->src);

	if (r == 0)
		r = spec_parse(line_text(word, "dst"), SPACE_OTHERS, &c->dst);
	return r < 0 ? r : spec_parse(line_text(word, "target"), SPACE_TARGETS, &c->target);
}

static int
request_parse(struct bench *b, char **word, struct request *q)
{
	const char *at = line_text(word, "at"), *raw = line_text(word, "raw");
	uint32_t ports = 6, wire = 0;
	uint64_t rate = 0;
	int r;

	*q = (struct request){.at = &b->port[ROUTER], .len = 64, .burst = 64, .ms = 200};
	if (at && strcmp(at, "mediation") == 0)
		q->at = &b->port[MEDIATION];
	q->conf.family = 4;
	spec_parse("10.0.0.0/8,65536", SPACE_OTHERS, &q->conf.src);
	q->conf.dst = q->conf.src;
	spec_parse("10.0.0.0/8,1000", SPACE_TARGETS, &q->conf.target);
	for (int i = 0; i < FRAME_MAX; i++)
		q->frame[i] = (uint8_t)i;
	if ((r = line_number32(word, "ms", 600000, &q->ms)) < 0 ||
	    (r = line_number(word, "rate", 1u << 30, &rate)) < 0 ||
	    (r = line_number32(word, "len", FRAME_MAX - ETH_HLEN, &q->len)) < 0 ||
	    (r = line_number32(word, "burst", 256, &q->burst)) < 0 ||
	    (r = line_number32(word, "bursts", 10000, &q->bursts)) < 0 ||
	    (r = line_number32(word, "stats", 1, &q->stats)) < 0 || (r = line_number32(word, "own", 1, &q->own)) < 0 ||
	    (r = line_number32(word, "ports", 15, &ports)) < 0 || (r = line_number32(word, "wire", 1, &wire)) < 0 ||
	    (r = line_number32(word, "family", 6, &q->conf.family)) < 0 ||
	    (r = line_number32(word, "match", 1u << 20, &q->conf.match)) < 0 ||
	    (r = request_spaces(&q->conf, word)) < 0)
		return r;
	q->conf.gap = rate ? (1000000000ull << 10) / rate : 0;
	q->conf.late = q->conf.gap * LATE_MAX;
	q->conf.port_mask = (1u << ports) - 1;
	q->conf.verdict = q->own ? XDP_DROP : XDP_PASS;
	memcpy(q->conf.dmac, q->at->mac, ETH_ALEN);
	q->conf.smac[0] = 2;
	if (raw) {
		q->conf.raw = RAW_PORT;
		memcpy(q->frame, q->at->mac, ETH_ALEN);
		memset(q->frame + ETH_ALEN, 2, ETH_ALEN);
		if (wire) {
			memcpy(q->frame, b->port[MEDIATION].mac, ETH_ALEN);
			q->at = &b->port[OUT];
			q->conf.out = (uint32_t)q->at->ifindex;
		}
		q->frame[12] = 8;
		q->frame[13] = 0;
		r = hex_parse(raw, q->frame + ETH_HLEN, &q->len);
	}
	return r < 0 || q->burst == 0 ? -EINVAL : 0;
}

static void
on_alarm(int sig)
{
	(void)sig;
}

static int
send_frames(struct bench *b, struct request *q, uint32_t n)
{
	struct xdp_md ctx = {.data_end = q->len + ETH_HLEN, .ingress_ifindex = (uint32_t)q->at->ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = q->frame, .data_size_in = q->len + ETH_HLEN, .ctx_in = &ctx,
	    .ctx_size_in = sizeof ctx, .repeat = (int)n, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = q->burst);

	return bpf_prog_test_run_opts(bpf_program__fd(b->gen->progs.gen), &o);
}

static void
wait_quiet(struct bench *b)
{
	uint64_t start = clock_mono_ns(), since = start, now = start, before = 0;

	while (now - since < QUIET_NS && now - start < QUIET_MAX_NS) {
		uint64_t n = sum_up(b->ports->bss->sink_count).packets + sum_up(b->ports->bss->mediation_count).packets;

		if (n != before)
			since = now;
		before = n;
		sched_yield();
		usleep(200);
		now = clock_mono_ns();
	}
}

static int
send_bursts(struct bench *b, struct request *q)
{
	int r = 0;

	for (uint32_t i = 0; i < q->bursts && r == 0; i++) {
		r = send_frames(b, q, q->burst);
		wait_quiet(b);
	}
	return r;
}

/*
 * One call, which a signal ends: there is no other way to say how long.  If this process hardly had the processor
 * meanwhile, so that there is no second look at the clock, another call takes the time.
 */
static int
send_all(struct bench *b, struct request *q)
{
	const struct itimerval when = {.it_value = {q->ms / 1000, (suseconds_t)(q->ms % 1000 * 1000)}}, never = {0};
	struct gen_state *state = &b->gen->bss->state;
	int r = 0;

	for (int call = 0; call < CALLS_MAX && r == 0 && state->last_n == state->first_n; call++) {
		state->first_n = state->last_n = state->n;
		if (setitimer(ITIMER_REAL, &when, NULL) < 0)
			return -errno;
		r = send_frames(b, q, INT32_MAX);
		setitimer(ITIMER_REAL, &never, NULL);
		if (r == -EINTR)
			r = 0;
	}
	return r;
}

static int
cmd_run(void *ctx, char **word, json_t *out)
{
	struct bench *b = ctx;
	cleanup_fd int stats = -1;
	struct usage u0 = {0}, u1 = {0};
	struct sum s0, s1, m0, m1;
	const struct gen_state *sent = &b->gen->bss->state;
	struct request q;
	int r = request_parse(b, word, &q);

	if (r < 0)
		return r;
	if (q.stats && (stats = bpf_enable_stats(BPF_STATS_RUN_TIME)) < 0)
		return -errno;
	if (q.stats && (r = usage_read(b, &u0)) < 0)
		return r;
	if ((r = enter(q.at)) < 0)
		return r;
	s0 = sum_up(b->ports->bss->sink_count);
	m0 = sum_up(b->ports->bss->mediation_count);
	b->gen->bss->conf = q.conf;
	b->gen->bss->state = (struct gen_state){.random = clock_mono_ns()};
	if ((r = q.bursts ? send_bursts(b, &q) : send_all(b, &q)) < 0)
		return r;
	wait_quiet(b);
	s1 = sum_up(b->ports->bss->sink_count);
	m1 = sum_up(b->ports->bss->mediation_count);
	if (q.stats && (r = usage_read(b, &u1)) < 0)
		return r;
	line_put(out, "sent", sent->n);
	line_put(out, "targets", sent->targets);
	line_put(out, "timed", sent->last_n - sent->first_n);
	line_put(out, "timed_ns", sent->last_ns - sent->first_ns);
	line_put(out, "forwarded", s1.packets - s0.packets);
	line_put(out, "forwarded_bytes", s1.bytes - s0.bytes);
	line_put(out, "copies", m1.packets - m0.packets);
	line_put(out, "copied_bytes", m1.bytes - m0.bytes);
	line_put(out, "hook_ns", u1.ns - u0.ns);
	line_put(out, "hook_runs", u1.runs - u0.runs);
	return 0;
}

/* ---- hooks ---- */

static int
cmd_hook(void *ctx, char **word, json_t *out)
{
	struct bench *b = ctx;
	const struct bpf_program *p = NULL;
	uint32_t copies = 1;
	int r = line_number32(word, "copies", 64, &copies);

	(void)out;
	if (r < 0 || word[0] == NULL)
		return -EINVAL;
	if (strcmp(word[0], "noop") == 0)
		p = b->ports->progs.port_noop;
	else if (strcmp(word[0], "clone") == 0)
		p = b->ports->progs.port_clone;
	else if (strcmp(word[0], "none") != 0)
		return -EINVAL;
	b->ports->bss->clone_ifindex = (uint32_t)b->port[OUT].ifindex;
	b->ports->bss->clone_copies = copies;
	return hook_set(&b->port[ROUTER], p, &b->hook);
}

static int
count_set(struct bench *b, bool sink, bool mediation)
{
	int r = hook_set(&b->port[SINK], sink ? b->ports->progs.port_sink : NULL, &b->count[0]);

	return r < 0 ? r
		     : hook_set(&b->port[MEDIATION], mediation ? b->ports->progs.port_mediation : NULL, &b->count[1]);
}

static int
cmd_count(void *ctx, char **word, json_t *out)
{
	(void)out;
	if (word[0] == NULL)
		return -EINVAL;
	return count_set(ctx, strcmp(word[0], "on") == 0, strcmp(word[0], "off") != 0);
}

static int
cmd_addresses(void *ctx, char **word, json_t *out)
{
	json_t *list = json_array();
	struct space s = {0};
	int r = spec_parse(line_text(word, "of"), SPACE_TARGETS, &s);

	(void)ctx;
	json_object_set_new(out, "addresses", list);
	for (uint32_t i = 0; r == 0 && i < s.n; i++)
		json_array_append_new(list, json_integer(space_addr(&s, i)));
	return r;
}

/* What came to the ends since the program began. */
static int
cmd_counts(void *ctx, char **word, json_t *out)
{
	struct bench *b = ctx;
	struct sum s, m;

	(void)word;
	wait_quiet(b);
	s = sum_up(b->ports->bss->sink_count);
	m = sum_up(b->ports->bss->mediation_count);
	line_put(out, "forwarded", s.packets);
	line_put(out, "copies", m.packets);
	line_put(out, "copied_bytes", m.bytes);
	return 0;
}

/* ---- the machine ---- */

struct spinner {
	int cpu;
	uint64_t start_ns, done;
};

/* Four chains that do not wait for each other: one of these fills a core. */
static void *
spin(void *arg)
{
	struct spinner *s = arg;
	uint64_t a = 1, b = 2, c = 3, d = 4;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(s->cpu, &set);
	sched_setaffinity(0, sizeof set, &set);
	while (clock_mono_ns() < s->start_ns)
		;
	for (s->done = 0; clock_mono_ns() < s->start_ns + SPIN_NS; s->done++)
		for (int i = 0; i < 1000; i++) {
			a = a * 5 + 1;
			b = (b ^ b >> 7) + 3;
			c = c * 3 + 7;
			d = (d ^ d << 5) + 9;
			__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
		}
	return NULL;
}

static int
cmd_spin(void *ctx, char **word, json_t *out)
{
	const struct bench *b = ctx;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct spinner s[2] = {{.cpu = b->cpu}, {.cpu = (int)((b->cpu + 1) % (cpus < 1 ? 1 : cpus))}};
	pthread_t t[2];

	(void)word;
	for (int n = 1; n <= 2; n++) {
		uint64_t start = clock_mono_ns() + SPIN_NS / 2; /* by then both threads run */

		for (int i = 0; i < n; i++) {
			s[i].start_ns = start;
			if (pthread_create(&t[i], NULL, spin, &s[i]) != 0)
				return -EAGAIN;
		}
		for (int i = 0; i < n; i++)
			pthread_join(t[i], NULL);
		if (s[0].done == 0)
			return -EBUSY;
		line_put(out, n == 1 ? "one" : "two", n == 1 ? s[0].done : (s[0].done + s[1].done) / 2);
	}
	return 0;
}

static const struct line_command commands[] = {
    {"run", cmd_run},
    {"hook", cmd_hook},
    {"count", cmd_count},
    {"counts", cmd_counts},
    {"addresses", cmd_addresses},
    {"spin", cmd_spin},
};

int
main(int argc, char **argv)
{
	static struct bench b = {.hook = -1, .count = {-1, -1}};
	cpu_set_t set;
	int r;

	if (argc < 8 || argc > 9)
		errx(2, "usage: bench_gen ROUTER PORT SINK PORT MEDIATION PORT OUT [CPU]");
	b.cpu = argc == 9 ? atoi(argv[8]) : (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	CPU_ZERO(&set);
	CPU_SET(b.cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) < 0)
		err(1, "cpu %d", b.cpu);
	port_open(&b.port[SINK], argv[3], argv[4]);
	port_open(&b.port[MEDIATION], argv[5], argv[6]);
	port_open(&b.port[OUT], argv[1], argv[7]);
	port_open(&b.port[ROUTER], argv[1], argv[2]);
	b.gen = gen_bpf__open_and_load();
	b.ports = port_bpf__open_and_load();
	if (b.gen == NULL || b.ports == NULL)
		errx(1, "cannot load the programs; root?");
	if (sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL) < 0)
		err(1, "sigaction");
	if ((r = count_set(&b, true, true)) < 0)
		errx(1, "attaching (Linux 6.6 or newer): %s", strerror(-r));
	line_serve(commands, ARRAY_LEN(commands), &b);
	return 0;
}
