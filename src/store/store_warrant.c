/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_int.h"

void
store_warrant_free(struct store_warrant *w)
{
	if (w->text.p)
		explicit_bzero(w->text.p, w->text.len);
	buf_free(&w->text);
}

int
store_warrant_enter(struct store *s, struct store_warrant *w)
{
	struct store_warrant there;
	sqlite3_stmt *st;
	int r = store_warrant_get(s, w->agency, w->ref, &there);

	if (r == 0)
		store_warrant_free(&there);
	if (r != -ENOENT)
		return r < 0 ? r : -EEXIST;
	st = store_stmt(s, ST_WARRANT_ADD);
	sqlite3_bind_text(st, 1, w->agency, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, w->ref, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(st, 3, w->text.p, w->text.len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, w->entered_ms);
	sqlite3_bind_int64(st, 5, w->entered_uid);
	if ((r = store_run(st)) == 0)
		w->no = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return r;
}

static int
row_read(sqlite3_stmt *st, struct store_warrant *w)
{
	*w = (struct store_warrant){.no = (uint64_t)sqlite3_column_int64(st, 0),
	    .entered_ms = sqlite3_column_int64(st, 4),
	    .entered_uid = (uint32_t)sqlite3_column_int64(st, 5),
	    .approved_ms = sqlite3_column_int64(st, 6),
	    .approved_uid = (uint32_t)sqlite3_column_int64(st, 7),
	    .revoked_ms = sqlite3_column_int64(st, 8),
	    .revoked_uid = (uint32_t)sqlite3_column_int64(st, 9)};
	snprintf(w->agency, sizeof w->agency, "%s", (const char *)sqlite3_column_text(st, 1));
	snprintf(w->ref, sizeof w->ref, "%s", (const char *)sqlite3_column_text(st, 2));
	buf_put(&w->text, sqlite3_column_blob(st, 3), (size_t)sqlite3_column_bytes(st, 3));
	return w->text.err;
}

int
store_warrant_get(struct store *s, const char *agency, const char *ref, struct store_warrant *out)
{
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_GET);
	int r;

	sqlite3_bind_text(st, 1, agency, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, ref, -1, SQLITE_STATIC);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	r = row_read(st, out);
	store_done(st);
	return r;
}

int
store_warrant_set(struct store *s, const struct store_warrant *w)
{
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_SET);

	sqlite3_bind_int64(st, 1, (int64_t)w->no);
	sqlite3_bind_int64(st, 2, w->approved_ms);
	sqlite3_bind_int64(st, 3, w->approved_uid);
	sqlite3_bind_int64(st, 4, w->revoked_ms);
	sqlite3_bind_int64(st, 5, w->revoked_uid);
	return store_run(st);
}

int
store_warrant_each(struct store *s, const char *agency, int (*cb)(void *arg, const struct store_warrant *w), void *arg)
{
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_EACH);
	int r;

	if (agency)
		sqlite3_bind_text(st, 1, agency, -1, SQLITE_STATIC);
	while ((r = store_step(st)) == 1) {
		struct store_warrant w;

		if ((r = row_read(st, &w)) == 0)
			r = cb(arg, &w);
		store_warrant_free(&w);
		if (r != 0)
			break;
	}
	store_done(st);
	return r;
}

int
store_warrant_criteria(struct store *s, uint64_t no, uint64_t *count)
{
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_COUNT);
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)no);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -EIO;
	*count = (uint64_t)sqlite3_column_int64(st, 0);
	store_done(st);
	return 0;
}
