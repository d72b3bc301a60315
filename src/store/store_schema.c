/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: store_schema store_look store_head */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store_int.h"
#include "store_schema.h"

#define APPLICATION_ID 0x466c7470 /* "Fltp" */
#define PAGE_SIZE "8192" /* of a new file: lines of the record leave less of it unused than of SQLite's 4,096 */

static const char first_schema[] =
    "CREATE TABLE agency ("
    "  no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next_id INTEGER NOT NULL,"
    "  generation INTEGER NOT NULL, key BLOB NOT NULL, old_key BLOB,"
    "  reseal_below INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE TABLE cdest ("
    "  no INTEGER PRIMARY KEY, agency INTEGER NOT NULL REFERENCES agency (no),"
    "  tag BLOB NOT NULL, bound BLOB NOT NULL, UNIQUE (agency, tag)"
    ") STRICT;"
    "CREATE TABLE criterion ("
    "  uid INTEGER PRIMARY KEY AUTOINCREMENT, agency INTEGER NOT NULL REFERENCES agency (no),"
    "  id INTEGER NOT NULL, added_ms INTEGER NOT NULL, priority INTEGER NOT NULL,"
    "  static INTEGER NOT NULL, warrant INTEGER REFERENCES warrant (no),"
    "  secret BLOB NOT NULL, UNIQUE (agency, id)"
    ") STRICT;"
    "CREATE INDEX criterion_warrant ON criterion (warrant) WHERE warrant IS NOT NULL;"
    "CREATE TABLE warrant ("
    "  no INTEGER PRIMARY KEY AUTOINCREMENT, agency TEXT NOT NULL, ref TEXT NOT NULL,"
    "  text BLOB NOT NULL, entered_ms INTEGER NOT NULL, entered_uid INTEGER NOT NULL,"
    "  approved_ms INTEGER NOT NULL, approved_uid INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL, revoked_uid INTEGER NOT NULL, UNIQUE (agency, ref)"
    ") STRICT;"
    "CREATE TABLE cdest_use ("
    "  cdest INTEGER NOT NULL REFERENCES cdest (no),"
    "  uid INTEGER NOT NULL REFERENCES criterion (uid) ON DELETE CASCADE,"
    "  PRIMARY KEY (cdest, uid)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX cdest_use_uid ON cdest_use (uid);"
    "CREATE TABLE audit (n INTEGER PRIMARY KEY, line BLOB NOT NULL) STRICT;"
    "CREATE TRIGGER audit_stays BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit record is only added to'); END;"
    "CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit record is only added to'); END;"
    "CREATE TABLE machine (proof BLOB NOT NULL) STRICT;";

/*
 * The ladder: ladder[i] leads from schema STORE_SCHEMA_FIRST + i to the next.  sql first, then run, in one
 * transaction with the new number.
 */
struct step {
	const char *sql;
	int (*run)(const struct store_climb *c); /* or NULL */
};

static const struct step ladder[] = {
    /* 6: which release made the tables as they are; a later one is named by an earlier one that refuses them. */
    {"ALTER TABLE machine ADD COLUMN software TEXT NOT NULL DEFAULT ''", NULL},
    /* 7: texts of warrants are sealed. */
    {NULL, store_warrant_climb},
    /* 8: what was given of limits, and when a criterion last matched. */
    {"CREATE TABLE used ("
     "  uid INTEGER PRIMARY KEY REFERENCES criterion (uid) ON DELETE CASCADE, packets INTEGER NOT NULL,"
     "  bytes INTEGER NOT NULL, packets_was INTEGER NOT NULL, bytes_was INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
     "  seen_ms INTEGER NOT NULL"
     ") STRICT",
	NULL},
    /* 9: up to which line the record has left for an archive; only these may be deleted. */
    {"CREATE TABLE archived (upto INTEGER PRIMARY KEY) STRICT;"
     "DROP TRIGGER audit_stays;"
     "CREATE TRIGGER audit_stays BEFORE DELETE ON audit WHEN OLD.n > (SELECT coalesce(max(upto), 0) FROM archived)"
     " BEGIN SELECT RAISE(ABORT, 'the audit record is only added to'); END;"
     "CREATE TRIGGER archived_stays BEFORE DELETE ON archived"
     " BEGIN SELECT RAISE(ABORT, 'what was archived stays so'); END;"
     "CREATE TRIGGER archived_is_final BEFORE UPDATE ON archived"
     " BEGIN SELECT RAISE(ABORT, 'what was archived stays so'); END;",
	NULL},
    /* 10: officers' signatures under warrants. */
    {"ALTER TABLE warrant ADD COLUMN signatures BLOB", NULL},
};

