/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the files of a store, for whom; and keys that change while it is used. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "box.h"
#include "store_int.h"

#define A "lea1"
#define B "lea2"

static const uint8_t machine[STORE_KEY_LEN] = "one machine's key, 32 bytes ....";
static const uint8_t other[STORE_KEY_LEN] = "another machine's, 32 bytes ....";
static const char *const suffix[] = {"", "-wal", "-shm"};

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
	store_close(TAKE_PTR(x->s));
	assert_int_equal(store_open(x->path, machine, &x->s), 0);
}

/* ---- rows: everything in them follows from host and name ---- */

static struct slice
word(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static struct store_row
row_make(unsigned host, const char *name, unsigned place)
{
	struct store_row r = {
	    .added_ms = 1700000000000 + host, .csrc_port = 49153, .ttl = 64, .priority = 2, .ncdest = 1};
	char text[64];

	snprintf(text, sizeof text, "172.23.%u.%u", host >> 8 & 255, host & 255);
	assert_int_equal(criteria_parse(&r.criteria, CRIT_SOURCE_ADDRESS, word(text), NULL), 0);
	assert_int_equal(ip_parse(word("203.0.113.77"), &r.csrc), 0);
	assert_int_equal(ip_parse(word("2001:db8:aa55::99"), &r.csource_addr), 0);
	snprintf(text, sizeof text, "198.51.100.%u", place);
	assert_int_equal(ip_parse(word(text), &r.cdest[0].addr), 0);
	snprintf(r.cdest[0].name, sizeof r.cdest[0].name, "%s", name);
	r.cdest[0].port = (uint16_t)(7000 + place);
	return r;
}

/* The id, or -errno. */
static int
add_at(struct box *x, const char *agency, unsigned host, const char *name, unsigned place)
{
	struct store_row r = row_make(host, name, place);
	int rc = store_add(x->s, agency, &r);

	store_row_free(&r);
	return rc < 0 ? rc : (int)r.id;
}

/* One name for two places, which is refused. */
static int
add_twice(struct box *x, const char *agency, const char *name)
{
	struct store_row r = row_make(1, name, 1);
	int rc;

	r.cdest[1] = r.cdest[0];
	r.cdest[1].port++;
	r.ncdest = 2;
	rc = store_add(x->s, agency, &r);
	store_row_free(&r);
	return rc;
}

static int
add(struct box *x, const char *agency, unsigned host, const char *name)
{
	return add_at(x, agency, host, name, 1);
}

static bool
row_is(const struct store_row *r, unsigned host)
{
	struct store_row want = row_make(host, r->cdest[0].name, 1);
	bool same = criteria_equal(&r->criteria, &want.criteria) && ip_equal(&r->csrc, &want.csrc) &&
		    ip_equal(&r->csource_addr, &want.csource_addr) && r->added_ms == want.added_ms &&
		    ip_equal(&r->cdest[0].addr, &want.cdest[0].addr) && r->cdest[0].port == want.cdest[0].port;

	store_row_free(&want);
	return same;
}

/* Every row has what was put in it; host = id is how these tests add. */
static int
check_row(void *arg, const char *agency, struct store_row *r)
{
	(void)agency;
	++*(unsigned *)arg;
	return row_is(r, r->id) ? 0 : -EDOM;
}

/* The number of rows, all of them right; or -errno. */
static int
walk(struct box *x)
{
	unsigned n = 0;
	int r = store_each(x->s, check_row, &n);

	return r < 0 ? r : (int)n;
}

static int
list(struct box *x, const char *agency, const char *name)
{
	struct store_list *l;
	struct store_row row;
	uint64_t count;
	int n = 0, r = store_list_open(x->s, agency, name ? DTCP_SEL_CDEST : DTCP_SEL_NONE, NULL, 0, name, &l);

	if (r < 0)
		return r;
	assert_int_equal(store_list_count(l, UINT32_MAX, &count), 0);
	while ((r = store_list_next(l, &row)) == 1) {
		assert_true(row_is(&row, row.id));
		store_row_free(&row);
		n++;
	}
	store_list_close(l);
	assert_true(r < 0 || (uint64_t)n == count);
	return r < 0 ? r : n;
}

static void
nothing(void *arg, uint64_t uid, uint32_t id)
{
	(void)arg;
	(void)uid;
	(void)id;
}

static int
delete_id(struct box *x, const char *agency, unsigned id)
{
	struct dtcp_ids ids = {id, id, true};
	const struct dtcp_req which = {.select = DTCP_SEL_IDS, .ids = &ids, .nids = 1};
	struct store_part part = {.max = 100};
	uint64_t count;
	int r = store_delete(x->s, agency, &which, true, &part, nothing, NULL, &count);

	return r < 0 ? r : (int)count;
}

/* ---- files ---- */

static uint8_t *
file_read(const char *path, const char *end, size_t *len)
{
	char name[128];
	FILE *f;
	uint8_t *p = malloc(4 << 20);

	snprintf(name, sizeof name, "%s%s", path, end);
	f = fopen(name, "rb");
	assert_non_null(p);
	*len = f ? fread(p, 1, 4 << 20, f) : 0;
	if (f)
		fclose(f);
	return p;
}

static void
file_write(const char *path, const uint8_t *p, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static bool
files_have(const struct box *x, const void *p, size_t len)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(suffix); i++) {
		size_t n;
		cleanup_free uint8_t *text = file_read(x->path, suffix[i], &n);

		found = found || memmem(text, n, p, len) != NULL;
	}
	return found;
}

