/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel program against the plain-C reference: random sets of criteria are
 * put into the kernel's own tables by tapset, random packets run through
 * tap_classify (BPF_PROG_TEST_RUN), and the criteria it names have to be
 * those that criteria_match names, for every pair.
 *
 * Usage: test_oracle [PAIRS [SEED]]      exit 77: no privilege to load programs
 */
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>

#include "bpftables.h"
#include "gen.h"

#define SET_MAX 24 /* criteria of one set; TAP_COPIES_MAX is above */
#define PACKETS_A_SET 400
#define PACKET_MAX 3000 /* BPF_PROG_TEST_RUN takes less than a page */

/* ---- one set of criteria ---- */

struct member {
	struct criteria c;
	uint64_t uid; /* 0: not in the tables */
};

struct set {
	struct member m[SET_MAX];
	unsigned n;
};

struct run {
	struct gen g;
	struct bpftables *k;
	struct tapset *tapset;
	uint64_t now, uid;
	uint64_t pairs, matches, packets, sets;
};

static void
set_fill(struct run *r, struct set *s)
{
	static const struct tapset_dest dest = {
	    .src = {4, {198, 18, 0, 1}}, .dst = {4, {198, 18, 0, 2}}, .sport = 1, .dport = 2};
	unsigned want = 1 + gen_below(&r->g, SET_MAX);
	const char *why;

	s->n = 0;
	while (s->n < want) {
		struct member *m = &s->m[s->n];
		struct tap_filter f;
		int rc;

		gen_criteria(&r->g, &m->c);
		if (criteria_check(&m->c, &why) < 0 || filter_compile(&m->c, &f) < 0) {
			criteria_free(&m->c);
			continue;
		}
		m->uid = ++r->uid;
		if ((rc = tapset_put(r->tapset, m->uid,
			 &(struct tapset_want){.filter = &f, .dest = &dest, .ndest = 1, .agency = 1, .stored = true},
			 r->now)) < 0)
			errx(1, "put: %s", strerror(-rc));
		filter_free(&f);
		s->n++;
	}
}

static void
member_remove(struct run *r, struct member *m)
{
	int rc = m->uid ? tapset_remove(r->tapset, m->uid, r->now) : 0;

	if (rc < 0)
		errx(1, "remove: %s", strerror(-rc));
	m->uid = 0;
}

static bool
kernel_names(const struct run *r, uint64_t uid)
{
	for (uint32_t i = 0; i < r->k->trace->n; i++)
		if (r->k->t.crit[r->k->trace->crit[i]].uid == uid)
			return true;
	return false;
}

static void
complain(const struct run *r, const struct member *m, const uint8_t *p, size_t len, bool kernel)
{
	cleanup_buf struct buf b = {0};

	for (unsigned f = 0; f < CRIT_FIELDS; f++) {
		buf_printf(&b, "%s: ", criteria_field_name(f));
		criteria_format(&m->c, f, &b);
		buf_printf(&b, "\n");
	}
	for (size_t i = 0; i < len; i++)
		buf_printf(&b, "%02x", p[i]);
	errx(1, "the kernel %s, the reference %s (after %llu pairs)\n%.*s", kernel ? "matches" : "does not match",
	    kernel ? "does not" : "does", (unsigned long long)r->pairs, (int)b.len, (char *)b.p);
}

static void
packet_try(struct run *r, struct set *s)
{
	uint8_t frame[ETH_HLEN + PACKET_MAX] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame);
	struct packet want, p;
	uint32_t named = 0;
	size_t len;
	int rc;

	gen_packet(&r->g, &s->m[gen_below(&r->g, s->n)].c, &want);
	len = gen_packet_bytes(&r->g, &want, frame + ETH_HLEN, PACKET_MAX);
	if (len == 0 || packet_parse(frame + ETH_HLEN, len, &p) < 0)
		errx(1, "the generator made no packet");
	frame[12] = want.family == 4 ? 0x08 : 0x86;
	frame[13] = want.family == 4 ? 0x00 : 0xdd;
	o.data_size_in = (uint32_t)(ETH_HLEN + len);
	r->k->trace->n = 0;
	if ((rc = bpf_prog_test_run_opts(r->k->classify_fd, &o)) < 0)
		errx(1, "test run: %s", strerror(-rc));
	for (unsigned i = 0; i < s->n; i++) {
		bool ref = s->m[i].uid && criteria_match(&s->m[i].c, &p),
		     ker = s->m[i].uid && kernel_names(r, s->m[i].uid);

		if (ref != ker)
			complain(r, &s->m[i], frame + ETH_HLEN, len, ker);
		named += ker;
		r->pairs += s->m[i].uid != 0;
	}
	if (named != r->k->trace->n)
		errx(1, "the kernel names %u criteria, %u of them known", r->k->trace->n, named);
	r->matches += named;
	r->packets++;
}

static void
set_run(struct run *r)
{
	struct set s;
	const char *why = "";

	set_fill(r, &s);
	for (int i = 0; i < PACKETS_A_SET; i++) {
		/* Half way through, some go: their terms leave holes and tombstones. */
		if (i == PACKETS_A_SET / 2)
			for (unsigned j = 0; j < s.n; j += 2)
				member_remove(r, &s.m[j]);
		packet_try(r, &s);
	}
	if (tapset_check(r->tapset, &why) < 0)
		errx(1, "tables: %s", why);
	for (unsigned j = 0; j < s.n; j++) {
		member_remove(r, &s.m[j]);
		criteria_free(&s.m[j].c);
	}
	r->now += 2000000000ull;
	tapset_tick(r->tapset, r->now);
	r->sets++;
}

int
main(int argc, char **argv)
{
	uint64_t goal = argc > 1 ? strtoull(argv[1], NULL, 0) : 1500000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 20261123;
	struct run r = {.now = 1};
	int rc;

	gen_init(&r.g, seed);
	if ((rc = bpftables_load(4096, 65536, &r.k)) == -EPERM) {
		printf("skipped: no privilege to load BPF programs\n");
		return 77;
	}
	if (rc < 0)
		errx(1, "load: %s", strerror(-rc));
	if (tapset_new(&r.k->t, &r.tapset) < 0 || tapset_recover(r.tapset, r.now) < 0)
		errx(1, "tapset");
	/* The set counts: a pair is a set of criteria and a packet. */
	while (r.packets < goal)
		set_run(&r);
	printf("%llu (filter set, packet) pairs, %llu (criterion, packet) pairs, %llu matches, %llu sets, seed %llu: "
	       "no difference\n",
	    (unsigned long long)r.packets, (unsigned long long)r.pairs, (unsigned long long)r.matches,
	    (unsigned long long)r.sets, (unsigned long long)seed);
	tapset_free(r.tapset);
	bpftables_free(r.k);
	return r.matches == 0;
}