#define SCHEMA_NOW (STORE_SCHEMA_FIRST + (int)ARRAY_LEN(ladder))

/* ---- looking ---- */

int
store_schema(void)
{
	return SCHEMA_NOW;
}

static int
number_get(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL), r = 0;

	if (rc != SQLITE_OK)
		return store_error(rc);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	else
		r = rc == SQLITE_DONE ? -EIO : store_error(rc);
	sqlite3_finalize(st);
	return r;
}

static int
version_judge(int64_t version)
{
	return version > SCHEMA_NOW ? STORE_NEWER : version < STORE_SCHEMA_FIRST ? STORE_TOO_OLD : 0;
}

/* 0: ours, of schema *version, or empty: 0. */
static int
schema_look(sqlite3 *db, int *version)
{
	int64_t tables, application, v;
	int r;

	if ((r = number_get(db, "SELECT count(*) FROM sqlite_schema", &tables)) < 0 ||
	    (r = number_get(db, "PRAGMA application_id", &application)) < 0 ||
	    (r = number_get(db, "PRAGMA user_version", &v)) < 0)
		return r;
	if (tables == 0 && application == 0 && v == 0) {
		*version = 0;
		return 0;
	}
	if (application != APPLICATION_ID)
		return STORE_NOT_OURS;
	*version = (int)v;
	return version_judge(v);
}

static void
software_get(sqlite3 *db, struct store_found *out)
{
	sqlite3_stmt *st;
	const char *text;

	if (sqlite3_prepare_v2(db, "SELECT software FROM machine", -1, &st, NULL) != SQLITE_OK)
		return; /* of the first release */
	if (sqlite3_step(st) == SQLITE_ROW && (text = (const char *)sqlite3_column_text(st, 0)) != NULL)
		snprintf(out->software, sizeof out->software, "%s", text);
	sqlite3_finalize(st);
	for (char *c = out->software; *c; c++) /* another's file: for a line of a log */
		if ((unsigned char)*c <= ' ' || (unsigned char)*c > '~')
			*c = '?';
}

int
store_look(const char *path, struct store_found *out)
{
	struct store_found v = {0};
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	int r = rc == SQLITE_OK ? schema_look(db, &v.schema) : store_error(rc);

	if (r >= 0)
		software_get(db, &v);
	sqlite3_close(db);
	if (r < 0)
		return r;
	*out = v;
	return 0;
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* https://www.sqlite.org/fileformat.html, 1.3 */
int
store_head(const uint8_t *p, size_t len)
{
	static const char magic[16] = "SQLite format 3";
	enum { USER_VERSION = 60, APPLICATION = 68 };

	if (len == 0)
		return 0;
	if (len < STORE_HEAD_LEN || memcmp(p, magic, sizeof magic) != 0 || be32(p + APPLICATION) != APPLICATION_ID)
		return STORE_NOT_OURS;
	return version_judge((int32_t)be32(p + USER_VERSION));
}

static int
integrity_check(sqlite3 *db)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &st, NULL), r;

	if (rc != SQLITE_OK)
		return store_error(rc);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		r = strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0 ? 0 : -EBADMSG;
	else
		r = rc == SQLITE_DONE ? -EIO : store_error(rc);
	sqlite3_finalize(st);
	return r;
}

