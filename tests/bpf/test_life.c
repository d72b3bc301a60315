/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lives and budgets as the kernel program keeps them: tap_classify is run by the
 * kernel itself (BPF_PROG_TEST_RUN), also on two CPUs at once, and counts tell what
 * it let through.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "clock.h"
#include "lab.h"

#define MS 1000000ull
#define SECOND 1000000000ull
/* One packet: whether it was the criterion's. */
static bool
matches(const struct lab *l, uint64_t uid, struct frame *f)
{
	uint64_t before = lab_counts(l, uid).packets;

	lab_run(l, f, 1);
	assert_int_equal(l->b->trace->n, lab_counts(l, uid).packets > before);
	return lab_counts(l, uid).packets > before;
}

static uint64_t
counter(const struct lab *l, enum tap_counter c, uint64_t *cpus_counting)
{
	uint64_t v[256] = {0}, sum = 0, n = 0;
	uint32_t key = c;

	assert_int_equal(bpf_map_lookup_elem(l->b->stats, &key, v), 0);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		sum += v[i];
		n += v[i] != 0;
	}
	if (cpus_counting != NULL)
		*cpus_counting = n;
	return sum;
}

static enum tapset_end
end_told(struct lab *l, uint64_t uid)
{
	struct tapset_ended e;
	uint64_t now = clock_boot_ns();

	tapset_tick(l->set, now);
	if (!tapset_ended(l->set, now, &e))
		return TAPSET_LIVE;
	assert_int_equal(e.uid, uid);
	assert_int_equal(e.count.packets, lab_counts(l, uid).packets);
	assert_false(tapset_ended(l->set, now, &e));
	return e.reason;
}

/* ---- start and end ---- */

/* The verdict about a packet is known if its moment lies on one side, whatever the machine does meanwhile. */
static void
test_start_and_end(void **state)
{
	struct lab l = lab_open(64);
	uint64_t now = clock_boot_ns(), matched = 0;
	struct tapset_life life = {.start_ns = now + 50 * MS, .end_ns = now + 150 * MS};
	uint64_t uid = lab_put(&l, 1, 2, 3, &life), seen[3] = {0};
	struct frame f = lab_frame(1, 64, 1);

	(void)state;
	while (clock_boot_ns() < life.end_ns + 30 * MS) {
		uint64_t before = clock_boot_ns();
		bool hit = matches(&l, uid, &f);
		uint64_t after = clock_boot_ns();

		matched += hit;
		if (after < life.start_ns) {
			assert_false(hit);
			seen[0]++;
		} else if (before >= life.start_ns && after < life.end_ns) {
			assert_true(hit);
			seen[1]++;
		} else if (before >= life.end_ns) {
			assert_false(hit);
			seen[2]++;
		}
	}
	assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
	assert_int_equal(lab_counts(&l, uid).copies_due, 2 * matched);
	assert_int_equal(counter(&l, TAP_C_MATCHED, NULL), matched);
	assert_int_equal(counter(&l, TAP_C_COPIES_DUE, NULL), 2 * matched);
	assert_int_equal(lab_account(&l, 3).matched, matched);
	assert_int_equal(lab_account(&l, 3).due, 2 * matched);
	assert_int_equal(end_told(&l, uid), TAPSET_END_TIME);
	assert_int_equal(
	    tapset_life_set(l.set, uid, TAPSET_LIFE_END, &(struct tapset_life){0}, clock_boot_ns()), -ENOENT);
	assert_false(matches(&l, uid, &f));
	lab_close(&l);
}

/* ---- idleness ---- */

static void
test_idle(void **state)
{
	struct lab l = lab_open(64);
	uint64_t idle = 60 * MS, start = clock_boot_ns(), last;
	uint64_t uid = lab_put(&l, 1, 1, 1, &(struct tapset_life){.idle_ns = idle});
	uint64_t waiting = lab_put(&l, 2, 1, 1, &(struct tapset_life){.start_ns = start + 600 * SECOND, .idle_ns = 1});
	struct frame f = lab_frame(1, 64, 1);

	(void)state;
	/* As long as packets come, however long. */
	while (clock_boot_ns() < start + 3 * idle)
		assert_true(matches(&l, uid, &f));
	assert_int_equal(end_told(&l, uid), TAPSET_LIVE);
	last = clock_boot_ns();
	while (clock_boot_ns() < last + idle)
		;
	for (int i = 0; i < 3; i++)
		assert_false(matches(&l, uid, &f));
	assert_true(lab_counts(&l, uid).seen_ns == TAP_SEEN_ENDED);
	assert_int_equal(end_told(&l, uid), TAPSET_END_IDLE);
	assert_int_equal(
	    tapset_life_set(l.set, uid, TAPSET_LIFE_IDLE, &(struct tapset_life){.idle_ns = 0}, clock_boot_ns()),
	    -ENOENT);
	assert_false(matches(&l, uid, &f));
	assert_true(lab_counts(&l, waiting).seen_ns != TAP_SEEN_ENDED); /* it counts from its start */
	lab_close(&l);
}

