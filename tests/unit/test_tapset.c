/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gen.h"
#include "memtables.h"

#define SECOND 1000000000ull

struct rig {
	struct memtables *m;
	struct tapset *s;
	uint64_t now;
};

static void
check(const struct rig *r)
{
	const char *why = "";

	if (tapset_check(r->s, &why) < 0)
		fail_msg("%s", why);
}

static void
start(struct rig *r)
{
	struct tapset_tables t = memtables_tables(r->m);

	assert_int_equal(tapset_new(&t, &r->s), 0);
	assert_int_equal(tapset_recover(r->s, r->now), 0);
	check(r);
}

static struct rig
begin(void)
{
	struct rig r = {.m = memtables_new(), .now = SECOND};

	assert_non_null(r.m);
	start(&r);
	return r;
}

static void
end(struct rig *r)
{
	tapset_free(r->s);
	memtables_free(r->m);
}

static struct tap_filter
filter(const char *src, const char *dport)
{
	struct criteria c = {0};
	struct tap_filter f;

	assert_int_equal(criteria_parse(&c, CRIT_SOURCE_ADDRESS, (struct slice){src, strlen(src)}, NULL), 0);
	if (dport != NULL) {
		assert_int_equal(criteria_parse(&c, CRIT_PROTOCOL, (struct slice){"17", 2}, NULL), 0);
		assert_int_equal(criteria_parse(&c, CRIT_DEST_PORT, (struct slice){dport, strlen(dport)}, NULL), 0);
	}
	assert_int_equal(filter_compile(&c, &f), 0);
	criteria_free(&c);
	return f;
}

static struct tapset_dest
dest(unsigned port, uint8_t ttl)
{
	return (struct tapset_dest){.src = {4, {198, 18, 0, 1}},
	    .dst = {4, {198, 18, 0, 2}},
	    .sport = 49153,
	    .dport = (uint16_t)port,
	    .ttl = ttl};
}

static int
put_filter(struct rig *r, uint64_t uid, struct tap_filter f, unsigned port, uint32_t agency)
{
	struct tapset_dest d = dest(port, 255);
	int rc = tapset_put(
	    r->s, uid, &(struct tapset_want){.filter = &f, .dest = &d, .ndest = 1, .agency = agency}, r->now);

	filter_free(&f);
	check(r);
	return rc;
}

static int
put(struct rig *r, uint64_t uid, const char *src, const char *dport, unsigned port)
{
	return put_filter(r, uid, filter(src, dport), port, 1);
}

static struct tapset_usage
usage(const struct rig *r)
{
	struct tapset_usage u;

	tapset_usage(r->s, &u);
	return u;
}

/* No copy is on its way any more. */
static void
rest(struct rig *r)
{
	r->now += 2 * SECOND;
	tapset_tick(r->s, r->now);
	check(r);
}

static void
test_put_remove(void **state)
{
	struct rig r = begin();
	struct packet p = {.family = 4,
	    .proto = 17,
	    .has_ports = true,
	    .src = {4, {10, 1, 2, 3}},
	    .dst = {4, {9, 9, 9, 9}},
	    .dport = 53};
	uint64_t uid[4];

	(void)state;
	assert_int_equal(put(&r, 7, "10.0.0.0/8", NULL, 1), 0);
	assert_int_equal(put(&r, 7, "10.0.0.0/8", NULL, 1), -EEXIST);
	assert_int_equal(put(&r, 8, "10.1.2.3", "53", 1), 0);
	assert_int_equal(put(&r, 9, "10.1.2.3", "54", 1), 0);
	assert_int_equal(memtables_match(r.m, &p, uid, 4), 2);
	assert_int_equal(r.m->ctl.l4_terms, 2);
	assert_int_equal(usage(&r).dests, 1);
	assert_int_equal(tapset_remove(r.s, 8, r.now), 0);
	check(&r);
	assert_int_equal(tapset_remove(r.s, 8, r.now), -ENOENT);
	assert_int_equal(memtables_match(r.m, &p, uid, 4), 1);
	assert_int_equal(uid[0], 7);
	assert_int_equal(tapset_remove(r.s, 7, r.now), 0);
	assert_int_equal(tapset_remove(r.s, 9, r.now), 0);
	check(&r);
	assert_int_equal(r.m->own.n, 2); /* for what is still on its way */
	rest(&r);
	assert_int_equal(usage(&r).crits + usage(&r).terms4 + usage(&r).dests + usage(&r).masks4, 0);
	assert_int_equal(r.m->own.n + r.m->ctl.l4_terms + r.m->ctl.nmask4, 0);
	end(&r);
}

/* The same place with another TTL is another destination; own headers go with the last user. */
static void
test_destinations(void **state)
{
	struct rig r = begin();
	struct tap_filter f = filter("10.0.0.1", NULL);
	struct tapset_dest a[2] = {dest(1, 255), dest(1, 64)}, b[2] = {dest(1, 64), dest(2, 64)};

	(void)state;
	assert_int_equal(
	    tapset_put(r.s, 1, &(struct tapset_want){.filter = &f, .dest = a, .ndest = 2, .agency = 1}, r.now), 0);
	assert_int_equal(
	    tapset_put(r.s, 2, &(struct tapset_want){.filter = &f, .dest = b, .ndest = 2, .agency = 1}, r.now), 0);
	check(&r);
	assert_int_equal(usage(&r).dests, 3);
	assert_int_equal(r.m->own.n, 3); /* two ports, and the pair of addresses */
	assert_int_equal(tapset_remove(r.s, 1, r.now), 0);
	check(&r);
	assert_int_equal(r.m->own.n, 3);
	assert_int_equal(tapset_remove(r.s, 2, r.now), 0);
	check(&r);
	assert_int_equal(r.m->own.n, 3);
	/* Wanted again: it rests no more. */
	assert_int_equal(
	    tapset_put(r.s, 9, &(struct tapset_want){.filter = &f, .dest = b, .ndest = 1, .agency = 1}, r.now), 0);
	assert_int_equal(usage(&r).dests, 3);
	rest(&r);
	assert_int_equal(usage(&r).dests, 1);
	assert_int_equal(r.m->own.n, 2);
	assert_int_equal(tapset_remove(r.s, 9, r.now), 0);
	rest(&r);
	assert_int_equal(r.m->own.n, 0);
	assert_int_equal(
	    tapset_put(r.s, 3, &(struct tapset_want){.filter = &f, .dest = a, .ndest = 0, .agency = 1}, r.now),
	    -EINVAL);
	filter_free(&f);
	end(&r);
}

/* Whatever is full, a refused criterion leaves everything as it was. */
static void
test_full(void **state)
{
	static const struct {
		const char *what;
		size_t max; /* offset of the limit of a hash table, or 0 */
	} row[] = {{"criteria", 0}, {"own", offsetof(struct memtables, own)}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct rig r = begin();
		struct tapset_usage before, now;
		char src[64];
		int rc = 0;
		uint64_t n;

		if (row[i].max != 0)
			((struct mem_hash *)((char *)r.m + row[i].max))->max = 20;
		for (n = 1; rc == 0; n++) {
			before = usage(&r);
			snprintf(src, sizeof src, "10.%u.%u.1-10.%u.%u.9", (unsigned)n >> 8, (unsigned)n & 255,
			    (unsigned)n >> 8, (unsigned)n & 255);
			rc = put(&r, n, src, "53", row[i].max == offsetof(struct memtables, own) ? (unsigned)n : 1);
		}
		assert_int_equal(rc, -ENOSPC);
		now = usage(&r);
		now.bloom_words = before.bloom_words;
		assert_memory_equal(&before, &now, sizeof before);
		assert_int_equal(tapset_remove(r.s, 1, r.now), 0);
		r.now += 2 * SECOND;
		assert_int_equal(put(&r, 1000, "10.0.0.1", "53", 1), 0);
		end(&r);
	}
}