static void
run_sql(const char *path, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sqlite3_errmsg(db), text);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* One blob of the file, through a connection of its own. */
static uint8_t *
blob_read(struct box *x, const char *text, size_t *len)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	uint8_t *p;

	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	*len = (size_t)sqlite3_column_bytes(st, 0);
	p = malloc(*len + 1);
	assert_non_null(p);
	if (*len)
		memcpy(p, sqlite3_column_blob(st, 0), *len);
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return p;
}

static int
number(struct box *x, const char *text)
{
	size_t len;
	char sql[256];
	cleanup_free char *p = NULL;

	snprintf(sql, sizeof sql, "SELECT CAST((%s) AS TEXT)", text);
	p = (char *)blob_read(x, sql, &len);
	p[len] = '\0';
	return atoi(p);
}

/* ---- what the files show ---- */

/* The bytes as they are, backwards, and as hex digits of both kinds. */
static void
assert_absent(const struct box *x, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t back[64];
	char lower[129], upper[129];

	assert_true(len <= sizeof back);
	for (size_t i = 0; i < len; i++) {
		back[i] = b[len - 1 - i];
		snprintf(lower + 2 * i, 3, "%02x", b[i]);
		snprintf(upper + 2 * i, 3, "%02X", b[i]);
	}
	assert_false(files_have(x, b, len));
	assert_false(files_have(x, back, len));
	assert_false(files_have(x, lower, 2 * len));
	assert_false(files_have(x, upper, 2 * len));
}

static void
assert_address_absent(const struct box *x, const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(word(text), &a), 0);
	assert_absent(x, a.b, a.family == 4 ? 4 : 16);
	assert_absent(x, text, strlen(text));
}

static void
assert_nothing_in_clear(const struct box *x)
{
	static const char *const address[] = {"172.23.0.1", "172.23.0.2", "172.23.1.44", "203.0.113.77",
	    "2001:db8:aa55::99", "198.51.100.1", "198.51.100.9"};
	static const char *const text[] = {"warrant-4711-box", "cell-block-nine"};

	for (size_t i = 0; i < ARRAY_LEN(address); i++)
		assert_address_absent(x, address[i]);
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		assert_absent(x, text[i], strlen(text[i]));
	assert_absent(x, machine, sizeof machine);
	/* That something can be found at all. */
	assert_true(files_have(x, A, strlen(A)));
}

