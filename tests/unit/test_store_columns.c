/* SPDX-License-Identifier: BSD-2-Clause */
/* Every column of every table, as the database itself lists them: what may be in it, and that no target is. */
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "box.h"
#include "statefill.h"
#include "store_int.h"

static void
filled(struct box *x)
{
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	assert_int_equal(statefill_fill(x->s), 0);
}

static sqlite3 *
db_open(const struct box *x)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
	return db;
}

static sqlite3_stmt *
prepared(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sqlite3_errmsg(db), sql);
	return st;
}

#define ALL_COLUMNS                                                                                                    \
	"SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table'"

/* ---- the list ---- */

static const struct store_column *
listed(const char *table, const char *name)
{
	for (unsigned i = 0; i < store_ncolumns; i++)
		if (strcmp(store_columns[i].table, table) == 0 && strcmp(store_columns[i].name, name) == 0)
			return &store_columns[i];
	return NULL;
}

static void
test_every_column_is_listed(void **state)
{
	struct box *x = *state;
	sqlite3 *db;
	sqlite3_stmt *st;
	unsigned n = 0;

	filled(x);
	db = db_open(x);
	st = prepared(db, ALL_COLUMNS " AND m.name NOT LIKE 'sqlite_%'");
	for (; sqlite3_step(st) == SQLITE_ROW; n++) {
		const char *table = (const char *)sqlite3_column_text(st, 0);
		const char *name = (const char *)sqlite3_column_text(st, 1);

		if (listed(table, name) == NULL)
			fail_msg("%s.%s is in the database and not in store_column.h", table, name);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	assert_int_equal(n, store_ncolumns);
}

/* The database's own type says the same: numbers are INTEGER, what is sealed is BLOB. */
static void
test_declared_types(void **state)
{
	static const char *const want[] = {
	    [STORE_NUMBER] = "INTEGER", [STORE_TEXT] = "TEXT", [STORE_MADE] = "BLOB", [STORE_SEALED] = "BLOB"};
	struct box *x = *state;
	sqlite3 *db;
	sqlite3_stmt *st;

	filled(x);
	db = db_open(x);
	for (unsigned i = 0; i < store_ncolumns; i++) {
		const struct store_column *c = &store_columns[i];

		st = prepared(db, "SELECT type FROM pragma_table_xinfo(?1) WHERE name = ?2");
		sqlite3_bind_text(st, 1, c->table, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, c->name, -1, SQLITE_STATIC);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		assert_string_equal((const char *)sqlite3_column_text(st, 0), want[c->type]);
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
}

/* ---- markers ---- */

#define FORMS 12
struct marker {
	struct {
		uint8_t b[128];
		size_t len;
	} form[FORMS];
	unsigned n;
	int64_t number[2]; /* an IPv4 address as a number, in both byte orders; 0: none */
};

static void
form_add(struct marker *m, const void *p, size_t len)
{
	assert_true(m->n < FORMS && len <= sizeof m->form[0].b);
	memcpy(m->form[m->n].b, p, len);
	m->form[m->n++].len = len;
}

static void
hex_add(struct marker *m, const uint8_t *p, size_t len)
{
	char lower[129], upper[129];

	for (size_t i = 0; i < len; i++) {
		snprintf(lower + 2 * i, 3, "%02x", p[i]);
		snprintf(upper + 2 * i, 3, "%02X", p[i]);
	}
	form_add(m, lower, 2 * len);
	form_add(m, upper, 2 * len);
}

static void
bytes_add(struct marker *m, const uint8_t *p, size_t len)
{
	uint8_t back[64];

	for (size_t i = 0; i < len; i++)
		back[i] = p[len - 1 - i];
	form_add(m, p, len);
	form_add(m, back, len);
	hex_add(m, p, len);
}

static struct marker
address_marker(const char *text)
{
	struct marker m = {0};
	struct ip_addr a;
	char full[64], upper[64];
	size_t n = 0;

	assert_int_equal(ip_parse((struct slice){text, strlen(text)}, &a), 0);
	form_add(&m, text, strlen(text));
	if (a.family == 4) {
		uint32_t v;

		memcpy(&v, a.b, 4);
		bytes_add(&m, a.b, 4);
		m.number[0] = v;
		m.number[1] = ntohl(v);
		return m;
	}
	/* Its first 8 bytes: the prefix of any length that names it. */
	bytes_add(&m, a.b, 8);
	for (unsigned i = 0; i < 8; i += 2)
		n += (size_t)snprintf(full + n, sizeof full - n, "%s%02x%02x", i ? ":" : "", a.b[i], a.b[i + 1]);
	form_add(&m, full, n);
	for (size_t i = 0; i <= n; i++)
		upper[i] = (char)(full[i] >= 'a' && full[i] <= 'f' ? full[i] - 32 : full[i]);
	form_add(&m, upper, n);
	return m;
}

static struct marker
text_marker(const char *text)
{
	struct marker m = {0};

	bytes_add(&m, (const uint8_t *)text, strlen(text));
	return m;
}

/* All that names a target, or where copies go, or is written in a warrant. */
static unsigned
markers_make(struct marker out[static 64])
{
	static const char *const address[] = {
	    "198.18.77.0", "198.18.77.1", "198.18.77.2", "172.29.201.17", "172.29.147.0", "2001:db8:beef:77::"};
	static const char *const text[] = {"box-of-lea1-0", "box-of-lea1-1", "box-of-lea1-2", "box-of-lea2-1",
	    "Himmelreich", "Prefix", "Content-Destination", "7000-7999"};
	unsigned n = 0;
	char target[64];

	for (unsigned i = 0; i < ARRAY_LEN(address); i++)
		out[n++] = address_marker(address[i]);
	for (unsigned i = 0; i < ARRAY_LEN(text); i++)
		out[n++] = text_marker(text[i]);
	for (uint32_t id = 1; id <= STATEFILL_ROWS_A; id++) {
		statefill_target(STATEFILL_A, id, target);
		out[n++] = address_marker(target);
	}
	for (uint32_t id = 1; id <= STATEFILL_ROWS_B; id++) {
		statefill_target(STATEFILL_B, id, target);
		out[n++] = address_marker(target);
	}
	return n;
}

static bool
marked(const struct marker *m, const void *p, size_t len)
{
	for (unsigned i = 0; i < m->n; i++)
		if (p && memmem(p, len, m->form[i].b, m->form[i].len) != NULL)
			return true;
	return false;
}

static unsigned
value_search(sqlite3_stmt *st, const struct marker *m, unsigned n)
{
	int64_t number = sqlite3_column_int64(st, 0);
	bool is_number = sqlite3_column_type(st, 0) == SQLITE_INTEGER;
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++)
		if (is_number)
			found += number != 0 && (number == m[i].number[0] || number == m[i].number[1]);
		else
			found += marked(&m[i], sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0));
	return found;
}

