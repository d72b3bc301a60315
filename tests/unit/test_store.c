/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "box.h"
#include "store.h"

#define A "lea1"
#define B "lea2"

static const uint8_t machine[STORE_KEY_LEN] = "the machine's key: thirty-two ..";

/* ---- a store in a folder of its own ---- */

static int
setup(void **state)
{
	struct box *x = box_new();

	assert_int_equal(store_open(x->path, machine, &x->s), 0);
	*state = x;
	return 0;
}

static void
reopen(struct box *x)
{
	store_close(x->s);
	x->s = NULL;
	assert_int_equal(store_open(x->path, machine, &x->s), 0);
}

static struct slice
word(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* cdests: names divided by commas; "name=N" stands for 192.0.2.N port N, "name" for N = 1. */
static struct store_row
row_make(unsigned host, const char *cdests)
{
	struct store_row r = {.added_ms = 1700000000000 + host,
	    .csrc_port = 49153,
	    .ttl = 64,
	    .priority = 2,
	    .csrc = {4, {192, 0, 2, 99}}};
	char text[64], names[128], *name, *save;

	assert_int_equal(ip_parse(word("2001:db8::5"), &r.csource_addr), 0);
	snprintf(text, sizeof text, "10.0.%u.%u", host >> 8 & 255, host & 255);
	assert_int_equal(criteria_parse(&r.criteria, CRIT_SOURCE_ADDRESS, word(text), NULL), 0);
	snprintf(names, sizeof names, "%s", cdests);
	for (name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		struct dtcp_cdest *d = &r.cdest[r.ncdest++];
		char *n = strchr(name, '=');
		uint8_t last = n ? (uint8_t)atoi(n + 1) : 1;

		if (n)
			*n = '\0';
		snprintf(d->name, sizeof d->name, "%s", name);
		d->addr = (struct ip_addr){4, {192, 0, 2, last}};
		d->port = last;
	}
	return r;
}

static int
add(struct box *x, const char *agency, unsigned host, const char *cdests, uint64_t *uid)
{
	struct store_row r = row_make(host, cdests);
	int rc = store_add(x->s, agency, &r);

	store_row_free(&r);
	if (rc < 0) {
		assert_true(r.id == 0 && r.uid == 0);
		return rc;
	}
	if (uid)
		*uid = r.uid;
	return (int)r.id;
}

/* A list as text: "1 2 5". */
static int
list_open(struct box *x, const char *agency, enum dtcp_select select, const struct dtcp_ids *ids, uint32_t n,
    const char *cdest, struct store_list **l, uint64_t *count)
{
	int r = store_list_open(x->s, agency, select, ids, n, cdest, l);

	/* Counted in small steps, whatever is listed. */
	while (r == 0 && (r = store_list_count(*l, 2, count)) == 1)
		r = 0;
	return r;
}

static const char *
drain(struct store_list *l, uint64_t count)
{
	static char text[256];
	struct store_row r;
	uint64_t n = 0;
	int rc;

	text[0] = '\0';
	while ((rc = store_list_next(l, &r)) == 1) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof text - len, "%s%" PRIu32, n++ ? " " : "", r.id);
		store_row_free(&r);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(store_list_next(l, &r), 0);
	assert_true(n == count);
	store_list_close(l);
	return text;
}

static const char *
list_all(struct box *x, const char *agency)
{
	struct store_list *l;
	uint64_t count = 99;

	assert_int_equal(list_open(x, agency, DTCP_SEL_NONE, NULL, 0, NULL, &l, &count), 0);
	return drain(l, count);
}

static const char *
list_cdest(struct box *x, const char *agency, const char *name)
{
	struct store_list *l = NULL;
	uint64_t count = 99;
	int r = list_open(x, agency, DTCP_SEL_CDEST, NULL, 0, name, &l, &count);

	assert_true(r == 0 || (r == -ENOENT && l == NULL && count == 99));
	return r == 0 ? drain(l, count) : "unknown";
}

/* ids as text: "1 3-5" */
static uint32_t
ids_make(const char *text, struct dtcp_ids *ids)
{
	uint32_t n = 0;

	while (*text) {
		char *end;

		ids[n].lo = ids[n].hi = strtoull(text, &end, 10);
		ids[n].single = *end != '-';
		if (*end == '-')
			ids[n].hi = strtoull(end + 1, &end, 10);
		n++;
		text = *end ? end + 1 : end;
	}
	return n;
}

static const char *
list_ids(struct box *x, const char *agency, const char *ids)
{
	struct dtcp_ids v[16];
	uint32_t n = ids_make(ids, v);
	struct store_list *l = NULL;
	uint64_t count = 99;
	int r = list_open(x, agency, DTCP_SEL_IDS, v, n, NULL, &l, &count);

	assert_true(r == 0 || (r == -ENOENT && l == NULL && count == 99));
	return r == 0 ? drain(l, count) : "unknown";
}

struct seen {
	uint64_t uid[64];
	uint32_t id[64];
	unsigned n;
};

static void
note(void *arg, uint64_t uid, uint32_t id)
{
	struct seen *s = arg;

	for (unsigned i = 0; i < s->n; i++)
		assert_true(s->uid[i] != uid);
	s->id[s->n] = id;
	s->uid[s->n++] = uid;
}

static void
nothing(void *arg, uint64_t uid, uint32_t id)
{
	(void)arg;
	(void)uid;
	(void)id;
}