static void
test_nothing_in_clear(void **state)
{
	struct box *x = *state;
	uint64_t left;

	for (unsigned i = 1; i <= 300; i++)
		assert_int_equal(add(x, A, i, "warrant-4711-box"), i);
	assert_int_equal(add(x, B, 1, "cell-block-nine"), 1);
	assert_int_equal(add_at(x, B, 9, "cell-block-nine", 9), 2);
	assert_int_equal(delete_id(x, B, 2), 1);
	assert_int_equal(delete_id(x, A, 2), 1);
	assert_int_equal(list(x, A, "warrant-4711-box"), 299);
	assert_nothing_in_clear(x);
	assert_int_equal(store_rotate(x->s, NULL), 0);
	assert_int_equal(store_rotate_step(x->s, 100, &left), 0);
	assert_nothing_in_clear(x);
	reopen(x);
	assert_nothing_in_clear(x);
	/* The same bytes, to who has the key. */
	assert_int_equal(walk(x), 300);
	assert_int_equal(list(x, B, "cell-block-nine"), 1);
}

/* Opens every sealed text of an agency with these keys; the number that opened. */
static unsigned
opened_with(struct box *x, int64_t agency, const struct store_keys *keys)
{
	static const char *const text[] = {"SELECT " STORE_ROW_COLUMNS " FROM criterion c WHERE c.agency = ?1",
	    "SELECT no, tag, bound FROM cdest WHERE agency = ?1"};
	struct store_keys k = *keys;
	struct store_row row;
	struct dtcp_cdest d;
	unsigned n = 0;

	k.agency = agency;
	for (unsigned i = 0; i < 2; i++) {
		sqlite3_stmt *st;
		int r;

		assert_int_equal(sqlite3_prepare_v2(x->s->db, text[i], -1, &st, NULL), SQLITE_OK);
		sqlite3_bind_int64(st, 1, agency);
		while (sqlite3_step(st) == SQLITE_ROW) {
			r = i == 0 ? store_row_read(st, &k, &row) : store_row_cdest_read(st, &k, &d);
			assert_true(r == 0 || r == -EBADMSG);
			if (r == 0 && i == 0)
				store_row_free(&row);
			n += r == 0;
		}
		sqlite3_finalize(st);
	}
	return n;
}

static void
test_one_agencys_key_opens_its_own_only(void **state)
{
	struct box *x = *state;
	const struct store_keys *k;
	struct store_keys a, b;
	uint8_t tag[2][STORE_TAG_LEN];
	cleanup_free uint8_t *key = NULL;
	uint8_t data[STORE_KEY_LEN];
	size_t len;

	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(add(x, A, i, "box"), i);
		assert_int_equal(add(x, B, i, "box"), i);
	}
	assert_int_equal(store_keys_get(x->s, 1, &k), 0);
	a = *k;
	assert_int_equal(store_keys_get(x->s, 2, &k), 0);
	b = *k;
	assert_memory_not_equal(a.v[0].seal, b.v[0].seal, STORE_KEY_LEN);
	assert_int_equal(opened_with(x, 1, &a), 21);
	assert_int_equal(opened_with(x, 2, &b), 21);
	assert_int_equal(opened_with(x, 2, &a), 0);
	assert_int_equal(opened_with(x, 1, &b), 0);
	/* The same name is two different tags, so it can't be compared either. */
	assert_int_equal(store_row_tag(&a.v[0], "box", tag[0]), 0);
	assert_int_equal(store_row_tag(&b.v[0], "box", tag[1]), 0);
	assert_memory_not_equal(tag[0], tag[1], STORE_TAG_LEN);
	/* Nor does A's key unwrap B's, or B's wrapped key open as A's. */
	key = blob_read(x, "SELECT key FROM agency WHERE name = '" B "'", &len);
	assert_int_equal(store_key_unwrap(machine, &(struct store_wrapped){B, 1, key, len}, data), 0);
	assert_int_equal(store_key_unwrap(machine, &(struct store_wrapped){A, 1, key, len}, data), -EBADMSG);
	assert_int_equal(store_key_unwrap(machine, &(struct store_wrapped){B, 2, key, len}, data), -EBADMSG);
	assert_int_equal(store_key_unwrap(a.v[0].seal, &(struct store_wrapped){B, 1, key, len}, data), -EBADMSG);
}