/* ---- limits ---- */

static void
test_packets(void **state)
{
	struct lab l = lab_open(64);
	uint64_t uid = lab_put(&l, 1, 2, 1, &(struct tapset_life){.packets = 1000});
	struct frame f = lab_frame(1, 64, 1);

	(void)state;
	lab_run(&l, &f, 999);
	assert_int_equal(end_told(&l, uid), TAPSET_LIVE);
	lab_run(&l, &f, 500);
	assert_int_equal(lab_counts(&l, uid).packets, 1000);
	assert_int_equal(lab_counts(&l, uid).copies_due, 2000);
	assert_int_equal(lab_account(&l, 1).due, 2000);
	assert_int_equal(end_told(&l, uid), TAPSET_END_PACKETS);
	assert_int_equal(
	    tapset_life_set(l.set, uid, TAPSET_LIFE_PACKETS, &(struct tapset_life){.packets = 9}, clock_boot_ns()),
	    -ENOENT);
	lab_run(&l, &f, 500);
	assert_int_equal(lab_counts(&l, uid).packets, 1000);
	lab_close(&l);
}

/* So many more from now on, as often as it is said in time. */
static void
test_packets_again(void **state)
{
	struct lab l = lab_open(64);
	uint64_t uid = lab_put(&l, 1, 1, 1, &(struct tapset_life){.packets = 10});
	struct frame f = lab_frame(1, 64, 1);

	(void)state;
	lab_run(&l, &f, 9);
	assert_int_equal(
	    tapset_life_set(l.set, uid, TAPSET_LIFE_PACKETS, &(struct tapset_life){.packets = 5}, clock_boot_ns()), 0);
	lab_run(&l, &f, 4);
	assert_int_equal(
	    tapset_life_set(l.set, uid, TAPSET_LIFE_PACKETS, &(struct tapset_life){.packets = 0}, clock_boot_ns()), 0);
	lab_run(&l, &f, 100);
	assert_int_equal(
	    tapset_life_set(l.set, uid, TAPSET_LIFE_PACKETS, &(struct tapset_life){.packets = 7}, clock_boot_ns()), 0);
	lab_run(&l, &f, 100);
	assert_int_equal(lab_counts(&l, uid).packets, 9 + 4 + 100 + 7);
	assert_int_equal(end_told(&l, uid), TAPSET_END_PACKETS);
	lab_close(&l);
}

static void
test_bytes(void **state)
{
	static const struct {
		uint64_t limit, packets; /* of 100 bytes */
	} row[] = {{1, 1}, {100, 1}, {101, 2}, {999, 10}, {1000, 10}, {1001, 11}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct lab l = lab_open(64);
		uint64_t uid = lab_put(&l, 1, 1, 1, &(struct tapset_life){.packets = 50, .bytes = row[i].limit});
		struct frame f = lab_frame(1, 100, 1);

		lab_run(&l, &f, 200);
		assert_int_equal(lab_counts(&l, uid).packets, row[i].packets);
		assert_int_equal(lab_counts(&l, uid).bytes, row[i].packets * 100);
		assert_int_equal(lab_counts(&l, uid).packets_left, 50 - (int64_t)row[i].packets);
		assert_int_equal(end_told(&l, uid), TAPSET_END_BYTES);
		lab_close(&l);
	}
}

/* A train counts its datagrams, and passes if anything was left before it. */
static void
test_trains(void **state)
{
	struct lab l = lab_open(64);
	uint64_t by_packets = lab_put(&l, 1, 1, 1, &(struct tapset_life){.packets = 7});
	uint64_t by_bytes = lab_put(&l, 2, 1, 1, &(struct tapset_life){.bytes = 501});
	struct frame one = lab_frame(1, 100, 5), two = lab_frame(2, 100, 5);

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(matches(&l, by_packets, &one), i < 2);
		assert_int_equal(matches(&l, by_bytes, &two), i < 2);
	}
	assert_int_equal(lab_counts(&l, by_packets).packets, 10);
	assert_int_equal(lab_counts(&l, by_bytes).bytes, 1000);
	lab_close(&l);
}

