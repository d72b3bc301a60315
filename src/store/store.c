/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening, transactions, start-up.  Invariants:
 *  1. agency.next_id only grows: an id is never given out twice.  uid grows over all
 *     agencies; so within one agency the order of uid is the order of id.
 *  2. What names a target is in sealed columns only (store_column.h), with the agency's key and
 *     bound to their place.  cdest.tag stands for a name.
 *  3. cdest rows stay when their criteria go: a name once used is known for ever.
 *  4. A file is changed only after it was found to be ours and sound, or empty.  The check
 *     at every start takes 0.6 s for a million criteria; the rows' contents are
 *     authenticated whenever one is read.
 *  5. Keys of an agency are in memory only from its first use on (struct store), or while one
 *     of its listings or store_each is at it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store_int.h"
#include "store_schema.h"

#define WRITER_CACHE_KIB 8192
#define INDEX_REGION 32768 /* bytes, as SQLite's file format has it: of some 4,000 pages of the log */
#define INDEX_REGIONS 8
#define LOG_PAGES 8192 /* many of a million ADDs are written once for all */

static const char settings[] = "PRAGMA foreign_keys = ON;"
			       "PRAGMA secure_delete = ON;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA wal_autocheckpoint = 0;" /* checkpoint_hook */
			       "PRAGMA journal_size_limit = 4194304;";

#define WARRANT_COLUMNS                                                                                                \
	"no, agency, ref, text, entered_ms, entered_uid, approved_ms, approved_uid, revoked_ms, revoked_uid,"          \
	" (SELECT a.no FROM agency a WHERE a.name = warrant.agency), signatures"

/* A part of an agency's rows, in order: ?2 < id or uid < ?3, ?4 static ones too, ?5 how many; ?6 the name */
#define RANGE_PART "FROM criterion WHERE agency = ?1 AND id > ?2 AND id < ?3 AND static <= ?4 ORDER BY id LIMIT ?5"
#define CDEST_PART                                                                                                     \
	"FROM cdest_use u CROSS JOIN criterion c ON c.uid = u.uid WHERE u.cdest = ?6 AND u.uid > ?2 AND u.uid < ?3"    \
	" AND c.agency = ?1 AND c.static <= ?4 ORDER BY u.uid LIMIT ?5"

