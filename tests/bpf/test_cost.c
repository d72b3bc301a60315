/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one agency can make packets pay: sets of criteria that are made to meet in one packet are put into the kernel's
 * own tables, as many of them as are accepted, and what the kernel program then looks at for packets in the midst of
 * them, and for those that nobody asked for, is counted as it walks: a word for each mask, a comparison for each term
 * in the slots that it is led to.  A search goes from the worst set that was found to others like it.  The times that
 * are printed beside it are this machine's; what must hold is counted.
 *
 * Usage: test_cost [ROUNDS [SEED]]      exit 77: no privilege to load programs
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpftables.h"
#include "gen.h"

#define CRITERIA 4096
#define TERMS 65536
#define ADDS 600 /* of one set */
/* Terms of other keys that the hash led to the same slot, of all masks together: none here knows its seed. */
#define STRAY 8
#define REPEAT 1000
#define RUNS 9 /* of which the fastest is told: others have the CPU, too */

/* How the filters of a set are drawn. */
struct plan {
	uint8_t src_from, src_to, dst_from, dst_to; /* prefix lengths; 0: not named */
	uint8_t ports;                              /* enum: which of the ports are ranges, single, or not named */
	uint8_t step;                               /* between one range and the next */
	bool v6;
};

struct cost {
	unsigned words, steps; /* of one packet */
};

struct lab {
	struct bpftables *k;
	struct tapset *set;
	struct gen g;
	uint64_t uid, now;
	unsigned put, refused;
};

/* ---- counting what the kernel program does (bpf/hits.h, bpf/match.h) ---- */

static uint64_t
key4(const struct tap_ctl *ctl, unsigned m, const struct packet *p)
{
	const struct tap_mask4 *k = &ctl->mask4[m];
	struct tap_key4 key = {.sport_be = htons(p->sport) & k->sport_be,
	    .dport_be = htons(p->dport) & k->dport_be,
	    .proto = p->proto & k->proto,
	    .mask = (uint8_t)m};
	uint64_t w[2];

	memcpy(&key.src_be, p->src.b, 4);
	memcpy(&key.dst_be, p->dst.b, 4);
	key.src_be &= k->src_be;
	key.dst_be &= k->dst_be;
	memcpy(w, &key, sizeof w);
	return tap_hash4(ctl->seed, w[0], w[1]);
}

static uint64_t
key6(const struct tap_ctl *ctl, unsigned m, const struct packet *p)
{
	const struct tap_mask6 *k = &ctl->mask6[m];
	struct tap_key6 key = {.sport_be = htons(p->sport) & k->sport_be,
	    .dport_be = htons(p->dport) & k->dport_be,
	    .proto = p->proto & k->proto,
	    .mask = (uint8_t)m};
	__u64 w[5];

	memcpy(key.src_be, p->src.b, 16);
	memcpy(key.dst_be, p->dst.b, 16);
	for (int i = 0; i < 2; i++) {
		key.src_be[i] &= k->src_be[i];
		key.dst_be[i] &= k->dst_be[i];
	}
	memcpy(w, &key, sizeof w);
	return tap_hash6(ctl->seed, w, w + 2, w[4]);
}

static unsigned
chain_length(const struct tapset_tables *t, bool v6, uint64_t hash)
{
	unsigned n = 0;

	for (uint32_t i = v6 ? t->slot6[tap_slot(t->nslot6, hash)] : t->slot4[tap_slot(t->nslot4, hash)]; i != 0;
	     i = v6 ? t->term6[i].next : t->term4[i].next)
		n++;
	return n;
}

static struct cost
cost_of(const struct lab *l, const struct packet *p)
{
	const struct tapset_tables *t = &l->k->t;
	const bool v6 = p->family == 6;
	const struct tap_masks *in = v6 ? &t->ctl->masks6[TAP_VERSION(t->ctl->guard)]
					: &t->ctl->masks4[TAP_VERSION(t->ctl->guard)];
	const uint64_t all = in->open | in->src | in->dst;
	struct cost c = {0};

	for (unsigned m = 0; m < TAP_MASKS_MAX; m++) {
		uint64_t hash, bits;

		if (!(all >> m & 1))
			continue;
		c.words++;
		hash = v6 ? key6(t->ctl, m, p) : key4(t->ctl, m, p);
		bits = tap_bloom_bits(hash);
		if ((t->bloom[tap_bloom_word(t->ctl->bloom, hash)] & bits) == bits)
			c.steps += chain_length(t, v6, hash);
	}
	return c;
}

