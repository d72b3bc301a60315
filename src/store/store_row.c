/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows as bytes, and what their sealed texts are bound to, so that they open in their own place only: a
 * criterion's to every column beside it; a content destination's to its tag.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "store_int.h"
#include "store_row.h"

#define SECRET_VERSION 2

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

/* What a request has to be, its row still is (dtcp_req_judge): else nobody could send a copy of it. */
static bool
is_sound(const struct store_row *row)
{
	bool ok = row->ncdest > 0 && row->csrc.family != 0 && row->csrc_port != 0 && row->ttl != 0;

	for (unsigned i = 0; i < row->ncdest; i++)
		ok = ok && row->cdest[i].addr.family == row->csrc.family && row->cdest[i].port != 0;
	return ok;
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
	if (rd_end(r) < 0 || !is_sound(row)) {
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

/* ---- criteria ---- */

#define BESIDE_WORDS 5

static struct store_beside
row_beside(const struct store_row *r, uint64_t v[static BESIDE_WORDS])
{
	const uint64_t word[BESIDE_WORDS] = {r->uid, r->id, (uint64_t)r->added_ms, r->priority, r->warrant};

	memcpy(v, word, sizeof word);
	return (struct store_beside){.word = v, .nword = BESIDE_WORDS};
}

int
store_row_seal(const struct store_keys *keys, const struct store_row *r, struct store_sealed *out)
{
	cleanup_buf struct buf plain = {0};
	uint64_t v[BESIDE_WORDS];
	const struct store_beside beside = row_beside(r, v);

	store_row_put(r, &plain);
	return store_seal(keys, STORE_criterion_secret, &beside, &plain, out);
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
	cleanup_buf struct buf plain = {0};
	uint64_t word[BESIDE_WORDS];
	const struct store_beside beside = row_beside(&v, word);
	struct rd rd;
	int r;

	if (sqlite3_column_int64(st, 0) != keys->agency)
		return -EBADMSG;
	if ((r = store_unseal(st, 6, keys, STORE_criterion_secret, &beside, &plain)) < 0)
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

int
store_row_cdest_seal(const struct store_keys *keys, const struct dtcp_cdest *d, uint8_t tag[static STORE_TAG_LEN],
    struct store_sealed *out)
{
	const struct store_beside beside = {.bytes = tag, .len = STORE_TAG_LEN};
	cleanup_buf struct buf plain = {0};
	int r = store_row_tag(&keys->v[0], d->name, tag);

	cdest_put(d, &plain);
	return r < 0 ? r : store_seal(keys, STORE_cdest_bound, &beside, &plain, out);
}

int
store_row_cdest_read(sqlite3_stmt *st, const struct store_keys *keys, struct dtcp_cdest *d)
{
	const struct store_beside beside = {.bytes = sqlite3_column_blob(st, 1), .len = STORE_TAG_LEN};
	cleanup_buf struct buf plain = {0};
	struct rd rd;
	int r;

	if (beside.bytes == NULL || sqlite3_column_bytes(st, 1) != STORE_TAG_LEN)
		return -EBADMSG;
	if ((r = store_unseal(st, 2, keys, STORE_cdest_bound, &beside, &plain)) < 0)
		return r;
	rd = rd_init(plain.p, plain.len);
	return cdest_get(d, &rd);
}
