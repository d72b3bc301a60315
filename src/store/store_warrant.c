/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Warrants.  A text is sealed with its agency's key and bound to every column beside it: so neither who
 * approved it nor whether it was revoked can be changed in the file, nor can a text be moved to another row.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_int.h"
#include "store_schema.h"

void
store_warrant_free(struct store_warrant *w)
{
	if (w->text.p)
		explicit_bzero(w->text.p, w->text.len);
	buf_free(&w->text);
	buf_free(&w->signatures);
}

/* ---- sealing ---- */

#define BESIDE_WORDS 7

static struct store_beside
beside_make(const struct store_warrant *w, uint64_t v[static BESIDE_WORDS])
{
	const uint64_t word[BESIDE_WORDS] = {w->no, (uint64_t)w->entered_ms, w->entered_uid, (uint64_t)w->approved_ms,
	    w->approved_uid, (uint64_t)w->revoked_ms, w->revoked_uid};

	memcpy(v, word, sizeof word);
	return (struct store_beside){.word = v, .nword = BESIDE_WORDS, .bytes = w->ref, .len = strlen(w->ref)};
}

/* Empty, and so NULL in the row, if nobody has signed. */
static int
signatures_seal(const struct store_keys *keys, const struct store_warrant *w, struct store_sealed *out)
{
	uint64_t v[BESIDE_WORDS];
	const struct store_beside beside = beside_make(w, v);

	if (w->signatures.len == 0) {
		out->column = STORE_warrant_signatures;
		return 0;
	}
	return store_seal(keys, STORE_warrant_signatures, &beside, &w->signatures, out);
}

static int
text_seal(const struct store_keys *keys, const struct store_warrant *w, struct store_sealed *out)
{
	uint64_t v[BESIDE_WORDS];
	const struct store_beside beside = beside_make(w, v);

	return store_seal(keys, STORE_warrant_text, &beside, &w->text, out);
}

/* ---- rows ---- */

#define COLUMN_TEXT 3
#define COLUMN_AGENCY 10
#define COLUMN_SIGNATURES 11

/* All but what is sealed. */
static void
columns_read(sqlite3_stmt *st, struct store_warrant *w)
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
}

/* keys: of the row's agency. */
static int
row_read(sqlite3_stmt *st, const struct store_keys *keys, struct store_warrant *w)
{
	struct store_beside beside;
	uint64_t v[BESIDE_WORDS];
	int r;

	columns_read(st, w);
	if (sqlite3_column_int64(st, COLUMN_AGENCY) != keys->agency)
		return -EBADMSG;
	beside = beside_make(w, v);
	r = store_unseal(st, COLUMN_TEXT, keys, STORE_warrant_text, &beside, &w->text);
	if (r == 0 && sqlite3_column_type(st, COLUMN_SIGNATURES) != SQLITE_NULL)
		r = store_unseal(st, COLUMN_SIGNATURES, keys, STORE_warrant_signatures, &beside, &w->signatures);
	if (r < 0)
		store_warrant_free(w);
	return r;
}

/* Keys of its own, so that those of agencies nobody uses do not stay in memory. */
static int
row_open(struct store *s, sqlite3_stmt *st, struct store_keys *keys, struct store_warrant *w)
{
	int64_t agency = sqlite3_column_int64(st, COLUMN_AGENCY);
	int r = 0;

	columns_read(st, w);
	if (keys->agency != agency || keys->n == 0)
		r = store_keys_load(store_stmt(s, ST_KEY_GET), s->machine, agency, keys);
	return r < 0 ? r : row_read(st, keys, w);
}

static int
next_no(struct store *s, uint64_t *no)
{
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_NEXT);
	int r = store_step(st);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*no = (uint64_t)sqlite3_column_int64(st, 0);
	store_done(st);
	return 0;
}

static void
signatures_bind(sqlite3_stmt *st, int at, const struct store_sealed *v)
{
	if (v->b.len > 0)
		store_bind_sealed(st, at, v);
	else
		sqlite3_bind_null(st, at);
}

