/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's parser and matcher against the reference: random criteria go into
 * real maps, random and damaged packets through tap_classify, and what it names
 * must be what packet_parse and criteria_match, which share no code with it, say.
 */
#include "unit.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "gen.h"
#include "kern_internal.h"
#include "tap.skel.h"

#define SKIPPED 77 /* what meson takes for a test that could not run */

#define ROUNDS 12
#define PACKETS 4000 /* of each round */
#define CRITERIA 24
#define TERMS (CRITERIA * FILTER_TERMS_MAX)
#define SLOTS 1024
#define BLOOM_WORDS 8192
#define TAGS_MAX 3
#define PAD_MAX 20
#define ETH_LEN 14

struct lab {
	struct kern *kern;
	struct tapset *set;
	struct tapset_tables tables;
	struct kern_area trace;
	struct gen gen;
	struct criteria crit[CRITERIA];
	bool live[CRITERIA]; /* some are too big to compile */
	unsigned matches, misses, refused;
};

/* ---- tables ---- */

static void
maps_size(struct tap_bpf *s)
{
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
	    {s->maps.ft_term4, TERMS},
	    {s->maps.ft_term6, TERMS},
	    {s->maps.ft_slot4, SLOTS / TAP_SLOTS},
	    {s->maps.ft_slot6, SLOTS / TAP_SLOTS},
	    {s->maps.ft_bloom, TAP_BLOOM_PARTS(2048)},
	    {s->maps.ft_crit, CRITERIA + 1},
	    {s->maps.ft_count, CRITERIA + 1},
	    {s->maps.ft_ended, CRITERIA / 64 + 1},
	    {s->maps.ft_agency, 2},
	    {s->maps.ft_share, 2},
	    {s->maps.ft_dest, 4},
	    {s->maps.ft_own, 4},
	};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_int_equal(bpf_map__set_max_entries(sizes[i].map, sizes[i].entries), 0);
}

static void
descriptors_take(struct kern *k)
{
	const struct bpf_map *maps[KERN_MAP_N] = {
	    [KERN_MAP_CTL] = k->skel->maps.ft_ctl,
	    [KERN_MAP_BLOOM] = k->skel->maps.ft_bloom,
	    [KERN_MAP_TERM4] = k->skel->maps.ft_term4,
	    [KERN_MAP_TERM6] = k->skel->maps.ft_term6,
	    [KERN_MAP_CRIT] = k->skel->maps.ft_crit,
	    [KERN_MAP_COUNT] = k->skel->maps.ft_count,
	    [KERN_MAP_ENDED] = k->skel->maps.ft_ended,
	    [KERN_MAP_AGENCY] = k->skel->maps.ft_agency,
	    [KERN_MAP_DEST] = k->skel->maps.ft_dest,
	    [KERN_MAP_SLOT4] = k->skel->maps.ft_slot4,
	    [KERN_MAP_SLOT6] = k->skel->maps.ft_slot6,
	    [KERN_MAP_OWN] = k->skel->maps.ft_own,
	    [KERN_MAP_STATS] = k->skel->maps.ft_stats,
	};

	for (int i = 0; i < KERN_MAP_N; i++)
		k->map[i] = bpf_map__fd(maps[i]);
}

static void
programs_left_out(struct tap_bpf *s)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, s->obj)
	    assert_int_equal(bpf_program__set_autoload(p, p == s->progs.tap_classify), 0);
}

/* Fresh maps and programs, so that no round knows of the one before. */
static void
lab_open(struct lab *l, uint64_t seed)
{
	memset(l, 0, sizeof *l);
	gen_init(&l->gen, seed);
	assert_int_equal(kern_new("/nonexistent", &l->kern), 0);
	l->kern->skel = tap_bpf__open();
	assert_non_null(l->kern->skel);
	maps_size(l->kern->skel);
	programs_left_out(l->kern->skel);
	assert_int_equal(tap_bpf__load(l->kern->skel), 0);
	descriptors_take(l->kern);
	assert_int_equal(kern_tables(l->kern, &l->tables), 0);
	assert_int_equal(kern_area_map(bpf_map__fd(l->kern->skel->maps.ft_trace), &l->trace), 0);
	assert_int_equal(tapset_new(&l->tables, &l->set), 0);
	assert_int_equal(tapset_recover(l->set, 0), 0);
}

static void
lab_close(struct lab *l)
{
	for (unsigned i = 0; i < CRITERIA; i++)
		criteria_free(&l->crit[i]);
	tapset_free(l->set);
	munmap(l->trace.p, l->trace.len);
	kern_free(l->kern);
}

static void
put_criteria(struct lab *l)
{
	struct tapset_dest dest = {.sport = 49153, .dport = 65535, .ttl = 64};

	assert_int_equal(ip_parse((struct slice){.p = "192.0.2.254", .len = 11}, &dest.src), 0);
	assert_int_equal(ip_parse((struct slice){.p = "192.0.2.253", .len = 11}, &dest.dst), 0);
	for (unsigned i = 0; i < CRITERIA; i++) {
		struct tap_filter f = {0};
		int r;

		gen_criteria(&l->gen, &l->crit[i]);
		r = filter_compile(&l->crit[i], &f);
		assert_true(r == 0 || r == -E2BIG);
		/* Whatever packets pay for it. */
		if (r == 0)
			assert_int_equal(tapset_put(l->set, i + 1,
					     &(struct tapset_want){
						 .filter = &f, .dest = &dest, .ndest = 1, .agency = 1, .stored = true},
					     0),
			    0);
		l->live[i] = r == 0;
		filter_free(&f);
	}
}

