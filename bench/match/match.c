/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a packet nobody asked for costs: tap_classify, run by the kernel itself
 * (BPF_PROG_TEST_RUN), over tables with no, 1, 60, 1,000 and 100,000 criteria.
 * Rounds go through all tables in turn, so that a change of the machine's
 * speed meets all of them; what counts is the ratio to 60 criteria,
 * which have as many masks as 100,000.
 *
 * Usage: bench_match [ROUNDS]      prints one line of JSON for each table
 */
#include <bpf/bpf.h>
#include <err.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>

#include "bpftables.h"
#include "gen.h"

#define PACKETS 64
#define REPEAT 20000
#define ROUNDS_MAX 200

static const uint32_t counts[] = {0, 1, 60, 1000, 100000};
#define BASE 2 /* counts[BASE]: every kind of criterion once, so that all masks are there */

struct table {
	struct bpftables *b;
	struct tapset *set;
	uint32_t masks;
	double ns[ROUNDS_MAX];
};

static struct slice
text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* Hosts, prefixes, hosts with a protocol and a port, with a range of ports; every fourth IPv6. */
static void
criterion(struct gen *g, uint32_t i, struct criteria *c)
{
	enum criteria_field side = gen_chance(g, 50) ? CRIT_SOURCE_ADDRESS : CRIT_DEST_ADDRESS;
	const char *const len4[] = {"/24", "/28", "/30"}, *const len6[] = {"/48", "/56", "/64"};
	char a[64], p[32];
	int kind = (int)(i % 5);

	memset(c, 0, sizeof *c);
	if (i % 4 == 3)
		snprintf(
		    a, sizeof a, "2001:db8:%x:%x::1%s", i >> 16, i & 0xffff, kind == 1 ? len6[gen_below(g, 3)] : "");
	else
		snprintf(a, sizeof a, "10.%u.%u.%u%s", i >> 16, i >> 8 & 255, i & 255,
		    kind == 1 ? len4[gen_below(g, 3)] : "");
	if (criteria_parse(c, side, text(a), NULL) < 0)
		errx(1, "%s", a);
	if (kind >= 2)
		criteria_parse(c, CRIT_PROTOCOL, text(kind == 4 || gen_chance(g, 50) ? "17" : "6"), NULL);
	if (kind == 2 || kind == 3)
		snprintf(p, sizeof p, "%u", 1 + gen_below(g, 65535));
	else
		snprintf(p, sizeof p, "%u-%u", 1 + gen_below(g, 30000), 30001 + gen_below(g, 35000));
	if (kind >= 2)
		criteria_parse(c, CRIT_DEST_PORT, text(p), NULL);
}

static void
fill(struct table *t, uint32_t n)
{
	static const struct tapset_dest dest = {
	    .src = {4, {198, 18, 0, 1}}, .dst = {4, {198, 18, 0, 2}}, .sport = 1, .dport = 2, .ttl = 255};
	uint64_t now = 1;
	struct tapset_usage u;
	struct gen g;

	gen_init(&g, 1);
	if (bpftables_load(n + 2, 2 * n + 8192, &t->b) < 0 || tapset_new(&t->b->t, &t->set) < 0 ||
	    tapset_recover(t->set, now) < 0)
		errx(1, "cannot load; root?");
	for (uint32_t i = 0; i < n; i++, now += 1000000) {
		struct criteria c;
		struct tap_filter f;

		criterion(&g, i, &c);
		if (filter_compile(&c, &f) < 0 ||
		    tapset_put(t->set, i + 1,
			&(struct tapset_want){.filter = &f, .dest = &dest, .ndest = 1, .agency = 1}, now) < 0)
			errx(1, "criterion %u", i);
		filter_free(&f);
		criteria_free(&c);
	}
	tapset_tick(t->set, now + 10000000000ull);
	tapset_usage(t->set, &u);
	t->masks = u.masks4 + u.masks6;
}

/* TCP and UDP of both families between hosts that no criterion names. */
static size_t
packet(struct gen *g, unsigned i, uint8_t *frame)
{
	struct packet p = {.family = i % 4 == 3 ? 6 : 4, .proto = i % 2 ? 17 : 6, .has_ports = true};

	memset(frame, 2, 12);
	p.src = p.dst = (struct ip_addr){.family = p.family};
	for (int j = 0; j < (p.family == 4 ? 4 : 16); j++) {
		p.src.b[j] = (uint8_t)gen_below(g, 256);
		p.dst.b[j] = (uint8_t)gen_below(g, 256);
	}
	p.src.b[0] = p.dst.b[0] = p.family == 4 ? 203 : 0x26;
	p.sport = (uint16_t)(1024 + gen_below(g, 60000));
	p.dport = (uint16_t)gen_below(g, 1024);
	frame[12] = p.family == 4 ? 0x08 : 0x86;
	frame[13] = p.family == 4 ? 0x00 : 0xdd;
	return ETH_HLEN + gen_packet_bytes(g, &p, frame + ETH_HLEN, 1500);
}

static double
round_ns(struct table *t, uint8_t frame[PACKETS][2048], const size_t *len)
{
	double sum = 0;

	for (int i = 0; i < PACKETS; i++) {
		LIBBPF_OPTS(
		    bpf_test_run_opts, o, .data_in = frame[i], .data_size_in = (uint32_t)len[i], .repeat = REPEAT);

		if (bpf_prog_test_run_opts(t->b->classify_fd, &o) < 0)
			err(1, "test run");
		if (t->b->trace->n != 0)
			errx(1, "a packet matched");
		sum += o.duration;
	}
	return sum / PACKETS;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 9;
	static uint8_t frame[PACKETS][2048];
	static struct table t[ARRAY_LEN(counts)];
	size_t len[PACKETS];
	struct gen g;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		errx(2, "usage: bench_match [1..%d]", ROUNDS_MAX);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		fill(&t[i], counts[i]);
	gen_init(&g, 7);
	for (unsigned i = 0; i < PACKETS; i++)
		len[i] = packet(&g, i, frame[i]);
	for (int r = 0; r < rounds; r++)
		for (size_t i = 0; i < ARRAY_LEN(counts); i++)
			t[i].ns[r] = round_ns(&t[i], frame, len);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		qsort(t[i].ns, (size_t)rounds, sizeof t[i].ns[0], by_value);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		printf("{\"name\": \"unmatched packet, %u criteria\", \"masks\": %u, \"ns_min\": %.1f, \"ns_median\": "
		       "%.1f, "
		       "\"ns_max\": %.1f, \"ratio_to_60\": %.2f}\n",
		    counts[i], t[i].masks, t[i].ns[0], t[i].ns[rounds / 2], t[i].ns[rounds - 1],
		    t[i].ns[rounds / 2] / t[BASE].ns[rounds / 2]);
	return 0;
}