/* As packets usually are: no options, no tag. */
static size_t
frame_make(const struct packet *p, uint8_t frame[64])
{
	const uint8_t v6 = p->family == 6;
	uint8_t *h = frame + 14, *udp = h + (v6 ? 40 : 20);
	const uint8_t head[2][10] = {{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17}, {0x60, 0, 0, 0, 0, 8, 17, 64}};

	frame[12] = v6 ? 0x86 : 0x08;
	frame[13] = v6 ? 0xdd : 0x00;
	memcpy(h, head[v6], sizeof head[v6]);
	memcpy(h + (v6 ? 8 : 12), p->src.b, v6 ? 16 : 4);
	memcpy(h + (v6 ? 24 : 16), p->dst.b, v6 ? 16 : 4);
	udp[0] = (uint8_t)(p->sport >> 8);
	udp[1] = (uint8_t)p->sport;
	udp[2] = (uint8_t)(p->dport >> 8);
	udp[3] = (uint8_t)p->dport;
	udp[5] = 8;
	return (size_t)(udp + 8 - frame);
}

static unsigned
run_ns(const struct lab *l, const struct packet *p)
{
	uint8_t frame[64] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .repeat = REPEAT);
	unsigned best = ~0u;

	o.data_size_in = (uint32_t)frame_make(p, frame);
	for (int i = 0; i < RUNS; i++) {
		if (bpf_prog_test_run_opts(l->k->classify_fd, &o) < 0)
			err(1, "test run");
		best = o.duration < best ? o.duration : best;
	}
	return best;
}

/* ---- sets ---- */

static void
lab_clear(struct lab *l)
{
	while (l->uid > 0)
		(void)tapset_remove(l->set, l->uid--, l->now);
	l->now += 2000000000ull;
	tapset_tick(l->set, l->now);
	l->put = l->refused = 0;
}

static int
put(struct lab *l, const struct criteria *c, bool stored)
{
	static const struct tapset_dest dest = {
	    .src = {4, {198, 18, 0, 1}}, .dst = {4, {198, 18, 0, 2}}, .sport = 1, .dport = 2};
	struct tap_filter f;
	int r = filter_compile(c, &f);

	if (r < 0)
		return r;
	r = tapset_put(l->set, ++l->uid,
	    &(struct tapset_want){.filter = &f, .dest = &dest, .ndest = 1, .agency = 1, .stored = stored}, l->now);
	filter_free(&f);
	return r;
}

static void
element(struct criteria *c, enum criteria_field field, const char *text)
{
	if (criteria_parse(c, field, (struct slice){text, strlen(text)}, NULL) < 0)
		errx(1, "%s: %s", criteria_field_name(field), text);
}

static void
prefix(struct lab *l, struct criteria *c, enum criteria_field field, const char *addr, unsigned from, unsigned to)
{
	char text[64];

	if (to == 0)
		return;
	snprintf(text, sizeof text, "%s/%u", addr, from + gen_below(&l->g, to - from + 1));
	element(c, field, text);
}

static void
ports(struct lab *l, struct criteria *c, enum criteria_field field, unsigned kind, unsigned n, unsigned step)
{
	char text[32];
	unsigned at = 100 + n * step % 60000;

	if (kind == 0)
		return;
	if (kind == 1 && gen_below(&l->g, 2))
		snprintf(text, sizeof text, "%u", at);
	else
		snprintf(text, sizeof text, "%u-%u", at, at + 1);
	element(c, field, text);
}

static const char *const targets[2][2] = {{"10.1.2.3", "192.0.2.9"}, {"2001:db8:1:2::3", "2001:db8:9:8::7"}};

