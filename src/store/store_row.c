/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows as bytes, and their sealing.  What is bound to a sealed text, so that it opens in its
 * own place only: a criterion's agency, key generation and every column beside it; a content
 * destination's agency and its tag.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "store_int.h"
#include "store_row.h"

#define SECRET_VERSION 2
#define GENERATION_LEN 4 /* before each sealed text */

void
store_row_free(struct store_row *r)
{
	criteria_free(&r->criteria);
}

/* ---- bytes ---- */

static void
addr_put(struct buf *b, const struct ip_addr *a)
{
	buf_put_u8(b, a->family);
	buf_put(b, a->b, sizeof a->b);
}

static void
addr_get(struct ip_addr *a, struct rd *r)
{
	const uint8_t *p;

	a->family = rd_u8(r);
	if (a->family != 0 && a->family != 4 && a->family != 6)
		r->err = -EBADMSG;
	if ((p = rd_bytes(r, sizeof a->b)) != NULL)
		memcpy(a->b, p, sizeof a->b);
}

static void
moment_put(struct buf *b, const struct store_moment *m)
{
	buf_put_u64(b, (uint64_t)m->wall_ms);
	buf_put_u64(b, m->boot_ns);
}

static void
moment_get(struct store_moment *m, struct rd *r)
{
	m->wall_ms = (int64_t)rd_u64(r);
	m->boot_ns = rd_u64(r);
}

static void
life_get(struct store_row *row, struct rd *r)
{
	const uint8_t *boot = rd_bytes(r, sizeof row->boot);

	if (boot)
		memcpy(row->boot, boot, sizeof row->boot);
	moment_get(&row->start, r);
	moment_get(&row->until, r);
	moment_get(&row->end, r);
	row->timeouts.named = rd_u8(r);
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		row->timeouts.v[i] = rd_u64(r);
	if (row->timeouts.named >= 1 << DTCP_TIMEOUTS)
		r->err = -EBADMSG;
	row->num_refresh = rd_u32(r);
	row->refreshed_ms = (int64_t)rd_u64(r);
}

void
store_row_put(const struct store_row *r, struct buf *out)
{
	buf_put_u8(out, SECRET_VERSION);
	addr_put(out, &r->csource_addr);
	addr_put(out, &r->csrc);
	buf_put_u16(out, r->csrc_port);
	buf_put_u8(out, r->ttl);
	buf_put(out, r->boot, sizeof r->boot);
	moment_put(out, &r->start);
	moment_put(out, &r->until);
	moment_put(out, &r->end);
	buf_put_u8(out, r->timeouts.named);
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		buf_put_u64(out, r->timeouts.v[i]);
	buf_put_u32(out, r->num_refresh);
	buf_put_u64(out, (uint64_t)r->refreshed_ms);
	buf_put_u8(out, r->ncdest);
	for (unsigned i = 0; i < r->ncdest; i++) {
		buf_put_str(out, r->cdest[i].name);
		addr_put(out, &r->cdest[i].addr);
		buf_put_u16(out, r->cdest[i].port);
	}
	criteria_encode(&r->criteria, out);
}

int
store_row_get(struct store_row *row, struct rd *r)
{
	int rc;

	if (rd_u8(r) != SECRET_VERSION)
		return -EBADMSG;
	addr_get(&row->csource_addr, r);
	addr_get(&row->csrc, r);
	row->csrc_port = rd_u16(r);
	row->ttl = rd_u8(r);
	life_get(row, r);
	row->ncdest = rd_u8(r);
	if (r->err || row->ncdest > DTCP_CDESTS_MAX)
		return -EBADMSG;
	for (unsigned i = 0; i < row->ncdest; i++) {
		rd_cstr(r, row->cdest[i].name, sizeof row->cdest[i].name);
		addr_get(&row->cdest[i].addr, r);
		row->cdest[i].port = rd_u16(r);
	}
	if (r->err)
		return -EBADMSG;
	if ((rc = criteria_decode(&row->criteria, r)) < 0)
		return rc;
	if (rd_end(r) < 0) {
		criteria_free(&row->criteria);
		return -EBADMSG;
	}
	return 0;
}

static void
cdest_put(const struct dtcp_cdest *d, struct buf *out)
{
	buf_put_u8(out, SECRET_VERSION);
	buf_put_str(out, d->name);
	addr_put(out, &d->addr);
	buf_put_u16(out, d->port);
}

static int
cdest_get(struct dtcp_cdest *d, struct rd *r)
{
	if (rd_u8(r) != SECRET_VERSION)
		return -EBADMSG;
	rd_cstr(r, d->name, sizeof d->name);
	addr_get(&d->addr, r);
	d->port = rd_u16(r);
	return rd_end(r);
}

/* ---- sealing ---- */

static int
seal(const struct store_key *key, struct seal_aad aad, const struct buf *plain, struct buf *out)
{
	if (plain->err)
		return plain->err;
	buf_put_u32(out, key->generation);
	return out->err ? out->err : seal_put(key->seal, aad, plain->p, plain->len, out);
}

