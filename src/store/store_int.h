/* SPDX-License-Identifier: BSD-2-Clause */
/* store_int.h - shared between the files of the store only. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include <sqlite3.h>

#include "hashmap.h"
#include "store.h"
#include "seal.h"
#include "store_column.h"

enum store_stmt {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_SAVE,
	ST_SAVE_BACK,
	ST_SAVE_OK,
	ST_AGENCY_GET,
	ST_AGENCY_ADD,
	ST_AGENCY_NEXT,
	ST_AGENCY_AFTER,
	ST_KEY_GET,
	ST_KEY_RENEW,
	ST_KEY_ERASE,
	ST_KEY_REWRAP,
	ST_PROOF_SET,
	ST_ROTATING,
	ST_LEFT,
	ST_CDEST_GET,
	ST_CDEST_ADD,
	ST_CDEST_BIND,
	ST_CDEST_OLD,
	ST_CRIT_ADD,
	ST_CRIT_OLD,
	ST_CRIT_RESEAL,
	ST_USE_ADD,
	ST_CRIT_BY_ID,
	ST_DELETE_RANGE,
	ST_DELETE_CDEST,
	ST_DELETE_UID,
	ST_COUNT,
	ST_EACH,
	ST_UIDS_RANGE,
	ST_UIDS_CDEST,
	ST_ROW_GET,
	ST_UID_GET,
	ST_USED_GET,
	ST_USED_SET,
	ST_WARRANT_ADD,
	ST_WARRANT_NEXT,
	ST_WARRANT_GET,
	ST_WARRANT_SET,
	ST_WARRANT_OLD,
	ST_WARRANT_EACH,
	ST_WARRANT_COUNT,
	ST_UIDS_WARRANT,
	ST_DELETE_WARRANT,
	ST_AUDIT_ADD,
	ST_AUDIT_GET,
	ST_AUDIT_LAST,
	ST_ARCHIVED_GET,
	ST_ARCHIVED_ADD,
	ST_ARCHIVED_DROP,
	ST_MAX
};

#define STORE_TAG_LEN (4 + SEAL_MAC_LEN) /* what stands for a name: key generation, HMAC */

struct store_key {
	uint32_t generation;
	uint8_t seal[STORE_KEY_LEN], name[STORE_KEY_LEN];
};

/* An agency's keys.  Wipe what you load. */
struct store_keys {
	int64_t agency;
	int64_t reseal_below;  /* criteria with a smaller id may be sealed with v[1] */
	unsigned n;            /* 0: none here */
	struct store_key v[2]; /* the one in use; the one before, while there are rows of it */
};

struct store_place {
	int64_t agency, id;
};

/* A wrapped data key; all borrowed. */
struct store_wrapped {
	const char *name; /* the agency's */
	uint32_t generation;
	const void *p;
	size_t len;
};

#define STORE_NAMES 16384

/* A content destination's name as it is stored, the open transaction's changes too. */
struct store_name {
	int64_t agency, no; /* agency 0: none */
	char name[DTCP_NAME_MAX + 1];
};

/* The agency that last added something. */
struct store_adder {
	char name[DTCP_NAME_MAX + 1];
	int64_t no, next_id; /* no 0: nobody */
	bool advanced;       /* next_id is yet to be written: once, before the commit */
};

struct store_asides {
	struct hashmap *at;    /* uid: 1 + its place in v; NULL: none yet */
	struct store_aside *v; /* owned */
	size_t n, cap, look;   /* look: those before it were told of */
};

struct store {
	sqlite3 *db;
	char *path; /* for the connections of listings */
	sqlite3_stmt *st[ST_MAX];
	uint64_t next_uid;
	uint8_t machine[STORE_KEY_LEN];
	/* Unwrapped when they are needed: an agency's place is its number, and who comes later
	 * puts out who was there.  Nothing in it comes from an open transaction unless keys_changed. */
	struct store_keys keys[64];
	bool keys_changed;
	/* What every ADD would look up, from the first on to the next store_tidy. */
	struct store_name names[STORE_NAMES];
	bool names_kept; /* any */
	struct store_adder adder;
	bool reading;     /* the file system is read-only */
	int unknown;      /* -errno of the COMMIT whose outcome is not known; 0: none */
	bool save_is_all; /* store_save_begin began a transaction */
	bool spoilt;      /* half of an addition is in the open transaction: it can only be rolled back */
	struct store_place reseal_at;
	bool copy;      /* there is one from before its schema changed (store_copy.c) */
	bool ended;     /* a transaction ends, or was to end, something that the copy has */
	bool erase_due; /* an erased key may still be in the write-ahead log */
	/* What the log has from before may be in the kernel's memory only: an fsync that failed was told to the process
	 * that made it, and counts as done for the next.  Nothing is added before all of it is in the database. */
	bool unsettled;
	struct store_asides aside;
};

/* ---- store.c ---- */

int store_error(int rc); /* SQLite's result as -errno; 0 for OK, ROW and DONE */
/* A connection with the settings every one of ours has; cache_kib: page cache; wait_ms: for a lock that another program
 * holds: STORE_OPEN_MS at a start, later STORE_BUSY_MS, since everybody waits for us. */
#define STORE_OPEN_MS 10000
#define STORE_BUSY_MS 250
int store_connect(const char *path, int cache_kib, int wait_ms, sqlite3 **out);
/* A prepared statement ready for binding.  Never fails: all were prepared by store_open.
 * What is bound is borrowed until store_done. */