/* The same rows sealed twice are different bytes. */
static void
test_equal_rows_look_different(void **state)
{
	struct box *x = *state;
	cleanup_free uint8_t *one = NULL, *two = NULL;
	size_t len[2];

	assert_int_equal(add(x, A, 1, "box"), 1);
	assert_int_equal(add(x, A, 1, "box"), 2);
	one = blob_read(x, "SELECT secret FROM criterion WHERE id = 1", &len[0]);
	two = blob_read(x, "SELECT secret FROM criterion WHERE id = 2", &len[1]);
	assert_int_equal(len[0], len[1]);
	for (size_t i = 4; i + 8 < len[0]; i += 8)
		assert_memory_not_equal(one + i, two + i, 8);
}

/* ---- rows that somebody moved ---- */

static int
use_all(struct box *x)
{
	int r = walk(x);

	if (r >= 0)
		r = add(x, A, 5, "box");
	if (r >= 0)
		r = add(x, B, 5, "box");
	return r;
}

static void
test_moved_rows_are_refused(void **state)
{
#define SWAP(table, column, a, b)                                                                                      \
	"CREATE TEMP TABLE t AS SELECT (SELECT " column " FROM " table " WHERE " a ") AS a, (SELECT " column           \
	" FROM " table " WHERE " b ") AS b; UPDATE " table " SET " column " = (SELECT b FROM t) WHERE " a              \
	"; UPDATE " table " SET " column " = (SELECT a FROM t) WHERE " b
	static const char *const row[] = {
	    SWAP("criterion", "secret", "uid = 1", "uid = 2"),
	    SWAP("criterion", "secret", "uid = 1", "uid = 3"), /* the other agency's, of the same id */
	    "UPDATE criterion SET secret = (SELECT secret FROM criterion WHERE uid = 2) WHERE uid = 1",
	    "UPDATE criterion SET id = 77 WHERE uid = 1",
	    "UPDATE criterion SET uid = 77 WHERE uid = 1",
	    "UPDATE criterion SET agency = 2, id = 77 WHERE uid = 1",
	    "UPDATE criterion SET added_ms = added_ms + 1 WHERE uid = 1",
	    "UPDATE criterion SET priority = 3 WHERE uid = 1",
	    "UPDATE criterion SET secret = x'' WHERE uid = 1",
	    "UPDATE criterion SET secret = substr(secret, 1, 20) WHERE uid = 1",
	    "UPDATE criterion SET secret = substr(secret, 1, length(secret) - 1) WHERE uid = 1",
	    "UPDATE criterion SET secret = CAST(secret || x'00' AS BLOB) WHERE uid = 1",
	    "UPDATE criterion SET secret = CAST(x'00000002' || substr(secret, 5) AS BLOB) WHERE uid = 1",
	    "UPDATE criterion SET secret = (SELECT bound FROM cdest WHERE no = 1) WHERE uid = 1",
	    "UPDATE cdest SET bound = (SELECT secret FROM criterion WHERE uid = 1) WHERE no = 1",
	    SWAP("cdest", "bound", "no = 1", "no = 2"),
	    "UPDATE cdest SET bound = x'' WHERE no = 1",
	    "UPDATE agency SET name = 'x' WHERE no = 1; UPDATE agency SET name = '" A
	    "' WHERE no = 2; UPDATE agency SET "
	    "name = '" B "' WHERE no = 1",
	    SWAP("agency", "key", "no = 1", "no = 2"),
	    "UPDATE agency SET generation = 2 WHERE no = 1",
	    "UPDATE agency SET key = x'' WHERE no = 1",
	    "UPDATE agency SET old_key = key WHERE no = 1",
	};
	struct box *x = *state;
	cleanup_free uint8_t *good = NULL;
	size_t len;

	assert_int_equal(add(x, A, 1, "box"), 1);
	assert_int_equal(add(x, A, 2, "box"), 2);
	assert_int_equal(add(x, B, 1, "box"), 1);
	store_close(TAKE_PTR(x->s));
	good = file_read(x->path, "", &len);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		file_write(x->path, good, len);
		run_sql(x->path, row[i]);
		assert_int_equal(store_open(x->path, machine, &x->s), 0);
		if (use_all(x) != -EBADMSG)
			fail_msg("accepted: %s", row[i]);
		store_close(TAKE_PTR(x->s));
	}
	file_write(x->path, good, len);
	assert_int_equal(store_open(x->path, machine, &x->s), 0);
	assert_int_equal(use_all(x), 2);
}