/* More kinds of filter than there are masks: coarser ones take them in. */
#define EIGHT "10.0.0.1,10.0.0.3,10.0.0.5,10.0.0.7,10.0.0.9,10.0.0.11,10.0.0.13,10.0.0.15"

/* Criteria of eight terms each, as many as the agency gets: how many. */
static unsigned
put_all_it_can(struct rig *r, uint32_t agency)
{
	for (unsigned n = 0;; n++) {
		int rc = put_filter(r, agency * 1000 + n, filter(EIGHT, NULL), agency, agency);

		if (rc < 0) {
			assert_int_equal(rc, -ENOSPC);
			return n;
		}
	}
}

/* The terms are never one agency's alone, nor that of several, and after a restart neither. */
static void
test_terms_are_shared_out(void **state)
{
	struct rig r = begin();
	unsigned before = put_all_it_can(&r, 2);

	(void)state;
	assert_int_equal(before, 512 / 2 / 8 - 1); /* index 0 is none */
	tapset_free(r.s);
	start(&r);
	for (unsigned n = 0; n < before; n++)
		assert_int_equal(put_filter(&r, 2000 + n, filter(EIGHT, NULL), 2, 2), 0);
	assert_int_equal(put_all_it_can(&r, 3), (512 - 8 * before) / 2 / 8);
	assert_int_equal(put(&r, 1, "10.0.0.1", NULL, 1), 0);
	for (unsigned n = 0; n < before; n++)
		assert_int_equal(tapset_remove(r.s, 2000 + n, r.now), 0);
	r.now += 2 * SECOND;
	assert_int_equal(put_filter(&r, 2000, filter(EIGHT, NULL), 2, 2), 0);
	end(&r);
}

static void
test_many_masks(void **state)
{
	struct rig r = begin();
	char src[32];
	uint64_t uid[128];

	(void)state;
	for (unsigned i = 0; i < 99; i++) {
		snprintf(src, sizeof src, "10.%u.0.0/%u", i, 24 + i % 9);
		assert_int_equal(put(&r, i + 1, src,
				     i / 25 == 0   ? NULL
				     : i / 25 == 1 ? "53"
				     : i / 25 == 2 ? "5-9"
						   : "54",
				     1),
		    0);
	}
	assert_true(usage(&r).masks4 <= TAPSET_MASKS);
	for (unsigned i = 0; i < 99; i++) {
		struct packet p = {.family = 4,
		    .proto = 17,
		    .has_ports = true,
		    .dport = i / 25 == 1   ? 53
			     : i / 25 == 2 ? 7
					   : 54};
		bool hit = false;

		p.src = (struct ip_addr){4, {10, (uint8_t)i, 0, 0}};
		p.dst = (struct ip_addr){4, {1, 1, 1, 1}};
		for (unsigned n = memtables_match(r.m, &p, uid, 128); n-- > 0;)
			hit = hit || uid[n] == i + 1;
		assert_true(hit);
	}
	end(&r);
}

/* ---- what packets pay for an agency's terms ---- */

static bool
is_within(const struct rig *r, uint32_t agency)
{
	const struct tapset_cost c = tapset_cost(r->s, 4, agency);

	return c.masks <= TAPSET_MASKS && c.steps <= TAPSET_STEPS && c.wide <= TAPSET_STEPS_WIDE;
}

/* The n-th of many that meet in one packet: 10.0.0.1, and ports around 53. */
static int
put_costly(struct rig *r, uint64_t uid, unsigned n, uint32_t agency)
{
	char src[32], ports[32];

	snprintf(src, sizeof src, "10.0.0.1/%u", 1 + n * 7 % 32);
	snprintf(ports, sizeof ports, "%u-%u", 100 + 4 * n, 101 + 4 * n);
	return put_filter(r, uid, filter(src, ports), agency, agency);
}

/* As many as the agency gets of n, a bit each. */
static void
put_costlies(struct rig *r, uint32_t agency, bool *got, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const int rc = put_costly(r, agency * 1000 + i, i, agency);

		assert_true(rc == 0 || rc == -EMLINK);
		assert_true(is_within(r, agency));
		got[i] = rc == 0;
		r->now += SECOND / 50; /* what was refused rests as well */
	}
}

/* What one may have is the same whatever others have, in the same order or another. */
static void
test_cost_is_the_agencys_own(void **state)
{
	bool alone[200], beside[200], other[200];
	struct rig r = begin();

	(void)state;
	put_costlies(&r, 2, alone, 200);
	assert_true(alone[0] && !alone[199]);
	end(&r);
	r = begin();
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(put_filter(&r, 9000 + i, filter(i % 2 ? "10.0.0.0/9" : "10.0.0.1", "53"), 4, 4), 0);
	put_costlies(&r, 3, other, 200);
	put_costlies(&r, 2, beside, 200);
	assert_memory_equal(alone, beside, sizeof alone);
	assert_memory_equal(alone, other, sizeof alone);
	end(&r);
}

/* A chain under one key, up to the last that may be; what goes makes room; a restart changes nothing. */
static void
test_cost_of_a_chain(void **state)
{
	struct rig r = begin();
	unsigned n = 0;
	int rc;

	(void)state;
	while ((rc = put_filter(&r, n + 1, filter("10.0.0.1", NULL), 1, 1)) == 0)
		n++;
	assert_int_equal(rc, -EMLINK);
	assert_int_equal(n, TAPSET_STEPS);
	assert_int_equal(put_filter(&r, 900, filter("10.0.0.2", NULL), 1, 1), 0); /* under another key */
	tapset_free(r.s);
	start(&r);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(put_filter(&r, i + 1, filter("10.0.0.1", NULL), 1, 1), 0);
	assert_int_equal(put_filter(&r, 901, filter("10.0.0.1", NULL), 1, 1), -EMLINK);
	assert_int_equal(tapset_remove(r.s, 5, r.now), 0);
	assert_int_equal(put_filter(&r, 901, filter("10.0.0.1", NULL), 1, 1), 0);
	for (n = 0; put_filter(&r, 1000 + n, filter("0.0.0.0/0", NULL), 2, 2) == 0;)
		n++;
	assert_int_equal(n, TAPSET_STEPS_WIDE);
	end(&r);
}

