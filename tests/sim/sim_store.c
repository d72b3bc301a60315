/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_store.c - the store under load on a disk that fails, fills up and loses power, by seed.
 *
 *   sim_store FIRST COUNT [lies]     lies: fsync does nothing, which has to be found (exit 1)
 *
 * After each start: what a commit acknowledged is there; what was refused is not; where the outcome was unknown, or
 * the power went, the transaction is there whole or not at all; each has its line of the record; no id is given out
 * twice.  And at every moment at which the disk is full, all criteria of an agency can be deleted once the reserve
 * is given up.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "simdisk.h"
#include "store.h"

#define ROWS 4000
#define LIVES 8
#define TXNS 20
#define MARGIN 400000      /* beyond what a transaction of this load takes */
#define RESERVE (2u << 20) /* bytes kept for what ends taps */

enum there { NO, YES, MAYBE_ADDED, MAYBE_GONE };

struct row {
	uint64_t uid;
	uint32_t id;
	int agency;
	enum there there;
	bool seen;
};

static struct {
	uint64_t seed;
	const char *path;
	struct store *store;
	struct row row[ROWS];
	int nrow;
	uint64_t lines;    /* on record for certain */
	bool maybe;        /* one more transaction is there or not */
	long serial, last; /* of transactions: the last one tried, and the last one on record for certain */
	long maybe_serial;
} sim;

static struct {
	long lives, txns, refused, unknown, starts_failed, stopped, rotations, reserve_starts;
} sum;

static const uint8_t machine[STORE_KEY_LEN] = "the machine's key: thirty-two ..";
static const char *const agency[] = {"lea1", "lea2", "lea3"};

static void __attribute__((noreturn)) wrong(const char *what, long a, long b)
{
	printf("seed %llu: %s (%ld, %ld)\n", (unsigned long long)sim.seed, what, a, b);
	exit(1);
}

static uint64_t
below(uint64_t n)
{
	return simdisk_random() % n;
}

/* ---- one transaction ---- */

static int
add(int a)
{
	struct store_row r = {.added_ms = 1700000000000,
	    .csrc_port = 49153,
	    .ttl = 64,
	    .priority = 2,
	    .csrc = {4, {192, 0, 2, 99}},
	    .ncdest = 1};
	struct row *w = &sim.row[sim.nrow];
	char text[32];
	int rc;

	snprintf(text, sizeof text, "10.0.%d.%d", sim.nrow >> 8 & 255, sim.nrow & 255);
	if (criteria_parse(&r.criteria, CRIT_SOURCE_ADDRESS, (struct slice){text, strlen(text)}, NULL) < 0)
		wrong("criteria_parse", 0, 0);
	snprintf(r.cdest[0].name, sizeof r.cdest[0].name, "cd%d", (int)below(5));
	r.cdest[0].addr = (struct ip_addr){4, {192, 0, 2, 1}};
	r.cdest[0].port = 1;
	if ((rc = store_add(sim.store, agency[a], &r)) == 0) {
		*w = (struct row){.uid = r.uid, .id = r.id, .agency = a, .there = MAYBE_ADDED};
		sim.nrow++;
	}
	store_row_free(&r);
	return rc;
}

static int
delete_some(int had)
{
	int r = 0;

	for (int i = 0; i < 4 && r == 0; i++) {
		struct row *w = &sim.row[below((uint64_t)had)];

		if (w->there == YES && (r = store_delete_uid(sim.store, agency[w->agency], w->uid)) == 0)
			w->there = MAYBE_GONE;
	}
	return r;
}

static void
note_gone(void *arg, uint64_t uid, uint32_t id)
{
	int a = *(const int *)arg;

	for (int i = 0; i < sim.nrow; i++)
		if (sim.row[i].uid == uid && sim.row[i].id == id && sim.row[i].agency == a && sim.row[i].there == YES) {
			sim.row[i].there = MAYBE_GONE;
			return;
		}
	wrong("deleted what is not the agency's", (long)uid, a);
}

static int
delete_all(int a)
{
	static struct dtcp_ids all = {.lo = 1, .hi = UINT32_MAX};
	const struct dtcp_req which = {.select = DTCP_SEL_IDS, .ids = &all, .nids = 1};
	struct store_part part = {.max = ROWS};
	uint64_t count;

	return store_delete(sim.store, agency[a], &which, true, &part, note_gone, &a, &count);
}

static int
record(void)
{
	char line[300];