/* ---- the machine key ---- */

static void
test_wrong_machine_key(void **state)
{
	struct box *x = *state;
	uint8_t key[STORE_KEY_LEN];
	cleanup_free uint8_t *before = NULL;
	size_t len[2];

	assert_int_equal(add(x, A, 1, "box"), 1);
	store_close(TAKE_PTR(x->s));
	before = file_read(x->path, "", &len[0]);
	for (unsigned bit = 0; bit < 8 * STORE_KEY_LEN; bit += 37) {
		cleanup_free uint8_t *after = NULL;

		memcpy(key, machine, sizeof key);
		key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(store_open(x->path, key, &x->s), STORE_OTHER_KEY);
		assert_null(x->s);
		after = file_read(x->path, "", &len[1]);
		assert_int_equal(len[0], len[1]);
		assert_memory_equal(before, after, len[0]);
	}
	run_sql(x->path, "DELETE FROM machine");
	assert_int_equal(store_open(x->path, machine, &x->s), STORE_DAMAGED);
	file_write(x->path, before, len[0]);
	assert_int_equal(store_open(x->path, machine, &x->s), 0);
	assert_int_equal(walk(x), 1);
}

static void
test_rewrap(void **state)
{
	struct box *x = *state;
	cleanup_free uint8_t *wrapped = NULL, *old = NULL;
	struct store_list *l;
	struct store_row row;
	uint64_t left, count;
	size_t len, nold;

	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(add(x, A, i, "box"), i);
	assert_int_equal(add(x, B, 1, "box"), 1);
	/* Half way through a rotation, so that one agency has two keys; and with a listing open. */
	assert_int_equal(store_rotate(x->s, A), 0);
	assert_int_equal(store_rotate_step(x->s, 4, &left), 0);
	assert_true(left > 0);
	wrapped = blob_read(x, "SELECT key FROM agency WHERE no = 1", &len);
	old = blob_read(x, "SELECT old_key FROM agency WHERE no = 1", &nold);
	assert_true(files_have(x, wrapped, len) && files_have(x, old, nold));
	assert_int_equal(store_list_open(x->s, A, DTCP_SEL_NONE, NULL, 0, NULL, &l), 0);
	assert_int_equal(store_list_count(l, UINT32_MAX, &count), 0);
	assert_int_equal(store_rewrap(x->s, other), 0);
	for (unsigned i = 1; i <= 10; i++) {
		assert_int_equal(store_list_next(l, &row), 1);
		assert_true(row_is(&row, i));
		store_row_free(&row);
	}
	store_list_close(l);
	/* What the old machine key opens is in none of the files any more. */
	assert_false(files_have(x, wrapped, len) || files_have(x, old, nold));
	assert_int_equal(walk(x), 11);
	assert_int_equal(add(x, A, 11, "box"), 11);
	assert_int_equal(add(x, "lea3", 1, "box"), 1);
	assert_int_equal(list(x, A, "box"), 11);
	while (left > 0)
		assert_int_equal(store_rotate_step(x->s, 4, &left), 0);
	store_close(TAKE_PTR(x->s));
	assert_int_equal(store_open(x->path, machine, &x->s), STORE_OTHER_KEY);
	assert_int_equal(store_open(x->path, other, &x->s), 0);
	assert_int_equal(walk(x), 13);
}