/* What came before the rule stays, is told, and has nothing join it that costs more. */
static void
test_cost_of_what_is_stored(void **state)
{
	struct rig r = begin();
	struct tapset_dest d = dest(1, 255);
	struct tap_filter f = filter("10.0.0.1", NULL);
	struct tapset_want w = {.filter = &f, .dest = &d, .ndest = 1, .agency = 3, .stored = true};

	(void)state;
	assert_int_equal(tapset_costly(r.s, 0), 0);
	for (unsigned i = 0; i < TAPSET_STEPS + 20; i++)
		assert_int_equal(tapset_put(r.s, i + 1, &w, r.now), 0);
	check(&r);
	assert_int_equal(tapset_costly(r.s, 0), 3);
	assert_int_equal(tapset_costly(r.s, 3), 0);
	w.stored = false;
	assert_int_equal(tapset_put(r.s, 999, &w, r.now), -EMLINK);
	for (unsigned i = 0; i < 21; i++)
		assert_int_equal(tapset_remove(r.s, i + 1, r.now), 0);
	check(&r);
	assert_int_equal(tapset_costly(r.s, 0), 0);
	assert_int_equal(tapset_put(r.s, 999, &w, r.now), 0);
	assert_int_equal(tapset_put(r.s, 998, &w, r.now), -EMLINK);
	filter_free(&f);
	end(&r);
	/* of more kinds than there may be, each of which was within the rule while it was alone */
	r = begin();
	w = (struct tapset_want){.filter = &f, .dest = &d, .ndest = 1, .agency = 3, .stored = true};
	for (unsigned i = 0; i < 180; i++) {
		char src[32], ports[32];

		snprintf(src, sizeof src, "10.0.0.1/%u", 1 + i % 30);
		snprintf(ports, sizeof ports, "%u-%u", 100 + 4 * i, 101 + 4 * i);
		f = filter(src, ports);
		assert_int_equal(tapset_put(r.s, i + 1, &w, r.now), 0);
		filter_free(&f);
	}
	check(&r);
	assert_int_equal(tapset_costly(r.s, 0), 3);
	end(&r);
}

/* An index that was freed is given to nobody else for a second. */
static void
test_quarantine(void **state)
{
	struct rig r = begin();
	char src[32];

	(void)state;
	for (unsigned uid = 1; uid < ARRAY_LEN(r.m->crit); uid++) {
		snprintf(src, sizeof src, "10.0.%u.%u", uid >> 8, uid & 255);
		assert_int_equal(put_filter(&r, uid, filter(src, NULL), 1, 1 + uid % 4), 0);
	}
	assert_int_equal(tapset_remove(r.s, 5, r.now), 0);
	r.now += SECOND - 1000000;
	assert_int_equal(put(&r, 1500, "10.0.0.1", NULL, 1), -ENOSPC);
	r.now += 1000000;
	assert_int_equal(put(&r, 1500, "10.0.0.1", NULL, 1), 0);
	end(&r);
}

/* As many places as there may be: the next is refused in words of its own, and nothing is changed; one that is there
 * already is not. */
static void
test_dests_full(void **state)
{
	struct rig r = begin();
	unsigned port = 1000;
	uint64_t uid = 1;
	uint32_t before;
	int rc = 0;

	(void)state;
	for (; uid < ARRAY_LEN(r.m->crit) && rc == 0; uid++, port += 2) {
		struct tap_filter f = filter("10.0.0.1", NULL);
		struct tapset_dest d[2] = {dest(port, 255), dest(port + 1, 255)};

		rc = tapset_put(
		    r.s, uid, &(struct tapset_want){.filter = &f, .dest = d, .ndest = 2, .agency = 1}, r.now);
		filter_free(&f);
	}
	assert_int_equal(rc, -EDQUOT);
	before = usage(&r).crits;
	assert_int_equal(put(&r, 501, "10.0.0.1", NULL, 1000), 0);
	assert_int_equal(usage(&r).crits, before + 1);
	end(&r);
}

/* No table names who was a target, once nobody can be looking any more; not even while
 * criteria under the same key live on. */
static void
test_removed_is_overwritten(void **state)
{
	static const char *const who[] = {"10.9.0.1", "10.9.0.1-10.9.0.2", "2001:db8:7::1"};
	static const struct tap_term4 none4;
	static const struct tap_term6 none6;
	struct rig r = begin();

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(who); i++)
		for (uint64_t n = 0; n < 3; n++)
			assert_int_equal(put(&r, 10 * i + n + 1, who[i], n > 1 ? "53" : NULL, 1), 0);
	for (unsigned i = 0; i < ARRAY_LEN(who); i++)
		for (uint64_t n = 0; n < 2; n++)
			assert_int_equal(tapset_remove(r.s, 10 * i + n + 1, r.now), 0);
	check(&r);
	r.now += SECOND - 1000000;
	tapset_tick(r.s, r.now);
	assert_memory_not_equal(&r.m->term4[1], &none4, sizeof none4);
	r.now += 1000000;
	tapset_tick(r.s, r.now);
	check(&r);
	for (unsigned i = 0; i < ARRAY_LEN(r.m->term4); i++)
		assert_true(r.m->term4[i].crit != 0 || memcmp(&r.m->term4[i], &none4, sizeof none4) == 0);
	for (unsigned i = 0; i < ARRAY_LEN(r.m->term6); i++)
		assert_true(r.m->term6[i].crit != 0 || memcmp(&r.m->term6[i], &none6, sizeof none6) == 0);
	assert_int_equal(usage(&r).crits, 3);
	end(&r);
}

static void
test_figures(void **state)
{
	struct rig r = begin();
	struct tap_count c;

	(void)state;
	assert_int_equal(put(&r, 5, "10.0.0.1", NULL, 1), 0);
	r.now += 11 * SECOND;
	tapset_tick(r.s, r.now);
	for (unsigned i = 1; i < ARRAY_LEN(r.m->crit); i++)
		if (r.m->crit[i].uid == 5)
			r.m->count[i] = (struct tap_count){.packets = 3, .bytes = 125000, .copies_due = 3};
	r.now += 10 * SECOND;
	tapset_tick(r.s, r.now);
	assert_int_equal(tapset_bandwidth(r.s, 5), 100000);
	assert_int_equal(tapset_counts(r.s, 5, &c), 0);
	assert_int_equal(c.packets, 3);
	assert_int_equal(tapset_counts(r.s, 6, &c), -ENOENT);
	assert_int_equal(tapset_bandwidth(r.s, 6), 0);
	end(&r);
}

/* A restart: what is asked for again stays as it is, counters and all; what differs is made anew; what
 * nobody asks for goes. */
static void
test_restart(void **state)
{
	struct rig r = begin();
	uint32_t at = 0;

	(void)state;
	assert_int_equal(put(&r, 1, "10.0.0.1,10.0.0.9", "53", 1), 0);
	assert_int_equal(put(&r, 2, "10.0.0.2", NULL, 1), 0);
	assert_int_equal(put(&r, 3, "2001:db8::3", NULL, 1), 0);
	for (uint32_t i = 1; i < ARRAY_LEN(r.m->crit); i++)
		if (r.m->crit[i].uid == 1)
			at = i;
	r.m->count[at].packets = 42;
	tapset_free(r.s);
	start(&r);
	assert_int_equal(put(&r, 1, "10.0.0.1,10.0.0.9", "53", 1), 0);
	assert_int_equal(put(&r, 1, "10.0.0.1,10.0.0.9", "53", 1), -EEXIST);
	assert_int_equal(put(&r, 2, "10.0.0.77", NULL, 1), 0);
	assert_int_equal(r.m->count[at].packets, 42);
	assert_int_equal(tapset_drop_unconfirmed(r.s, r.now), 1);
	check(&r);
	assert_int_equal(usage(&r).crits, 2);
	assert_int_equal(usage(&r).terms6, 0);
	end(&r);
}