/* The number of rows deleted, or -errno.  In small parts, whatever is deleted. */
static int delete (struct box *x, const char *agency, const struct dtcp_req *which)
{
	struct store_part part = {.max = 3};
	struct seen seen = {0};
	uint64_t sum = 0, count;
	int r;

	do {
		count = 99;
		r = store_delete(x->s, agency, which, true, &part, note, &seen, &count);
		if (r < 0) {
			assert_true(count == 99 && seen.n == 0);
			return r;
		}
		assert_true(count <= 3 && part.more == (count == 3));
		sum += count;
	} while (part.more);
	assert_int_equal(sum, seen.n);
	return (int)sum;
}

static int
delete_ids(struct box *x, const char *agency, const char *ids)
{
	struct dtcp_ids v[16];
	const struct dtcp_req which = {.select = DTCP_SEL_IDS, .ids = v, .nids = ids_make(ids, v)};

	return delete (x, agency, &which);
}

static int
delete_cdest(struct box *x, const char *agency, const char *name)
{
	struct dtcp_req which = {.select = DTCP_SEL_CDEST};

	snprintf(which.sel_cdest, sizeof which.sel_cdest, "%s", name);
	return delete (x, agency, &which);
}

/* ---- tests ---- */

static int
compare(void *arg, const char *agency, struct store_row *r)
{
	struct store_row want = row_make((unsigned)(r->added_ms - 1700000000000), r->ncdest == 2 ? "cd1,cd2=2" : "cd1");
	unsigned *n = arg;

	assert_string_equal(agency, A);
	assert_true(r->id == ++*n && r->uid > 0);
	assert_true(r->ncdest == want.ncdest && r->ttl == want.ttl && r->priority == want.priority);
	assert_true(r->csrc_port == want.csrc_port && ip_equal(&r->csrc, &want.csrc));
	assert_true(ip_equal(&r->csource_addr, &want.csource_addr));
	for (unsigned i = 0; i < r->ncdest; i++) {
		assert_string_equal(r->cdest[i].name, want.cdest[i].name);
		assert_true(ip_equal(&r->cdest[i].addr, &want.cdest[i].addr) && r->cdest[i].port == want.cdest[i].port);
	}
	assert_true(criteria_equal(&r->criteria, &want.criteria));
	store_row_free(&want);
	return 0;
}

