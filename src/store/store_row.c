/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "store_int.h"

#define SECRET_VERSION 2
#define DIGEST_LEN 8

void
store_row_free(struct store_row *r)
{
	criteria_free(&r->criteria);
}

/* FNV-1a: a flipped bit on the disk must not tap somebody else, nor a row turn up
 * under another agency or id. */
static uint64_t
fnv(uint64_t h, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static uint64_t
digest(int64_t agency, const struct store_row *r, const uint8_t *body, size_t len)
{
	uint64_t key[] = {(uint64_t)agency, r->id, (uint64_t)r->added_ms, r->priority, r->warrant};
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < ARRAY_LEN(key); i++)
		h = (h ^ key[i]) * 0x100000001b3ull;
	return fnv(h, body, len);
}

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

int
store_row_seal(int64_t agency, const struct store_row *r, struct buf *out)
{
	size_t start = out->len;

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
	if (out->err == 0)
		buf_put_u64(out, digest(agency, r, out->p + start, out->len - start));
	return out->err;
}

static int
row_open(struct store_row *row, struct rd *r)
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

int
store_row_read(sqlite3_stmt *st, struct store_row *row)
{
	int64_t agency = sqlite3_column_int64(st, 0);
	struct store_row v = {
	    .uid = (uint64_t)sqlite3_column_int64(st, 1),
	    .id = (uint32_t)sqlite3_column_int64(st, 2),
	    .added_ms = sqlite3_column_int64(st, 3),
	    .priority = (uint8_t)sqlite3_column_int(st, 4),
	    .warrant = (uint64_t)sqlite3_column_int64(st, 5),
	};
	const uint8_t *p = sqlite3_column_blob(st, 6);
	size_t len = (size_t)sqlite3_column_bytes(st, 6);
	struct rd body, tail;
	int rc;

	if (p == NULL || len < DIGEST_LEN)
		return -EBADMSG;
	len -= DIGEST_LEN;
	body = rd_init(p, len);
	tail = rd_init(p + len, DIGEST_LEN);
	if (rd_u64(&tail) != digest(agency, &v, p, len))
		return -EBADMSG;
	if ((rc = row_open(&v, &body)) == 0)
		*row = v;
	return rc;
}

void
store_row_bound_seal(const struct dtcp_cdest *d, uint8_t out[static STORE_BOUND_LEN])
{
	out[0] = d->addr.family;
	memcpy(out + 1, d->addr.b, sizeof d->addr.b);
	out[17] = (uint8_t)(d->port >> 8);
	out[18] = (uint8_t)d->port;
}

bool
store_row_bound_is(sqlite3_stmt *st, int column, const struct dtcp_cdest *d)
{
	uint8_t want[STORE_BOUND_LEN];
	const void *p = sqlite3_column_blob(st, column);

	store_row_bound_seal(d, want);
	return sqlite3_column_bytes(st, column) == STORE_BOUND_LEN && memcmp(p, want, sizeof want) == 0;
}
