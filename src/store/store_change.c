/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: store_add store_names_ store_agency store_cdest_ store_delete store_find_uid store_select store_update */
/* Every change is whole or did not happen: it runs in a savepoint, so that what was
 * refused leaves the other changes of the same transaction alone.  An addition does without,
 * since SQLite would copy every page it touches: it is refused before it writes, and what
 * fails later spoils the transaction. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_int.h"

/* ---- adding ---- */

int
store_agency_obtain(struct store *s, const char *agency, int64_t *no, int64_t *next_id)
{
	cleanup_buf struct buf wrapped = {0};
	int r = store_agency_find(s, agency, no, next_id);
	sqlite3_stmt *st;

	if (r != -ENOENT)
		return r;
	if ((r = store_key_make(s, agency, 1, &wrapped)) < 0)
		return r;
	st = store_stmt(s, ST_AGENCY_ADD);
	store_bind_text(st, 1, STORE_agency_name, agency);
	store_bind_made(st, 2, STORE_agency_key, wrapped.p, wrapped.len);
	if ((r = store_run(st)) < 0)
		return r;
	*no = sqlite3_last_insert_rowid(s->db);
	*next_id = 1;
	return 0;
}

int
store_adder_flush(struct store *s)
{
	struct store_adder *a = &s->adder;
	sqlite3_stmt *st;
	int r;

	if (!a->advanced)
		return 0;
	st = store_stmt(s, ST_AGENCY_NEXT);
	sqlite3_bind_int64(st, 1, a->no);
	sqlite3_bind_int64(st, 2, a->next_id);
	if ((r = store_run(st)) == 0)
		a->advanced = false;
	return r;
}

static int
adder_obtain(struct store *s, const char *agency)
{
	struct store_adder v = {0};
	int r;

	if (s->adder.no != 0 && strcmp(s->adder.name, agency) == 0)
		return 0;
	if (strlen(agency) >= sizeof v.name)
		return -ENAMETOOLONG;
	memcpy(v.name, agency, strlen(agency) + 1);
	if ((r = store_adder_flush(s)) == 0 && (r = store_agency_obtain(s, agency, &v.no, &v.next_id)) == 0)
		s->adder = v;
	return r;
}

/* ---- names ---- */

#define NAME_PLACES 8

/* The places where a name may be kept. */
static struct store_name *
name_places(struct store *s, int64_t agency, const char *name)
{
	uint64_t h = (uint64_t)agency;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3;
	return &s->names[(h ^ h >> 32) % (ARRAY_LEN(s->names) / NAME_PLACES) * NAME_PLACES];
}

static struct store_name *
name_kept(struct store *s, int64_t agency, const char *name)
{
	struct store_name *v = name_places(s, agency, name);

	for (unsigned i = 0; i < NAME_PLACES; i++)
		if (v[i].agency == agency && strcmp(v[i].name, name) == 0)
			return &v[i];
	return NULL;
}

/* Where all places are taken, the one that came first goes. */
static void
name_keep(struct store *s, int64_t agency, int64_t no, const char *name)
{
	struct store_name *at = name_kept(s, agency, name), *v = name_places(s, agency, name);

	if (at == NULL) {
		at = v;
		memmove(v + 1, v, (NAME_PLACES - 1) * sizeof *v);
	}
	*at = (struct store_name){.agency = agency, .no = no};
	memcpy(at->name, name, strlen(name) + 1);
	s->names_kept = true;
}

void
store_names_forget(struct store *s)
{
	if (s->names_kept)
		explicit_bzero(s->names, sizeof s->names);
	s->names_kept = false;
}

/* 1: *st is at its row, of the columns no, tag, bound; 0: no such name. */
static int
cdest_step(struct store *s, const struct store_keys *keys, const char *name, sqlite3_stmt **st)
{
	uint8_t tag[STORE_TAG_LEN];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < keys->n; i++) {
		if ((r = store_row_tag(&keys->v[i], name, tag)) < 0)
			return r;
		*st = store_stmt(s, ST_CDEST_GET);
		sqlite3_bind_int64(*st, 1, keys->agency);
		store_bind_made(*st, 2, STORE_cdest_tag, tag, sizeof tag);
		r = store_step(*st);
	}
	return r;
}