	memset(line, 'x', sizeof line);
	snprintf(line, sizeof line, "%ld ", sim.serial);
	return store_audit_add(sim.store, sim.lines + 1, (struct slice){line, sizeof line});
}

/* What is known of the transaction's rows now. */
static void
settle(enum there added, enum there gone)
{
	for (int i = 0; i < sim.nrow; i++) {
		struct row *w = &sim.row[i];

		if (w->there == MAYBE_ADDED)
			w->there = added;
		else if (w->there == MAYBE_GONE)
			w->there = gone;
	}
}

/* r: of the steps.  As the engine does it: whoever can't know ends (true). */
static bool
conclude(int r)
{
	if (r == 0)
		r = store_commit(sim.store);
	if (r < 0)
		store_rollback(sim.store);
	if (r == 0) {
		settle(YES, NO);
		sim.lines++;
		sim.last = sim.serial;
		return false;
	}
	if (r == STORE_UNKNOWN) {
		sim.maybe = true;
		sim.maybe_serial = sim.serial;
		sum.unknown++;
		if (store_begin(sim.store) != STORE_UNKNOWN)
			wrong("the store goes on after an unknown outcome", r, 0);
		return true;
	}
	settle(NO, YES);
	sum.refused++;
	return false;
}

static bool
transaction(void)
{
	int had = sim.nrow, n = (int)below(12) + 1, a = (int)below(3);
	int r = store_begin(sim.store);

	sim.serial++;
	sum.txns++;
	for (int i = 0; r == 0 && i < n && sim.nrow < ROWS; i++)
		r = add(a);
	if (r == 0 && had && below(3) == 0)
		r = delete_some(had);
	if (r == 0 && below(40) == 0 && (r = store_rotate(sim.store, NULL)) == -EALREADY)
		r = 0;
	if (r == 0)
		r = record();
	/* As when another request of the same transaction spoils it. */
	if (r == 0 && below(10) == 0)
		r = -ECANCELED;
	return conclude(r);
}

/* Rows are sealed anew beside it all; no line tells of each step. */
static bool
rotate(void)
{
	uint64_t left = 0;
	int r = store_rotate_left(sim.store, &left);

	if (r < 0 || left == 0)
		return false;
	sum.rotations++;
	return store_rotate_step(sim.store, 20, &left) == STORE_UNKNOWN;
}

/* The disk is full.  With the reserve given up, what ends taps works: rows, line, commit. */
static bool
stop_one(const struct simdisk_faults *f)
{
	int a = (int)below(3), r;
	bool over;

	simdisk_room(simdisk_used() + RESERVE);
	sim.serial++;
	if ((r = store_begin(sim.store)) == 0 && (r = delete_all(a)) == 0)
		r = record();
	over = conclude(r);
	if (below(4) == 0)
		(void)store_tidy(sim.store);
	simdisk_room(f->room);
	if (f->cut_at || f->fail_at) /* what the reserve does not help against */
		return over;
	if (over)
		wrong("with the reserve given up, the end of taps is unknown", store_unknown(sim.store), a);
	for (int i = 0; i < sim.nrow; i++)
		if (sim.row[i].agency == a && sim.row[i].there != NO)
			wrong("with the reserve given up, a tap can't be ended", r, i);
	sum.stopped++;
	return false;
}

/* ---- after a start ---- */

/* A uid that was refused before a restart may be given out again: nobody has seen it. */
static int
check_row(void *arg, const char *name, struct store_row *r)
{
	bool known = false;

	(void)arg;
	for (int i = 0; i < sim.nrow; i++) {
		struct row *w = &sim.row[i];

		if (w->uid != r->uid)
			continue;
		known = true;
		if (w->there == NO)
			continue;
		if (w->id != r->id || strcmp(agency[w->agency], name) != 0 || w->seen)
			wrong("an id or a row twice", (long)r->uid, (long)r->id);
		w->seen = true;
		return 0;
	}
	wrong(known ? "a row that was refused or deleted is there" : "a row that nobody added", (long)r->uid,
	    (long)r->id);
}

static void
check_lines(void)
{
	struct buf b = {0};
	uint64_t n = 0;
	long serial = 0;
	int r = store_audit_get(sim.store, &n, &b);

	if (r < 0 && r != -ENOENT)
		wrong("store_audit_get", r, 0);
	if (r == 0)
		serial = atol((char *)b.p);
	buf_free(&b);
	if (sim.maybe && n == sim.lines + 1 && serial == sim.maybe_serial) {
		settle(YES, NO);
		sim.lines++;
		sim.last = serial;
	} else
		settle(NO, YES);
	if (n != sim.lines)
		wrong("lines on record", (long)n, (long)sim.lines);
	if (serial != sim.last)
		wrong("a refused transaction is there", serial, sim.last);
	sim.maybe = false;
}