sqlite3_stmt *store_stmt(struct store *s, enum store_stmt id);
void store_done(sqlite3_stmt *st);
int store_step(sqlite3_stmt *st); /* 1 a row; 0 no more or -errno, then store_done was called */
int store_run(sqlite3_stmt *st);  /* runs what returns no row, and store_done */
/* A savepoint around the steps of one call: begin, the steps, end with their result.
 * What failed leaves the transaction as it was.  Returns the final result. */
int store_save_begin(struct store *s);
int store_save_end(struct store *s, int result);
/* -ENOENT if there is nothing of the agency; next_id may be NULL. */
int store_agency_find(struct store *s, const char *agency, int64_t *no, int64_t *next_id);

/* After a checkpoint nothing of an erased key is in the files.  Tried again when it can't be now. */
void store_erase(struct store *s);

/* ---- store_copy.c ---- */

/* Of a database of this schema that is about to change, durably, beside it.  -errno: there is none, and nothing was
 * changed. */
int store_copy_make(sqlite3 *db, const char *path, const uint8_t *machine, int schema);
bool store_copy_is_there(const char *path); /* one that is too old is erased */
int store_copy_drop(const char *path);      /* erases it; 0 if there is none */
#define PATH_LEN 512

/* ---- store_change.c ---- */

/* The agency's number; it is made if it is new. */
int store_agency_obtain(struct store *s, const char *agency, int64_t *no, int64_t *next_id);
/* Writes adder.next_id, as it has to be before somebody else reads it. */
int store_adder_flush(struct store *s);
/* Wipes what was looked up. */
void store_names_forget(struct store *s);
/* Writes a content destination's row anew, sealed with the key in use. */
int store_cdest_write(struct store *s, const struct store_keys *keys, int64_t no, const struct dtcp_cdest *d);

/* ---- store_key.c ---- */

/* A new data key for the agency, wrapped: appended. */
int store_key_make(struct store *s, const char *name, uint32_t generation, struct buf *wrapped);
int store_key_wrap(const uint8_t *machine, const char *name, uint32_t generation,
    const uint8_t data[static STORE_KEY_LEN], struct buf *out);
int store_key_unwrap(const uint8_t *machine, const struct store_wrapped *w, uint8_t data[static STORE_KEY_LEN]);
/* From a row of STORE_KEY_COLUMNS: the key in use or the one before. */
struct store_wrapped store_key_column(sqlite3_stmt *st, bool old);
#define STORE_KEY_COLUMNS "name, generation, key, old_key, reseal_below"
#define STORE_KEY_SQL "SELECT " STORE_KEY_COLUMNS " FROM agency WHERE no = ?1"
/* What is stored to know the machine key by: appended. */
int store_key_proof(const uint8_t *machine, struct buf *out);
/* -EKEYREJECTED: the store was made with another machine key. */
int store_key_prove(sqlite3 *db, const uint8_t *machine);
/* st: STORE_KEY_SQL.  -EBADMSG: not wrapped for this agency and generation by this machine key. */
int store_keys_load(sqlite3_stmt *st, const uint8_t *machine, int64_t agency, struct store_keys *out);
const struct store_key *store_keys_find(const struct store_keys *k, uint32_t generation); /* NULL: none */
void store_keys_wipe(struct store_keys *k);
/* The writer's keys of an agency: *out borrowed until the next call of the store. */
int store_keys_get(struct store *s, int64_t agency, const struct store_keys **out);
void store_keys_drop(struct store *s, int64_t agency);
void store_keys_undone(struct store *s); /* after any roll back */

/* ---- store_row.c: criteria and content destinations as they are sealed ---- */

/* r: uid, id, added_ms, priority and warrant as in their columns. */
int store_row_seal(const struct store_keys *keys, const struct store_row *r, struct store_sealed *out);
/* From the columns of STORE_ROW_COLUMNS; allocates the criteria.  -EBADMSG, -ENOMEM. */
int store_row_read(sqlite3_stmt *st, const struct store_keys *keys, struct store_row *r);
int store_row_tag(const struct store_key *key, const char *name, uint8_t tag[static STORE_TAG_LEN]);
int store_row_cdest_seal(const struct store_keys *keys, const struct dtcp_cdest *d, uint8_t tag[static STORE_TAG_LEN],
    struct store_sealed *out);
/* From columns no, tag, bound. */
int store_row_cdest_read(sqlite3_stmt *st, const struct store_keys *keys, struct dtcp_cdest *d);

#define STORE_ROW_COLUMNS "c.agency, c.uid, c.id, c.added_ms, c.priority, c.warrant, c.secret"
#define STORE_ROW_NCOLUMNS 7

/* ---- store_aside.c ---- */

/* As store_row_read; a row that can't be opened is set aside. */
int store_row_open(struct store *s, sqlite3_stmt *st, const struct store_keys *keys, struct store_row *row);
int store_aside_note(struct store *s, sqlite3_stmt *st); /* st: a row of STORE_ROW_COLUMNS.  -ENOMEM */
void store_aside_free(struct store *s);

/* ---- store_warrant.c ---- */

/* Seals old texts anew, at most *budget of them, which is counted down. */
int store_warrant_reseal(struct store *s, const struct store_keys *keys, uint32_t *budget);
/* The step of the ladder that seals what a former release kept in clear. */
struct store_climb;
int store_warrant_climb(const struct store_climb *c);

/* ---- store_ids.c ---- */

/* Sorted, overlaps merged, cut to what an id can be: *out owned.  -ENOMEM. */
int store_ids_normalise(const struct dtcp_ids *ids, uint32_t n, struct dtcp_ids **out, uint32_t *nout);
bool store_ids_has_single(const struct dtcp_ids *ids, uint32_t n);

#endif