/* -ENOENT: never used. */
static int
cdest_find(struct store *s, const struct store_keys *keys, const char *name, int64_t *no)
{
	sqlite3_stmt *st;
	int r = cdest_step(s, keys, name, &st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*no = sqlite3_column_int64(st, 0);
	store_done(st);
	return 0;
}

/* A name, for ever.  Where copies go is each criterion's own. */
static int
cdest_insert(struct store *s, const struct store_keys *keys, const char *name, int64_t *no)
{
	cleanup_sealed struct store_sealed bound = {0};
	uint8_t tag[STORE_TAG_LEN];
	sqlite3_stmt *st = store_stmt(s, ST_CDEST_ADD);
	struct dtcp_cdest d = {0};
	int r;

	memcpy(d.name, name, strlen(name) + 1);
	if ((r = store_row_cdest_seal(keys, &d, tag, &bound)) < 0)
		return r;
	sqlite3_bind_int64(st, 1, keys->agency);
	store_bind_made(st, 2, STORE_cdest_tag, tag, sizeof tag);
	store_bind_sealed(st, 3, &bound);
	if ((r = store_run(st)) == 0)
		*no = sqlite3_last_insert_rowid(s->db);
	return r;
}

int
store_cdest_write(struct store *s, const struct store_keys *keys, int64_t no, const struct dtcp_cdest *d)
{
	cleanup_sealed struct store_sealed bound = {0};
	uint8_t tag[STORE_TAG_LEN];
	sqlite3_stmt *st = store_stmt(s, ST_CDEST_BIND);
	int r = store_row_cdest_seal(keys, d, tag, &bound);

	store_names_forget(s);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, no);
	store_bind_made(st, 2, STORE_cdest_tag, tag, sizeof tag);
	store_bind_sealed(st, 3, &bound);
	return store_run(st);
}

/* The number of a name that was used before, or 0. */
static int
cdest_look(struct store *s, const struct store_keys *keys, const char *name, int64_t *no)
{
	const struct store_name *kept = name_kept(s, keys->agency, name);
	struct dtcp_cdest was;
	sqlite3_stmt *st;
	int r;

	*no = kept ? kept->no : 0;
	if (kept || (r = cdest_step(s, keys, name, &st)) == 0)
		return 0;
	if (r < 0)
		return r;
	*no = sqlite3_column_int64(st, 0);
	r = store_row_cdest_read(st, keys, &was); /* nobody moved it */
	store_done(st);
	return r;
}

static int
cdest_obtain(struct store *s, const struct store_keys *keys, const char *name, int64_t *no)
{
	int r = *no == 0 ? cdest_insert(s, keys, name, no) : 0;

	if (r == 0)
		name_keep(s, keys->agency, *no, name);
	return r;
}

static int
criterion_insert(struct store *s, const struct store_keys *keys, const struct store_row *row)
{
	cleanup_sealed struct store_sealed secret = {0};
	sqlite3_stmt *st = store_stmt(s, ST_CRIT_ADD);
	int r = store_row_seal(keys, row, &secret);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, keys->agency);
	sqlite3_bind_int64(st, 2, row->id);
	sqlite3_bind_int64(st, 3, row->added_ms);
	sqlite3_bind_int(st, 4, row->priority);
	sqlite3_bind_int(st, 5, row->timeouts.named == 0);
	if (row->warrant)
		sqlite3_bind_int64(st, 6, (int64_t)row->warrant);
	store_bind_sealed(st, 7, &secret);
	sqlite3_bind_int64(st, 8, (int64_t)row->uid);
	return store_run(st);
}

static int
use_insert(struct store *s, int64_t cdest, uint64_t uid)
{
	sqlite3_stmt *st = store_stmt(s, ST_USE_ADD);

	sqlite3_bind_int64(st, 1, cdest);
	sqlite3_bind_int64(st, 2, (int64_t)uid);
	return store_run(st);
}

/* One name for two places in one request: a slip, more likely than not. */
static bool
contradicts_itself(const struct store_row *r)
{
	for (unsigned i = 1; i < r->ncdest; i++)
		for (unsigned j = 0; j < i; j++)
			if (strcmp(r->cdest[i].name, r->cdest[j].name) == 0 &&
			    (r->cdest[i].port != r->cdest[j].port || !ip_equal(&r->cdest[i].addr, &r->cdest[j].addr)))
				return true;
	return false;
}

/* Of the same name as one before: that is its place, too.  -1: it is the first. */
static int
named_before(const struct store_row *r, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (strcmp(r->cdest[i].name, r->cdest[j].name) == 0)
			return (int)j;
	return -1;
}

