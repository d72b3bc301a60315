/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: store_archive store_audit_ store_lines_ */
#include <errno.h>

#include "store_int.h"

#define READER_CACHE_KIB 256

struct store_lines {
	sqlite3 *db;
	sqlite3_stmt *st;
};

int
store_audit_add(struct store *s, uint64_t n, struct slice line)
{
	sqlite3_stmt *st = store_stmt(s, ST_AUDIT_ADD);

	sqlite3_bind_int64(st, 1, (int64_t)n);
	store_bind_made(st, 2, STORE_audit_line, line.p, line.len);
	return store_run(st);
}

static int
line_read(sqlite3_stmt *st, int column, struct buf *out)
{
	const void *p = sqlite3_column_blob(st, column);

	if (p == NULL)
		return -ENOMEM;
	buf_put(out, p, (size_t)sqlite3_column_bytes(st, column));
	return out->err;
}

int
store_audit_get(struct store *s, uint64_t *n, struct buf *out)
{
	sqlite3_stmt *st = store_stmt(s, *n ? ST_AUDIT_GET : ST_AUDIT_LAST);
	int r;

	if (*n)
		sqlite3_bind_int64(st, 1, (int64_t)*n);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	*n = (uint64_t)sqlite3_column_int64(st, 0);
	r = line_read(st, 1, out);
	store_done(st);
	return r;
}

int
store_archived(struct store *s, uint64_t *upto)
{
	sqlite3_stmt *st = store_stmt(s, ST_ARCHIVED_GET);
	int r = store_step(st);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*upto = (uint64_t)sqlite3_column_int64(st, 0);
	store_done(st);
	return 0;
}

int
store_archive(struct store *s, uint64_t upto)
{
	sqlite3_stmt *st = store_stmt(s, ST_ARCHIVED_ADD);

	sqlite3_bind_int64(st, 1, (int64_t)upto);
	return store_run(st);
}

int
store_archived_drop(struct store *s, uint32_t most)
{
	sqlite3_stmt *st = store_stmt(s, ST_ARCHIVED_DROP);
	uint64_t upto;
	int r = store_archived(s, &upto);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)upto);
	sqlite3_bind_int64(st, 2, most);
	r = store_run(st);
	return r < 0 ? r : sqlite3_changes(s->db);
}

int
store_lines_open(struct store *s, uint64_t n, struct store_lines **out)
{
	struct store_lines *l = calloc(1, sizeof *l);
	int r;

	if (l == NULL)
		return -ENOMEM;
	r = store_connect(s->path, READER_CACHE_KIB, STORE_BUSY_MS, &l->db);
	if (r == 0)
		r = store_error(sqlite3_exec(l->db, "PRAGMA query_only = ON; BEGIN", NULL, NULL, NULL));
	if (r == 0)
		r = store_error(
		    sqlite3_prepare_v2(l->db, "SELECT n, line FROM audit WHERE n >= ?1 ORDER BY n", -1, &l->st, NULL));
	if (r < 0) {
		store_lines_close(l);
		return r;
	}
	sqlite3_bind_int64(l->st, 1, (int64_t)n);
	*out = l;
	return 0;
}

int
store_lines_next(struct store_lines *l, uint64_t *n, struct buf *out)
{
	int r = store_step(l->st);

	if (r <= 0)
		return r;
	*n = (uint64_t)sqlite3_column_int64(l->st, 0);
	r = line_read(l->st, 1, out);
	return r < 0 ? r : 1;
}

void
store_lines_close(struct store_lines *l)
{
	if (l == NULL)
		return;
	sqlite3_finalize(l->st);
	sqlite3_close(l->db);
	free(l);
}