static void
test_round_trip(void **state)
{
	struct box *x = *state;
	unsigned n = 0;
	struct stat st;

	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(add(x, A, i, i % 2 ? "cd1,cd2=2" : "cd1", NULL), i + 1);
	reopen(x);
	assert_int_equal(store_each(x->s, compare, &n), 0);
	assert_int_equal(n, 20);
	assert_int_equal(stat(x->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static int
count_row(void *arg, const char *agency, struct store_row *r)
{
	(void)agency;
	(void)r;
	++*(unsigned *)arg;
	return 0;
}

static unsigned
listed(struct box *x, enum dtcp_select select, const char *name, uint64_t *count)
{
	struct store_list *l;
	struct store_row row;
	unsigned n = 0;

	assert_int_equal(store_list_open(x->s, A, select, NULL, 0, name, &l), 0);
	assert_int_equal(store_list_count(l, 100, count), 0);
	while (store_list_next(l, &row) == 1) {
		store_row_free(&row);
		n++;
	}
	store_list_close(l);
	return n;
}

/* Rows of which no copy could be sent, as a former release may have stored them. */
static void
test_unsound_rows_are_set_aside(void **state)
{
	struct box *x = *state;
	struct store_row row;
	struct store_aside one, *all;
	unsigned n = 0;
	uint64_t uid[4], count;
	size_t nall;

	for (unsigned i = 0; i < 4; i++) {
		row = row_make(i, "cd1");
		if (i == 1)
			row.ncdest = 0;
		else if (i == 2)
			row.cdest[0].addr = (struct ip_addr){6, {0x20, 1}};
		else if (i == 3)
			row.ttl = 0;
		assert_int_equal(store_add(x->s, A, &row), 0);
		uid[i] = row.uid;
		store_row_free(&row);
	}
	assert_int_equal(add(x, B, 9, "cd1", NULL), 1);
	reopen(x);
	assert_int_equal(store_each(x->s, count_row, &n), -EBADMSG);
	n = 0;
	assert_int_equal(store_load(x->s, count_row, &n), 0);
	assert_int_equal(n, 2);
	for (n = 0; store_aside_next(x->s, &one); n++)
		assert_true(one.uid == uid[one.id - 1] && one.agency == 1 && store_is_aside(x->s, one.uid));
	assert_int_equal(n, 3);
	assert_int_equal(store_aside_list(x->s, 1, &all, &nall), 0);
	assert_true(nall == 3 && all[0].id == 2 && all[2].id == 4);
	free(all);
	assert_int_equal(listed(x, DTCP_SEL_NONE, "", &count), 1);
	assert_int_equal(count, 1);
	assert_int_equal(listed(x, DTCP_SEL_CDEST, "cd1", &count), 1);
	assert_int_equal(count, 1);
	assert_int_equal(store_delete_uid(x->s, A, uid[2]), 0);
	store_aside_remove(x->s, uid[2]);
	assert_false(store_aside_next(x->s, &one));
	assert_int_equal(store_aside_list(x->s, 1, &all, &nall), 0);
	assert_true(nall == 2 && all[0].uid == uid[1] && all[1].uid == uid[3]);
	free(all);
}

static void
test_ids_never_reused(void **state)
{
	struct box *x = *state;
	uint64_t first, second, last;

	assert_int_equal(add(x, A, 1, "cd1", &first), 1);
	assert_int_equal(add(x, A, 2, "cd1", &second), 2);
	assert_int_equal(delete_ids(x, A, "2"), 1);
	reopen(x);
	assert_int_equal(add(x, A, 3, "cd1", &last), 3);
	assert_true(last > second && second > first);
	assert_int_equal(delete_ids(x, A, "1-100"), 2);
	reopen(x);
	assert_int_equal(add(x, A, 4, "cd1", NULL), 4);
	assert_string_equal(list_all(x, A), "4");
}

static void
test_separation(void **state)
{
	struct box *x = *state;
	uint64_t uid, count;

	assert_int_equal(add(x, A, 1, "cd1=1", &uid), 1);
	assert_int_equal(add(x, A, 2, "mine=1", NULL), 2);
	assert_int_equal(add(x, B, 3, "cd1=2", NULL), 1); /* ids and names are the agency's own */
	assert_string_equal(list_all(x, B), "1");
	assert_string_equal(list_ids(x, B, "2"), "unknown");
	assert_string_equal(list_ids(x, B, "1-9"), "1");
	assert_string_equal(list_cdest(x, B, "mine"), "unknown");
	assert_int_equal(delete_ids(x, B, "2"), -ENOENT);
	assert_int_equal(delete_cdest(x, B, "mine"), -ENOENT);
	assert_int_equal(store_delete_uid(x->s, B, uid), -ENOENT);
	assert_int_equal(store_delete_uid(x->s, "nobody", uid), -ENOENT);
	assert_int_equal(delete_cdest(x, B, "cd1"), 1);
	assert_string_equal(list_all(x, A), "1 2");
	assert_int_equal(store_count(x->s, A, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(store_count(x->s, B, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(store_delete_uid(x->s, A, uid), 0);
	assert_int_equal(store_delete_uid(x->s, A, uid), -ENOENT);
	assert_string_equal(list_all(x, A), "2");
}

/* An agency that never added anything gets the same answers as one that deleted everything. */
static void
test_nobody(void **state)
{
	static const char *const agency[] = {"never", "once"};
	struct box *x = *state;
	uint64_t count;

	assert_int_equal(add(x, "once", 1, "cd1", NULL), 1);
	assert_int_equal(delete_ids(x, "once", "1"), 1);
	for (unsigned i = 0; i < 2; i++) {
		assert_string_equal(list_all(x, agency[i]), "");
		assert_string_equal(list_ids(x, agency[i], "1"), "unknown");
		assert_string_equal(list_ids(x, agency[i], "1-5"), "");
		assert_string_equal(list_ids(x, agency[i], "1-5 7"), "unknown");
		assert_int_equal(delete_ids(x, agency[i], "1"), -ENOENT);
		assert_int_equal(delete_ids(x, agency[i], "1-5"), 0);
		assert_int_equal(store_count(x->s, agency[i], &count), 0);
		assert_int_equal(count, 0);
	}
	assert_string_equal(list_cdest(x, "once", "cd1"), "");
	assert_int_equal(delete_cdest(x, "once", "cd1"), 0);
	assert_string_equal(list_cdest(x, "never", "cd1"), "unknown");
	assert_int_equal(delete_cdest(x, "never", "cd1"), -ENOENT);
}

static void
test_delete_ids(void **state)
{
	static const struct {
		const char *ids;
		int result;
		const char *left; /* of 1..9 */
	} row[] = {
	    {"1", 1, "2 3 4 5 6 7 8 9"},
	    {"1 1 1-1", 1, "2 3 4 5 6 7 8 9"},
	    {"3 10 4", -ENOENT, "1 2 3 4 5 6 7 8 9"},
	    {"0", -ENOENT, "1 2 3 4 5 6 7 8 9"},
	    {"4294967297", -ENOENT, "1 2 3 4 5 6 7 8 9"},
	    {"18446744073709551615", -ENOENT, "1 2 3 4 5 6 7 8 9"},
	    {"1-9 77", -ENOENT, "1 2 3 4 5 6 7 8 9"},
	    {"10-20", 0, "1 2 3 4 5 6 7 8 9"},
	    {"4294967296-18446744073709551615", 0, "1 2 3 4 5 6 7 8 9"},
	    {"5-4", 0, "1 2 3 4 5 6 7 8 9"},
	    {"8-18446744073709551615", 2, "1 2 3 4 5 6 7"},
	    {"0-2 2-4 3 9", 5, "5 6 7 8"},
	    {"6-8 1-3 2-7", 8, "9"},
	    {"9 7 5 3 1", 5, "2 4 6 8"},
	    {"0-18446744073709551615", 9, ""},
	};
	struct box *x = *state;

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(store_begin(x->s), 0);
		for (unsigned h = 0; h < 9; h++)
			assert_int_equal(add(x, A, h, "cd1", NULL), h + 1);
		assert_int_equal(delete_ids(x, A, row[i].ids), row[i].result);
		assert_int_equal(store_commit(x->s), 0);
		assert_string_equal(list_all(x, A), row[i].left);
		store_close(x->s);
		unlink(x->path);
		assert_int_equal(store_open(x->path, machine, &x->s), 0);
	}
}

static void
test_list_ids(void **state)
{
	static const char *const row[][2] = {
	    {"2", "2"},
	    {"9 1", "1 9"},
	    {"3 3 2-3 3", "2 3"},
	    {"7-8 2-4 3-5", "2 3 4 5 7 8"},
	    {"0-0", ""},
	    {"", ""},
	    {"8-18446744073709551615", "8 9"},
	    {"1 10", "unknown"},
	    {"4294967297", "unknown"},
	    {"10-12", ""},
	};
	struct box *x = *state;

	for (unsigned h = 0; h < 9; h++)
		assert_int_equal(add(x, A, h, "cd1", NULL), h + 1);
	assert_int_equal(add(x, B, 1, "cd1", NULL), 1);
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		assert_string_equal(list_ids(x, A, row[i][0]), row[i][1]);
}

/* Where the i-th copies of a row go: the place is that of row_make. */
static void
assert_place(struct box *x, uint64_t id, unsigned i, unsigned place)
{
	struct dtcp_ids ids = {id, id, true};
	struct store_list *l;
	struct store_row r = {0};
	uint64_t count;

	assert_int_equal(list_open(x, A, DTCP_SEL_IDS, &ids, 1, NULL, &l, &count), 0);
	assert_int_equal(store_list_next(l, &r), 1);
	assert_true(r.ncdest > i);
	assert_int_equal(r.cdest[i].port, place);
	assert_int_equal(r.cdest[i].addr.b[3], place);
	store_row_free(&r);
	store_list_close(l);
}

static void
test_cdest(void **state)
{
	struct box *x = *state;

	assert_int_equal(add(x, A, 1, "cd1=1", NULL), 1);
	assert_int_equal(add(x, A, 2, "cd1=1,cd2=2", NULL), 2);
	assert_int_equal(add(x, A, 3, "cd2=2", NULL), 3);
	assert_string_equal(list_cdest(x, A, "cd1"), "1 2");
	assert_string_equal(list_cdest(x, A, "cd2"), "2 3");
	assert_string_equal(list_cdest(x, A, "CD2"), "unknown");
	/* one name twice in one row: a refusal uses up neither id nor name */
	assert_int_equal(add(x, A, 4, "cd8=3,cd8=4", NULL), -EADDRINUSE);
	assert_string_equal(list_cdest(x, A, "cd8"), "unknown");
	assert_int_equal(add(x, A, 4, "cd8=3,cd8=3", NULL), 4);
	assert_string_equal(list_cdest(x, A, "cd8"), "4");
	assert_int_equal(delete_cdest(x, A, "cd8"), 1);
	/* a name is the mediation device's: each row has a place of its own under it, and by name come all */
	assert_int_equal(add(x, A, 5, "cd1=7", NULL), 5);
	reopen(x);
	assert_int_equal(add(x, A, 6, "cd1=8,cd2=7", NULL), 6);
	assert_string_equal(list_cdest(x, A, "cd1"), "1 2 5 6");
	assert_string_equal(list_cdest(x, A, "cd2"), "2 3 6");
	assert_place(x, 1, 0, 1);
	assert_place(x, 5, 0, 7);
	assert_place(x, 6, 0, 8);
	assert_place(x, 6, 1, 7);

	assert_int_equal(delete_cdest(x, A, "cd1"), 4);
	assert_string_equal(list_all(x, A), "3");
	assert_string_equal(list_cdest(x, A, "cd1"), "");
	assert_int_equal(delete_cdest(x, A, "cd1"), 0);
	assert_string_equal(list_cdest(x, A, "cd2"), "3");
}

static void
test_rollback(void **state)
{
	struct box *x = *state;

	assert_int_equal(add(x, A, 1, "cd1", NULL), 1);
	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(add(x, A, 2, "cd2", NULL), 2);
	assert_int_equal(delete_ids(x, A, "1"), 1);
	assert_string_equal(list_all(x, A), "1"); /* nothing shows before the commit */
	store_rollback(x->s);
	store_rollback(x->s); /* without a transaction: nothing */
	assert_string_equal(list_all(x, A), "1");
	assert_string_equal(list_cdest(x, A, "cd2"), "unknown");

	/* A refused row in a transaction leaves the others. */
	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(add(x, A, 2, "cd2=2", NULL), 2);
	assert_int_equal(add(x, A, 3, "cd3=2,cd3=3", NULL), -EADDRINUSE);
	assert_int_equal(delete_ids(x, A, "1 5"), -ENOENT);
	assert_int_equal(add(x, A, 4, "cd2=2", NULL), 3);
	assert_int_equal(store_commit(x->s), 0);
	assert_string_equal(list_all(x, A), "1 2 3");
	assert_string_equal(list_cdest(x, A, "cd3"), "unknown");

	/* A transaction cut off by the end of the process. */
	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(add(x, A, 5, "cd1", NULL), 4);
	reopen(x);
	assert_string_equal(list_all(x, A), "1 2 3");
}

/* A list goes on showing what there was, whatever is done meanwhile; several at once. */
static void
test_snapshot(void **state)
{
	struct box *x = *state;
	struct store_list *l[3];
	struct dtcp_ids ids = {5, 15, false};
	struct store_row r;
	uint64_t count[3];

	for (unsigned h = 0; h < 20; h++)
		assert_int_equal(add(x, A, h, "cd1", NULL), h + 1);
	assert_int_equal(list_open(x, A, DTCP_SEL_NONE, NULL, 0, NULL, &l[0], &count[0]), 0);
	assert_int_equal(list_open(x, A, DTCP_SEL_IDS, &ids, 1, NULL, &l[1], &count[1]), 0);
	assert_int_equal(store_list_next(l[0], &r), 1);
	assert_int_equal(r.id, 1);
	store_row_free(&r);
	assert_int_equal(delete_ids(x, A, "1-10"), 10);
	assert_int_equal(add(x, A, 50, "cd1", NULL), 21);
	assert_int_equal(list_open(x, A, DTCP_SEL_CDEST, NULL, 0, "cd1", &l[2], &count[2]), 0);
	assert_int_equal(delete_cdest(x, A, "cd1"), 11);
	assert_string_equal(list_all(x, A), "");
	assert_string_equal(drain(l[0], count[0] - 1), "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
	assert_string_equal(drain(l[1], count[1]), "5 6 7 8 9 10 11 12 13 14 15");
	assert_string_equal(drain(l[2], count[2]), "11 12 13 14 15 16 17 18 19 20 21");
	store_list_close(NULL);
}

/* However many rows there are, a list holds a few pages. */
/* What comes between the parts of a deletion is not deleted; memory does not grow with the rows. */
static void
test_delete_in_parts(void **state)
{
	static struct dtcp_ids all = {1, UINT32_MAX, false};
	struct dtcp_req which[] = {
	    {.select = DTCP_SEL_IDS, .ids = &all, .nids = 1}, {.select = DTCP_SEL_CDEST, .sel_cdest = "cd1"}};
	struct box *x = *state;

	for (size_t i = 0; i < ARRAY_LEN(which); i++) {
		struct store_part part = {.max = 1000};
		sqlite3_int64 before;
		uint64_t count, sum = 0, left;

		assert_int_equal(store_begin(x->s), 0);
		for (unsigned h = 0; h < 20000; h++)
			assert_true(add(x, A, h, "cd1", NULL) > 0);
		assert_int_equal(store_commit(x->s), 0);
		before = sqlite3_memory_used();
		sqlite3_memory_highwater(1);
		do {
			assert_int_equal(store_delete(x->s, A, &which[i], true, &part, nothing, NULL, &count), 0);
			sum += count;
			if (part.more && sum % 5000 == 0)
				assert_true(add(x, A, 1, "cd1", NULL) > 0);
		} while (part.more);
		assert_int_equal(sum, 20000);
		assert_true(sqlite3_memory_highwater(0) - before < 4096 * 1024);
		assert_int_equal(store_count(x->s, A, &left), 0);
		assert_int_equal(left, 4);
		assert_int_equal(delete_ids(x, A, "1-4294967295"), 4);
	}
}

static void
test_list_streams(void **state)
{
	static const struct {
		enum dtcp_select select;
		const char *cdest;
	} row[] = {{DTCP_SEL_NONE, NULL}, {DTCP_SEL_IDS, NULL}, {DTCP_SEL_CDEST, "cd1"}};
	static const struct dtcp_ids ids[] = {{1, 9999, false}, {5000, 20000, false}};
	struct box *x = *state;

	assert_int_equal(store_begin(x->s), 0);
	for (unsigned h = 0; h < 10000; h++)
		assert_int_equal(add(x, A, h, "cd1", NULL), h + 1);
	assert_int_equal(store_commit(x->s), 0);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		sqlite3_int64 before = sqlite3_memory_used();
		struct store_list *l;
		struct store_row r;
		uint64_t count, n = 0;

		sqlite3_memory_highwater(1);
		assert_int_equal(list_open(x, A, row[i].select, ids, 2, row[i].cdest, &l, &count), 0);
		while (store_list_next(l, &r) == 1) {
			assert_true(r.id == ++n);
			store_row_free(&r);
		}
		store_list_close(l);
		assert_true(n == 10000 && count == 10000);
		assert_true(sqlite3_memory_highwater(0) - before < 512 * 1024);
	}
}

static int
refuse(void *arg, const char *agency, struct store_row *r)
{
	(void)arg;
	(void)agency;
	return r->id == 2 ? -EDOM : 0;
}

static void
test_each_order_and_stop(void **state)
{
	struct box *x = *state;

	for (unsigned h = 0; h < 3; h++) {
		assert_int_equal(add(x, B, h, "cd1", NULL), h + 1);
		assert_int_equal(add(x, A, h, "cd1", NULL), h + 1);
	}
	assert_int_equal(store_each(x->s, refuse, NULL), -EDOM);
	assert_int_equal(add(x, A, 9, "cd1", NULL), 4); /* the broken-off walk left nothing locked */
}

/* ---- files that are not as we left them ---- */

static void
file_patch(const char *path, off_t at, const void *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, len, at), len);
	close(fd);
}

static uint8_t *
file_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = malloc(1 << 20);

	assert_true(f != NULL && p != NULL);
	*len = fread(p, 1, 1 << 20, f);
	fclose(f);
	return p;
}

static int
ignore(void *arg, const char *agency, struct store_row *r)
{
	(void)agency;
	*(uint64_t *)arg += r->id;
	return 0;
}

static int
open_and_walk(struct box *x)
{
	uint64_t sum = 0;
	int r = store_open(x->path, machine, &x->s);

	if (r != 0) {
		assert_null(x->s);
		return r;
	}
	return store_each(x->s, ignore, &sum);
}

static void
test_not_a_database(void **state)
{
	static const char text[] = "This file is somebody's letter and no database at all.\n";
	struct box *x = *state;
	cleanup_free uint8_t *now = NULL;
	size_t len;

	store_close(TAKE_PTR(x->s));
	assert_int_equal(truncate(x->path, 0), 0);
	file_patch(x->path, 0, text, sizeof text);
	assert_int_equal(open_and_walk(x), STORE_NOT_OURS);
	now = file_read(x->path, &len);
	assert_int_equal(len, sizeof text);
	assert_memory_equal(now, text, len);
}

static void
sql(const char *path, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_not_ours(void **state)
{
#define OURS "PRAGMA application_id = 0x466c7470; "
	static const struct {
		const char *sql;
		enum store_refusal want;
	} row[] = {
	    {"CREATE TABLE letters (text TEXT)", STORE_NOT_OURS},
	    {"PRAGMA user_version = 5", STORE_NOT_OURS},
	    {"PRAGMA application_id = 77; CREATE TABLE agency (no, name, next_id)", STORE_NOT_OURS},
	    {OURS "PRAGMA user_version = 1000; CREATE TABLE agency (no)", STORE_NEWER},
	    {OURS "PRAGMA user_version = 2147483647", STORE_NEWER},
	    {OURS "PRAGMA user_version = -1", STORE_TOO_OLD},
	    {OURS "PRAGMA user_version = 1; CREATE TABLE agency (no)", STORE_TOO_OLD},
	    {OURS "PRAGMA user_version = 4; CREATE TABLE agency (no)", STORE_TOO_OLD},
	    {OURS "PRAGMA user_version = 5; CREATE TABLE agency (no)", STORE_DAMAGED},
	};
	struct box *x = *state;

	store_close(TAKE_PTR(x->s));
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		cleanup_free uint8_t *before = NULL, *after = NULL;
		size_t len[2];

		unlink(x->path);
		sql(x->path, row[i].sql);
		before = file_read(x->path, &len[0]);
		assert_int_equal(open_and_walk(x), row[i].want);
		after = file_read(x->path, &len[1]);
		assert_int_equal(len[0], len[1]);
		assert_memory_equal(before, after, len[0]);
		/* Who only reads the head says the same of whose it is and how old. */
		assert_int_equal(store_head(before, len[0]), row[i].want == STORE_DAMAGED ? 0 : (int)row[i].want);
	}
}

#define PAGE 8192 /* of the file */

static bool
refused(struct box *x)
{
	int r = open_and_walk(x);

	return r == STORE_DAMAGED || r == STORE_NOT_OURS || r == -EBADMSG;
}

/* A store whose pages were overwritten or that lacks its end does not open, or says so when
 * the rows are walked: it never gives fewer rows in silence. */
static void
test_damaged(void **state)
{
	struct box *x = *state;
	cleanup_free uint8_t *good = NULL, *noise = malloc(PAGE);
	size_t len;

	for (unsigned h = 0; h < 300; h++)
		assert_true(add(x, A, h, h % 2 ? "cd1,cd2=2" : "cd1", NULL) > 0);
	store_close(TAKE_PTR(x->s));
	good = file_read(x->path, &len);
	assert_true(len > 10 * PAGE && noise != NULL);
	memset(noise, 0xa5, PAGE);
	for (size_t at = 0; at < len; at += PAGE) {
		file_patch(x->path, 0, good, len);
		file_patch(x->path, (off_t)at, noise, PAGE);
		assert_true(refused(x));
		store_close(TAKE_PTR(x->s));
		file_patch(x->path, 0, good, len);
		assert_int_equal(truncate(x->path, (off_t)at), 0);
		if (at > 0) /* nothing at all is a new store */
			assert_true(refused(x));
		store_close(TAKE_PTR(x->s));
	}
	file_patch(x->path, 0, good, len);
	assert_int_equal(open_and_walk(x), 0);
}

/* The sealed target of agency A's criterion. */
static uint8_t *
secret_read(struct box *x, unsigned id, int *len)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	uint8_t *p;

	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, "SELECT secret FROM criterion WHERE agency = 1 AND id = ?1", -1, &st, NULL),
	    SQLITE_OK);
	sqlite3_bind_int(st, 1, (int)id);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	*len = sqlite3_column_bytes(st, 0);
	p = malloc((size_t)*len);
	assert_non_null(p);
	memcpy(p, sqlite3_column_blob(st, 0), (size_t)*len);
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return p;
}