static const char *const statements[ST_MAX] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_SAVE] = "SAVEPOINT step",
    [ST_SAVE_BACK] = "ROLLBACK TO step",
    [ST_SAVE_OK] = "RELEASE step",
    [ST_AGENCY_GET] = "SELECT no, next_id FROM agency WHERE name = ?1",
    [ST_AGENCY_ADD] = "INSERT INTO agency (name, next_id, generation, key) VALUES (?1, 1, 1, ?2)",
    [ST_AGENCY_NEXT] = "UPDATE agency SET next_id = ?2 WHERE no = ?1",
    [ST_AGENCY_AFTER] = "SELECT " STORE_KEY_COLUMNS ", no FROM agency WHERE no > ?1 AND (?2 IS NULL OR name = ?2)"
			" ORDER BY no LIMIT 1",
    [ST_KEY_GET] = STORE_KEY_SQL,
    [ST_KEY_RENEW] = "UPDATE agency SET generation = ?2, key = ?3, old_key = key, reseal_below = next_id WHERE no = ?1",
    [ST_KEY_ERASE] = "UPDATE agency SET old_key = NULL, reseal_below = 0 WHERE no = ?1",
    [ST_KEY_REWRAP] = "UPDATE agency SET key = ?2, old_key = ?3 WHERE no = ?1",
    [ST_PROOF_SET] = "UPDATE machine SET proof = ?1",
    [ST_ROTATING] = "SELECT no FROM agency WHERE old_key IS NOT NULL AND (?1 IS NULL OR name = ?1) ORDER BY no LIMIT 1",
    [ST_LEFT] = "SELECT coalesce(sum(reseal_below - iif(no = ?1, ?2, 0)), 0) FROM agency WHERE old_key IS NOT NULL",
    [ST_CDEST_GET] = "SELECT no, tag, bound FROM cdest WHERE agency = ?1 AND tag = ?2",
    [ST_CDEST_ADD] = "INSERT INTO cdest (agency, tag, bound) VALUES (?1, ?2, ?3)",
    [ST_CDEST_BIND] = "UPDATE cdest SET tag = ?2, bound = ?3 WHERE no = ?1",
    [ST_CDEST_OLD] = "SELECT no, tag, bound FROM cdest WHERE agency = ?1 AND tag < ?2 LIMIT ?3",
    [ST_CRIT_ADD] = "INSERT INTO criterion (agency, id, added_ms, priority, static, warrant, secret, uid)"
		    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [ST_CRIT_OLD] = "SELECT " STORE_ROW_COLUMNS " FROM criterion c WHERE c.agency = ?1 AND c.id > ?2 AND c.id < ?3"
		    " ORDER BY c.id LIMIT ?4",
    [ST_CRIT_RESEAL] = "UPDATE criterion SET secret = ?2 WHERE uid = ?1",
    [ST_USE_ADD] = "INSERT OR IGNORE INTO cdest_use (cdest, uid) VALUES (?1, ?2)",
    [ST_CRIT_BY_ID] = "SELECT 1 FROM criterion WHERE agency = ?1 AND id = ?2",
    [ST_DELETE_RANGE] = "DELETE FROM criterion WHERE uid IN (SELECT uid " RANGE_PART ") RETURNING uid, id",
    [ST_DELETE_CDEST] = "DELETE FROM criterion WHERE uid IN (SELECT c.uid " CDEST_PART ") RETURNING uid, id",
    [ST_DELETE_UID] = "DELETE FROM criterion WHERE agency = ?1 AND uid = ?2",
    [ST_COUNT] = "SELECT count(*) FROM criterion WHERE agency = (SELECT no FROM agency WHERE name = ?1)",
    [ST_EACH] = "SELECT " STORE_ROW_COLUMNS ", a.name FROM agency a CROSS JOIN criterion c ON c.agency = a.no"
		" ORDER BY a.no, c.id",
    [ST_UIDS_RANGE] = "SELECT uid, id " RANGE_PART,
    [ST_UIDS_CDEST] = "SELECT c.uid, c.id " CDEST_PART,
    [ST_ROW_GET] = "SELECT " STORE_ROW_COLUMNS " FROM criterion c WHERE c.agency = ?1 AND c.uid = ?2",
    [ST_UID_GET] = "SELECT " STORE_ROW_COLUMNS
		   ", a.name FROM criterion c JOIN agency a ON a.no = c.agency WHERE c.uid = ?1",
    [ST_USED_GET] = "SELECT packets, bytes, packets_was, bytes_was, at_ms, seen_ms FROM used WHERE uid = ?1",
    [ST_USED_SET] = "INSERT OR REPLACE INTO used (uid, packets, bytes, packets_was, bytes_was, at_ms, seen_ms)"
		    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [ST_WARRANT_ADD] = "INSERT INTO warrant (agency, ref, text, entered_ms, entered_uid, approved_ms, approved_uid,"
		       " revoked_ms, revoked_uid, no, signatures) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0, ?6, ?7)",
    [ST_WARRANT_NEXT] = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'warrant'",
    [ST_WARRANT_GET] = "SELECT " WARRANT_COLUMNS " FROM warrant WHERE agency = ?1 AND ref = ?2",
    [ST_WARRANT_SET] = "UPDATE warrant SET approved_ms = ?2, approved_uid = ?3, revoked_ms = ?4, revoked_uid = ?5,"
		       " text = ?6, signatures = ?7 WHERE no = ?1",
    [ST_WARRANT_OLD] = "SELECT " WARRANT_COLUMNS " FROM warrant WHERE agency = ?1 AND text < ?2 ORDER BY no LIMIT ?3",
    [ST_WARRANT_EACH] = "SELECT " WARRANT_COLUMNS " FROM warrant WHERE ?1 IS NULL OR agency = ?1 ORDER BY no",
    [ST_WARRANT_COUNT] = "SELECT count(*) FROM criterion WHERE warrant = ?1",
    [ST_UIDS_WARRANT] = "SELECT uid, id FROM criterion WHERE warrant = ?1",
    [ST_DELETE_WARRANT] = "DELETE FROM criterion WHERE warrant = ?1 RETURNING uid, id",
    [ST_AUDIT_ADD] = "INSERT INTO audit (n, line) VALUES (?1, ?2)",
    [ST_AUDIT_GET] = "SELECT n, line FROM audit WHERE n = ?1",
    [ST_AUDIT_LAST] = "SELECT n, line FROM audit ORDER BY n DESC LIMIT 1",
    [ST_ARCHIVED_GET] = "SELECT coalesce(max(upto), 0) FROM archived",
    [ST_ARCHIVED_ADD] = "INSERT INTO archived (upto) VALUES (?1)",
    [ST_ARCHIVED_DROP] = "DELETE FROM audit WHERE n IN (SELECT n FROM audit WHERE n <= ?1 ORDER BY n LIMIT ?2)",
};