/* ---- rotation ---- */

static void
rotate_to_the_end(struct box *x, uint32_t rows)
{
	uint64_t left = 1, before = UINT64_MAX;

	while (left > 0) {
		assert_int_equal(store_rotate_step(x->s, rows, &left), 0);
		assert_true(left <= before);
		before = left;
	}
}

static void
test_rotation_in_use(void **state)
{
	struct box *x = *state;
	cleanup_free uint8_t *secret = NULL, *key = NULL, *kept = NULL;
	struct store_list *l;
	struct store_row row;
	uint64_t left = 1, count;
	size_t len, nkey, nkept;
	int added = 30, rows = 30, id = 0, n = 0;
	char name[8];

	for (int i = 1; i <= added; i++) {
		snprintf(name, sizeof name, "box%d", i % 5);
		assert_int_equal(add(x, A, (unsigned)i, name), i);
	}
	assert_int_equal(add(x, B, 1, "box0"), 1);
	/* A name that nobody uses just now. */
	assert_int_equal(add_at(x, A, 31, "idle", 9), ++added);
	assert_int_equal(delete_id(x, A, (unsigned)added), 1);
	secret = blob_read(x, "SELECT secret FROM criterion WHERE agency = 1 AND id = 20", &len);
	key = blob_read(x, "SELECT key FROM agency WHERE no = 1", &nkey);
	kept = blob_read(x, "SELECT key FROM agency WHERE no = 2", &nkept);
	assert_int_equal(store_list_open(x->s, A, DTCP_SEL_NONE, NULL, 0, NULL, &l), 0);
	assert_int_equal(store_list_count(l, UINT32_MAX, &count), 0);

	assert_int_equal(store_rotate(x->s, A), 0);
	assert_int_equal(store_rotate(x->s, A), -EALREADY);
	assert_int_equal(store_rotate(x->s, NULL), -EALREADY);
	for (unsigned step = 0; left > 0; step++) {
		assert_true(step < 40);
		assert_int_equal(store_rotate_step(x->s, 3, &left), 0);
		/* in use: an old name, a new one, a listing, a deletion, a transaction that fails */
		snprintf(name, sizeof name, "box%u", step % 5);
		added++;
		assert_int_equal(add(x, A, (unsigned)added, name), added);
		rows++;
		assert_int_equal(delete_id(x, A, 3 * step + 1), 3 * step + 1 <= 30 ? 1 : -ENOENT);
		rows -= 3 * step + 1 <= 30;
		if (step == 1) {
			added++;
			rows++;
			assert_int_equal(add(x, A, (unsigned)added, "idle"), added);
		}
		assert_int_equal(list(x, A, NULL), rows);
		assert_int_equal(walk(x), rows + 1);
		assert_int_equal(store_begin(x->s), 0);
		assert_true(add(x, A, 1, "never") > 0);
		store_rollback(x->s);
		assert_int_equal(list(x, A, "never"), -ENOENT);
	}
	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "box%u", i);
		n += list(x, A, name);
	}
	assert_int_equal(n + list(x, A, "idle"), rows);
	/* The listing that began before all this still shows the old rows, under the old key. */
	while (store_list_next(l, &row) == 1) {
		assert_true((int)row.id == ++id && row_is(&row, row.id));
		store_row_free(&row);
	}
	assert_int_equal(id, 30);
	store_list_close(l);

	assert_int_equal(
	    number(x, "SELECT count(*) FROM criterion WHERE agency = 1 AND substr(secret, 1, 4) <> x'00000002'"), 0);
	assert_int_equal(
	    number(x, "SELECT count(*) FROM cdest WHERE agency = 1 AND substr(tag, 1, 4) <> x'00000002'"), 0);
	assert_false(files_have(x, secret, len));
	assert_false(files_have(x, key, nkey));
	assert_true(files_have(x, kept, nkept)); /* B's was not touched */
	assert_int_equal(store_rotate_step(x->s, 3, &left), 0);
	assert_int_equal(left, 0);
	reopen(x);
	assert_int_equal(walk(x), rows + 1);
	assert_int_equal(store_rotate(x->s, "nobody"), -ENOENT);
}

