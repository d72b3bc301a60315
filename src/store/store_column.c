/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: store_bind_ store_seal store_unseal store_sealed_ store_generation store_columns store_ncolumns */
/*
 * A sealed text is the generation of its key (4 bytes), then what seal_put made of it.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "store_int.h"

#define GENERATION_LEN 4

const struct store_column store_columns[] = {
#define NUMBER(table, column, what) {#table, #column, what, STORE_NUMBER},
    STORE_NUMBER_COLUMNS(NUMBER)
#define TEXT(table, column, what) {#table, #column, what, STORE_TEXT},
	STORE_TEXT_COLUMNS(TEXT)
#define MADE(table, column, what) {#table, #column, what, STORE_MADE},
	    STORE_MADE_COLUMNS(MADE)
#define SEALED(table, column, mark, what) {#table, #column, what, STORE_SEALED},
		STORE_SEALED_COLUMNS(SEALED)};
const unsigned store_ncolumns = ARRAY_LEN(store_columns);

static const char mark[] = {
#define MARK(table, column, m, what) m,
    STORE_SEALED_COLUMNS(MARK)};

void
store_bind_text(sqlite3_stmt *st, int at, enum store_text_column c, const char *text)
{
	(void)c;
	sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

void
store_bind_made(sqlite3_stmt *st, int at, enum store_made_column c, const void *p, size_t len)
{
	(void)c;
	sqlite3_bind_blob64(st, at, p, len, SQLITE_STATIC);
}

void
store_bind_generation(sqlite3_stmt *st, int at, uint32_t generation)
{
	const uint32_t be = htobe32(generation);

	sqlite3_bind_blob(st, at, &be, sizeof be, SQLITE_TRANSIENT);
}

uint32_t
store_generation(const void *p, size_t len)
{
	struct rd r = rd_init(p, p ? len : 0);

	return rd_u32(&r);
}

/* What a text is bound to, as bytes. */
struct aad {
	uint8_t b[8 * (3 + STORE_BESIDE_WORDS) + STORE_BESIDE_BYTES];
	size_t len;
};

static void
word_put(struct aad *a, uint64_t v)
{
	const uint64_t be = htobe64(v);

	memcpy(a->b + a->len, &be, sizeof be);
	a->len += sizeof be;
}

static int
aad_make(struct aad *a, enum store_sealed_column c, int64_t agency, uint32_t generation, const struct store_beside *row)
{
	a->len = 0;
	if (row->nword > STORE_BESIDE_WORDS || row->len > STORE_BESIDE_BYTES)
		return -EINVAL;
	word_put(a, (uint64_t)mark[c]);
	word_put(a, (uint64_t)agency);
	if (c != STORE_cdest_bound) /* its tag, which is beside it, has the generation */
		word_put(a, generation);
	for (unsigned i = 0; i < row->nword; i++)
		word_put(a, row->word[i]);
	if (row->len)
		memcpy(a->b + a->len, row->bytes, row->len);
	a->len += row->len;
	return 0;
}

void
store_sealed_free(struct store_sealed *v)
{
	buf_free(&v->b);
}

int
store_seal(const struct store_keys *keys, enum store_sealed_column c, const struct store_beside *row,
    const struct buf *plain, struct store_sealed *out)
{
	const struct store_key *key = &keys->v[0];
	struct store_sealed v = {.column = c};
	struct aad a;
	int r = plain->err ? plain->err : aad_make(&a, c, keys->agency, key->generation, row);

	if (r < 0)
		return r;
	buf_put_u32(&v.b, key->generation);
	r = v.b.err ? v.b.err : seal_put(key->seal, (struct seal_aad){a.b, a.len}, plain->p, plain->len, &v.b);
	if (r < 0) {
		store_sealed_free(&v);
		return r;
	}
	*out = v;
	return 0;
}

void
store_bind_sealed(sqlite3_stmt *st, int at, const struct store_sealed *v)
{
	sqlite3_bind_blob64(st, at, v->b.p, v->b.len, SQLITE_STATIC);
}

int
store_unseal(sqlite3_stmt *st, int at, const struct store_keys *keys, enum store_sealed_column c,
    const struct store_beside *row, struct buf *plain)
{
	const uint8_t *p = sqlite3_column_blob(st, at);
	size_t len = (size_t)sqlite3_column_bytes(st, at);
	const struct store_key *key = store_keys_find(keys, store_generation(p, len));
	struct aad a;
	uint8_t *to;
	int r;

	if (key == NULL || len < GENERATION_LEN + SEAL_EXTRA)
		return -EBADMSG;
	if ((r = aad_make(&a, c, keys->agency, key->generation, row)) < 0)
		return r;
	len -= GENERATION_LEN;
	if ((to = buf_room(plain, len - SEAL_EXTRA + 1)) == NULL)
		return -ENOMEM;
	if ((r = seal_open(key->seal, (struct seal_aad){a.b, a.len}, p + GENERATION_LEN, len, to)) == 0)
		plain->len += len - SEAL_EXTRA;
	return r;
}