/* ---- packets ---- */

/* Up to three VLAN tags between Ethernet header and packet.  The frame's length. */
static size_t
frame_build(struct gen *g, const uint8_t *packet, size_t len, uint8_t *frame)
{
	static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	size_t at = sizeof addresses;
	size_t header = packet[0] >> 4 == 6 ? 40 : 20;
	/* The test run takes a cut IP header only if it does not see that it is one. */
	unsigned tags = len >= header && gen_chance(g, 80) ? 0 : 1 + gen_below(g, TAGS_MAX);

	memcpy(frame, addresses, at);
	for (unsigned i = 0; i < tags; i++) {
		frame[at++] = i == 0 ? 0x88 : 0x81;
		frame[at++] = i == 0 ? 0xa8 : 0x00;
		frame[at++] = 0;
		frame[at++] = (uint8_t)gen_below(g, 256);
	}
	frame[at++] = packet[0] >> 4 == 6 ? 0x86 : 0x08;
	frame[at++] = packet[0] >> 4 == 6 ? 0xdd : 0x00;
	memcpy(frame + at, packet, len);
	return at + len;
}

/* Some bytes changed, the end cut off, or a padding behind it; often nothing at all. */
static size_t
packet_damage(struct gen *g, uint8_t *packet, size_t len)
{
	if (gen_chance(g, 20))
		for (unsigned n = 1 + gen_below(g, 4); n > 0; n--)
			packet[gen_below(g, (uint32_t)(len < 80 ? len : 80))] = (uint8_t)gen_u64(g);
	if (gen_chance(g, 15))
		return 1 + gen_below(g, (uint32_t)len);
	if (gen_chance(g, 20))
		for (unsigned n = gen_below(g, PAD_MAX); n > 0; n--)
			packet[len++] = (uint8_t)gen_u64(g);
	return len;
}

/* A damaged first fragment may have become the head of another's later one: each packet alone. */
static void
forget_fragments(const struct lab *l)
{
	struct tap_frag_key key;
	int fd = bpf_map__fd(l->kern->skel->maps.ft_frag);

	while (bpf_map_get_next_key(fd, NULL, &key) == 0)
		assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
}

/* Bit i: criterion i was named. */
static uint64_t
classify(const struct lab *l, const uint8_t *frame, size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = (uint32_t)len, .repeat = 1);
	const struct tap_trace *t = l->trace.p;
	uint64_t named = 0;

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(l->kern->skel->progs.tap_classify), &o), 0);
	assert_true(t->n <= CRITERIA);
	for (uint32_t i = 0; i < t->n; i++) {
		uint64_t bit = 1ull << (l->tables.crit[t->crit[i]].uid - 1);

		assert_false(named & bit); /* nothing is copied twice for one criterion */
		named |= bit;
	}
	return named;
}

static uint64_t
reference(struct lab *l, const uint8_t *packet, size_t len)
{
	struct packet p;
	uint64_t named = 0;

	if (packet_parse(packet, len, &p) < 0) {
		l->refused++;
		return 0;
	}
	for (unsigned i = 0; i < CRITERIA; i++)
		if (l->live[i] && criteria_match(&l->crit[i], &p))
			named |= 1ull << i;
	return named;
}

static void
try_packet(struct lab *l)
{
	uint8_t packet[GEN_PACKET_MAX + PAD_MAX], frame[sizeof packet + ETH_LEN + TAGS_MAX * 4];
	struct packet p;
	uint64_t want, got;
	size_t len;

	gen_packet(&l->gen, &l->crit[gen_below(&l->gen, CRITERIA)], &p);
	len = gen_packet_bytes(&l->gen, &p, packet, GEN_PACKET_MAX);
	assert_int_not_equal(len, 0);
	len = packet_damage(&l->gen, packet, len);
	want = reference(l, packet, len);
	got = classify(l, frame, frame_build(&l->gen, packet, len, frame));
	if (got != want) {
		for (size_t i = 0; i < len; i++)
			fprintf(stderr, "%02x", packet[i]);
		fprintf(stderr, ": reference %#llx, kernel %#llx\n", (unsigned long long)want, (unsigned long long)got);
	}
	assert_true(got == want);
	forget_fragments(l);
	want ? l->matches++ : l->misses++;
}

static void
test_kernel_agrees_with_reference(void **state)
{
	unsigned matches = 0, misses = 0, refused = 0;
	struct lab l;

	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		lab_open(&l, seed);
		put_criteria(&l);
		for (unsigned i = 0; i < PACKETS; i++)
			try_packet(&l);
		matches += l.matches;
		misses += l.misses;
		refused += l.refused;
		lab_close(&l);
	}
	print_message("%u packets named by some criterion, %u by none (%u of them not IP)\n", matches, misses, refused);
	/* A generator that only ever hits, or only misses, would prove nothing. */
	assert_true(matches > ROUNDS * PACKETS / 10 && misses > ROUNDS * PACKETS / 10 && refused > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kernel_agrees_with_reference)};

	if (geteuid() != 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