/* ---- lives: here this process writes what the kernel would ---- */

static int
put_life(struct rig *r, uint64_t uid, uint32_t agency, const struct tapset_life *life)
{
	struct tap_filter f = filter("10.0.0.1", NULL);
	struct tapset_dest d = dest(1, 255);
	int rc = tapset_put(r->s, uid,
	    &(struct tapset_want){.filter = &f, .dest = &d, .ndest = 1, .agency = agency, .life = *life}, r->now);

	filter_free(&f);
	check(r);
	return rc;
}

static uint32_t
index_of(const struct memtables *m, uint64_t uid)
{
	for (uint32_t i = 1; i < ARRAY_LEN(m->crit); i++)
		if (m->crit[i].uid == uid)
			return i;
	return 0;
}

static struct tap_count *
count_at(const struct rig *r, uint64_t uid)
{
	return &r->m->count[index_of(r->m, uid)];
}

/* As bpf/life.h. */
static bool
admits(const struct rig *r, uint64_t uid, int64_t packets)
{
	uint32_t i = index_of(r->m, uid);
	const struct tap_crit *k = &r->m->crit[i];
	struct tap_count *n = &r->m->count[i];
	uint64_t since = n->seen_ns > k->start_ns ? n->seen_ns : k->start_ns;

	if (k->state != TAP_CRIT_ACTIVE || r->now < k->start_ns || (k->end_ns != 0 && r->now >= k->end_ns) ||
	    n->seen_ns == TAP_SEEN_ENDED)
		return false;
	if (n->idle_ns != 0) {
		n->seen_ns = r->now > since && r->now - since >= n->idle_ns ? TAP_SEEN_ENDED : r->now;
		if (n->seen_ns == TAP_SEEN_ENDED)
			return false;
	}
	if (k->packets != 0) {
		n->packets_left -= packets;
		if (n->packets_left <= 0)
			r->m->ended[i / 64] |= 1ull << i % 64;
		return n->packets_left + packets > 0;
	}
	return true;
}

/* The next one told; TAPSET_LIVE: none. */
static enum tapset_end
told(struct rig *r, uint64_t *uid)
{
	struct tapset_ended e = {0};

	tapset_tick(r->s, r->now);
	if (!tapset_ended(r->s, r->now, &e))
		return TAPSET_LIVE;
	*uid = e.uid;
	return e.reason;
}

static int
life_set(struct rig *r, uint64_t uid, unsigned which, struct tapset_life life)
{
	int rc = tapset_life_set(r->s, uid, which, &life, r->now);

	check(r);
	return rc;
}

static void
test_end(void **state)
{
	struct rig r = begin();
	uint64_t uid = 0;

	(void)state;
	assert_int_equal(put_life(&r, 1, 1, &(struct tapset_life){.end_ns = 10 * SECOND}), 0);
	assert_int_equal(put_life(&r, 2, 1, &(struct tapset_life){.end_ns = 20 * SECOND}), 0);
	assert_int_equal(put_life(&r, 3, 1, &(struct tapset_life){0}), 0);
	r.now = 10 * SECOND - 1;
	assert_true(admits(&r, 1, 1));
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	assert_int_equal(life_set(&r, 2, TAPSET_LIFE_END, (struct tapset_life){.end_ns = 30 * SECOND}), 0);
	assert_int_equal(life_set(&r, 9, TAPSET_LIFE_END, (struct tapset_life){.end_ns = 30 * SECOND}), -ENOENT);
	r.now++;
	assert_false(admits(&r, 1, 1));
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_END, (struct tapset_life){.end_ns = 30 * SECOND}), -ENOENT);
	assert_int_equal(told(&r, &uid), TAPSET_END_TIME);
	assert_int_equal(uid, 1);
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	r.now = 30 * SECOND - 1;
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	r.now++;
	assert_int_equal(told(&r, &uid), TAPSET_END_TIME);
	assert_int_equal(uid, 2);
	assert_true(admits(&r, 3, 1));
	assert_int_equal(tapset_remove(r.s, 1, r.now), 0);
	end(&r);
}

/* Start and idleness: it counts from the later of the start and the last packet. */
static void
test_idle(void **state)
{
	struct rig r = begin();
	struct tapset_life life = {.start_ns = 5 * SECOND, .idle_ns = 2 * SECOND};
	uint64_t uid = 0;

	(void)state;
	assert_int_equal(put_life(&r, 1, 1, &life), 0);
	r.now = 5 * SECOND - 1;
	assert_false(admits(&r, 1, 1));
	r.now = 7 * SECOND - 1;
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	assert_true(admits(&r, 1, 1));
	r.now = 9 * SECOND - 2;
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_IDLE, (struct tapset_life){.idle_ns = 4 * SECOND}), 0);
	r.now += 4 * SECOND - 1;
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	r.now++;
	assert_int_equal(told(&r, &uid), TAPSET_END_IDLE);
	assert_int_equal(count_at(&r, 1)->seen_ns, TAP_SEEN_ENDED);
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_IDLE, (struct tapset_life){0}), -ENOENT);
	assert_false(admits(&r, 1, 1));
	/* Of two ends the earlier is told. */
	life = (struct tapset_life){.end_ns = r.now + 3 * SECOND, .idle_ns = 2 * SECOND};
	assert_int_equal(put_life(&r, 2, 1, &life), 0);
	life.end_ns = r.now + SECOND;
	assert_int_equal(put_life(&r, 3, 1, &life), 0);
	r.now += 9 * SECOND;
	for (int i = 0; i < 2; i++) {
		enum tapset_end e = told(&r, &uid);

		assert_int_equal(e, uid == 2 ? TAPSET_END_IDLE : TAPSET_END_TIME);
	}
	end(&r);
}

static void
test_limits(void **state)
{
	struct rig r = begin();
	uint64_t uid = 0;

	(void)state;
	assert_int_equal(put_life(&r, 1, 1, &(struct tapset_life){.packets = 10, .bytes = UINT64_MAX}), 0);
	assert_true(count_at(&r, 1)->bytes_left == INT64_MAX);
	assert_true(admits(&r, 1, 9));
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_PACKETS, (struct tapset_life){.packets = 3}), 0);
	assert_true(admits(&r, 1, 2) && admits(&r, 1, 5));
	assert_false(admits(&r, 1, 1));
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_PACKETS, (struct tapset_life){.packets = 3}), -ENOENT);
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_PACKETS, (struct tapset_life){0}), -ENOENT);
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_BYTES, (struct tapset_life){.bytes = 3}), -ENOENT);
	assert_false(admits(&r, 1, 1));
	assert_int_equal(told(&r, &uid), TAPSET_END_PACKETS);
	assert_int_equal(r.m->ended[0] | r.m->ended[1], 0);
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	/* No limit, then one, then none. */
	assert_int_equal(put_life(&r, 2, 1, &(struct tapset_life){0}), 0);
	assert_true(admits(&r, 2, 1000));
	assert_int_equal(life_set(&r, 2, TAPSET_LIFE_PACKETS, (struct tapset_life){.packets = 3}), 0);
	assert_true(admits(&r, 2, 2));
	assert_int_equal(life_set(&r, 2, TAPSET_LIFE_PACKETS, (struct tapset_life){0}), 0);
	assert_true(admits(&r, 2, 1000) && admits(&r, 2, 1000));
	count_at(&r, 2)->bytes_left = 0;
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	assert_int_equal(life_set(&r, 2, TAPSET_LIFE_BYTES, (struct tapset_life){.bytes = 3}), 0);
	count_at(&r, 2)->bytes_left = 0;
	r.m->ended[index_of(r.m, 2) / 64] |= 1ull << index_of(r.m, 2) % 64;
	assert_int_equal(told(&r, &uid), TAPSET_END_BYTES);
	end(&r);
}