int
store_error(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

sqlite3_stmt *
store_stmt(struct store *s, enum store_stmt id)
{
	store_done(s->st[id]);
	return s->st[id];
}

void
store_done(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

int
store_step(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	store_done(st);
	return store_error(rc);
}

int
store_run(sqlite3_stmt *st)
{
	int r = store_step(st);

	if (r == 1)
		store_done(st);
	return r < 0 ? r : 0;
}

/* ---- the log ---- */

/*
 * Writes the log anew as it is, so that what a failed fsync has left out comes to the disk: a checkpoint that is
 * interrupted would else leave pages in the database that no log can complete.
 */
static int
log_settle(sqlite3 *db)
{
	static uint8_t piece[65536]; /* sealed bytes, and those of the tables */
	sqlite3_file *f = NULL;
	sqlite3_int64 size = 0;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f) != SQLITE_OK || f == NULL ||
	    f->pMethods == NULL)
		return 0;
	if (f->pMethods->xFileSize(f, &size) != SQLITE_OK)
		return -EIO;
	for (sqlite3_int64 at = 0; at < size; at += (sqlite3_int64)sizeof piece) {
		const int len = size - at < (sqlite3_int64)sizeof piece ? (int)(size - at) : (int)sizeof piece;

		if (f->pMethods->xRead(f, piece, len, at) != SQLITE_OK ||
		    f->pMethods->xWrite(f, piece, len, at) != SQLITE_OK)
			return -EIO;
	}
	explicit_bzero(piece, sizeof piece);
	return size && f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) != SQLITE_OK ? -EIO : 0;
}

/* What a checkpoint could not bring to the disk counts as brought there from now on (store_int.h, unsettled). */
static int
checkpoint(struct store *s, sqlite3 *db, int mode)
{
	int rc, r;

	if (s->unsettled && (r = log_settle(db)) < 0)
		return r;
	rc = sqlite3_wal_checkpoint_v2(db, NULL, mode, NULL, NULL);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		s->unsettled = true;
	return store_error(rc);
}

/* At once, and all of it. */
static int
checkpoint_all(struct store *s)
{
	int r;

	sqlite3_busy_timeout(s->db, 0); /* a listing may hold it up: not us, and who lists may be this process */
	r = checkpoint(s, s->db, SQLITE_CHECKPOINT_TRUNCATE);
	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	if (r == 0)
		s->unsettled = false;
	return r;
}

/* As SQLite's own, which does not say when it fails. */
static int
checkpoint_hook(void *arg, sqlite3 *db, const char *name, int pages)
{
	(void)name;
	if (pages >= LOG_PAGES)
		(void)checkpoint(arg, db, SQLITE_CHECKPOINT_PASSIVE);
	return SQLITE_OK;
}

/* ---- opening ---- */

int
store_connect(const char *path, int cache_kib, int wait_ms, sqlite3 **out)
{
	char cache[64];
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	sqlite3_snprintf(sizeof cache, cache, "PRAGMA cache_size = -%d", cache_kib);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db, wait_ms);
		rc = sqlite3_exec(db, settings, NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, cache, NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		sqlite3_close(db);
		return store_error(rc);
	}
	*out = db;
	return 0;
}