/* All name the one address, or networks around it, and none the ports of the packet. */
static void
set_put(struct lab *l, const struct plan *p, unsigned n, bool stored)
{
	for (unsigned i = 0; i < n; i++) {
		struct criteria c = {0};
		const char *why;
		int r;

		prefix(l, &c, CRIT_SOURCE_ADDRESS, targets[p->v6][0], p->src_from, p->src_to);
		prefix(l, &c, CRIT_DEST_ADDRESS, targets[p->v6][1], p->dst_from, p->dst_to);
		element(&c, CRIT_PROTOCOL, "17");
		ports(l, &c, CRIT_SOURCE_PORT, p->ports % 3, i, p->step);
		ports(l, &c, CRIT_DEST_PORT, p->ports / 3 % 3, i, p->step);
		c.family = p->v6 ? 6 : 4;
		if (criteria_check(&c, &why) < 0)
			errx(1, "%s", why);
		if ((r = put(l, &c, stored)) != 0 && r != -EMLINK)
			errx(1, "put: %s", strerror(-r));
		l->put += r == 0;
		l->refused += r != 0;
		l->now += 2000000; /* what was refused rests for a second, too */
		criteria_free(&c);
	}
}

static void
plan_draw(struct gen *g, struct plan *p)
{
	const unsigned bits = p->v6 ? 128 : 32;

	p->src_to = (uint8_t)gen_below(g, bits + 1);
	p->src_from = (uint8_t)gen_below(g, p->src_to + 1u);
	p->dst_to = (uint8_t)(gen_below(g, 2) ? gen_below(g, bits + 1) : 0);
	p->dst_from = (uint8_t)gen_below(g, p->dst_to + 1u);
	p->ports = (uint8_t)(1 + gen_below(g, 8)); /* or they would name the packet: then copies are what costs */
	p->step = (uint8_t)(3 + gen_below(g, 8));
}

/* One thing of it is another. */
static void
plan_change(struct gen *g, struct plan *p)
{
	struct plan other = {.v6 = p->v6};

	plan_draw(g, &other);
	switch (gen_below(g, 4)) {
	case 0:
		p->src_from = other.src_from;
		p->src_to = other.src_to;
		break;
	case 1:
		p->dst_from = other.dst_from;
		p->dst_to = other.dst_to;
		break;
	case 2:
		p->ports = other.ports;
		break;
	default:
		p->step = other.step;
	}
}

/* In the midst of all that was put. */
static struct packet
packet_target(bool v6)
{
	struct packet p = {.family = v6 ? 6 : 4, .proto = 17, .has_ports = true, .sport = 7, .dport = 9};

	if (ip_parse((struct slice){targets[v6][0], strlen(targets[v6][0])}, &p.src) < 0 ||
	    ip_parse((struct slice){targets[v6][1], strlen(targets[v6][1])}, &p.dst) < 0)
		errx(1, "addresses");
	return p;
}

/* As near to it as one can be whom no network names that the guard knows: the last bits of both sides are others. */
static struct packet
packet_stranger(bool v6)
{
	struct packet p = packet_target(v6);

	p.src.b[v6 ? 6 : 2] ^= 1;
	p.dst.b[v6 ? 6 : 2] ^= 1;
	return p;
}

/* In none of the networks: the Bloom words are all that it pays. */
static struct packet
packet_elsewhere(void)
{
	struct packet p = packet_target(false);

	p.src.b[0] = 200;
	p.dst.b[0] = 100;
	return p;
}

static unsigned
must(const struct lab *l, const struct packet *p, unsigned most, const char *who)
{
	const struct cost c = cost_of(l, p);

	if (c.words > TAPSET_MASKS || c.steps > most + STRAY)
		errx(1, "%s pays %u words and %u comparisons: at most %u and %u may be", who, c.words, c.steps,
		    TAPSET_MASKS, most);
	return c.steps;
}

/* The worst that was found for the packet. */
static unsigned
try_plan(struct lab *l, const struct plan *p, unsigned *wide)
{
	const struct packet target = packet_target(p->v6), stranger = packet_stranger(p->v6);
	const char *why = "";
	unsigned steps;

	lab_clear(l);
	set_put(l, p, ADDS, false);
	steps = must(l, &target, TAPSET_STEPS, "a target");
	*wide = must(l, &stranger, TAPSET_STEPS_WIDE, "a stranger");
	if (tapset_check(l->set, &why) < 0)
		errx(1, "tables: %s", why);
	return steps + *wide;
}