static void
restart(struct rig *r)
{
	tapset_free(r->s);
	start(r);
}

/* What was consumed stays consumed, what has ended stays ended, whatever is asked for after the restart. */
static void
test_life_restart(void **state)
{
	static const struct tapset_life longer = {.end_ns = 1000 * SECOND, .idle_ns = 500 * SECOND, .packets = 100};
	struct tapset_life life = {.end_ns = 50 * SECOND, .idle_ns = 20 * SECOND, .packets = 10};
	struct rig r = begin();
	uint64_t uid = 0;

	(void)state;
	for (uint64_t u = 1; u <= 5; u++)
		assert_int_equal(put_life(&r, u, 1, &life), 0);
	r.now += 10 * SECOND;
	assert_true(admits(&r, 1, 4) && admits(&r, 2, 4) && admits(&r, 3, 4) && admits(&r, 4, 10));
	restart(&r);
	/* 1 as before, 2 with another life, 3 with another filter, 4 has ended by its packets. */
	assert_int_equal(put_life(&r, 1, 1, &life), 0);
	assert_int_equal(put_life(&r, 2, 1, &longer), 0);
	assert_int_equal(put_life(&r, 4, 1, &longer), 0);
	count_at(&r, 3)->packets = 77;
	life.packets = 6;
	assert_int_equal(put_life(&r, 3, 2, &life), 0); /* another agency: made anew */
	assert_int_equal(count_at(&r, 3)->packets, 0);
	assert_int_equal(count_at(&r, 1)->packets_left, 6);
	assert_int_equal(count_at(&r, 2)->packets_left, 96);
	assert_int_equal(count_at(&r, 3)->packets_left, 2);
	assert_int_equal(count_at(&r, 3)->seen_ns, r.now);
	assert_int_equal(told(&r, &uid), TAPSET_END_PACKETS);
	assert_int_equal(uid, 4);
	assert_int_equal(tapset_remove(r.s, 4, r.now), 0);
	/* A lower limit than what was consumed ends it; 5 becomes idle while nobody is there. */
	restart(&r);
	life.packets = 3;
	assert_int_equal(put_life(&r, 1, 1, &life), 0);
	assert_int_equal(told(&r, &uid), TAPSET_END_PACKETS);
	assert_int_equal(uid, 1);
	r.now += 11 * SECOND;
	restart(&r);
	assert_int_equal(put_life(&r, 5, 1, &longer), 0);
	assert_int_equal(put_life(&r, 1, 7, &longer), 0); /* not even as another's */
	assert_int_equal(tapset_drop_unconfirmed(r.s, r.now), 2);
	for (int i = 0; i < 2; i++) {
		enum tapset_end e = told(&r, &uid);

		assert_int_equal(e, uid == 5 ? TAPSET_END_IDLE : TAPSET_END_PACKETS);
		assert_false(admits(&r, uid, 1));
	}
	assert_int_equal(told(&r, &uid), TAPSET_LIVE);
	check(&r);
	end(&r);
}

/* Many at once: each is told at the tick after its end, in whatever order they were filed. */
static void
test_ends_random(void **state)
{
	uint64_t end_ns[100] = {0}, uid = 0;
	struct rig r = begin();
	struct gen g;

	(void)state;
	gen_init(&g, 99);
	for (unsigned step = 0; step < 5000; step++) {
		uint64_t u = 1 + gen_below(&g, 99), at = r.now + 1 + gen_below(&g, 40) * SECOND / 4;

		if (end_ns[u] == 0 && put_life(&r, u, 1, &(struct tapset_life){.end_ns = at}) == 0) {
			end_ns[u] = at;
		} else if (end_ns[u] != 0 && gen_chance(&g, 10)) {
			assert_int_equal(tapset_remove(r.s, u, r.now), 0);
			end_ns[u] = 0;
		} else if (end_ns[u] != 0) {
			assert_int_equal(life_set(&r, u, TAPSET_LIFE_END, (struct tapset_life){.end_ns = at}), 0);
			end_ns[u] = at;
		}
		r.now += SECOND / 16;
		while (told(&r, &uid) != TAPSET_LIVE) {
			assert_true(end_ns[uid] != 0 && end_ns[uid] <= r.now);
			assert_int_equal(tapset_remove(r.s, uid, r.now), 0);
			end_ns[uid] = 0;
		}
		for (u = 1; u < 100; u++)
			assert_true(end_ns[u] == 0 || end_ns[u] > r.now);
	}
	end(&r);
}

static void
test_agencies(void **state)
{
	struct tapset_budget b = {.packets_per_s = 5, .bytes_per_s = UINT64_MAX, .burst_ms = 7};
	struct tapset_agency_count n;
	struct rig r = begin();
	struct tap_agency *a = &r.m->agency[2];

	(void)state;
	assert_int_equal(put_life(&r, 1, 0, &(struct tapset_life){0}), -EINVAL);
	assert_int_equal(put_life(&r, 1, ARRAY_LEN(r.m->agency), &(struct tapset_life){0}), -ENOSPC);
	assert_int_equal(put_life(&r, 1, 1, &(struct tapset_life){0}), 0);
	assert_int_equal(put_life(&r, 2, 2, &(struct tapset_life){0}), 0);
	assert_int_equal(put_life(&r, 3, 2, &(struct tapset_life){0}), 0);
	assert_int_equal(usage(&r).dests, 2); /* the same place: one for each agency */
	assert_int_equal(r.m->own.n, 2);
	assert_int_equal(tapset_budget_set(r.s, 0, &b), -EINVAL);
	assert_int_equal(tapset_budget_set(r.s, ARRAY_LEN(r.m->agency), &b), -EINVAL);
	assert_int_equal(tapset_budget_set(r.s, 2, &b), 0);
	assert_true(a->packets_per_s == 5 && a->bytes_per_s >= 1ull << 40 && a->burst == 7000000ull << 6);
	a->packets_until = a->bytes_until = 99;
	assert_int_equal(tapset_budget_set(r.s, 2, &b), 0);
	assert_int_equal(a->packets_until, 99);
	b.burst_ms++;
	assert_int_equal(tapset_budget_set(r.s, 2, &b), 0);
	assert_int_equal(a->packets_until + a->bytes_until, 0);
	a->matched = 9;
	a->due = 10;
	a->sent = 4;
	a->lost_budget = 5;
	assert_int_equal(tapset_agency_counts(r.s, 2, &n), 0);
	assert_true(n.matched == 9 && n.due == 10 && n.sent == 4 && n.lost_budget == 5 && n.lost_other == 1);
	assert_int_equal(tapset_agency_counts(r.s, 0, &n), -EINVAL);
	assert_int_equal(tapset_agency_counts(r.s, ARRAY_LEN(r.m->agency), &n), -EINVAL);
	restart(&r);
	assert_int_equal(put_life(&r, 2, 2, &(struct tapset_life){0}), 0);
	assert_int_equal(tapset_drop_unconfirmed(r.s, r.now), 2);
	rest(&r);
	assert_int_equal(usage(&r).dests, 1);
	assert_int_equal(a->sent, 4);
	end(&r);
}