/* SQLite would make the file readable by the group; it holds targets. */
static int
file_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int
statements_prepare(sqlite3 *db, sqlite3_stmt *st[ST_MAX])
{
	for (int i = 0; i < ST_MAX; i++) {
		int rc = sqlite3_prepare_v3(db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &st[i], NULL);

		/* A damaged schema shows here as a table or column that is missing. */
		if (rc != SQLITE_OK)
			return rc == SQLITE_ERROR ? -EBADMSG : store_error(rc);
	}
	return 0;
}

/* The log's index, which is mapped memory, would grow with the log in mid-transaction; where it then can't, a COMMIT
 * has an outcome that nobody knows.  So it is as large as it gets from the start, or, when there is no room for that,
 * as large as it is.  The process's connections share it.  Only of one that has
 * read by the log already: another does not give it back when it is closed. */
static void
index_reserve(sqlite3 *db)
{
	sqlite3_file *f = NULL;
	void volatile *at;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &f) != SQLITE_OK || f == NULL ||
	    f->pMethods == NULL || f->pMethods->iVersion < 2 || f->pMethods->xShmMap == NULL)
		return;
	for (int i = 0; i < INDEX_REGIONS; i++)
		if (f->pMethods->xShmMap(f, i, INDEX_REGION, 1, &at) != SQLITE_OK)
			return;
}

/* The greatest uid ever given out, plus one. */
static int
uid_start(struct store *s)
{
	static const char sql[] = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'criterion'";
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL), r;

	if (rc != SQLITE_OK)
		return store_error(rc);
	if ((r = store_step(st)) == 1)
		s->next_uid = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return r < 0 ? r : 0;
}

/* What was found wrong with the content is an answer, not an error of the machine. */
static int
refusal(int r)
{
	return r == -EBADMSG ? STORE_DAMAGED : r == -EKEYREJECTED ? STORE_OTHER_KEY : r;
}

/* As a URI's path. */
static int
uri_of(const struct store *s, const char *query, struct buf *out)
{
	buf_printf(out, "file:");
	for (const char *p = s->path; *p; p++)
		if (strchr("?#%", *p))
			buf_printf(out, "%%%02x", (unsigned)*p);
		else
			buf_put(out, p, 1);
	buf_put(out, query, strlen(query) + 1);
	return out->err;
}

/*
 * On a file system that is mounted read-only.  Where there is a log it has to be read too, with the index beside it;
 * where there is none SQLite can't make one, and has to be told that nobody can change the file.
 */
static int
open_reading(struct store *s)
{
	cleanup_buf struct buf uri = {0}, log = {0};
	struct stat st;
	int rc, r;

	buf_printf(&log, "%s-wal", s->path);
	buf_put(&log, "", 1);
	if (log.err)
		return log.err;
	r = uri_of(s, stat((char *)log.p, &st) == 0 && st.st_size > 0 ? "?mode=ro" : "?mode=ro&immutable=1", &uri);
	if (r < 0)
		return r;
	rc = sqlite3_open_v2((char *)uri.p, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, settings, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return store_error(rc);
	s->reading = true;
	if ((r = store_schema_check(s->db, s->machine)) == 0 && (r = statements_prepare(s->db, s->st)) == 0)
		r = uid_start(s);
	return refusal(r);
}

static int
open_steps(struct store *s)
{
	int r = file_make(s->path);

	if (r == -EROFS)
		return open_reading(s);
	if (r < 0)
		return r;
	if ((r = store_connect(s->path, WRITER_CACHE_KIB, STORE_OPEN_MS, &s->db)) < 0)
		return r == -EBADMSG ? STORE_NOT_OURS : r;
	sqlite3_wal_hook(s->db, checkpoint_hook, s);
	if ((r = store_schema_obtain(s->db, s->path, s->machine)) == 0 && (r = statements_prepare(s->db, s->st)) == 0)
		r = uid_start(s);
	if (r == 0)
		index_reserve(s->db);
	return refusal(r);
}

/* What the copy would bring back: what ends, and limits that are used.  Keys that are renewed say so themselves. */
static void
ended_hook(void *arg, int op, const char *db, const char *table, sqlite3_int64 rowid)
{
	struct store *s = arg;

	(void)db;
	(void)rowid;
	s->ended = s->ended || (op == SQLITE_DELETE && strcmp(table, "criterion") == 0) ||
		   (op == SQLITE_UPDATE && strcmp(table, "warrant") == 0) || strcmp(table, "used") == 0;
}

static void
hooks_set(struct store *s)
{
	sqlite3_wal_hook(s->db, checkpoint_hook, s);
	if (s->copy)
		sqlite3_update_hook(s->db, ended_hook, s);
}

/* Before it commits: a copy that is gone too early does no harm.  What ends ends, whether this works or not. */
static void
copy_judge(struct store *s)
{
	if (!s->copy || !s->ended || store_copy_drop(s->path) < 0)
		return;
	s->copy = s->ended = false;
	sqlite3_update_hook(s->db, NULL, NULL);
}

int
store_open(const char *path, const uint8_t *machine_key, struct store **out)
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	if (s == NULL || (s->path = strdup(path)) == NULL) {
		free(s);
		return -ENOMEM;
	}
	memcpy(s->machine, machine_key, STORE_KEY_LEN);
	if ((r = open_steps(s)) != 0) {
		store_close(s);
		return r;
	}
	if (s->db)
		sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	s->copy = store_copy_is_there(path);
	hooks_set(s);
	s->erase_due = s->unsettled = true; /* who was here before may have been killed before its own */
	store_erase(s);
	*out = s;
	return 0;
}