uint32_t
store_row_generation(const void *p, size_t len)
{
	struct rd r = rd_init(p, p ? len : 0);

	return rd_u32(&r);
}

static int
unseal(const struct store_keys *keys, const void *p, size_t len, struct seal_aad aad, struct buf *plain)
{
	const struct store_key *key = store_keys_find(keys, store_row_generation(p, len));
	uint8_t *to;
	int r;

	if (key == NULL || len < GENERATION_LEN + SEAL_EXTRA)
		return -EBADMSG;
	len -= GENERATION_LEN;
	if ((to = buf_room(plain, len - SEAL_EXTRA + 1)) == NULL)
		return -ENOMEM;
	if ((r = seal_open(key->seal, aad, (const uint8_t *)p + GENERATION_LEN, len, to)) == 0)
		plain->len = len - SEAL_EXTRA;
	return r;
}

#define ROW_AAD_LEN 8

static struct seal_aad
row_aad(int64_t agency, uint32_t generation, const struct store_row *r, uint64_t v[static ROW_AAD_LEN])
{
	const uint64_t word[ROW_AAD_LEN] = {
	    'C', (uint64_t)agency, generation, r->uid, r->id, (uint64_t)r->added_ms, r->priority, r->warrant};

	for (size_t i = 0; i < ROW_AAD_LEN; i++)
		v[i] = htobe64(word[i]);
	return (struct seal_aad){v, ROW_AAD_LEN * sizeof *v};
}

int
store_row_seal(const struct store_keys *keys, const struct store_row *r, struct buf *out)
{
	cleanup_buf struct buf plain = {0};
	uint64_t v[ROW_AAD_LEN];

	store_row_put(r, &plain);
	return seal(&keys->v[0], row_aad(keys->agency, keys->v[0].generation, r, v), &plain, out);
}

int
store_row_read(sqlite3_stmt *st, const struct store_keys *keys, struct store_row *row)
{
	struct store_row v = {
	    .uid = (uint64_t)sqlite3_column_int64(st, 1),
	    .id = (uint32_t)sqlite3_column_int64(st, 2),
	    .added_ms = sqlite3_column_int64(st, 3),
	    .priority = (uint8_t)sqlite3_column_int(st, 4),
	    .warrant = (uint64_t)sqlite3_column_int64(st, 5),
	};
	const void *p = sqlite3_column_blob(st, 6);
	size_t len = (size_t)sqlite3_column_bytes(st, 6);
	cleanup_buf struct buf plain = {0};
	uint64_t aad[ROW_AAD_LEN];
	struct rd rd;
	int r;

	r = unseal(keys, p, len, row_aad(sqlite3_column_int64(st, 0), store_row_generation(p, len), &v, aad), &plain);
	if (r < 0)
		return r;
	rd = rd_init(plain.p, plain.len);
	if ((r = store_row_get(&v, &rd)) == 0)
		*row = v;
	return r;
}

/* ---- content destinations ---- */

int
store_row_tag(const struct store_key *key, const char *name, uint8_t tag[static STORE_TAG_LEN])
{
	const uint32_t generation = htobe32(key->generation);

	memcpy(tag, &generation, sizeof generation);
	return seal_mac(key->name, name, strlen(name), tag + sizeof generation);
}

#define CDEST_AAD_LEN (16 + STORE_TAG_LEN)

static struct seal_aad
cdest_aad(int64_t agency, const uint8_t *tag, uint8_t v[static CDEST_AAD_LEN])
{
	const uint64_t word[] = {htobe64('D'), htobe64((uint64_t)agency)};

	memcpy(v, word, sizeof word);
	memcpy(v + sizeof word, tag, STORE_TAG_LEN);
	return (struct seal_aad){v, CDEST_AAD_LEN};
}

int
store_row_cdest_seal(
    const struct store_keys *keys, const struct dtcp_cdest *d, uint8_t tag[static STORE_TAG_LEN], struct buf *out)
{
	cleanup_buf struct buf plain = {0};
	uint8_t v[CDEST_AAD_LEN];
	int r = store_row_tag(&keys->v[0], d->name, tag);

	cdest_put(d, &plain);
	return r < 0 ? r : seal(&keys->v[0], cdest_aad(keys->agency, tag, v), &plain, out);
}

int
store_row_cdest_read(sqlite3_stmt *st, const struct store_keys *keys, struct dtcp_cdest *d)
{
	const void *tag = sqlite3_column_blob(st, 1), *p = sqlite3_column_blob(st, 2);
	cleanup_buf struct buf plain = {0};
	uint8_t v[CDEST_AAD_LEN];
	struct rd rd;
	int r;

	if (tag == NULL || sqlite3_column_bytes(st, 1) != STORE_TAG_LEN)
		return -EBADMSG;
	r = unseal(keys, p, (size_t)sqlite3_column_bytes(st, 2), cdest_aad(keys->agency, tag, v), &plain);
	if (r < 0)
		return r;
	rd = rd_init(plain.p, plain.len);
	return cdest_get(d, &rd);
}
