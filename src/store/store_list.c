/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listings.  Each has a read connection and a read transaction of its own, which
 * in WAL mode is a snapshot: it neither sees nor holds up the writer.  Rows are
 * stepped through in the order of an index, never collected or sorted.
 *
 * exports: store_list_ store_rows store_row_uids */
#include <errno.h>
#include <string.h>

#include "store_int.h"

#define READER_CACHE_KIB 256

enum list_kind { LIST_CDEST, LIST_RANGE };

struct store_list {
	struct store *store;
	sqlite3 *db;
	sqlite3_stmt *st;
	enum list_kind kind;
	int64_t agency, cdest;
	struct store_keys keys; /* as they are in the snapshot */
	struct dtcp_ids *range; /* LIST_RANGE: owned; sorted, disjoint */
	uint32_t nrange, next;
	struct store_aside *aside; /* owned: the agency's that were set aside when it began, by id, and so by uid */
	size_t naside;
	sqlite3_stmt *counter;
	uint64_t counted, after; /* after: what was counted last, in range number at */
	uint32_t at;
};

/* ?1 agency, ?2 and ?3: by kind */
static const char *const row_sql[] = {
    /* the order of uid is the order of id: invariant 1 of store.c */
    [LIST_CDEST] = "SELECT " STORE_ROW_COLUMNS " FROM cdest_use u CROSS JOIN criterion c ON c.uid = u.uid"
		   " WHERE u.cdest = ?2 AND c.agency = ?1 ORDER BY u.uid",
    [LIST_RANGE] = "SELECT " STORE_ROW_COLUMNS
		   " FROM criterion c WHERE c.agency = ?1 AND c.id BETWEEN ?2 AND ?3 ORDER BY c.id",
};

/* The next ?4 of them, between ?2 and ?3. */
static const char *const count_sql[] = {
    [LIST_CDEST] =
	"SELECT count(*), max(uid) FROM (SELECT uid FROM cdest_use WHERE cdest = ?1 AND uid BETWEEN ?2 AND ?3"
	" ORDER BY uid LIMIT ?4)",
    [LIST_RANGE] = "SELECT count(*), max(id) FROM (SELECT id FROM criterion WHERE agency = ?1 AND id BETWEEN ?2 AND ?3"
		   " ORDER BY id LIMIT ?4)",
};

static int
prepare(struct store_list *l, const char *sql, sqlite3_stmt **st)
{
	return store_error(sqlite3_prepare_v2(l->db, sql, -1, st, NULL));
}