static void
disconnect(sqlite3 *db, sqlite3_stmt *const st[ST_MAX])
{
	for (int i = 0; i < ST_MAX; i++)
		sqlite3_finalize(st[i]);
	sqlite3_close(db);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	/* The last one to close makes a checkpoint, of a log that may have a hole. */
	if (s->db && (s->unknown || s->unsettled))
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	disconnect(s->db, s->st);
	seal_forget();
	free(s->path);
	store_aside_free(s);
	explicit_bzero(s, sizeof *s);
	free(s);
}

int
store_tidy(struct store *s)
{
	sqlite3_stmt *st[ST_MAX] = {NULL}, *old[ST_MAX];
	sqlite3 *db = NULL, *old_db;
	int r;

	store_names_forget(s);
	if (s->reading)
		return -EROFS;
	s->copy = s->copy && store_copy_is_there(s->path);
	r = checkpoint_all(s);
	/* A connection keeps the last row it wrote until it ends. */
	if (r == 0 && (r = store_connect(s->path, WRITER_CACHE_KIB, STORE_BUSY_MS, &db)) == 0 &&
	    (r = statements_prepare(db, st)) == 0) {
		memcpy(old, s->st, sizeof old);
		memcpy(s->st, st, sizeof st);
		memcpy(st, old, sizeof st);
		old_db = s->db;
		s->db = db;
		db = old_db;
		hooks_set(s);
	}
	disconnect(db, st);
	return r;
}

/* ---- transactions ---- */

int
store_begin(struct store *s)
{
	int r;

	if (s->reading)
		return -EROFS;
	if (s->unknown < 0)
		return STORE_UNKNOWN;
	if (s->unsettled && (r = store_checkpoint(s)) < 0)
		return r;
	return store_run(store_stmt(s, ST_BEGIN));
}

/* Nothing of the transaction holds: nor does what was remembered of it. */
static void
undone(struct store *s)
{
	s->spoilt = false;
	s->adder = (struct store_adder){0};
	store_names_forget(s);
	store_keys_undone(s);
}

void
store_rollback(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		(void)store_run(store_stmt(s, ST_ROLLBACK));
	undone(s);
}

/*
 * While SQLite is still in the transaction after a COMMIT that failed, nothing of it holds, and it is rolled back. Else
 * the log may have the whole of it: that its last write or its fsync failed does not say what the disk has, and a start
 * after a power cut takes from the log what is whole there.
 */
static int
conclude(struct store *s)
{
	int r = store_run(store_stmt(s, ST_COMMIT));

	if (r == 0) {
		s->keys_changed = false;
		return 0;
	}
	if (!sqlite3_get_autocommit(s->db)) {
		store_rollback(s);
		return r;
	}
	undone(s);
	s->unknown = r;
	return STORE_UNKNOWN;
}