/* All that an addition is refused for; nothing is written. */
static int
add_check(struct store *s, const struct store_keys *keys, const struct store_row *row, int64_t *cdest)
{
	int r = 0;

	if (contradicts_itself(row))
		return -EADDRINUSE;
	if (s->adder.next_id > UINT32_MAX)
		return -ENOSPC;
	for (unsigned i = 0; r == 0 && i < row->ncdest; i++)
		r = cdest_look(s, keys, row->cdest[i].name, &cdest[i]);
	return r;
}

static int
add_write(struct store *s, const struct store_keys *keys, struct store_row *row, int64_t *cdest)
{
	int r, before;

	for (unsigned i = 0; i < row->ncdest; i++) {
		if ((before = named_before(row, i)) >= 0)
			cdest[i] = cdest[before];
		else if ((r = cdest_obtain(s, keys, row->cdest[i].name, &cdest[i])) < 0)
			return r;
	}
	row->id = (uint32_t)s->adder.next_id;
	row->uid = s->next_uid++; /* one that was rolled back is not used again */
	if ((r = criterion_insert(s, keys, row)) < 0)
		return r;
	for (unsigned i = 0; i < row->ncdest; i++)
		if ((r = use_insert(s, cdest[i], row->uid)) < 0)
			return r;
	s->adder.next_id++;
	s->adder.advanced = true;
	return 0;
}

static int
add_steps(struct store *s, const char *agency, struct store_row *row)
{
	int64_t cdest[DTCP_CDESTS_MAX];
	const struct store_keys *keys;
	int r;

	if ((r = adder_obtain(s, agency)) < 0 || (r = store_keys_get(s, s->adder.no, &keys)) < 0 ||
	    (r = add_check(s, keys, row, cdest)) < 0)
		return r;
	if ((r = add_write(s, keys, row, cdest)) < 0)
		s->spoilt = true;
	return r;
}

int
store_agency(struct store *s, const char *agency, uint32_t *no)
{
	bool own = sqlite3_get_autocommit(s->db);
	int64_t found, next_id;
	int r = own ? store_begin(s) : 0;

	if (r == 0)
		r = store_agency_obtain(s, agency, &found, &next_id);
	if (own && r == 0)
		r = store_commit(s);
	if (own && r < 0)
		store_rollback(s);
	if (r == 0)
		*no = (uint32_t)found;
	return r;
}

int
store_agency_known(struct store *s, const char *agency, uint32_t *no)
{
	int64_t found;
	int r = store_agency_find(s, agency, &found, NULL);

	if (r == 0)
		*no = (uint32_t)found;
	return r;
}

int
store_add(struct store *s, const char *agency, struct store_row *row)
{
	bool own = sqlite3_get_autocommit(s->db);
	struct store_row v = *row;
	int r = own ? store_begin(s) : 0;

	if (r == 0)
		r = add_steps(s, agency, &v);
	if (own && r == 0)
		r = store_commit(s);
	if (own && r < 0)
		store_rollback(s);
	if (r == 0) {
		row->id = v.id;
		row->uid = v.uid;
	}
	return r;
}

/* ---- deleting ---- */

struct row_key {
	uint64_t uid;
	uint32_t id;
};

struct uids {
	struct row_key *v; /* owned */
	size_t n, cap;
};

static int
uids_add(struct uids *u, uint64_t uid, uint32_t id)
{
	if (u->n == u->cap) {
		size_t cap = u->cap ? u->cap * 2 : 64;
		struct row_key *v = reallocarray(u->v, cap, sizeof *v);

		if (v == NULL)
			return -ENOMEM;
		u->v = v;
		u->cap = cap;
	}
	u->v[u->n++] = (struct row_key){uid, id};
	return 0;
}

/* Runs what returns uid and id of rows. */
static int
uids_collect(sqlite3_stmt *st, struct uids *u)
{
	int r;

	while ((r = store_step(st)) == 1)
		if ((r = uids_add(u, (uint64_t)sqlite3_column_int64(st, 0), (uint32_t)sqlite3_column_int64(st, 1))) < 0)
			break;
	store_done(st);
	return r;
}

/* Frees the collection; tells of it if all went well. */
static int
uids_tell(struct uids *u, int result, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count)
{
	if (result == 0) {
		for (size_t i = 0; i < u->n; i++)
			cb(arg, u->v[i].uid, u->v[i].id);
		*count = u->n;
	}
	free(u->v);
	return result;
}