/* In how many values of the database is something that names a target; the last such column in where. */
static unsigned
columns_search(const struct box *x, unsigned *values, char where[static 128])
{
	struct marker m[64];
	unsigned n = markers_make(m), found = 0;
	sqlite3 *db = db_open(x);
	sqlite3_stmt *all = prepared(db, ALL_COLUMNS), *st;
	char sql[256];

	*values = 0;
	while (sqlite3_step(all) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(all, 0);
		const char *name = (const char *)sqlite3_column_text(all, 1);
		unsigned here = 0;

		snprintf(sql, sizeof sql, "SELECT \"%s\" FROM \"%s\"", name, table);
		st = prepared(db, sql);
		for (; sqlite3_step(st) == SQLITE_ROW; ++*values)
			here += value_search(st, m, n);
		sqlite3_finalize(st);
		if (here)
			snprintf(where, 128, "%s.%s", table, name);
		found += here;
	}
	sqlite3_finalize(all);
	sqlite3_close(db);
	return found;
}

static unsigned
files_search(const struct box *x)
{
	struct marker m[64];
	unsigned n = markers_make(m), found = 0;
	DIR *d = opendir(x->dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		cleanup_free uint8_t *p = malloc(8 << 20);
		char path[512];
		FILE *f;
		size_t len;

		snprintf(path, sizeof path, "%s/%s", x->dir, e->d_name);
		if (*e->d_name == '.' || (f = fopen(path, "rb")) == NULL)
			continue;
		assert_non_null(p);
		len = fread(p, 1, 8 << 20, f);
		assert_true(len < 8 << 20);
		fclose(f);
		for (unsigned i = 0; i < n; i++)
			found += marked(&m[i], p, len);
	}
	closedir(d);
	return found;
}

static void
nothing_found(const struct box *x)
{
	char where[128] = "";
	unsigned values, found = columns_search(x, &values, where);

	assert_true(values > 100);
	if (found)
		fail_msg("%u values name a target, one in %s", found, where);
	assert_int_equal(files_search(x), 0);
}

static void
test_no_column_shows_a_target(void **state)
{
	struct box *x = *state;
	uint64_t left = 1;

	filled(x);
	nothing_found(x);
	while (left > 0)
		assert_int_equal(store_rotate_step(x->s, 100, &left), 0);
	nothing_found(x);
	store_close(TAKE_PTR(x->s));
	nothing_found(x);
}

/* The first release kept warrants in clear: the search finds them there, and nothing after the climb. */
static void
test_climb_erases_what_was_in_clear(void **state)
{
	struct box *x = *state;
	char where[128] = "";
	unsigned values;

	assert_true(box_released(x, 5));
	assert_true(columns_search(x, &values, where) > 0);
	assert_string_equal(where, "warrant.text");
	assert_true(files_search(x) > 0);
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	nothing_found(x);
	store_close(TAKE_PTR(x->s));
	nothing_found(x);
}