int
store_commit(struct store *s)
{
	int r = s->spoilt ? -EIO : s->unknown < 0 ? STORE_UNKNOWN : store_adder_flush(s);

	/* A step that failed has undone all, and there is nothing to commit: that is no COMMIT which failed. */
	if (r == 0 && sqlite3_get_autocommit(s->db))
		r = -EIO;
	if (r < 0) {
		store_rollback(s);
		return r;
	}
	copy_judge(s);
	return conclude(s);
}

bool
store_is_reading(const struct store *s)
{
	return s->reading;
}

int
store_unknown(const struct store *s)
{
	return s->unknown;
}

/* Outside of a transaction it is one: of the outermost savepoint's end SQLite does not say whether it is undone. */
int
store_save_begin(struct store *s)
{
	s->save_is_all = sqlite3_get_autocommit(s->db);
	return s->save_is_all ? store_begin(s) : store_run(store_stmt(s, ST_SAVE));
}

int
store_save_end(struct store *s, int result)
{
	int r;

	if (s->save_is_all && result == 0)
		return store_commit(s);
	if (s->save_is_all) {
		store_rollback(s);
		return result;
	}
	/* A full disk or an I/O error may have undone the whole transaction already. */
	if (sqlite3_get_autocommit(s->db)) {
		undone(s);
		return result < 0 ? result : -EIO;
	}
	if (result < 0)
		(void)store_run(store_stmt(s, ST_SAVE_BACK));
	if ((r = store_run(store_stmt(s, ST_SAVE_OK))) < 0)
		store_rollback(s);
	if (result < 0) {
		store_names_forget(s);
		store_keys_undone(s);
	}
	return result < 0 ? result : r;
}

int
store_checkpoint(struct store *s)
{
	return s->reading ? -EROFS : checkpoint_all(s);
}

void
store_erase(struct store *s)
{
	if (s->erase_due && sqlite3_get_autocommit(s->db) && store_checkpoint(s) == 0)
		s->erase_due = false;
}

/* ---- agencies, start-up ---- */

int
store_agency_find(struct store *s, const char *agency, int64_t *no, int64_t *next_id)
{
	sqlite3_stmt *st = store_stmt(s, ST_AGENCY_GET);
	int r;

	store_bind_text(st, 1, STORE_agency_name, agency);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	*no = sqlite3_column_int64(st, 0);
	if (next_id)
		*next_id = sqlite3_column_int64(st, 1);
	store_done(st);
	return 0;
}

/* Keys of its own, so that those of agencies nobody uses do not stay in memory. */
static int
each_read(struct store *s, sqlite3_stmt *st, struct store_keys *keys, struct store_row *row)
{
	int64_t agency = sqlite3_column_int64(st, 0);
	int r = 0;

	if (keys->agency != agency)
		r = store_keys_load(store_stmt(s, ST_KEY_GET), s->machine, agency, keys);
	return r < 0 ? r : store_row_read(st, keys, row);
}

/* loads: what can't be opened is set aside. */
static int
each(struct store *s, bool loads, int (*cb)(void *arg, const char *agency, struct store_row *r), void *arg)
{
	sqlite3_stmt *st = store_stmt(s, ST_EACH);
	struct store_keys keys = {0};
	int r;

	while ((r = store_step(st)) == 1) {
		struct store_row row;

		if ((r = each_read(s, st, &keys, &row)) == -EBADMSG && loads && (r = store_aside_note(s, st)) == 0)
			continue;
		if (r < 0)
			break;
		r = cb(arg, (const char *)sqlite3_column_text(st, STORE_ROW_NCOLUMNS), &row);
		store_row_free(&row);
		if (r < 0)
			break;
	}
	store_done(st);
	store_keys_wipe(&keys);
	seal_forget();
	return r;
}

int
store_each(struct store *s, int (*cb)(void *arg, const char *agency, struct store_row *r), void *arg)
{
	return each(s, false, cb, arg);
}

int
store_load(struct store *s, int (*cb)(void *arg, const char *agency, struct store_row *r), void *arg)
{
	return each(s, true, cb, arg);
}

int
store_count(struct store *s, const char *agency, uint64_t *count)
{
	sqlite3_stmt *st = store_stmt(s, ST_COUNT);
	int r;

	store_bind_text(st, 1, STORE_agency_name, agency);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -EIO;
	*count = (uint64_t)sqlite3_column_int64(st, 0);
	store_done(st);
	return 0;
}
