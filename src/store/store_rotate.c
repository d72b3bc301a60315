/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: store_rotate store_rewrap */
/*
 * New keys while everything goes on.  Invariants:
 *  1. From the commit of store_rotate on, whatever is written is sealed with the new key.
 *     So old are: criteria with an id below agency.reseal_below, and names and warrants whose
 *     tag or text begins with an older generation.
 *  2. The old key goes in the transaction that finds none of these left.
 *  3. How far it came is kept in memory only: a new start walks from the first row and
 *     passes over what is done.
 */
#include <errno.h>
#include <string.h>

#include "store_int.h"

/* ---- a new key ---- */

static int
under_way(struct store *s, const char *agency)
{
	sqlite3_stmt *st = store_stmt(s, ST_ROTATING);
	int r;

	store_bind_text(st, 1, STORE_agency_name, agency);
	r = store_step(st);
	store_done(st);
	return r == 1 ? -EALREADY : r;
}

/* The next agency after *no, or the one of that name; its columns are ST_KEY_GET's, the number behind. */
static int
agency_after(struct store *s, const char *name, sqlite3_stmt **st, int64_t *no)
{
	int r;

	*st = store_stmt(s, ST_AGENCY_AFTER);
	sqlite3_bind_int64(*st, 1, *no);
	store_bind_text(*st, 2, STORE_agency_name, name);
	if ((r = store_step(*st)) == 1)
		*no = sqlite3_column_int64(*st, 5);
	return r;
}

static int
key_renew(struct store *s, int64_t no, const char *name, uint32_t generation)
{
	cleanup_buf struct buf wrapped = {0};
	sqlite3_stmt *st = store_stmt(s, ST_KEY_RENEW);
	int r;

	if (generation == UINT32_MAX)
		return -ENOSPC;
	if ((r = store_key_make(s, name, generation + 1, &wrapped)) < 0)
		return r;
	store_keys_drop(s, no);
	sqlite3_bind_int64(st, 1, no);
	sqlite3_bind_int64(st, 2, (int64_t)generation + 1);
	store_bind_made(st, 3, STORE_agency_key, wrapped.p, wrapped.len);
	return store_run(st);
}

static int
rotate_steps(struct store *s, const char *agency)
{
	sqlite3_stmt *st;
	int64_t no = 0;
	unsigned n = 0;
	int r = under_way(s, agency);

	if (r == 0)
		r = store_adder_flush(s);
	while (r == 0 && (r = agency_after(s, agency, &st, &no)) == 1) {
		cleanup_free char *name = strdup((const char *)sqlite3_column_text(st, 0));
		uint32_t generation = (uint32_t)sqlite3_column_int64(st, 1);

		store_done(st);
		r = name ? key_renew(s, no, name, generation) : -ENOMEM;
		n++;
	}
	return r == 0 && n == 0 && agency ? -ENOENT : r;
}

int
store_rotate(struct store *s, const char *agency)
{
	int r = store_save_begin(s);

	s->ended = true; /* the copy has the old key */
	return r < 0 ? r : store_save_end(s, rotate_steps(s, agency));
}

/* ---- old rows ---- */

static int
cdest_reseal(struct store *s, sqlite3_stmt *st, const struct store_keys *keys)
{
	struct dtcp_cdest d;
	int r = store_row_cdest_read(st, keys, &d);

	return r < 0 ? r : store_cdest_write(s, keys, sqlite3_column_int64(st, 0), &d);
}

static int
cdests_reseal(struct store *s, const struct store_keys *keys, uint32_t *budget)
{
	sqlite3_stmt *st = store_stmt(s, ST_CDEST_OLD);
	int r;

	sqlite3_bind_int64(st, 1, keys->agency);
	store_bind_generation(st, 2, keys->v[0].generation);
	sqlite3_bind_int64(st, 3, *budget);
	while ((r = store_step(st)) == 1) {
		--*budget;
		if ((r = cdest_reseal(s, st, keys)) < 0)
			break;
	}
	store_done(st);
	return r;
}

static int
criterion_reseal(struct store *s, sqlite3_stmt *st, const struct store_keys *keys)
{
	cleanup_sealed struct store_sealed secret = {0};
	struct store_row row;
	int r = store_row_open(s, st, keys, &row);

	/* One that can't be opened can't be sealed anew, and keeps nobody's old key alive. */
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	r = store_row_seal(keys, &row, &secret);
	store_row_free(&row);
	if (r < 0)
		return r;
	st = store_stmt(s, ST_CRIT_RESEAL);
	sqlite3_bind_int64(st, 1, (int64_t)row.uid);
	store_bind_sealed(st, 2, &secret);
	return store_run(st);
}

static int
criteria_reseal(struct store *s, const struct store_keys *keys, uint32_t *budget, int64_t *id)
{
	sqlite3_stmt *st = store_stmt(s, ST_CRIT_OLD);
	int r;

	sqlite3_bind_int64(st, 1, keys->agency);
	sqlite3_bind_int64(st, 2, *id);
	sqlite3_bind_int64(st, 3, keys->reseal_below);
	sqlite3_bind_int64(st, 4, *budget);
	while ((r = store_step(st)) == 1) {
		const void *p = sqlite3_column_blob(st, 5);
		size_t len = (size_t)sqlite3_column_bytes(st, 5);

		--*budget;
		*id = sqlite3_column_int64(st, 2);
		if (store_generation(p, len) == keys->v[0].generation)
			continue;
		if ((r = criterion_reseal(s, st, keys)) < 0)
			break;
	}
	store_done(st);
	return r;
}

