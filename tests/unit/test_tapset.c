/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

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
put(struct rig *r, uint64_t uid, const char *src, const char *dport, unsigned port)
{
	struct tap_filter f = filter(src, dport);
	struct tapset_dest d = dest(port, 255);
	int rc = tapset_put(
	    r->s, uid, &(struct tapset_want){.filter = &f, .dest = &d, .ndest = 1, .agency = 1}, r->now);

	filter_free(&f);
	check(r);
	return rc;
}

static struct tapset_usage
usage(const struct rig *r)
{
	struct tapset_usage u;

	tapset_usage(r->s, &u);
	return u;
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
	assert_int_equal(usage(&r).crits + usage(&r).terms4 + usage(&r).dests + usage(&r).masks4, 0);
	assert_int_equal(r.m->own.n + r.m->key4.n + r.m->ctl.l4_terms + r.m->ctl.nmask4, 0);
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
	} row[] = {
	    {"criteria", 0}, {"keys", offsetof(struct memtables, key4)}, {"own", offsetof(struct memtables, own)}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct rig r = begin();
		struct tapset_usage before, now;
		char src[32];
		int rc = 0;
		uint64_t n;

		if (row[i].max != 0)
			((struct mem_hash *)((char *)r.m + row[i].max))->max = 20;
		for (n = 1; rc == 0; n++) {
			before = usage(&r);
			snprintf(src, sizeof src, "10.0.%u.1-10.0.%u.9", (unsigned)n, (unsigned)n);
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
static void
test_many_masks(void **state)
{
	struct rig r = begin();
	char src[32];
	uint64_t uid[128];

	(void)state;
	for (unsigned i = 0; i < 99; i++) {
		snprintf(src, sizeof src, "10.%u.0.0/%u", i, 8 + i % 25);
		assert_int_equal(put(&r, i + 1, src,
				     i / 25 == 0   ? NULL
				     : i / 25 == 1 ? "53"
				     : i / 25 == 2 ? "5-9"
						   : "54",
				     1),
		    0);
	}
	assert_true(usage(&r).masks4 <= TAP_MASKS_MAX);
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

/* An index that was freed is given to nobody else for a second. */
static void
test_quarantine(void **state)
{
	struct rig r = begin();

	(void)state;
	for (uint64_t uid = 1; uid < ARRAY_LEN(r.m->crit); uid++)
		assert_int_equal(put(&r, uid, "10.0.0.1", NULL, 1), 0);
	assert_int_equal(tapset_remove(r.s, 5, r.now), 0);
	r.now += SECOND - 1000000;
	assert_int_equal(put(&r, 500, "10.0.0.1", NULL, 1), -ENOSPC);
	r.now += 1000000;
	assert_int_equal(put(&r, 500, "10.0.0.1", NULL, 1), 0);
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
				assert_int_equal(rc, -ENOSPC);
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

static void
child(struct rig *r, struct script *script)
{
	for (uint32_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (steps[i].remove)
			tapset_remove(r->s, steps[i].uid, r->now);
		else {
			struct tap_filter f = filter(steps[i].src, steps[i].dport);
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

static bool
killed_at(size_t table, uint32_t n, bool after)
{
	struct rig r = begin();
	struct script *script = (struct script *)&r.m->dest[ARRAY_LEN(r.m->dest) - 1]; /* shared, and never used */
	struct mem_hash *h = (struct mem_hash *)((char *)r.m + table);
	struct packet p = {.family = 4,
	    .proto = 17,
	    .has_ports = true,
	    .src = {4, {10, 0, 0, 1}},
	    .dst = {4, {9, 9, 9, 9}},
	    .dport = 53};
	uint64_t uid[16];
	uint32_t done;
	int status;
	pid_t pid;

	h->kill_in = n;
	h->kill_after = after;
	if ((pid = fork()) == 0)
		child(&r, script);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	done = script->done;
	memset(script, 0, sizeof *script);
	h->kill_in = 0;
	tapset_free(r.s);
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
	return WIFSIGNALED(status);
}

static void
test_killed_at_every_change(void **state)
{
	static const size_t tables[] = {
	    offsetof(struct memtables, key4), offsetof(struct memtables, key6), offsetof(struct memtables, own)};
	unsigned deaths = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (int after = 0; after < 2; after++)
			for (uint32_t n = 1; killed_at(tables[i], n, after); n++)
				deaths++;
	assert_true(deaths > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_put_remove),
	    cmocka_unit_test(test_destinations),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_many_masks),
	    cmocka_unit_test(test_quarantine),
	    cmocka_unit_test(test_figures),
	    cmocka_unit_test(test_restart),
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_killed_at_every_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