/* Steps for the one number a query gives, and resets it; -ENOENT without a row. */
static int
number_get(sqlite3_stmt *st, int64_t *out)
{
	int r = store_step(st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*out = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* Finds the agency and its keys. */
static int
agency_open(struct store_list *l, const char *agency)
{
	sqlite3_stmt *st = NULL, *keys = NULL;
	int r = prepare(l, "SELECT no FROM agency WHERE name = ?1", &st);

	if (r == 0 && (r = prepare(l, STORE_KEY_SQL, &keys)) == 0) {
		store_bind_text(st, 1, STORE_agency_name, agency);
		r = number_get(st, &l->agency);
	}
	if (r == 0)
		r = store_keys_load(keys, l->store->machine, l->agency, &l->keys);
	sqlite3_finalize(keys);
	sqlite3_finalize(st);
	return r;
}

static int
cdest_find(struct store_list *l, const char *name)
{
	uint8_t tag[STORE_TAG_LEN];
	sqlite3_stmt *st = NULL;
	int r = prepare(l, "SELECT no FROM cdest WHERE agency = ?1 AND tag = ?2", &st), found = -ENOENT;

	for (unsigned i = 0; r == 0 && found == -ENOENT && i < l->keys.n; i++)
		if ((r = store_row_tag(&l->keys.v[i], name, tag)) == 0) {
			sqlite3_bind_int64(st, 1, l->agency);
			store_bind_made(st, 2, STORE_cdest_tag, tag, sizeof tag);
			found = number_get(st, &l->cdest);
		}
	sqlite3_finalize(st);
	return r < 0 ? r : found;
}

static void
range_bind(const struct store_list *l, sqlite3_stmt *st, uint64_t lo, uint64_t hi)
{
	sqlite3_bind_int64(st, 1, l->agency);
	sqlite3_bind_int64(st, 2, (int64_t)lo);
	sqlite3_bind_int64(st, 3, (int64_t)hi);
}

/* Every single id must exist. */
static int
singles_check(struct store_list *l, const struct dtcp_ids *ids, uint32_t n)
{
	sqlite3_stmt *st = NULL;
	int r = prepare(l, "SELECT 1 FROM criterion WHERE agency = ?1 AND id = ?2", &st);
	int64_t one;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		if (!ids[i].single)
			continue;
		sqlite3_bind_int64(st, 1, l->agency);
		sqlite3_bind_int64(st, 2, (int64_t)ids[i].lo);
		r = ids[i].lo > UINT32_MAX ? -ENOENT : number_get(st, &one);
	}
	sqlite3_finalize(st);
	return r;
}

/* An agency that never added anything: no name known, no id, and nothing to list. */
static int
open_nobody(struct store_list *l, const struct dtcp_ids *ids, uint32_t nids)
{
	return l->kind == LIST_CDEST || store_ids_has_single(ids, nids) ? -ENOENT : 0;
}

static int
open_somebody(struct store_list *l, const struct dtcp_ids *ids, uint32_t nids, const char *cdest)
{
	int r;

	if (l->kind == LIST_RANGE)
		return singles_check(l, ids, nids);
	if ((r = cdest_find(l, cdest)) < 0)
		return r;
	sqlite3_bind_int64(l->st, 1, l->agency);
	sqlite3_bind_int64(l->st, 2, l->cdest);
	return 0;
}

/* Whether the listing is of ids, and of this one. */
static bool
in_ranges(const struct store_list *l, uint32_t id)
{
	for (uint32_t i = 0; i < l->nrange; i++)
		if (l->range[i].lo <= id && id <= l->range[i].hi)
			return true;
	return false;
}

/* Those that the query counts, and that are not listed. */
static int
aside_count(struct store_list *l, uint64_t *count)
{
	static const char *const sql[] = {[LIST_CDEST] = "SELECT 1 FROM cdest_use WHERE cdest = ?1 AND uid = ?2",
	    [LIST_RANGE] = "SELECT 1 FROM criterion WHERE agency = ?1 AND uid = ?2"};
	sqlite3_stmt *st = NULL;
	int r = prepare(l, sql[l->kind], &st);
	int64_t one;

	*count = 0;
	for (size_t i = 0; r == 0 && i < l->naside; i++) {
		if (l->kind == LIST_RANGE && !in_ranges(l, l->aside[i].id))
			continue;
		sqlite3_bind_int64(st, 1, l->kind == LIST_CDEST ? l->cdest : l->agency);
		sqlite3_bind_int64(st, 2, (int64_t)l->aside[i].uid);
		if ((r = number_get(st, &one)) == 0)
			++*count;
		else if (r == -ENOENT)
			r = 0;
	}
	sqlite3_finalize(st);
	return r;
}

static bool
is_aside(const struct store_list *l, uint64_t uid)
{
	size_t lo = 0, hi = l->naside;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (l->aside[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->naside && l->aside[lo].uid == uid;
}

static int
list_connect(struct store *s, struct store_list *l)
{
	int r = store_connect(s->path, READER_CACHE_KIB, STORE_BUSY_MS, &l->db);

	if (r == 0)
		r = store_error(sqlite3_exec(l->db, "PRAGMA query_only = ON; BEGIN", NULL, NULL, NULL));
	if (r == 0)
		r = prepare(l, row_sql[l->kind], &l->st);
	return r < 0 ? r : prepare(l, count_sql[l->kind], &l->counter);
}

int
store_list_open(struct store *s, const char *agency, enum dtcp_select select, const struct dtcp_ids *ids, uint32_t nids,
    const char *cdest, struct store_list **out)
{
	static const struct dtcp_ids all = {1, UINT32_MAX, false};
	struct store_list *l = calloc(1, sizeof *l);
	int r;

	if (l == NULL)
		return -ENOMEM;
	if (select == DTCP_SEL_NONE) {
		ids = &all;
		nids = 1;
	}
	l->store = s;
	l->kind = select == DTCP_SEL_CDEST ? LIST_CDEST : LIST_RANGE;
	r = l->kind == LIST_RANGE ? store_ids_normalise(ids, nids, &l->range, &l->nrange) : 0;
	if (r == 0)
		r = list_connect(s, l);
	if (r == 0)
		r = agency_open(l, agency);
	if (r == 0)
		r = store_aside_list(s, (uint32_t)l->agency, &l->aside, &l->naside);
	if (r == -ENOENT)
		r = open_nobody(l, ids, nids);
	else if (r == 0)
		r = open_somebody(l, ids, nids, cdest);
	if (r < 0) {
		store_list_close(l);
		return r;
	}
	*out = l;
	return 0;
}

/* Up to max of what is between from and to: *n, the last one *last. */
static int
count_some(struct store_list *l, const struct dtcp_ids *range, uint32_t max, int64_t *n, uint64_t *last)
{
	uint64_t from = l->after >= range->lo ? l->after + 1 : range->lo;
	int r;

	sqlite3_bind_int64(l->counter, 1, l->kind == LIST_CDEST ? l->cdest : l->agency);
	sqlite3_bind_int64(l->counter, 2, (int64_t)from);
	sqlite3_bind_int64(l->counter, 3, (int64_t)range->hi);
	sqlite3_bind_int64(l->counter, 4, max);
	if ((r = store_step(l->counter)) <= 0)
		return r < 0 ? r : -EIO;
	*n = sqlite3_column_int64(l->counter, 0);
	*last = (uint64_t)sqlite3_column_int64(l->counter, 1);
	store_done(l->counter);
	return 0;
}

int
store_list_count(struct store_list *l, uint32_t max, uint64_t *count)
{
	static const struct dtcp_ids every_uid = {1, INT64_MAX, false};
	uint32_t nrange = l->kind == LIST_CDEST ? 1 : l->nrange;
	uint64_t aside = 0;
	int r;

	while (max > 0 && l->at < nrange) {
		uint64_t last;
		int64_t n;

		r = count_some(l, l->kind == LIST_CDEST ? &every_uid : &l->range[l->at], max, &n, &last);

		if (r < 0)
			return r;
		l->counted += (uint64_t)n;
		if (n == max) {
			l->after = last;
			return 1;
		}
		max -= (uint32_t)n + (max > (uint32_t)n); /* ranges cost too */
		l->at++;
	}
	if (l->at < nrange)
		return 1;
	if (l->naside > 0 && (r = aside_count(l, &aside)) < 0)
		return r;
	*count = l->counted - aside;
	return 0;
}

int
store_list_next(struct store_list *l, struct store_row *row)
{
	int r;

	do {
		/* A statement not yet bound finds nothing, which leads to the first range. */
		while ((r = store_step(l->st)) == 0 && l->next < l->nrange) {
			range_bind(l, l->st, l->range[l->next].lo, l->range[l->next].hi);
			l->next++;
		}
		if (r <= 0)
			return r;
	} while (l->naside > 0 && is_aside(l, (uint64_t)sqlite3_column_int64(l->st, 1)));
	r = store_row_open(l->store, l->st, &l->keys, row);
	return r < 0 ? r : 1;
}

void
store_list_close(struct store_list *l)
{
	if (l == NULL)
		return;
	sqlite3_finalize(l->st);
	sqlite3_finalize(l->counter);
	sqlite3_close(l->db);
	store_erase(l->store);
	store_keys_wipe(&l->keys);
	seal_forget();
	free(l->range);
	free(l->aside);
	free(l);
}

/* ---- all of an agency's rows, in parts ---- */

/* 1 with the part moved on; 0: there is none. */
static int
rows_begin(struct store *s, const char *agency, struct store_part *part, int64_t *no)
{
	int64_t next_id;
	int r = store_agency_find(s, agency, no, &next_id);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!part->begun)
		part->before = (uint64_t)(s->adder.no == *no ? s->adder.next_id : next_id);
	part->begun = true;
	return 1;
}

/* How a row is told of. */
struct rows_cb {
	const struct store_keys *keys;                                   /* NULL: none can be opened */
	int (*row)(void *arg, uint32_t id, const struct store_row *row); /* or NULL, and */
	int (*uid)(void *arg, uint64_t uid);
	void *arg;
};

static int
row_tell(struct store *s, sqlite3_stmt *st, const struct rows_cb *cb)
{
	const uint32_t id = (uint32_t)sqlite3_column_int64(st, 2);
	struct store_row row;
	int r;

	if (cb->row == NULL)
		return cb->uid(cb->arg, (uint64_t)sqlite3_column_int64(st, 1));
	r = cb->keys ? store_row_open(s, st, cb->keys, &row) : store_aside_note(s, st);
	if (r == -EBADMSG || (r == 0 && cb->keys == NULL))
		return cb->row(cb->arg, id, NULL);
	if (r < 0)
		return r;
	r = cb->row(cb->arg, id, &row);
	store_row_free(&row);
	return r;
}

static int
rows_each(struct store *s, int64_t no, struct store_part *part, const struct rows_cb *cb)
{
	sqlite3_stmt *st = store_stmt(s, ST_CRIT_OLD);
	uint32_t n = 0;
	int r;

	sqlite3_bind_int64(st, 1, no);
	sqlite3_bind_int64(st, 2, (int64_t)part->after);
	sqlite3_bind_int64(st, 3, (int64_t)part->before);
	sqlite3_bind_int64(st, 4, part->max);
	while ((r = store_step(st)) == 1) {
		n++;
		part->after = (uint64_t)sqlite3_column_int64(st, 2);
		if ((r = row_tell(s, st, cb)) != 0)
			break;
	}
	store_done(st);
	part->more = n == part->max;
	return r;
}

int
store_rows(struct store *s, const char *agency, struct store_part *part,
    int (*cb)(void *arg, uint32_t id, const struct store_row *row), void *arg)
{
	struct store_part next = *part;
	struct store_keys keys = {0};
	int64_t no;
	int r = rows_begin(s, agency, &next, &no);

	next.more = false;
	if (r <= 0)
		return r;
	r = store_keys_load(store_stmt(s, ST_KEY_GET), s->machine, no, &keys);
	if (r == 0 || r == -EBADMSG)
		r = rows_each(s, no, &next, &(struct rows_cb){.keys = r == 0 ? &keys : NULL, .row = cb, .arg = arg});
	store_keys_wipe(&keys);
	if (r == 0)
		*part = next;
	return r;
}

int
store_row_uids(
    struct store *s, const char *agency, struct store_part *part, int (*cb)(void *arg, uint64_t uid), void *arg)
{
	struct store_part next = *part;
	int64_t no;
	int r = rows_begin(s, agency, &next, &no);

	next.more = false;
	if (r > 0)
		r = rows_each(s, no, &next, &(struct rows_cb){.uid = cb, .arg = arg});
	if (r == 0)
		*part = next;
	return r;
}