/* ---- making and climbing ---- */

static int
exec(sqlite3 *db, const char *sql)
{
	return store_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int
number_set(sqlite3 *db, const char *pragma, int value)
{
	char sql[64];

	snprintf(sql, sizeof sql, "PRAGMA %s = %d", pragma, value);
	return exec(db, sql);
}

static int
proof_insert(sqlite3 *db, const uint8_t *machine)
{
	cleanup_buf struct buf proof = {0};
	sqlite3_stmt *st;
	int r = store_key_proof(machine, &proof), rc;

	if (r < 0)
		return r;
	if ((rc = sqlite3_prepare_v2(db, "INSERT INTO machine (proof) VALUES (?1)", -1, &st, NULL)) != SQLITE_OK)
		return store_error(rc);
	store_bind_made(st, 1, STORE_machine_proof, proof.p, proof.len);
	r = store_run(st);
	sqlite3_finalize(st);
	return r;
}

static int
first_make(sqlite3 *db, const uint8_t *machine)
{
	int r = exec(db, first_schema);

	if (r == 0)
		r = proof_insert(db, machine);
	if (r == 0)
		r = number_set(db, "application_id", APPLICATION_ID);
	return r < 0 ? r : number_set(db, "user_version", STORE_SCHEMA_FIRST);
}

/* The steps of one transaction have been made, with this result. */
static int
transaction_end(sqlite3 *db, int r)
{
	if (r == 0)
		r = exec(db, "COMMIT");
	if (r < 0 && !sqlite3_get_autocommit(db))
		(void)exec(db, "ROLLBACK");
	return r;
}

static int
step_make(const struct store_climb *c, int version)
{
	const struct step *step = &ladder[version - STORE_SCHEMA_FIRST];
	int r = exec(c->db, "BEGIN IMMEDIATE");

	if (r < 0)
		return r;
	if (step->sql)
		r = exec(c->db, step->sql);
	if (r == 0 && step->run)
		r = step->run(c);
	if (r == 0)
		r = exec(c->db, "UPDATE machine SET software = '" FLOWTAP_VERSION "'");
	if (r == 0)
		r = number_set(c->db, "user_version", version + 1);
	return transaction_end(c->db, r);
}

static int
climb(const struct store_climb *c, int version)
{
	int r = 0;

	for (; r == 0 && version < SCHEMA_NOW; version++)
		r = step_make(c, version);
	return r;
}

/* Of a file that is ours and not empty: whether it is sound, and this machine's. */
static int
ours_check(sqlite3 *db, const uint8_t *machine)
{
	int r = integrity_check(db);

	return r < 0 ? r : store_key_prove(db, machine);
}

int
store_schema_check(sqlite3 *db, const uint8_t *machine)
{
	int version = 0, r = schema_look(db, &version);

	if (r != 0)
		return r;
	return version == SCHEMA_NOW ? ours_check(db, machine) : -EROFS;
}

int
store_schema_obtain(sqlite3 *db, const char *path, const uint8_t *machine)
{
	const struct store_climb c = {db, machine};
	int version = 0, r = schema_look(db, &version);

	if (r != 0 || (version != 0 && (r = ours_check(db, machine)) < 0))
		return r;
	if (version != 0 && version < SCHEMA_NOW && store_copy_make(db, path, machine, version) < 0)
		return STORE_NO_COPY;
	r = exec(db, "PRAGMA page_size = " PAGE_SIZE "; PRAGMA journal_mode = WAL");
	if (r == 0 && version == 0 && (r = exec(db, "BEGIN IMMEDIATE")) == 0) {
		version = STORE_SCHEMA_FIRST;
		r = transaction_end(db, first_make(db, machine));
	}
	return r < 0 ? r : climb(&c, version);
}