/* ---- random ---- */

#define LIVE_MAX 40

struct member {
	struct criteria c;
	uint64_t uid;
};

static void
match_all(const struct rig *r, struct gen *g, const struct member *v, unsigned n)
{
	uint64_t uid[64];
	struct packet p;

	if (n == 0)
		return;
	gen_packet(g, &v[gen_below(g, n)].c, &p);
	unsigned found = memtables_match(r->m, &p, uid, 64), expected = 0;

	for (unsigned i = 0; i < n; i++) {
		bool hit = false;

		for (unsigned j = 0; j < found; j++)
			hit = hit || uid[j] == v[i].uid;
		assert_int_equal(hit, criteria_match(&v[i].c, &p));
		expected += hit;
	}
	assert_int_equal(found, expected);
}

static bool
random_member(struct gen *g, struct member *m, struct tap_filter *f)
{
	const char *why;

	gen_criteria(g, &m->c);
	if (criteria_check(&m->c, &why) == 0 && filter_compile(&m->c, f) == 0) {
		if (f->n <= 16)
			return true;
		filter_free(f);
	}
	criteria_free(&m->c);
	return false;
}

static void
test_random(void **state)
{
	struct rig r = begin();
	struct member v[LIVE_MAX];
	struct gen g;
	unsigned n = 0;

	(void)state;
	gen_init(&g, 4711);
	for (uint64_t step = 1; step <= 4000; step++) {
		struct tap_filter f;
		struct tapset_dest d = dest(1 + gen_below(&g, 6), (uint8_t)(1 + gen_below(&g, 2)));

		r.now += SECOND / 50;
		if (n < LIVE_MAX && gen_chance(&g, 52) && random_member(&g, &v[n], &f)) {
			int rc = tapset_put(
			    r.s, step, &(struct tapset_want){.filter = &f, .dest = &d, .ndest = 1, .agency = 1}, r.now);

			filter_free(&f);
			if (rc == 0)
				v[n++].uid = step;
			else {
				assert_true(rc == -ENOSPC || rc == -EDQUOT);
				criteria_free(&v[n].c);
			}
		} else if (n > 0) {
			unsigned i = gen_below(&g, n);

			assert_int_equal(tapset_remove(r.s, v[i].uid, r.now), 0);
			criteria_free(&v[i].c);
			v[i] = v[--n];
		}
		if (gen_chance(&g, 5))
			tapset_tick(r.s, r.now);
		if (gen_chance(&g, 1)) {
			tapset_free(r.s);
			start(&r);
		}
		check(&r);
		match_all(&r, &g, v, n);
	}
	while (n > 0)
		criteria_free(&v[--n].c);
	end(&r);
}

/* ---- killed at any change of a table ---- */

/* Instruction by instruction a sanitizer's own are most of them: minutes, and nothing that the plain build lacks. */
static bool
plain_build(void)
{
#ifdef __SANITIZE_ADDRESS__
	print_message("# in a build without sanitizers only\n");
	return false;
#else
	return true;
#endif
}

/* What the child does, and how far it certainly got. */
struct script {
	uint32_t done; /* steps finished */
};

static const struct {
	bool remove;
	uint64_t uid;
	const char *src, *dport;
	unsigned port;
} steps[] = {
    {false, 1, "10.0.0.1", "53", 1},
    {false, 2, "10.0.0.1", "53", 2},
    {false, 3, "10.0.0.0/8", NULL, 1},
    {false, 4, "10.0.0.1-10.0.0.9,10.9.9.9", "53,60-70", 3},
    {true, 1, NULL, NULL, 0},
    {false, 5, "2001:db8::1", "53", 2},
    {true, 4, NULL, NULL, 0},
    {true, 2, NULL, NULL, 0},
    {false, 6, "10.0.0.1", "53", 4},
};

/* Shared with the child; no test uses that destination. */
static struct script *
script_of(const struct rig *r)
{
	return (struct script *)&r->m->dest[ARRAY_LEN(r->m->dest) - 1];
}

/* Stops before step `stop`, and ends after it. */
static void
child(struct rig *r, struct script *script, uint32_t stop)
{
	for (uint32_t i = 0; i <= stop; i++) {
		struct tap_filter f = {0};

		if (!steps[i].remove)
			f = filter(steps[i].src, steps[i].dport);
		if (i == stop)
			syscall(SYS_kill, getpid(), SIGSTOP); /* raise() has many instructions of its own */
		if (steps[i].remove)
			tapset_remove(r->s, steps[i].uid, r->now);
		else {
			struct tapset_dest d = dest(steps[i].port, 255);

			tapset_put(r->s, steps[i].uid,
			    &(struct tapset_want){.filter = &f, .dest = &d, .ndest = 1, .agency = 1}, r->now);
		}
		__atomic_store_n(&script->done, i + 1, __ATOMIC_SEQ_CST);
	}
	_exit(0);
}

static bool
is_live(const struct memtables *m, uint64_t uid)
{
	for (unsigned i = 1; i < ARRAY_LEN(m->crit); i++)
		if (m->crit[i].uid == uid && m->crit[i].state == TAP_CRIT_ACTIVE)
			return true;
	return false;
}

/* Every step that was finished holds, those not begun have left nothing; the one under way may be either. */
static void
judge(struct rig *r, uint32_t done)
{
	for (uint64_t uid = 1; uid <= 6; uid++) {
		bool want = false, open = false;

		for (uint32_t i = 0; i < ARRAY_LEN(steps) && i <= done; i++) {
			if (steps[i].uid != uid)
				continue;
			if (i == done)
				open = true;
			else
				want = !steps[i].remove;
		}
		if (!open)
			assert_int_equal(is_live(r->m, uid), want);
	}
}

/* All that the kernel looks at. */
struct seen {
	uint32_t slot4[ARRAY_LEN(((struct memtables *)0)->slot4)], slot6[ARRAY_LEN(((struct memtables *)0)->slot6)];
	struct tap_term4 term4[16];
	struct tap_term6 term6[8];
	struct tap_masks masks4[TAP_VERSIONS], masks6[TAP_VERSIONS];
	uint32_t own;
};

static void
look(const struct rig *r, struct seen *s)
{
	memcpy(s->slot4, r->m->slot4, sizeof s->slot4);
	memcpy(s->slot6, r->m->slot6, sizeof s->slot6);
	memcpy(s->term4, r->m->term4, sizeof s->term4);
	memcpy(s->term6, r->m->term6, sizeof s->term6);
	memcpy(s->masks4, r->m->ctl.masks4, sizeof s->masks4);
	memcpy(s->masks6, r->m->ctl.masks6, sizeof s->masks6);
	s->own = r->m->own.n;
}

/* One instruction.  false: the child has gone. */
static bool
one_step(pid_t pid)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSTOPPED(status);
}