static void
check(void)
{
	int r;

	check_lines();
	for (int i = 0; i < sim.nrow; i++)
		sim.row[i].seen = false;
	if ((r = store_each(sim.store, check_row, NULL)) < 0)
		wrong("store_each", r, 0);
	for (int i = 0; i < sim.nrow; i++)
		if (sim.row[i].seen != (sim.row[i].there == YES))
			wrong("acknowledged and lost", i, sim.row[i].there);
}

/* ---- lives ---- */

/* The last one of a seed has no faults. */
static struct simdisk_faults
faults_make(int life, bool lies)
{
	struct simdisk_faults f = {.lies = lies};

	if (life == LIVES - 1)
		return f;
	if (below(3))
		f.cut_at = (long)below(250) + 1;
	if (below(3) == 0) {
		f.fail_at = (long)below(200) + 1;
		f.fails = below(2) ? 1 : (long)below(40);
	}
	if (below(3) == 0)
		f.room = simdisk_used() + 1 + below(2) * below(400000);
	return f;
}

static void
work(const struct simdisk_faults *f)
{
	bool over = false;

	for (int i = 0; i < TXNS && !over && !simdisk_is_dead(); i++) {
		/* Where others fill the disk in the meantime, it is found out by a COMMIT. */
		if (f->room && simdisk_used() + below(MARGIN) > f->room)
			over = stop_one(f);
		else
			over = transaction();
		if (!over && below(3) == 0)
			over = rotate();
		if (!over && below(20) == 0)
			(void)store_tidy(sim.store);
	}
}

/* On a full disk with the reserve. */
static int
start(const struct simdisk_faults *f)
{
	int r = store_open(sim.path, machine, &sim.store);

	if (r == 0 || f->room == 0)
		return r;
	simdisk_room(simdisk_used() + RESERVE);
	sum.reserve_starts++;
	r = store_open(sim.path, machine, &sim.store);
	simdisk_room(f->room);
	return r;
}

static void
live(int life, bool lies)
{
	const struct simdisk_faults f = faults_make(life, lies);
	int r;

	sum.lives++;
	simdisk_live(&f);
	if ((r = start(&f)) == 0) {
		if (!simdisk_is_dead())
			check();
		work(&f);
		store_close(sim.store);
		sim.store = NULL;
	} else if (f.cut_at || f.fail_at)
		sum.starts_failed++;
	else
		wrong("store_open", r, life);
	if (simdisk_is_dead() || below(2))
		simdisk_power_cut();
	else
		simdisk_kill();
}

static void
seed_run(uint64_t seed, bool lies)
{
	simdisk_new(seed);
	sim.seed = seed;
	sim.nrow = 0;
	sim.lines = 0;
	sim.maybe = false;
	sim.serial = sim.last = 0;
	for (int life = 0; life < LIVES; life++)
		live(life, lies);
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/sim_store.XXXXXX", path[sizeof dir + 16];
	uint64_t first, count;

	if (argc < 3 || mkdtemp(dir) == NULL)
		return 2;
	snprintf(path, sizeof path, "%s/state.db", dir);
	sim.path = path;
	first = strtoull(argv[1], NULL, 10);
	count = strtoull(argv[2], NULL, 10);
	simdisk_register();
	for (uint64_t seed = first; seed < first + count; seed++)
		seed_run(seed, argc > 3);
	unlink(path); /* of the real disk: empty */
	rmdir(dir);
	printf("seeds %llu to %llu: %ld lives, %ld transactions; %ld power cuts, %ld calls failed, %ld on a full disk; "
	       "%ld transactions refused, %ld unknown; %ld starts failed by faults; %ld starts on a full disk, %ld "
	       "times all of an "
	       "agency ended on one; %ld steps of a rotation\n",
	    (unsigned long long)first, (unsigned long long)(first + count - 1), sum.lives, sum.txns,
	    simdisk_counts().cuts, simdisk_counts().failed, simdisk_counts().full, sum.refused, sum.unknown,
	    sum.starts_failed, sum.reserve_starts, sum.stopped, sum.rotations);
	return 0;
}