/* One flipped bit in a target would tap somebody else. */
static void
test_flipped_bit(void **state)
{
	struct box *x = *state;
	cleanup_free uint8_t *good = NULL, *secret = NULL;
	uint8_t *at;
	size_t len;
	int n;

	for (unsigned h = 70; h < 80; h++)
		assert_true(add(x, A, h, "cd1", NULL) > 0);
	store_close(TAKE_PTR(x->s));
	secret = secret_read(x, 7, &n);
	good = file_read(x->path, &len);
	at = memmem(good, len, secret, (size_t)n);
	assert_non_null(at);
	for (int i = 0; i < n; i++) {
		uint8_t flipped = at[i] ^ 0x10;

		file_patch(x->path, at - good + i, &flipped, 1);
		assert_true(refused(x));
		store_close(TAKE_PTR(x->s));
		file_patch(x->path, at - good + i, &at[i], 1);
	}
	assert_int_equal(open_and_walk(x), 0);
}

/* What was deleted is overwritten, not just forgotten. */
static void
test_secure_delete(void **state)
{
	struct box *x = *state;
	cleanup_free uint8_t *secret = NULL;
	bool before, after;
	size_t len;
	uint8_t *p;
	int n;

	assert_int_equal(add(x, A, 123 << 8 | 45, "cd1", NULL), 1);
	assert_int_equal(add(x, A, 7, "cd1", NULL), 2);
	reopen(x);
	secret = secret_read(x, 1, &n);
	p = file_read(x->path, &len);
	before = memmem(p, len, secret, (size_t)n) != NULL;
	free(p);
	assert_int_equal(delete_ids(x, A, "1"), 1);
	store_close(TAKE_PTR(x->s));
	p = file_read(x->path, &len);
	after = memmem(p, len, secret + 16, (size_t)n - 16) != NULL;
	free(p);
	assert_true(before && !after);
	assert_int_equal(store_open(x->path, machine, &x->s), 0);
}