/* ---- several CPUs at once ---- */

struct job {
	pthread_t thread;
	const struct lab *lab;
	struct frame frame;
	int cpu;
	uint32_t times;
	pthread_barrier_t *together;
};

static void *
job_run(void *arg)
{
	struct job *j = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(j->cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0)
		return j;
	pthread_barrier_wait(j->together);
	lab_run(j->lab, &j->frame, j->times);
	return NULL;
}

/* So many runs on each of two CPUs; false: there is only one. */
static bool
on_both(const struct lab *l, struct frame f, uint32_t times)
{
	pthread_barrier_t together;
	struct job job[2];
	cpu_set_t set;
	int n = 0;

	assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			job[n++] = (struct job){
			    .lab = l, .frame = f, .cpu = cpu, .times = times, .together = &together};
	if (n < 2)
		return false;
	assert_int_equal(pthread_barrier_init(&together, NULL, 2), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&job[i].thread, NULL, job_run, &job[i]), 0);
	for (int i = 0; i < 2; i++) {
		void *failed;

		assert_int_equal(pthread_join(job[i].thread, &failed), 0);
		assert_null(failed);
	}
	pthread_barrier_destroy(&together);
	return true;
}

static void
test_limits_on_two_cpus(void **state)
{
	const uint64_t limit = 300001;

	(void)state;
	for (int bytes = 0; bytes < 2; bytes++) {
		struct lab l = lab_open(64);
		struct tapset_life life = {
		    .idle_ns = 600 * SECOND, .packets = bytes ? 0 : limit, .bytes = bytes ? limit * 100 - 99 : 0};
		uint64_t uid = lab_put(&l, 1, 2, 1, &life), cpus;

		if (!on_both(&l, lab_frame(1, 100, 1), 250000))
			skip();
		assert_int_equal(lab_counts(&l, uid).packets, limit);
		assert_int_equal(lab_counts(&l, uid).bytes, limit * 100);
		assert_int_equal(lab_account(&l, 1).due, 2 * limit);
		assert_int_equal(counter(&l, TAP_C_MATCHED, &cpus), limit);
		assert_int_equal(cpus, 2);
		assert_int_equal(end_told(&l, uid), bytes ? TAPSET_END_BYTES : TAPSET_END_PACKETS);
		lab_close(&l);
	}
}

/* ---- limits that are given in parts ---- */

/* Copies that go on: what waits for the next part is due and lost, nothing else is lost here. */
static uint64_t
copied(const struct lab *l)
{
	uint64_t lost = counter(l, TAP_C_LOST_GRANT, NULL), due = counter(l, TAP_C_COPIES_DUE, NULL);

	assert_int_equal(lab_account(l, 1).due, due);
	assert_true(due >= lost);
	return due - lost;
}

static unsigned
uses(struct lab *l, struct tapset_use *last)
{
	unsigned n = 0;

	tapset_collect(l->set);
	while (tapset_use(l->set, last))
		n++;
	return n;
}

static void
grant(struct lab *l, uint64_t uid, const struct tapset_life *life)
{
	assert_int_equal(tapset_grant(l->set, uid, life, clock_boot_ns()), 0);
}

/* Never more than the part; told each time that half has gone and when something waits; then it goes on, to the
 * last packet of the limit. */