/* The same when the old daemon was killed: the text is in the write-ahead log only. */
static void
test_climb_erases_the_log(void **state)
{
	struct box *x = *state;
	char where[128] = "", wal[128];
	cleanup_free uint8_t *log = malloc(8 << 20);
	unsigned values;
	sqlite3 *db;
	FILE *f;
	size_t len;

	assert_true(box_released(x, 5));
	snprintf(wal, sizeof wal, "%s-wal", x->path);
	db = db_open(x);
	assert_int_equal(
	    sqlite3_exec(db, "UPDATE warrant SET entered_ms = entered_ms + 1", NULL, NULL, NULL), SQLITE_OK);
	assert_non_null(log);
	assert_non_null(f = fopen(wal, "rb"));
	len = fread(log, 1, 8 << 20, f);
	fclose(f);
	sqlite3_close(db);
	assert_non_null(memmem(log, len, "172.29.201.17", 13));
	assert_non_null(f = fopen(wal, "wb"));
	assert_int_equal(fwrite(log, 1, len, f), len);
	fclose(f);
	assert_true(columns_search(x, &values, where) > 0);
	assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
	nothing_found(x);
}

/* ---- warrants are bound to their rows ---- */

static int
count_one(void *arg, const struct store_warrant *w)
{
	(void)w;
	++*(unsigned *)arg;
	return 0;
}

/* The one that was changed has no text, and the others have theirs. */
static int
count_damaged(void *arg, const struct store_warrant *w)
{
	*(unsigned *)arg += w->damaged;
	assert_true(w->damaged == (w->text.len == 0));
	return 0;
}

static void
test_changed_warrants_are_refused(void **state)
{
	static const char *const change[] = {
	    "UPDATE warrant SET approved_ms = 1, approved_uid = 1002 WHERE no = 1",
	    "UPDATE warrant SET revoked_ms = 0 WHERE no = 3",
	    "UPDATE warrant SET revoked_uid = 7 WHERE no = 3",
	    "UPDATE warrant SET entered_uid = 7 WHERE no = 1",
	    "UPDATE warrant SET entered_ms = 7 WHERE no = 1",
	    "UPDATE warrant SET ref = 'W-9' WHERE no = 1",
	    "UPDATE warrant SET agency = 'lea2' WHERE no = 1",
	    "UPDATE warrant SET agency = 'nobody' WHERE no = 1",
	    "UPDATE warrant SET text = (SELECT text FROM warrant WHERE no = 2) WHERE no = 1",
	    "UPDATE warrant SET text = (SELECT secret FROM criterion WHERE uid = 1) WHERE no = 1",
	    "UPDATE warrant SET text = x'' WHERE no = 1",
	    "UPDATE warrant SET text = CAST('Reference: W-1' AS BLOB) WHERE no = 1",
	    "UPDATE warrant SET no = 9 WHERE no = 1",
	};
	struct box *x = *state;

	for (size_t i = 0; i < ARRAY_LEN(change); i++) {
		unsigned n = 0;
		sqlite3 *db;

		unlink(x->path);
		filled(x);
		store_close(TAKE_PTR(x->s));
		db = db_open(x);
		assert_int_equal(sqlite3_exec(db, change[i], NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_changes(db), 1);
		sqlite3_close(db);
		assert_int_equal(store_open(x->path, statefill_key, &x->s), 0);
		assert_int_equal(store_warrant_each(x->s, NULL, count_damaged, &n), 0);
		if (n != 1)
			fail_msg("accepted: %s", change[i]);
		store_close(TAKE_PTR(x->s));
	}
}

static void
test_rotation_takes_warrants_along(void **state)
{
	struct box *x = *state;
	struct store_warrant w;
	unsigned n = 0;
	uint64_t left = 1;

	filled(x);
	while (left > 0)
		assert_int_equal(store_rotate_step(x->s, 2, &left), 0);
	assert_int_equal(store_rotate(x->s, STATEFILL_A), 0);
	assert_int_equal(store_warrant_get(x->s, STATEFILL_A, "W-1", &w), 0); /* by the old key */
	w.approved_ms = 77;
	w.approved_uid = 1002;
	assert_int_equal(store_warrant_set(x->s, &w), 0);
	store_warrant_free(&w);
	for (left = 1; left > 0;)
		assert_int_equal(store_rotate_step(x->s, 2, &left), 0);
	assert_int_equal(store_warrant_each(x->s, STATEFILL_A, count_one, &n), 0);
	assert_int_equal(n, STATEFILL_WARRANTS);
	assert_int_equal(store_warrant_get(x->s, STATEFILL_A, "W-1", &w), 0);
	assert_int_equal(w.approved_ms, 77);
	assert_int_equal(w.text.len, strlen(statefill_warrant_text(1)));
	store_warrant_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_every_column_is_listed, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_declared_types, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_no_column_shows_a_target, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_climb_erases_what_was_in_clear, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_climb_erases_the_log, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_changed_warrants_are_refused, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(test_rotation_takes_warrants_along, box_setup, box_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