static int
singles_check(struct store *s, int64_t agency, const struct dtcp_ids *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		sqlite3_stmt *st = store_stmt(s, ST_CRIT_BY_ID);
		int r;

		if (!ids[i].single)
			continue;
		if (ids[i].lo > UINT32_MAX)
			return -ENOENT;
		sqlite3_bind_int64(st, 1, agency);
		sqlite3_bind_int64(st, 2, (int64_t)ids[i].lo);
		if ((r = store_step(st)) <= 0)
			return r < 0 ? r : -ENOENT;
		store_done(st);
	}
	return 0;
}

/* Runs what works on a part: at most as many rows as are left of it, between after and before. */
static int
part_run(sqlite3_stmt *st, int64_t agency, uint64_t before, bool static_too, struct store_part *part, struct uids *u)
{
	size_t had = u->n;
	int r;

	sqlite3_bind_int64(st, 1, agency);
	sqlite3_bind_int64(st, 2, (int64_t)part->after);
	sqlite3_bind_int64(st, 3, (int64_t)before);
	sqlite3_bind_int(st, 4, static_too);
	sqlite3_bind_int64(st, 5, (int64_t)(part->max - u->n));
	if ((r = uids_collect(st, u)) == 0 && u->n > had)
		part->after = u->v[u->n - 1].id;
	return r;
}

static int
ranges_run(struct store *s, enum store_stmt what, int64_t agency, const struct dtcp_req *which, bool static_too,
    struct store_part *part, struct uids *u)
{
	cleanup_free struct dtcp_ids *v = NULL;
	uint32_t n = 0;
	int r = store_ids_normalise(which->ids, which->nids, &v, &n);

	for (uint32_t i = 0; r == 0 && i < n && u->n < part->max; i++) {
		uint64_t before = v[i].hi + 1 < part->before ? v[i].hi + 1 : part->before;

		if (v[i].hi <= part->after)
			continue;
		if (part->after + 1 < v[i].lo)
			part->after = v[i].lo - 1;
		r = part_run(store_stmt(s, what), agency, before, static_too, part, u);
	}
	return r;
}

static int
ids_steps(struct store *s, enum store_stmt what, const char *agency, const struct dtcp_req *which, bool static_too,
    struct store_part *part, struct uids *u)
{
	int64_t no, next_id;
	int r = store_agency_find(s, agency, &no, &next_id);

	/* An agency that never added anything differs in nothing from one that deleted all. */
	if (r == -ENOENT && !store_ids_has_single(which->ids, which->nids))
		return 0;
	if (r == 0 && !part->begun) {
		if (s->adder.no == no)
			next_id = s->adder.next_id;
		part->before = (uint64_t)next_id;
		r = singles_check(s, no, which->ids, which->nids);
	}
	return r < 0 ? r : ranges_run(s, what, no, which, static_too, part, u);
}

static int
cdest_steps(struct store *s, enum store_stmt what, const char *agency, const struct dtcp_req *which, bool static_too,
    struct store_part *part, struct uids *u)
{
	const struct store_keys *keys;
	int64_t no, name;
	sqlite3_stmt *st;
	int r = store_agency_find(s, agency, &no, NULL);

	if (r < 0 || (r = store_keys_get(s, no, &keys)) < 0 || (r = cdest_find(s, keys, which->sel_cdest, &name)) < 0)
		return r;
	if (!part->begun)
		part->before = s->next_uid;
	st = store_stmt(s, what);
	sqlite3_bind_int64(st, 6, name);
	if ((r = part_run(st, no, part->before, static_too, part, u)) == 0 && u->n > 0)
		part->after = u->v[u->n - 1].uid;
	return r;
}

/* The rows of the next part; *part moves on. */
static int
part_steps(struct store *s, bool delete, const char *agency, const struct dtcp_req *which, bool static_too,
    struct store_part *part, struct uids *u)
{
	int r;

	if (which->select == DTCP_SEL_CDEST)
		r = cdest_steps(s, delete ? ST_DELETE_CDEST : ST_UIDS_CDEST, agency, which, static_too, part, u);
	else
		r = ids_steps(s, delete ? ST_DELETE_RANGE : ST_UIDS_RANGE, agency, which, static_too, part, u);
	part->begun = true;
	part->more = u->n == part->max;
	return r;
}

int
store_delete(struct store *s, const char *agency, const struct dtcp_req *which, bool static_too,
    struct store_part *part, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count)
{
	struct store_part next = *part;
	struct uids u = {0};
	int r = store_save_begin(s);

	if (r == 0)
		r = store_save_end(s, part_steps(s, true, agency, which, static_too, &next, &u));
	if (r == 0)
		*part = next;
	return uids_tell(&u, r, cb, arg, count);
}