/* The child is killed where it stands: the tables as they are now have to do, first for the kernel, then repaired. */
static void
left_so(const struct rig *at)
{
	struct rig r = {.m = memtables_new(), .now = at->now};
	struct script *script = script_of(&r);
	struct packet p = {.family = 4,
	    .proto = 17,
	    .has_ports = true,
	    .src = {4, {10, 0, 0, 1}},
	    .dst = {4, {9, 9, 9, 9}},
	    .dport = 53};
	uint64_t uid[16];
	uint32_t done;

	assert_non_null(r.m);
	*r.m = *at->m;
	done = script->done;
	memset(script, 0, sizeof *script);
	judge(&r, done); /* as the kernel sees it, before anybody repairs anything */
	start(&r);
	judge(&r, done);
	for (unsigned i = memtables_match(r.m, &p, uid, 16); i-- > 0;)
		assert_true(is_live(r.m, uid[i]));
	r.now += 2 * SECOND;
	assert_int_equal(put(&r, 100, "10.0.0.1", "53", 1), 0);
	(void)tapset_drop_unconfirmed(r.s, r.now);
	check(&r);
	assert_int_equal(memtables_match(r.m, &p, uid, 16), 1);
	assert_int_equal(usage(&r).crits, 1);
	end(&r);
}

/* One child goes through the step, instruction by instruction; what it changes. */
static unsigned
killed_in(uint32_t step)
{
	struct rig r = begin();
	struct seen before, now;
	unsigned changes = 0;
	int status;
	pid_t pid;

	if ((pid = fork()) == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		child(&r, script_of(&r), step);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	for (look(&r, &before); one_step(pid);) {
		look(&r, &now);
		if (memcmp(&before, &now, sizeof now) == 0)
			continue;
		left_so(&r);
		before = now;
		changes++;
	}
	assert_int_equal(script_of(&r)->done, step + 1);
	left_so(&r);
	end(&r);
	return changes;
}

static void
test_killed_at_every_change(void **state)
{
	unsigned deaths = 0;

	(void)state;
	if (!plain_build())
		return;
	for (uint32_t step = 0; step < ARRAY_LEN(steps); step++)
		deaths += killed_in(step);
	assert_true(deaths > 60);
}

/* ---- killed after any store while a life changes ---- */

/* Lives of which 1 and 2 are live and 3 and 4 have ended; each change is tried on each of them. */
static const struct {
	bool restarted;
	unsigned which;
	struct tapset_life life;
} changes[] = {
    {false, TAPSET_LIFE_PACKETS, {.packets = 50}},
    {false, TAPSET_LIFE_PACKETS, {.packets = 2}},
    {false, TAPSET_LIFE_PACKETS, {0}},
    {false, TAPSET_LIFE_IDLE, {.idle_ns = 900 * SECOND}},
    {true, 0, {.idle_ns = 900 * SECOND, .packets = 50}},
    {true, 0, {.idle_ns = 900 * SECOND, .packets = 7}},
    {true, 0, {0}},
};

static void
change(struct rig *r, uint64_t uid, const struct tapset_want *w, unsigned which)
{
	if (which == 0)
		(void)tapset_put(r->s, uid, w, r->now);
	else
		(void)tapset_life_set(r->s, uid, which, &w->life, r->now);
}

/* A child that stands before the change. */
static pid_t
change_begin(struct rig *r, uint64_t uid, size_t i)
{
	struct tap_filter f = filter("10.0.0.1", NULL);
	struct tapset_dest d = dest(1, 255);
	const struct tapset_want w = {.filter = &f, .dest = &d, .ndest = 1, .agency = 1, .life = changes[i].life};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		syscall(SYS_kill, getpid(), SIGSTOP); /* raise() has many instructions of its own */
		change(r, uid, &w, changes[i].which);
		_exit(0);
	}
	filter_free(&f);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

/* Up to the n-th store into the criterion.  Instructions done; 0: there was no such store, the child has gone. */
static unsigned
change_stores(const struct rig *r, uint64_t uid, pid_t pid, unsigned n)
{
	uint32_t c = index_of(r->m, uid);

	for (unsigned done = 1;; done++) {
		struct tap_crit k = r->m->crit[c];
		struct tap_count count = r->m->count[c];

		if (!one_step(pid))
			return 0;
		if (memcmp(&k, &r->m->crit[c], sizeof k) != 0 || memcmp(&count, &r->m->count[c], sizeof count) != 0)
			n--;
		if (n == 0)
			return done;
	}
}

static void
change_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static struct rig
four_lives(void)
{
	static const struct tapset_life life = {.idle_ns = 100 * SECOND, .packets = 10};
	struct rig r = begin();

	for (uint64_t uid = 1; uid <= 4; uid++)
		assert_int_equal(put_life(&r, uid, 1, &life), 0);
	assert_true(admits(&r, 4, 10));
	r.now += 100 * SECOND - 1;
	assert_true(admits(&r, 1, 4) && admits(&r, 2, 5));
	r.now++;
	assert_false(admits(&r, 3, 1));
	return r;
}

static bool
killed_changing(uint64_t uid, size_t i, unsigned n)
{
	struct rig r = four_lives();
	int64_t left = count_at(&r, uid)->packets_left;
	bool killed;
	pid_t pid;

	if (changes[i].restarted)
		restart(&r);
	pid = change_begin(&r, uid, i);
	killed = change_stores(&r, uid, pid, n) != 0;
	if (killed)
		change_kill(pid);
	for (int again = 0; again < 2; again++) {
		struct tap_count *c = count_at(&r, uid);

		assert_int_equal(is_live(r.m, uid), true);
		if (uid > 2)
			assert_false(admits(&r, uid, 1));
		else if (r.m->crit[index_of(r.m, uid)].packets != 0)
			/* never more than the greater of what was left and what is asked for */
			assert_true(c->packets_left <= left || c->packets_left <= (int64_t)changes[i].life.packets ||
				    changes[i].life.packets == 0);
		restart(&r);
		if (again == 0)
			put_life(&r, uid, 1, &changes[i].life);
	}
	end(&r);
	return killed;
}

static void
test_killed_while_a_life_changes(void **state)
{
	unsigned deaths = 0;

	(void)state;
	if (!plain_build())
		return;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		for (uint64_t uid = 1; uid <= 4; uid += 1 + (uid == 1))
			for (unsigned n = 1; killed_changing(uid, i, n); n++)
				deaths++;
	assert_in_range(deaths, 15, 200);
}

/* Shortly before the n-th store of the change the kernel ends the criterion: it stays so.  false: no such store. */
static bool
ended_changing(size_t i, unsigned n, unsigned before, bool by_idle)
{
	struct rig probe = four_lives(), r = four_lives();
	unsigned far;
	int status;
	pid_t pid;

	if (changes[i].restarted) {
		restart(&probe);
		restart(&r);
	}
	pid = change_begin(&probe, 1, i);
	if ((far = change_stores(&probe, 1, pid, n)) != 0)
		change_kill(pid);
	end(&probe);
	pid = change_begin(&r, 1, i);
	for (unsigned k = before; k < far; k++)
		assert_true(one_step(pid));
	if (by_idle)
		count_at(&r, 1)->seen_ns = TAP_SEEN_ENDED;
	else
		(void)admits(&r, 1, INT64_MAX / 2);
	bool ended = !admits(&r, 1, 1);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(!ended || !admits(&r, 1, 1));
	end(&r);
	return far != 0;
}

static void
test_ended_while_a_life_changes(void **state)
{
	unsigned tried = 0;

	(void)state;
	if (!plain_build())
		return;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		for (unsigned before = 1; before <= 4; before += 3)
			for (int by_idle = 0; by_idle < 2; by_idle++)
				for (unsigned n = 1; ended_changing(i, n, before, by_idle); n++)
					tried++;
	assert_true(tried > 30);
}

/* ---- limits in parts ---- */

static bool
use_told(struct rig *r, struct tapset_use *u)
{
	struct tapset_ended e;

	tapset_tick(r->s, r->now);
	assert_false(tapset_ended(r->s, r->now, &e));
	tapset_collect(r->s);
	return tapset_use(r->s, u);
}

static int
put_used(struct rig *r, uint64_t uid, const struct tapset_life *life, struct tapset_used used)
{
	struct tap_filter f = filter("10.0.0.1", NULL);
	struct tapset_dest d = dest(1, 255);
	int rc = tapset_put(r->s, uid,
	    &(struct tapset_want){.filter = &f, .dest = &d, .ndest = 1, .agency = 1, .life = *life, .used = used},
	    r->now);

	filter_free(&f);
	check(r);
	return rc;
}

/* New tables take what was given as used; what is given then is all there is.  A daemon that comes later, and finds
 * the tables, takes them as they are. */
static void
test_parts_over_restarts(void **state)
{
	const struct tapset_life part = {.packets = 100, .more = TAPSET_LIFE_PACKETS}, more = {.packets = 150};
	struct rig r;
	struct tapset_use u;

	(void)state;
	r = begin();
	assert_int_equal(put_used(&r, 1, &part, (struct tapset_used){.packets = 100}), 0);
	assert_int_equal(count_at(&r, 1)->packets_left, 0);
	assert_true(use_told(&r, &u));
	assert_true(u.anew && u.packets_given == 100 && u.used.packets == 100);
	assert_int_equal(tapset_grant(r.s, 1, &more, r.now), 0);
	assert_int_equal(count_at(&r, 1)->packets_left, 50);
	assert_int_equal(r.m->crit[index_of(r.m, 1)].packets, 150);
	count_at(&r, 1)->packets_left = 20;
	restart(&r);
	assert_int_equal(put_used(&r, 1, &more, (struct tapset_used){.packets = 150}), 0);
	assert_int_equal(count_at(&r, 1)->packets_left, 20);
	/* It died after the next part was durable, before the kernel had it. */
	restart(&r);
	assert_int_equal(
	    put_used(&r, 1, &(struct tapset_life){.packets = 170}, (struct tapset_used){.packets = 170}), 0);
	assert_int_equal(count_at(&r, 1)->packets_left, 40);
	end(&r);
}

/* REFRESH begins a new limit, also while the old one's part is used up; less than before is less. */
static void
test_parts_and_a_new_limit(void **state)
{
	const struct tapset_life part = {.packets = 100, .more = TAPSET_LIFE_PACKETS};
	struct rig r;
	struct tapset_use u;

	(void)state;
	r = begin();
	assert_int_equal(put_used(&r, 1, &part, (struct tapset_used){.packets = 100}), 0);
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_PACKETS, (struct tapset_life){.packets = 7}), 0);
	assert_int_equal(count_at(&r, 1)->packets_left, 7);
	assert_int_equal(
	    tapset_grant(r.s, 1, &(struct tapset_life){.packets = 200}, r.now), 0); /* of the old one: late */
	assert_int_equal(count_at(&r, 1)->packets_left, 7);
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_PACKETS, part), 0);
	assert_int_equal(tapset_grant(r.s, 1, &(struct tapset_life){.packets = 50}, r.now), 0); /* never back */
	assert_int_equal(count_at(&r, 1)->packets_left, 100);
	assert_int_equal(tapset_remove(r.s, 1, r.now), 0);
	assert_false(use_told(&r, &u)); /* gone meanwhile */
	end(&r);
}

