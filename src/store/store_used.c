/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "store_int.h"

int
store_used_get(struct store *s, uint64_t uid, struct store_used *out)
{
	sqlite3_stmt *st = store_stmt(s, ST_USED_GET);
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)uid);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	*out = (struct store_used){.packets = (uint64_t)sqlite3_column_int64(st, 0),
	    .bytes = (uint64_t)sqlite3_column_int64(st, 1),
	    .packets_was = (uint64_t)sqlite3_column_int64(st, 2),
	    .bytes_was = (uint64_t)sqlite3_column_int64(st, 3),
	    .at_ms = sqlite3_column_int64(st, 4),
	    .seen_ms = sqlite3_column_int64(st, 5)};
	store_done(st);
	return 0;
}

int
store_used_set(struct store *s, uint64_t uid, const struct store_used *u)
{
	sqlite3_stmt *st = store_stmt(s, ST_USED_SET);
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)uid);
	sqlite3_bind_int64(st, 2, (int64_t)u->packets);
	sqlite3_bind_int64(st, 3, (int64_t)u->bytes);
	sqlite3_bind_int64(st, 4, (int64_t)u->packets_was);
	sqlite3_bind_int64(st, 5, (int64_t)u->bytes_was);
	sqlite3_bind_int64(st, 6, u->at_ms);
	sqlite3_bind_int64(st, 7, u->seen_ms);
	r = store_run(st);
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		s->spoilt = true; /* the criterion without it would have its limit anew */
	return r;
}