int
store_select(struct store *s, const char *agency, const struct dtcp_req *which, bool static_too,
    struct store_part *part, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count)
{
	struct store_part next = *part;
	struct uids u = {0};
	int r = part_steps(s, false, agency, which, static_too, &next, &u);

	if (r == 0)
		*part = next;
	return uids_tell(&u, r, cb, arg, count);
}

int
store_select_warrant(
    struct store *s, uint64_t no, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count)
{
	sqlite3_stmt *st = store_stmt(s, ST_UIDS_WARRANT);
	struct uids u = {0};

	sqlite3_bind_int64(st, 1, (int64_t)no);
	return uids_tell(&u, uids_collect(st, &u), cb, arg, count);
}

int
store_delete_warrant(
    struct store *s, uint64_t no, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count)
{
	sqlite3_stmt *st = store_stmt(s, ST_DELETE_WARRANT);
	struct uids u = {0};

	sqlite3_bind_int64(st, 1, (int64_t)no);
	return uids_tell(&u, uids_collect(st, &u), cb, arg, count);
}

/* ---- changing ---- */

static int
row_set(struct store *s, const struct store_keys *keys, const struct store_row *row)
{
	cleanup_sealed struct store_sealed secret = {0};
	sqlite3_stmt *st = store_stmt(s, ST_CRIT_RESEAL);
	int r = store_row_seal(keys, row, &secret);

	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)row->uid);
	store_bind_sealed(st, 2, &secret);
	return store_run(st);
}

static int
row_change(struct store *s, int64_t agency, uint64_t uid, int (*cb)(void *arg, struct store_row *r), void *arg)
{
	const struct store_keys *keys;
	sqlite3_stmt *st;
	struct store_row row;
	int r = store_keys_get(s, agency, &keys);

	if (r < 0)
		return r;
	st = store_stmt(s, ST_ROW_GET);

	sqlite3_bind_int64(st, 1, agency);
	sqlite3_bind_int64(st, 2, (int64_t)uid);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	r = store_row_open(s, st, keys, &row);
	store_done(st);
	if (r < 0)
		return r;
	if ((r = cb(arg, &row)) == 0)
		r = row_set(s, keys, &row);
	store_row_free(&row);
	return r;
}

static int
update_steps(struct store *s, const char *agency, const struct dtcp_req *which, struct store_part *part, struct uids *u,
    int (*cb)(void *arg, struct store_row *r), void *arg)
{
	int64_t no;
	int r = part_steps(s, false, agency, which, false, part, u);

	if (r == 0 && u->n > 0)
		r = store_agency_find(s, agency, &no, NULL);
	for (size_t i = 0; r == 0 && i < u->n; i++)
		if (!store_is_aside(s, u->v[i].uid))
			r = row_change(s, no, u->v[i].uid, cb, arg);
	return r;
}

int
store_update(struct store *s, const char *agency, const struct dtcp_req *which, struct store_part *part,
    int (*cb)(void *arg, struct store_row *r), void *arg, uint64_t *count)
{
	struct store_part next = *part;
	struct uids u = {0};
	int r = store_save_begin(s);

	if (r == 0)
		r = store_save_end(s, update_steps(s, agency, which, &next, &u, cb, arg));
	if (r == 0) {
		*part = next;
		*count = u.n;
	}
	free(u.v);
	return r;
}

int
store_find_uid(struct store *s, uint64_t uid, char agency[static DTCP_NAME_MAX + 1], struct store_row *row)
{
	sqlite3_stmt *st = store_stmt(s, ST_UID_GET);
	const struct store_keys *keys;
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)uid);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	if ((r = store_keys_get(s, sqlite3_column_int64(st, 0), &keys)) == 0 &&
	    (r = store_row_open(s, st, keys, row)) == 0)
		snprintf(agency, DTCP_NAME_MAX + 1, "%s", (const char *)sqlite3_column_text(st, STORE_ROW_NCOLUMNS));
	store_done(st);
	return r;
}

int
store_delete_uid(struct store *s, const char *agency, uint64_t uid)
{
	int64_t no;
	sqlite3_stmt *st;
	int r = store_agency_find(s, agency, &no, NULL);

	if (r < 0)
		return r;
	st = store_stmt(s, ST_DELETE_UID);
	sqlite3_bind_int64(st, 1, no);
	sqlite3_bind_int64(st, 2, (int64_t)uid);
	if ((r = store_run(st)) < 0)
		return r;
	return sqlite3_changes(s->db) ? 0 : -ENOENT;
}