static void
test_parts(void **state)
{
	struct lab l = lab_open(64);
	struct tapset_life life = {.packets = 100, .more = TAPSET_LIFE_PACKETS};
	uint64_t uid = lab_put(&l, 1, 2, 1, &life);
	struct frame one = lab_frame(1, 64, 1), train = lab_frame(1, 64, 7);
	struct tapset_use u;

	(void)state;
	lab_run(&l, &one, 36);
	assert_int_equal(uses(&l, &u), 0);
	lab_run(&l, &one, 1);
	assert_int_equal(uses(&l, &u), 1);
	assert_true(u.uid == uid && u.packets_given == 100 && u.used.packets == 37 && u.bytes_given == 0);
	assert_int_equal(uses(&l, &u), 0);
	lab_run(&l, &one, 58);
	assert_int_equal(uses(&l, &u), 1);
	/* A train that is longer than the rest waits, a single one does not. */
	lab_run(&l, &train, 3);
	assert_int_equal(copied(&l), 2 * 95);
	lab_run(&l, &one, 50);
	assert_int_equal(copied(&l), 2 * 100);
	assert_int_equal(lab_counts(&l, uid).packets, 95 + 21 + 50);
	assert_int_equal(lab_counts(&l, uid).packets_left, 0);
	assert_int_equal(end_told(&l, uid), TAPSET_LIVE);
	assert_int_equal(uses(&l, &u), 1);
	assert_int_equal(u.used.packets, 100);
	life = (struct tapset_life){.packets = 130, .more = TAPSET_LIFE_PACKETS};
	grant(&l, uid, &life);
	grant(&l, uid, &life); /* the same again adds nothing */
	lab_run(&l, &train, 9);
	assert_int_equal(copied(&l), 2 * 128);
	life = (struct tapset_life){.packets = 140}; /* the last of it */
	grant(&l, uid, &life);
	lab_run(&l, &one, 50);
	assert_int_equal(copied(&l), 2 * 140);
	assert_int_equal(end_told(&l, uid), TAPSET_END_PACKETS);
	assert_int_equal(tapset_grant(l.set, uid, &life, clock_boot_ns()), -ENOENT);
	lab_close(&l);
}

/* Bytes likewise, and who waits for bytes takes no packets. */
static void
test_parts_of_bytes(void **state)
{
	struct lab l = lab_open(64);
	struct tapset_life life = {.packets = 50, .bytes = 1050, .more = TAPSET_LIFE_BYTES};
	uint64_t uid = lab_put(&l, 1, 1, 1, &life);
	struct frame f = lab_frame(1, 100, 1);

	(void)state;
	lab_run(&l, &f, 30);
	assert_int_equal(copied(&l), 10);
	assert_int_equal(lab_counts(&l, uid).packets_left, 40);
	assert_int_equal(lab_counts(&l, uid).bytes_left, 50);
	life = (struct tapset_life){.packets = 50, .bytes = 2000};
	grant(&l, uid, &life);
	lab_run(&l, &f, 30);
	assert_int_equal(copied(&l), 20);
	assert_int_equal(lab_counts(&l, uid).packets_left, 30);
	assert_int_equal(end_told(&l, uid), TAPSET_END_BYTES);
	lab_close(&l);
}

/* Two CPUs run into the end of a part at once, while it is raised again and again: exactly the limit is copied. */
static void
test_parts_on_two_cpus(void **state)
{
	const uint64_t limit = 200003;

	(void)state;
	for (int bytes = 0; bytes < 2; bytes++) {
		struct lab l = lab_open(64);
		uint64_t uid = 0;

		for (uint64_t part = 20000;; part = part + 20000 < limit ? part + 20000 : limit) {
			struct tapset_life life = {.packets = bytes ? 0 : part,
			    .bytes = bytes ? part * 100 : 0,
			    .more = part == limit ? 0
				    : bytes       ? TAPSET_LIFE_BYTES
						  : TAPSET_LIFE_PACKETS};

			if (uid == 0)
				uid = lab_put(&l, 1, 1, 1, &life);
			else
				grant(&l, uid, &life);
			if (!on_both(&l, lab_frame(1, 100, 1), 15000))
				skip();
			assert_int_equal(copied(&l), part);
			if (part == limit)
				break;
		}
		assert_int_equal(end_told(&l, uid), bytes ? TAPSET_END_BYTES : TAPSET_END_PACKETS);
		lab_close(&l);
	}
}

/* It was last seen before this boot: its idle time goes on from there. */
static void
test_idle_since_before_the_boot(void **state)
{
	struct lab l = lab_open(64);
	const int64_t now = (int64_t)clock_boot_ns();
	struct frame f = lab_frame(1, 64, 1);

	(void)state;
	for (uint64_t over = 0; over < 2; over++) {
		/* seen so long before the boot that the idle time is over just now, or in an hour */
		struct tapset_dest dest = {
		    .src = {4, {198, 18, 0, 1}}, .dst = {4, {198, 18, 0, 2}}, .sport = 1, .dport = 2, .ttl = 9};
		struct tapset_life life = {.idle_ns = (uint64_t)now + (over ? 7200 : 14400) * SECOND};
		struct tapset_want w = {.dest = &dest,
		    .ndest = 1,
		    .agency = 1,
		    .life = life,
		    .used = {.seen_ns = -(int64_t)(10800 * SECOND)}};
		struct criteria c = {0};
		struct tap_filter filter;

		assert_int_equal(criteria_parse(&c, CRIT_SOURCE_ADDRESS, (struct slice){"10.0.0.1", 8}, NULL), 0);
		assert_int_equal(filter_compile(&c, &filter), 0);
		w.filter = &filter;
		assert_int_equal(tapset_put(l.set, ++l.uid, &w, clock_boot_ns()), 0);
		assert_int_equal(matches(&l, l.uid, &f), !over);
		assert_int_equal(end_told(&l, l.uid), over ? TAPSET_END_IDLE : TAPSET_LIVE);
		assert_int_equal(tapset_remove(l.set, l.uid, clock_boot_ns()), 0);
		filter_free(&filter);
		criteria_free(&c);
	}
	lab_close(&l);
}