/* Seen long ago, before the boot; and a criterion that matches is told of now and then, not at each packet. */
static void
test_idle_is_told(void **state)
{
	struct rig r;
	struct tapset_use u;
	uint64_t uid;
	unsigned n = 0;

	(void)state;
	r = begin();
	assert_int_equal(put_used(&r, 1, &(struct tapset_life){.idle_ns = 900 * SECOND},
			     (struct tapset_used){.seen_ns = -(int64_t)(800 * SECOND)}),
	    0);
	for (unsigned i = 0; i < 80; i++) {
		struct tap_count *k = count_at(&r, 1);

		k->packets++;
		k->seen_ns = r.now;
		n += use_told(&r, &u);
		r.now += SECOND;
	}
	assert_int_equal(u.used.seen_ns > 0, 1);
	assert_in_range(n, 1, 3);
	r.now += 2000 * SECOND;
	assert_int_equal(told(&r, &uid), TAPSET_END_IDLE);
	assert_int_equal(put_used(&r, 2, &(struct tapset_life){.idle_ns = 700 * SECOND},
			     (struct tapset_used){.seen_ns = (int64_t)r.now - (int64_t)(800 * SECOND)}),
	    0);
	assert_int_equal(told(&r, &uid), TAPSET_END_IDLE);
	end(&r);
}

/* What we change ourselves is nobody else's doing. */
static void
test_changed_lives_are_ours(void **state)
{
	const struct tapset_life part = {.end_ns = 1000 * SECOND, .packets = 100, .more = TAPSET_LIFE_PACKETS};
	struct tapset_foreign f;
	struct rig r;

	(void)state;
	r = begin();
	assert_int_equal(put_used(&r, 1, &part, (struct tapset_used){0}), 0);
	assert_int_equal(life_set(&r, 1, TAPSET_LIFE_END, (struct tapset_life){.end_ns = 2000 * SECOND}), 0);
	assert_int_equal(tapset_grant(r.s, 1, &(struct tapset_life){.packets = 150}, r.now), 0);
	for (unsigned i = 0; i < 8; i++) {
		tapset_tick(r.s, r.now);
		assert_false(tapset_foreign(r.s, &f));
	}
	end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_put_remove),
	    cmocka_unit_test(test_destinations),
	    cmocka_unit_test(test_dests_full),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_terms_are_shared_out),
	    cmocka_unit_test(test_many_masks),
	    cmocka_unit_test(test_cost_is_the_agencys_own),
	    cmocka_unit_test(test_cost_of_a_chain),
	    cmocka_unit_test(test_cost_of_what_is_stored),
	    cmocka_unit_test(test_quarantine),
	    cmocka_unit_test(test_removed_is_overwritten),
	    cmocka_unit_test(test_figures),
	    cmocka_unit_test(test_restart),
	    cmocka_unit_test(test_end),
	    cmocka_unit_test(test_idle),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_life_restart),
	    cmocka_unit_test(test_ends_random),
	    cmocka_unit_test(test_agencies),
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_killed_at_every_change),
	    cmocka_unit_test(test_killed_while_a_life_changes),
	    cmocka_unit_test(test_ended_while_a_life_changes),
	    cmocka_unit_test(test_parts_over_restarts),
	    cmocka_unit_test(test_parts_and_a_new_limit),
	    cmocka_unit_test(test_idle_is_told),
	    cmocka_unit_test(test_changed_lives_are_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