/* The same while the store stays open, in the log too; work goes on afterwards. */
static void
test_tidy(void **state)
{
	static const char *const suffix[] = {"", "-wal"};
	struct box *x = *state;
	cleanup_free uint8_t *secret = NULL;
	int n;
	struct store_list *l;
	uint64_t count;
	bool found[2];

	assert_int_equal(add(x, A, 123 << 8 | 45, "cd1", NULL), 1);
	assert_int_equal(add(x, A, 7, "cd1", NULL), 2);
	secret = secret_read(x, 1, &n);
	assert_int_equal(list_open(x, A, DTCP_SEL_NONE, NULL, 0, "", &l, &count), 0);
	assert_int_equal(delete_ids(x, A, "1"), 1);
	assert_int_equal(store_tidy(x->s), -EBUSY);
	assert_string_equal(list_all(x, A), "2");
	store_list_close(l);
	for (int tidy = 0; tidy < 2; tidy++) {
		found[tidy] = false;
		for (size_t i = 0; i < ARRAY_LEN(suffix); i++) {
			char path[160];
			size_t len;
			uint8_t *p;

			snprintf(path, sizeof path, "%s%s", x->path, suffix[i]);
			p = file_read(path, &len);
			found[tidy] = found[tidy] || memmem(p, len, secret + 16, (size_t)n - 16) != NULL;
			free(p);
		}
		assert_int_equal(store_tidy(x->s), 0);
	}
	assert_true(found[0] && !found[1]);
	assert_int_equal(add(x, A, 8, "cd1", NULL), 3);
	assert_string_equal(list_all(x, A), "2 3");
}