static void
test_rotation_of_all(void **state)
{
	struct box *x = *state;
	char name[16];
	uint64_t left;

	assert_int_equal(store_rotate(x->s, NULL), 0); /* nobody there */
	assert_int_equal(store_rotate_step(x->s, 10, &left), 0);
	assert_int_equal(left, 0);
	assert_int_equal(store_begin(x->s), 0);
	for (unsigned a = 0; a < 100; a++) /* more than there are places for keys */
		for (unsigned i = 1; i <= a % 4; i++) {
			snprintf(name, sizeof name, "agency%u", a);
			assert_int_equal(add(x, name, i, i % 2 ? "box" : "cab"), i);
		}
	assert_int_equal(store_commit(x->s), 0);
	for (unsigned round = 2; round <= 4; round++) {
		assert_int_equal(store_rotate(x->s, NULL), 0);
		rotate_to_the_end(x, round == 3 ? 1 : 50);
		assert_int_equal(number(x, "SELECT min(generation) FROM agency"), round);
		assert_int_equal(walk(x), 150);
		assert_int_equal(list(x, "agency3", "box"), 2);
	}
	/* Half way, then a new start: it goes on. */
	assert_int_equal(store_rotate(x->s, NULL), 0);
	assert_int_equal(store_rotate_step(x->s, 70, &left), 0);
	assert_true(left > 0);
	reopen(x);
	assert_int_equal(walk(x), 150);
	rotate_to_the_end(x, 20);
	assert_int_equal(number(x, "SELECT count(*) FROM agency WHERE generation = 5 AND old_key IS NULL"), 75);
	assert_int_equal(walk(x), 150);
}

/* Keys that a transaction made go with it. */
static void
test_keys_are_rolled_back(void **state)
{
	struct box *x = *state;
	uint64_t left;

	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(add(x, A, 1, "box"), 1);
	store_rollback(x->s);
	assert_int_equal(add(x, B, 1, "box"), 1); /* takes the number that A had */
	assert_int_equal(add(x, A, 1, "box"), 1);
	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(store_rotate(x->s, NULL), 0);
	assert_int_equal(add(x, A, 2, "cab"), 2);
	store_rollback(x->s);
	assert_int_equal(add(x, A, 2, "cab"), 2);
	/* A refused row of a new agency, in a transaction that goes on. */
	assert_int_equal(store_begin(x->s), 0);
	assert_int_equal(add(x, "lea3", 1, "box"), 1);
	assert_int_equal(add_twice(x, "lea3", "box"), -EADDRINUSE);
	assert_int_equal(store_rotate(x->s, "lea3"), 0);
	assert_int_equal(add(x, "lea3", 2, "box"), 2);
	assert_int_equal(store_commit(x->s), 0);
	reopen(x);
	assert_int_equal(walk(x), 5);
	rotate_to_the_end(x, 1);
	assert_int_equal(walk(x), 5);
	assert_int_equal(store_rotate_step(x->s, 1, &left), 0);
	assert_int_equal(number(x, "SELECT count(*) FROM agency WHERE old_key IS NOT NULL"), 0);
}