/* ---- budgets ---- */

static void
budget(const struct lab *l, uint64_t packets, uint64_t bytes, uint32_t burst_ms)
{
	struct tapset_budget b = {.packets_per_s = packets, .bytes_per_s = bytes, .burst_ms = burst_ms};

	assert_int_equal(tapset_budget_set(l->set, 1, &b), 0);
}

/* Everything due was counted as refused or goes on; what goes on. */
static uint64_t
passed(const struct lab *l)
{
	struct tapset_agency_count n = lab_account(l, 1);

	assert_int_equal(counter(l, TAP_C_COPIES_DUE, NULL), n.due);
	assert_int_equal(counter(l, TAP_C_LOST_BUDGET, NULL), n.lost_budget);
	assert_int_equal(n.due, n.lost_budget + n.lost_other);
	return n.lost_other;
}

struct pace {
	uint64_t packets, bytes;
	uint32_t burst_ms;
	uint64_t per_s, at_once; /* packets of 100 bytes */
};

/* All that comes in a tenth of a second.  false: the machine paused for so long that the bucket may have run
 * over, and what was lost by that is not known. */
static bool
pace_holds(const struct pace *p)
{
	struct lab l = lab_open(64);
	struct frame f = lab_frame(1, 100, 1);
	uint64_t start, first, before, now, longest = 0, n;

	lab_put(&l, 1, 1, 1, &(struct tapset_life){0});
	budget(&l, p->packets, p->bytes, p->burst_ms);
	start = clock_boot_ns();
	lab_run(&l, &f, 1);
	first = now = clock_boot_ns();
	do {
		before = now;
		lab_run(&l, &f, 1000);
		now = clock_boot_ns();
		longest = now - before > longest ? now - before : longest;
	} while (now < start + 100 * MS);
	n = passed(&l);
	assert_true(n <= p->at_once + 1 + (now - start) * p->per_s / SECOND);
	assert_true(lab_account(&l, 1).lost_budget > 0);
	lab_close(&l);
	if (longest >= p->burst_ms * MS)
		return p->burst_ms == 0;
	assert_true(n + 2 >= p->at_once + (now - longest - first) * p->per_s / SECOND);
	return true;
}

/* A burst at once, and then the rate: no packet more, and no packet less than the time allows. */
static void
test_budget_rate(void **state)
{
	static const struct pace row[] = {
	    {10000, 0, 10, 10000, 100},
	    {10000, 0, 0, 10000, 1},
	    {0, 1000000, 10, 10000, 100},
	    {333, 0, 1000, 333, 333},
	    {50000, 2000000, 10, 20000, 200}, /* bytes bind */
	    {20000, 1ull << 60, 10, 20000, 200},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		int tries = 100;

		while (!pace_holds(&row[i]))
			assert_true(--tries > 0);
	}
}

/* Each destination is a copy; a train is charged its datagrams and may overdraw once. */
static void
test_budget_units(void **state)
{
	struct lab l = lab_open(64);
	struct frame one = lab_frame(1, 100, 1), train = lab_frame(1, 100, 7);

	(void)state;
	lab_put(&l, 1, 2, 1, &(struct tapset_life){0});
	budget(&l, 1, 0, 10000); /* ten at once, the next one in a second from then */
	lab_run(&l, &one, 3);
	assert_int_equal(passed(&l), 6);
	lab_run(&l, &train, 1);
	assert_int_equal(passed(&l), 13);
	assert_int_equal(lab_account(&l, 1).lost_budget, 7);
	assert_int_equal(l.b->trace->n, 1); /* it matched, however few copies it gets */
	lab_run(&l, &one, 1);
	assert_int_equal(passed(&l), 13);
	/* The same again changes nothing; another begins anew. */
	budget(&l, 1, 0, 10000);
	lab_run(&l, &one, 1);
	assert_int_equal(passed(&l), 13);
	budget(&l, 0, 0, 0);
	lab_run(&l, &one, 5);
	assert_int_equal(passed(&l), 23);
	lab_close(&l);
}