static int
row_insert(struct store *s, const struct store_keys *keys, const struct store_warrant *w)
{
	cleanup_sealed struct store_sealed text = {0}, signatures = {0};
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_ADD);
	int r = text_seal(keys, w, &text);

	if (r < 0 || (r = signatures_seal(keys, w, &signatures)) < 0)
		return r;
	store_bind_text(st, 1, STORE_warrant_agency, w->agency);
	store_bind_text(st, 2, STORE_warrant_ref, w->ref);
	store_bind_sealed(st, 3, &text);
	sqlite3_bind_int64(st, 4, w->entered_ms);
	sqlite3_bind_int64(st, 5, w->entered_uid);
	sqlite3_bind_int64(st, 6, (int64_t)w->no);
	signatures_bind(st, 7, &signatures);
	return store_run(st);
}

static int
enter_steps(struct store *s, struct store_warrant *w)
{
	const struct store_keys *keys;
	int64_t agency, next_id;
	int r = store_agency_obtain(s, w->agency, &agency, &next_id);

	if (r < 0 || (r = next_no(s, &w->no)) < 0 || (r = store_keys_get(s, agency, &keys)) < 0)
		return r;
	return row_insert(s, keys, w);
}

int
store_warrant_enter(struct store *s, struct store_warrant *w)
{
	struct store_warrant there;
	uint64_t was = w->no;
	int r = store_warrant_get(s, w->agency, w->ref, &there);

	if (r == 0)
		store_warrant_free(&there);
	if (r != -ENOENT)
		return r < 0 ? r : -EEXIST;
	w->approved_ms = w->revoked_ms = 0;
	w->approved_uid = w->revoked_uid = 0;
	if ((r = store_save_begin(s)) == 0 && (r = store_save_end(s, enter_steps(s, w))) < 0)
		w->no = was;
	return r;
}

int
store_warrant_get(struct store *s, const char *agency, const char *ref, struct store_warrant *out)
{
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_GET);
	struct store_keys keys = {0};
	int r;

	store_bind_text(st, 1, STORE_warrant_agency, agency);
	store_bind_text(st, 2, STORE_warrant_ref, ref);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	r = row_open(s, st, &keys, out);
	store_done(st);
	store_keys_wipe(&keys);
	return r;
}

static int
text_write(struct store *s, const struct store_keys *keys, const struct store_warrant *w)
{
	cleanup_sealed struct store_sealed text = {0}, signatures = {0};
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_SET);
	int r = text_seal(keys, w, &text);

	if (r < 0 || (r = signatures_seal(keys, w, &signatures)) < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)w->no);
	sqlite3_bind_int64(st, 2, w->approved_ms);
	sqlite3_bind_int64(st, 3, w->approved_uid);
	sqlite3_bind_int64(st, 4, w->revoked_ms);
	sqlite3_bind_int64(st, 5, w->revoked_uid);
	store_bind_sealed(st, 6, &text);
	signatures_bind(st, 7, &signatures);
	return store_run(st);
}

int
store_warrant_set(struct store *s, const struct store_warrant *w)
{
	const struct store_keys *keys;
	int64_t agency;
	int r = store_agency_find(s, w->agency, &agency, NULL);

	if (r < 0 || (r = store_keys_get(s, agency, &keys)) < 0)
		return r;
	return text_write(s, keys, w);
}