/* kill -9 after a commit: only the write-ahead log has it. */
static void
test_recovery_from_log(void **state)
{
	struct box *x = *state;
	char from[128], to[160];
	uint8_t *db, *wal;
	size_t ndb, nwal;

	assert_int_equal(add(x, A, 1, "cd1", NULL), 1);
	snprintf(from, sizeof from, "%s-wal", x->path);
	db = file_read(x->path, &ndb);
	wal = file_read(from, &nwal);
	assert_true(nwal > 0);
	store_close(TAKE_PTR(x->s));
	unlink(x->path);
	snprintf(to, sizeof to, "%s-wal", x->path);
	close(open(x->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	close(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	file_patch(x->path, 0, db, ndb);
	file_patch(to, 0, wal, nwal);
	free(db);
	free(wal);
	assert_int_equal(open_and_walk(x), 0);
	assert_string_equal(list_all(x, A), "1");
}

/* ---- the disk's part: errors on demand ---- */

/* SQLite's own file system, but what is written to the log, or synced there, can fail. */
static struct {
	sqlite3_vfs vfs, *real;
	sqlite3_io_methods methods;
	const sqlite3_io_methods *below;
	bool fails;
} disk;

static int
disk_sync(sqlite3_file *f, int flags)
{
	return disk.fails ? SQLITE_IOERR_FSYNC : disk.below->xSync(f, flags);
}

static int
disk_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	int rc = disk.real->xOpen(disk.real, name, f, flags, out);

	(void)v;
	if (rc == SQLITE_OK && flags & SQLITE_OPEN_WAL) {
		disk.below = f->pMethods;
		disk.methods = *f->pMethods;
		disk.methods.xSync = disk_sync;
		f->pMethods = &disk.methods;
	}
	return rc;
}

static void
disk_begin(void)
{
	disk.fails = false;
	disk.real = sqlite3_vfs_find("unix");
	disk.vfs = *disk.real;
	disk.vfs.zName = "test";
	disk.vfs.xOpen = disk_open;
	assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

static void
disk_end(void)
{
	assert_int_equal(sqlite3_vfs_unregister(&disk.vfs), SQLITE_OK);
	assert_int_equal(sqlite3_vfs_register(disk.real, 1), SQLITE_OK);
}

static void
unknown_commit(struct box *x)
{
	struct store_row r = row_make(9, "cd2=2");
	uint64_t count = 0;

	assert_int_equal(add(x, A, 1, "cd1", NULL), 1);
	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(add(x, A, 2, "cd2=2", NULL), 2);
	disk.fails = true;
	assert_int_equal(store_commit(x->s), STORE_UNKNOWN);
	disk.fails = false;
	assert_int_equal(store_unknown(x->s), -EIO);
	assert_int_equal(store_begin(x->s), STORE_UNKNOWN);
	assert_int_equal(store_commit(x->s), STORE_UNKNOWN);
	assert_int_equal(store_add(x->s, A, &r), STORE_UNKNOWN);
	assert_int_equal(store_rotate(x->s, A), STORE_UNKNOWN);
	assert_int_equal(store_count(x->s, A, &count), 0);
	assert_int_equal(count, 1);
	store_row_free(&r);
}

static void
unknown_add(struct box *x)
{
	struct store_row r = row_make(9, "cd2=2");

	assert_int_equal(add(x, A, 3, "cd1", NULL), 3);
	disk.fails = true;
	assert_int_equal(store_add(x->s, A, &r), STORE_UNKNOWN);
	store_row_free(&r);
}

static void
unknown_rotate(struct box *x)
{
	assert_int_equal(add(x, A, 5, "cd1", NULL), 5);
	disk.fails = true;
	assert_int_equal(store_rotate(x->s, A), STORE_UNKNOWN);
}

/*
 * All of a transaction is in the log when its fsync fails: nobody may say that it was refused.  The store says so and
 * does nothing more; the process ends, as the engine does, and whoever opens it then has the transaction.
 */
static void
test_unknown(void **state)
{
	static void (*const lives[])(struct box *) = {unknown_commit, unknown_add, unknown_rotate};
	struct box *x = *state;
	uint64_t left = 0;

	store_close(TAKE_PTR(x->s));
	disk_begin();
	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0) {
			assert_int_equal(store_open(x->path, machine, &x->s), 0);
			lives[i](x);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	disk_end();
	assert_int_equal(store_open(x->path, machine, &x->s), 0);
	assert_int_equal(store_unknown(x->s), 0);
	assert_string_equal(list_all(x, A), "1 2 3 4 5");
	assert_int_equal(store_rotate_left(x->s, &left), 0);
	assert_true(left > 0);
}

/* A step that failed has undone all: that is known, and the store goes on. */
static void
test_commit_of_nothing(void **state)
{
	struct box *x = *state;

	assert_true(store_commit(x->s) < 0);
	assert_int_equal(store_unknown(x->s), 0);
	assert_int_equal(add(x, A, 1, "cd1", NULL), 1);
}

static void
test_cannot_open(void **state)
{
	struct store *s = NULL;

	(void)state;
	assert_int_equal(store_open("/nonexistent/folder/store.db", machine, &s), -ENOENT);
	assert_int_equal(store_open("/proc", machine, &s), -EISDIR);
	assert_null(s);
	store_close(NULL);
}

static void
test_audit_is_only_added_to(void **state)
{
	struct box *x = *state;
	cleanup_buf struct buf line = {0}, all = {0};
	struct store_lines *l;
	sqlite3 *db;
	uint64_t n = 0;

	assert_int_equal(store_audit_get(x->s, &n, &line), -ENOENT);
	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(store_audit_add(x->s, 1, word("one")), 0);
	store_rollback(x->s);
	n = 0;
	assert_int_equal(store_audit_get(x->s, &n, &line), -ENOENT);
	assert_int_equal(store_audit_add(x->s, 1, word("one")), 0);
	assert_int_equal(store_audit_add(x->s, 2, word("two")), 0);
	assert_true(store_audit_add(x->s, 2, word("again")) < 0);
	reopen(x);
	assert_int_equal(store_audit_get(x->s, &n, &line), 0);
	assert_int_equal(n, 2);
	assert_true(line.len == 3 && memcmp(line.p, "two", 3) == 0);
	assert_int_equal(store_lines_open(x->s, 1, &l), 0);
	assert_int_equal(store_lines_next(l, &n, &all), 1);
	assert_int_equal(store_audit_add(x->s, 3, word("later")), 0); /* not of the listing */
	while (store_lines_next(l, &n, &all) == 1)
		;
	store_lines_close(l);
	assert_true(all.len == 6 && memcmp(all.p, "onetwo", 6) == 0);
	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_CONSTRAINT);
	assert_int_equal(
	    sqlite3_exec(db, "UPDATE audit SET line = 'x' WHERE n = 1", NULL, NULL, NULL), SQLITE_CONSTRAINT);
	sqlite3_close(db);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, box_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    STORE_TEST(test_round_trip),
	    STORE_TEST(test_ids_never_reused),
	    STORE_TEST(test_separation),
	    STORE_TEST(test_nobody),
	    STORE_TEST(test_delete_ids),
	    STORE_TEST(test_list_ids),
	    STORE_TEST(test_cdest),
	    STORE_TEST(test_rollback),
	    STORE_TEST(test_snapshot),
	    STORE_TEST(test_delete_in_parts),
	    STORE_TEST(test_list_streams),
	    STORE_TEST(test_each_order_and_stop),
	    STORE_TEST(test_not_a_database),
	    STORE_TEST(test_not_ours),
	    STORE_TEST(test_damaged),
	    STORE_TEST(test_flipped_bit),
	    STORE_TEST(test_secure_delete),
	    STORE_TEST(test_tidy),
	    STORE_TEST(test_recovery_from_log),
	    STORE_TEST(test_audit_is_only_added_to),
	    STORE_TEST(test_unknown),
	    STORE_TEST(test_commit_of_nothing),
	    STORE_TEST(test_unsound_rows_are_set_aside),
	    cmocka_unit_test(test_cannot_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