/* Keys are in memory from the first use on, until they are told to go. */
static void
test_keys_in_memory(void **state)
{
	static const struct store_keys none;
	struct box *x = *state;

	assert_int_equal(add(x, A, 1, "box"), 1);
	reopen(x);
	assert_int_equal(walk(x), 1);
	assert_int_equal(list(x, A, "box"), 1);
	for (size_t i = 0; i < ARRAY_LEN(x->s->keys); i++)
		assert_memory_equal(&x->s->keys[i], &none, sizeof none);
	assert_int_equal(add(x, A, 2, "box"), 2);
	assert_memory_not_equal(&x->s->keys[1], &none, sizeof none);
	store_keys_forget(x->s, "nobody");
	store_keys_forget(x->s, A);
	for (size_t i = 0; i < ARRAY_LEN(x->s->keys); i++)
		assert_memory_equal(&x->s->keys[i], &none, sizeof none);
	assert_int_equal(add(x, A, 3, "box"), 3);
}

/* ---- killed in the middle ---- */

static int countdown;

static void
on_update(void *arg, int what, const char *db, const char *table, sqlite3_int64 row)
{
	(void)arg;
	(void)what;
	(void)db;
	(void)table;
	(void)row;
	if (--countdown == 0)
		kill(getpid(), SIGKILL);
}

static int
on_commit(void *arg)
{
	on_update(arg, 0, NULL, NULL, 0);
	return 0;
}

/* In a process of its own: rotates, adding in between, and dies at the n-th change or commit.
 * true: it came to the end. */
static bool
rotate_and_die(const struct box *x, int n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct box own = *x;
		uint64_t left = 1;

		countdown = n;
		if (store_open(own.path, machine, &own.s) != 0)
			_exit(2);
		sqlite3_update_hook(own.s->db, on_update, NULL);
		sqlite3_commit_hook(own.s->db, on_commit, NULL);
		if (store_rotate(own.s, NULL) < 0)
			_exit(3);
		while (left > 0)
			if (store_rotate_step(own.s, 3, &left) < 0)
				_exit(4);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return !WIFSIGNALED(status);
}

static void
test_killed_while_rotating(void **state)
{
	struct box *x = *state;
	cleanup_free uint8_t *good = NULL, *key = NULL;
	size_t len, nkey;
	int n = 0;
	bool end = false;

	for (unsigned i = 1; i <= 10; i++) {
		assert_int_equal(add(x, A, i, i % 3 ? "box" : "cab"), i);
		assert_int_equal(add(x, B, i, "box"), i);
	}
	store_close(TAKE_PTR(x->s));
	key = blob_read(x, "SELECT key FROM agency WHERE no = 1", &nkey);
	good = file_read(x->path, "", &len);
	while (!end) {
		file_write(x->path, good, len);
		end = rotate_and_die(x, ++n);
		assert_int_equal(store_open(x->path, machine, &x->s), 0);
		assert_int_equal(walk(x), 20);
		assert_int_equal(list(x, A, "cab"), 3);
		assert_int_equal(add(x, A, 11, "cab"), 11);
		rotate_to_the_end(x, 4);
		assert_int_equal(walk(x), 21);
		if (number(x, "SELECT generation FROM agency WHERE no = 1") == 2)
			assert_false(files_have(x, key, nkey));
		else
			assert_true(n <= 3 && files_have(x, key, nkey)); /* it had not begun */
		store_close(TAKE_PTR(x->s));
	}
	assert_true(n > 25);
	assert_int_equal(store_open(x->path, machine, &x->s), 0);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, box_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    STORE_TEST(test_nothing_in_clear),
	    STORE_TEST(test_one_agencys_key_opens_its_own_only),
	    STORE_TEST(test_equal_rows_look_different),
	    STORE_TEST(test_moved_rows_are_refused),
	    STORE_TEST(test_wrong_machine_key),
	    STORE_TEST(test_rewrap),
	    STORE_TEST(test_rotation_in_use),
	    STORE_TEST(test_rotation_of_all),
	    STORE_TEST(test_keys_are_rolled_back),
	    STORE_TEST(test_keys_in_memory),
	    STORE_TEST(test_killed_while_rotating),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