int
store_warrant_each(struct store *s, const char *agency, int (*cb)(void *arg, const struct store_warrant *w), void *arg)
{
	sqlite3_stmt *st = store_stmt(s, ST_WARRANT_EACH);
	struct store_keys keys = {0};
	int r;

	if (agency)
		store_bind_text(st, 1, STORE_warrant_agency, agency);
	while ((r = store_step(st)) == 1) {
		struct store_warrant w;

		r = row_open(s, st, &keys, &w);
		w.damaged = r == -EBADMSG;
		if (r < 0 && !w.damaged)
			break;
		r = cb(arg, &w);
		store_warrant_free(&w);
		if (r != 0)
			break;
	}
	store_done(st);
	store_keys_wipe(&keys);
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

/* ---- a new key ---- */

static int
name_get(struct store *s, int64_t agency, char name[static DTCP_NAME_MAX + 1])
{
	sqlite3_stmt *st = store_stmt(s, ST_KEY_GET);
	int r;

	sqlite3_bind_int64(st, 1, agency);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	snprintf(name, DTCP_NAME_MAX + 1, "%s", (const char *)sqlite3_column_text(st, 0));
	store_done(st);
	return 0;
}

int
store_warrant_reseal(struct store *s, const struct store_keys *keys, uint32_t *budget)
{
	char name[DTCP_NAME_MAX + 1];
	sqlite3_stmt *st;
	int r = name_get(s, keys->agency, name);

	if (r < 0)
		return r;
	st = store_stmt(s, ST_WARRANT_OLD);
	store_bind_text(st, 1, STORE_warrant_agency, name);
	store_bind_generation(st, 2, keys->v[0].generation);
	sqlite3_bind_int64(st, 3, *budget);
	while ((r = store_step(st)) == 1) {
		struct store_warrant w;

		--*budget;
		if ((r = row_read(st, keys, &w)) < 0)
			break;
		r = text_write(s, keys, &w);
		store_warrant_free(&w);
		if (r < 0)
			break;
	}
	store_done(st);
	return r;
}

/* ---- texts that a former release kept in clear ---- */

struct climber {
	const struct store_climb *c;
	sqlite3_stmt *each, *find, *add, *key, *set;
};

static int
prepare(sqlite3 *db, const char *sql, sqlite3_stmt **st)
{
	return store_error(sqlite3_prepare_v2(db, sql, -1, st, NULL));
}

static int
agency_add(struct climber *m, const char *name)
{
	cleanup_buf struct buf wrapped = {0};
	uint8_t data[STORE_KEY_LEN];
	int r = seal_random(data, sizeof data);

	if (r == 0)
		r = store_key_wrap(m->c->machine, name, 1, data, &wrapped);
	explicit_bzero(data, sizeof data);
	if (r < 0)
		return r;
	store_bind_text(m->add, 1, STORE_agency_name, name);
	store_bind_made(m->add, 2, STORE_agency_key, wrapped.p, wrapped.len);
	return store_run(m->add);
}

/* Of an agency that may have warrants, but no criterion yet. */
static int
agency_keys(struct climber *m, const char *name, struct store_keys *keys)
{
	int64_t no;
	int r, tries = 0;

	do {
		store_bind_text(m->find, 1, STORE_agency_name, name);
		if ((r = store_step(m->find)) == 1) {
			no = sqlite3_column_int64(m->find, 0);
			store_done(m->find);
			return store_keys_load(m->key, m->c->machine, no, keys);
		}
	} while (r == 0 && tries++ == 0 && (r = agency_add(m, name)) == 0);
	return r < 0 ? r : -EIO;
}

static int
text_climb(struct climber *m, struct store_keys *keys)
{
	cleanup_sealed struct store_sealed text = {0};
	struct store_warrant w;
	int r;

	columns_read(m->each, &w);
	buf_put(&w.text, sqlite3_column_blob(m->each, COLUMN_TEXT), (size_t)sqlite3_column_bytes(m->each, COLUMN_TEXT));
	if ((r = agency_keys(m, w.agency, keys)) == 0 && (r = text_seal(keys, &w, &text)) == 0) {
		sqlite3_bind_int64(m->set, 1, (int64_t)w.no);
		store_bind_sealed(m->set, 2, &text);
		r = store_run(m->set);
	}
	store_warrant_free(&w);
	return r;
}

int
store_warrant_climb(const struct store_climb *c)
{
	struct climber m = {.c = c};
	struct store_keys keys = {0};
	int r;

	if ((r = prepare(c->db,
		 "SELECT no, agency, ref, text, entered_ms, entered_uid, approved_ms, approved_uid, revoked_ms, "
		 "revoked_uid"
		 " FROM warrant",
		 &m.each)) == 0 &&
	    (r = prepare(c->db, "SELECT no FROM agency WHERE name = ?1", &m.find)) == 0 &&
	    (r = prepare(c->db, "INSERT INTO agency (name, next_id, generation, key) VALUES (?1, 1, 1, ?2)", &m.add)) ==
		0 &&
	    (r = prepare(c->db, STORE_KEY_SQL, &m.key)) == 0)
		r = prepare(c->db, "UPDATE warrant SET text = ?2 WHERE no = ?1", &m.set);
	while (r == 0 && (r = store_step(m.each)) == 1)
		r = text_climb(&m, &keys);
	sqlite3_finalize(m.each);
	sqlite3_finalize(m.find);
	sqlite3_finalize(m.add);
	sqlite3_finalize(m.key);
	sqlite3_finalize(m.set);
	store_keys_wipe(&keys);
	return r;
}