static int
old_key_erase(struct store *s, int64_t agency)
{
	sqlite3_stmt *st = store_stmt(s, ST_KEY_ERASE);

	sqlite3_bind_int64(st, 1, agency);
	store_keys_drop(s, agency);
	s->keys_changed = true;
	return store_run(st);
}

/* Works on one agency until it is done or the budget is used up. */
static int
agency_step(struct store *s, struct store_place *at, uint32_t *budget, bool *erased)
{
	const struct store_keys *keys;
	int r = store_keys_get(s, at->agency, &keys);

	if (r < 0 || (r = cdests_reseal(s, keys, budget)) < 0)
		return r;
	if (*budget > 0 && (r = store_warrant_reseal(s, keys, budget)) < 0)
		return r;
	if (*budget > 0 && (r = criteria_reseal(s, keys, budget, &at->id)) < 0)
		return r;
	if (*budget == 0)
		return 0; /* there may be more */
	--*budget;
	*erased = true;
	r = old_key_erase(s, at->agency);
	*at = (struct store_place){0};
	return r;
}

static int
rotating_first(struct store *s, struct store_place *at)
{
	sqlite3_stmt *st = store_stmt(s, ST_ROTATING);
	int64_t agency;
	int r = store_step(st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	agency = sqlite3_column_int64(st, 0);
	store_done(st);
	if (agency != at->agency)
		*at = (struct store_place){.agency = agency};
	return 0;
}

static int
left_count(struct store *s, const struct store_place *at, uint64_t *left)
{
	sqlite3_stmt *st = store_stmt(s, ST_LEFT);
	int r;

	sqlite3_bind_int64(st, 1, at->agency);
	sqlite3_bind_int64(st, 2, at->id);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -EIO;
	*left = (uint64_t)sqlite3_column_int64(st, 0);
	store_done(st);
	return 0;
}

static int
reseal_steps(struct store *s, uint32_t budget, struct store_place *at, uint64_t *left, bool *erased)
{
	int r = 0;

	while (budget > 0 && (r = rotating_first(s, at)) == 0)
		if ((r = agency_step(s, at, &budget, erased)) < 0)
			return r;
	return r < 0 && r != -ENOENT ? r : left_count(s, at, left);
}

int
store_rotate_step(struct store *s, uint32_t max_rows, uint64_t *left)
{
	struct store_place at = s->reseal_at;
	uint64_t n = 0;
	bool erased = false;
	int r = store_begin(s);

	if (r < 0)
		return r;
	r = reseal_steps(s, max_rows, &at, &n, &erased);
	s->ended = s->ended || erased;
	if (r < 0 || (r = store_commit(s)) < 0) {
		store_rollback(s);
		return r;
	}
	s->reseal_at = at;
	s->erase_due = s->erase_due || erased;
	store_erase(s);
	*left = n;
	return 0;
}

int
store_rotate_left(struct store *s, uint64_t *left)
{
	return left_count(s, &s->reseal_at, left);
}

/* ---- another machine key ---- */

static int
rewrap_one(const uint8_t *from, const uint8_t *to, const struct store_wrapped *w, struct buf *out)
{
	uint8_t data[STORE_KEY_LEN];
	int r = store_key_unwrap(from, w, data);

	if (r == 0)
		r = store_key_wrap(to, w->name, w->generation, data, out);
	explicit_bzero(data, sizeof data);
	return r;
}

/* st: a row of ST_AGENCY_AFTER */
static int
agency_rewrap(struct store *s, sqlite3_stmt *st, int64_t no, const uint8_t *to)
{
	cleanup_buf struct buf now = {0}, old = {0};
	struct store_wrapped w = store_key_column(st, false);
	int r = rewrap_one(s->machine, to, &w, &now);

	if (r == 0 && sqlite3_column_type(st, 3) != SQLITE_NULL) {
		w = store_key_column(st, true);
		r = rewrap_one(s->machine, to, &w, &old);
	}
	store_done(st);
	if (r < 0)
		return r;
	st = store_stmt(s, ST_KEY_REWRAP);
	sqlite3_bind_int64(st, 1, no);
	store_bind_made(st, 2, STORE_agency_key, now.p, now.len);
	if (old.len)
		store_bind_made(st, 3, STORE_agency_old_key, old.p, old.len);
	return store_run(st);
}

static int
proof_write(struct store *s, const uint8_t *machine)
{
	cleanup_buf struct buf proof = {0};
	sqlite3_stmt *st = store_stmt(s, ST_PROOF_SET);
	int r = store_key_proof(machine, &proof);

	if (r < 0)
		return r;
	store_bind_made(st, 1, STORE_machine_proof, proof.p, proof.len);
	return store_run(st);
}

static int
rewrap_steps(struct store *s, const uint8_t *to)
{
	sqlite3_stmt *st;
	int64_t no = 0;
	int r;

	while ((r = agency_after(s, NULL, &st, &no)) == 1)
		if ((r = agency_rewrap(s, st, no, to)) < 0)
			return r;
	return r < 0 ? r : proof_write(s, to);
}

int
store_rewrap(struct store *s, const uint8_t *machine_key)
{
	int r = store_begin(s);

	if (r < 0)
		return r;
	s->ended = true;
	if ((r = rewrap_steps(s, machine_key)) < 0 || (r = store_commit(s)) < 0) {
		store_rollback(s);
		return r;
	}
	memcpy(s->machine, machine_key, STORE_KEY_LEN);
	s->erase_due = true;
	store_erase(s);
	return 0;
}