static void
search(struct lab *l, bool v6, unsigned rounds)
{
	struct plan best = {.v6 = v6}, p;
	unsigned worst = 0, wide = 0, w;
	struct packet target = packet_target(v6), stranger = packet_stranger(v6);

	for (unsigned i = 0; i < rounds; i++) {
		unsigned n;

		p = best;
		if (worst == 0 || gen_below(&l->g, 4) == 0)
			plan_draw(&l->g, &p);
		else
			plan_change(&l->g, &p);
		if ((n = try_plan(l, &p, &w)) < worst)
			continue;
		worst = n;
		wide = w;
		best = p;
	}
	(void)try_plan(l, &best, &w);
	printf("IPv%d: of %u sets the worst has %u comparisons for a target and %u for a stranger (%u filters of %u "
	       "accepted): %u and %u ns\n",
	    v6 ? 6 : 4, rounds, worst - wide, wide, l->put, l->put + l->refused, run_ns(l, &target),
	    run_ns(l, &stranger));
	if (worst < TAPSET_STEPS)
		errx(1, "the search found nothing near the bound: it does not look where it hurts");
}

/* The attack that this is about: as many filters as would fit, of all prefix lengths, with ranges of ports. */
static void
many(struct lab *l)
{
	const struct plan p = {.src_from = 1, .src_to = 32, .ports = 6, .step = 4};
	const struct packet target = packet_target(false), stranger = packet_stranger(false),
			    elsewhere = packet_elsewhere();
	const char *why = "";
	unsigned steps;

	lab_clear(l);
	set_put(l, &p, 60000, false);
	steps = must(l, &target, TAPSET_STEPS, "a target");
	printf("60,000 ADDs, %u accepted: %u comparisons for a target, %u ns; %u for a stranger, %u ns\n", l->put,
	    steps, run_ns(l, &target), must(l, &stranger, TAPSET_STEPS_WIDE, "a stranger"), run_ns(l, &stranger));
	printf("a packet from elsewhere: %u words, %u comparisons, %u ns\n", cost_of(l, &elsewhere).words,
	    cost_of(l, &elsewhere).steps, run_ns(l, &elsewhere));
	if (cost_of(l, &elsewhere).steps > STRAY || l->put == 0 || tapset_check(l->set, &why) < 0)
		errx(1, "after 60,000 ADDs: %s", why);
}

/* Everything at once, as it was when nothing was refused: so that what is counted above is what costs. */
static void
without_rule(struct lab *l)
{
	const struct plan p = {.src_from = 1, .src_to = 32, .ports = 6, .step = 4};
	const struct packet target = packet_target(false), stranger = packet_stranger(false);

	lab_clear(l);
	set_put(l, &p, CRITERIA - 1, true);
	printf("without the rule %u filters: %u comparisons for a target, %u ns; %u for a stranger, %u ns\n", l->put,
	    cost_of(l, &target).steps, run_ns(l, &target), cost_of(l, &stranger).steps, run_ns(l, &stranger));
	if (cost_of(l, &target).steps < 8 * TAPSET_STEPS || tapset_costly(l->set, 0) != 1)
		errx(1, "what was stored before is not as it was");
}

int
main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 60;
	struct lab l = {.now = 1};
	int r;

	gen_init(&l.g, argc > 2 ? strtoull(argv[2], NULL, 0) : 20261130);
	if ((r = bpftables_load(CRITERIA, TERMS, &l.k)) == -EPERM) {
		printf("skipped: no privilege to load BPF programs\n");
		return 77;
	}
	if (r < 0 || tapset_new(&l.k->t, &l.set) < 0 || tapset_recover(l.set, l.now) < 0)
		errx(1, "no tables: %s", strerror(-r));
	search(&l, false, rounds);
	search(&l, true, rounds);
	many(&l);
	without_rule(&l);
	tapset_free(l.set);
	bpftables_free(l.k);
	return 0;
}
