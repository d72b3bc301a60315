/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: store_key_ store_keys_ */
/*
 * Keys.  The machine key wraps one data key per agency; from a data key two more are
 * derived, one that seals and one that turns names into tags.  While an agency's rows are
 * sealed anew it has two data keys, of which the old one only opens.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_int.h"

#define NAME_LEN_MAX 255

struct wrap_aad {
	char context[20];
	uint8_t generation[4];
	char name[NAME_LEN_MAX + 1];
};

static struct seal_aad
wrap_aad(const char *name, uint32_t generation, struct wrap_aad *v)
{
	const uint32_t g = htobe32(generation);

	*v = (struct wrap_aad){.context = "flowtap agency key"};
	memcpy(v->generation, &g, sizeof g);
	snprintf(v->name, sizeof v->name, "%s", name);
	return (struct seal_aad){v, sizeof *v};
}

int
store_key_wrap(const uint8_t *machine, const char *name, uint32_t generation, const uint8_t data[static STORE_KEY_LEN],
    struct buf *out)
{
	struct wrap_aad v;

	if (strlen(name) > NAME_LEN_MAX)
		return -ENAMETOOLONG;
	return seal_put(machine, wrap_aad(name, generation, &v), data, STORE_KEY_LEN, out);
}

int
store_key_unwrap(const uint8_t *machine, const struct store_wrapped *w, uint8_t data[static STORE_KEY_LEN])
{
	struct wrap_aad v;

	if (w->name == NULL || strlen(w->name) > NAME_LEN_MAX || w->len != STORE_KEY_LEN + SEAL_EXTRA)
		return -EBADMSG;
	return seal_open(machine, wrap_aad(w->name, w->generation, &v), w->p, w->len, data);
}

int
store_key_make(struct store *s, const char *name, uint32_t generation, struct buf *wrapped)
{
	uint8_t data[STORE_KEY_LEN];
	int r = seal_random(data, sizeof data);

	if (r == 0)
		r = store_key_wrap(s->machine, name, generation, data, wrapped);
	explicit_bzero(data, sizeof data);
	s->keys_changed = true;
	return r;
}

static int
derive(const uint8_t *machine, const struct store_wrapped *w, struct store_key *out)
{
	static const char seal[] = "flowtap seal", name[] = "flowtap name";
	uint8_t data[STORE_KEY_LEN];
	int r = store_key_unwrap(machine, w, data);

	if (r == 0 && (r = seal_mac(data, seal, sizeof seal, out->seal)) == 0)
		r = seal_mac(data, name, sizeof name, out->name);
	out->generation = w->generation;
	explicit_bzero(data, sizeof data);
	return r;
}

struct store_wrapped
store_key_column(sqlite3_stmt *st, bool old)
{
	int column = old ? 3 : 2;

	return (struct store_wrapped){
	    .name = (const char *)sqlite3_column_text(st, 0),
	    .generation = (uint32_t)sqlite3_column_int64(st, 1) - old,
	    .p = sqlite3_column_blob(st, column),
	    .len = (size_t)sqlite3_column_bytes(st, column),
	};
}

static int
keys_read(sqlite3_stmt *st, const uint8_t *machine, struct store_keys *k)
{
	struct store_wrapped w = store_key_column(st, false);
	int r = derive(machine, &w, &k->v[0]);

	k->n = 1;
	k->reseal_below = sqlite3_column_int64(st, 4);
	if (r < 0 || sqlite3_column_type(st, 3) == SQLITE_NULL)
		return r;
	k->n = 2;
	w = store_key_column(st, true);
	return derive(machine, &w, &k->v[1]);
}

int
store_keys_load(sqlite3_stmt *st, const uint8_t *machine, int64_t agency, struct store_keys *out)
{
	struct store_keys k = {.agency = agency};
	int r;

	sqlite3_bind_int64(st, 1, agency);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -EBADMSG;
	r = keys_read(st, machine, &k);
	store_done(st);
	if (r == 0)
		*out = k;
	store_keys_wipe(&k);
	return r;
}

const struct store_key *
store_keys_find(const struct store_keys *k, uint32_t generation)
{
	for (unsigned i = 0; i < k->n; i++)
		if (k->v[i].generation == generation)
			return &k->v[i];
	return NULL;
}

void
store_keys_wipe(struct store_keys *k)
{
	explicit_bzero(k, sizeof *k);
}

/* ---- the keys in use ---- */

static struct store_keys *
slot(struct store *s, int64_t agency)
{
	return &s->keys[(uint64_t)agency % ARRAY_LEN(s->keys)];
}

int
store_keys_get(struct store *s, int64_t agency, const struct store_keys **out)
{
	struct store_keys *k = slot(s, agency);

	if (k->agency != agency || k->n == 0) {
		int r = store_keys_load(store_stmt(s, ST_KEY_GET), s->machine, agency, k);

		if (r < 0)
			return r;
	}
	*out = k;
	return 0;
}

void
store_keys_drop(struct store *s, int64_t agency)
{
	if (slot(s, agency)->agency == agency)
		store_keys_wipe(slot(s, agency));
	store_names_forget(s);
	seal_forget();
}

void
store_keys_undone(struct store *s)
{
	if (!s->keys_changed)
		return;
	explicit_bzero(s->keys, sizeof s->keys);
	seal_forget();
	s->keys_changed = !sqlite3_get_autocommit(s->db);
}

void
store_keys_forget(struct store *s, const char *agency)
{
	int64_t no;

	if (store_agency_find(s, agency, &no, NULL) == 0)
		store_keys_drop(s, no);
}

/* ---- is it this machine's ---- */

static const char proof_context[] = "flowtap machine key";

int
store_key_proof(const uint8_t *machine, struct buf *out)
{
	return seal_put(machine, (struct seal_aad){proof_context, sizeof proof_context}, NULL, 0, out);
}

int
store_key_prove(sqlite3 *db, const uint8_t *machine)
{
	const struct seal_aad aad = {proof_context, sizeof proof_context};
	uint8_t none;
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, "SELECT proof FROM machine", -1, &st, NULL), r = -EBADMSG;

	if (rc != SQLITE_OK)
		return rc == SQLITE_ERROR ? -EBADMSG : store_error(rc);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		r = seal_open(machine, aad, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), &none);
		if (r == -EBADMSG)
			r = -EKEYREJECTED;
	} else if (rc != SQLITE_DONE)
		r = store_error(rc);
	sqlite3_finalize(st);
	return r;
}