/* What the bytes refuse costs no packets. */
static void
test_budget_refund(void **state)
{
	struct lab l = lab_open(64);
	struct frame f = lab_frame(1, 100, 1);
	uint64_t until;

	(void)state;
	lab_put(&l, 1, 1, 1, &(struct tapset_life){0});
	budget(&l, 1000, 1, 1000);
	lab_run(&l, &f, 1);
	assert_int_equal(passed(&l), 1);
	until = l.b->t.agency[1].packets_until;
	lab_run(&l, &f, 1000);
	assert_int_equal(passed(&l), 1);
	/* What was given back may have been counted from a later moment on, never from an earlier one. */
	assert_true(l.b->t.agency[1].packets_until >= until);
	assert_true(l.b->t.agency[1].packets_until <= (clock_boot_ns() + MS) << TAP_BUDGET_SHIFT);
	lab_close(&l);
}

/* One bucket and two CPUs: every copy is charged, exactly once. */
static void
test_budget_on_two_cpus(void **state)
{
	const uint32_t times = 200000;
	struct lab l = lab_open(64);
	uint64_t before, after, charged;

	(void)state;
	lab_put(&l, 1, 2, 1, &(struct tapset_life){0});
	budget(&l, 1000, 0, 3600000);
	before = clock_boot_ns();
	if (!on_both(&l, lab_frame(1, 100, 1), times))
		skip();
	after = clock_boot_ns();
	assert_int_equal(passed(&l), 4 * times);
	charged = (l.b->t.agency[1].packets_until >> TAP_BUDGET_SHIFT) - 4ull * times * MS;
	assert_true(charged >= before && charged <= after); /* the first one's time */

	budget(&l, 100000, 0, 5);
	before = clock_boot_ns();
	assert_true(on_both(&l, lab_frame(1, 100, 1), times));
	after = clock_boot_ns();
	assert_true(passed(&l) - 4 * times <= 500 + 1 + (after - before) / 10000);
	assert_true(passed(&l) - 4 * times >= 500);
	assert_true(lab_account(&l, 1).lost_budget > 0);
	lab_close(&l);
}

/* One agency over its budget: the other's copies of the same packets go on. */
static void
test_budget_is_the_agencys_own(void **state)
{
	struct lab l = lab_open(64);
	struct frame f = lab_frame(1, 100, 1);
	uint64_t one = lab_put(&l, 1, 1, 1, &(struct tapset_life){0}),
		 two = lab_put(&l, 1, 2, 2, &(struct tapset_life){0});
	struct tapset_usage u;

	(void)state;
	tapset_usage(l.set, &u);
	assert_int_equal(u.dests, 3); /* the same place twice, for each agency */
	budget(&l, 1, 0, 10000);
	lab_run(&l, &f, 100);
	assert_int_equal(lab_account(&l, 1).lost_budget, 90);
	assert_int_equal(lab_account(&l, 1).lost_other, 10);
	assert_int_equal(lab_account(&l, 2).lost_budget, 0);
	assert_int_equal(lab_account(&l, 2).due, 200);
	assert_int_equal(lab_counts(&l, one).copies_due, 100);
	assert_int_equal(lab_counts(&l, two).copies_due, 200);
	assert_int_equal(counter(&l, TAP_C_COPIES_DUE, NULL), 300);
	assert_int_equal(counter(&l, TAP_C_LOST_BUDGET, NULL), 90);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_start_and_end),
	    cmocka_unit_test(test_idle),
	    cmocka_unit_test(test_packets),
	    cmocka_unit_test(test_packets_again),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_trains),
	    cmocka_unit_test(test_limits_on_two_cpus),
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_parts_of_bytes),
	    cmocka_unit_test(test_parts_on_two_cpus),
	    cmocka_unit_test(test_idle_since_before_the_boot),
	    cmocka_unit_test(test_budget_rate),
	    cmocka_unit_test(test_budget_units),
	    cmocka_unit_test(test_budget_refund),
	    cmocka_unit_test(test_budget_on_two_cpus),
	    cmocka_unit_test(test_budget_is_the_agencys_own),
	};

	if (geteuid() != 0)
		return LAB_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
