/* SPDX-License-Identifier: BSD-2-Clause */
/* store_int.h - shared between the files of the store only. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include <sqlite3.h>

#include "store.h"

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
	ST_CDEST_GET,
	ST_CDEST_ADD,
	ST_CDEST_BIND,
	ST_CDEST_USED,
	ST_CRIT_ADD,
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
	ST_ROW_SET,
	ST_UID_GET,
	ST_WARRANT_ADD,
	ST_WARRANT_GET,
	ST_WARRANT_SET,
	ST_WARRANT_EACH,
	ST_WARRANT_COUNT,
	ST_DELETE_WARRANT,
	ST_AUDIT_ADD,
	ST_AUDIT_GET,
	ST_AUDIT_LAST,
	ST_MAX
};

struct store {
	sqlite3 *db;
	char *path; /* for the connections of listings */
	sqlite3_stmt *st[ST_MAX];
};

#define STORE_BOUND_LEN 19 /* a content destination's address and port as stored */

/* ---- store.c ---- */

int store_error(int rc); /* SQLite's result as -errno; 0 for OK, ROW and DONE */
/* A connection with the settings every one of ours has; cache_kib: page cache. */
int store_connect(const char *path, int cache_kib, sqlite3 **out);
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
/* -ENOENT if the agency never added anything; next_id may be NULL. */
int store_agency_find(struct store *s, const char *agency, int64_t *no, int64_t *next_id);

/* ---- store_row.c: the columns that name a target and where copies go, as blobs ----
 * The one place to encrypt with a key per agency. */

int store_row_seal(int64_t agency, const struct store_row *r, struct buf *out);
/* From the columns of STORE_ROW_COLUMNS; allocates the criteria.  -EBADMSG, -ENOMEM. */
int store_row_read(sqlite3_stmt *st, struct store_row *r);
void store_row_bound_seal(const struct dtcp_cdest *d, uint8_t out[static STORE_BOUND_LEN]);
bool store_row_bound_is(sqlite3_stmt *st, int column, const struct dtcp_cdest *d);

#define STORE_ROW_COLUMNS "c.agency, c.uid, c.id, c.added_ms, c.priority, c.warrant, c.secret"
#define STORE_ROW_NCOLUMNS 7

/* ---- store_ids.c ---- */

/* Sorted, overlaps merged, cut to what an id can be: *out owned.  -ENOMEM. */
int store_ids_normalise(const struct dtcp_ids *ids, uint32_t n, struct dtcp_ids **out, uint32_t *nout);
bool store_ids_has_single(const struct dtcp_ids *ids, uint32_t n);

#endif
