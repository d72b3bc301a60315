/* SPDX-License-Identifier: BSD-2-Clause */
/* A checked request as it goes from the session to the engine.
 *
 * exports: dtcp_req_ */
#include <errno.h>
#include <string.h>

#include "dtcp.h"

void
dtcp_req_free(struct dtcp_req *r)
{
	criteria_free(&r->criteria);
	free(TAKE_PTR(r->ids));
	r->nids = 0;
}

static void
put_addr(struct buf *b, const struct ip_addr *a)
{
	buf_put_u8(b, a->family);
	buf_put(b, a->b, a->family == 6 ? 16 : a->family == 4 ? 4 : 0);
}

static void
get_addr(struct rd *r, struct ip_addr *a)
{
	size_t n;
	const uint8_t *p;

	*a = (struct ip_addr){.family = rd_u8(r)};
	n = a->family == 6 ? 16 : a->family == 4 ? 4 : 0;
	if (n == 0 && a->family != 0)
		r->err = -EBADMSG;
	if (n > 0 && (p = rd_bytes(r, n)) != NULL)
		memcpy(a->b, p, n);
}

void
dtcp_req_encode(const struct dtcp_req *r, struct buf *out)
{
	buf_put_u8(out, (uint8_t)r->method);
	buf_put_u8(out, r->version);
	buf_put_u8(out, r->flags);
	buf_put_u64(out, r->seq);
	buf_put_u8(out, r->ncdest);
	for (unsigned i = 0; i < r->ncdest; i++) {
		buf_put_str(out, r->cdest[i].name);
		put_addr(out, &r->cdest[i].addr);
		buf_put_u16(out, r->cdest[i].port);
	}
	put_addr(out, &r->csrc);
	buf_put_u16(out, r->csrc_port);
	buf_put_u8(out, r->ttl);
	buf_put_u8(out, r->priority);
	buf_put_str(out, r->warrant);
	buf_put_u8(out, r->timeouts.named);
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		buf_put_u64(out, r->timeouts.v[i]);
	buf_put_u8(out, (uint8_t)r->select);
	buf_put_str(out, r->sel_cdest);
	buf_put_u32(out, r->nids);
	for (uint32_t i = 0; i < r->nids; i++) {
		buf_put_u8(out, r->ids[i].single);
		buf_put_u64(out, r->ids[i].lo);
		buf_put_u64(out, r->ids[i].hi);
	}
	criteria_encode(&r->criteria, out);
}

static int
get_ids(struct dtcp_req *r, struct rd *rd)
{
	r->nids = rd_u32(rd);
	if (rd->err || r->nids > DTCP_IDS_MAX) {
		r->nids = 0;
		return -EBADMSG;
	}
	if (r->nids > 0 && (r->ids = calloc(r->nids, sizeof *r->ids)) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->nids; i++) {
		uint8_t single = rd_u8(rd);

		r->ids[i] = (struct dtcp_ids){.single = single, .lo = rd_u64(rd), .hi = rd_u64(rd)};
		if (single > 1)
			return -EBADMSG;
	}
	return rd->err;
}

static void
get_add(struct dtcp_req *r, struct rd *rd)
{
	r->ncdest = rd_u8(rd);
	if (r->ncdest > DTCP_CDESTS_MAX)
		rd->err = -EBADMSG;
	for (unsigned i = 0; rd->err == 0 && i < r->ncdest; i++) {
		rd_cstr(rd, r->cdest[i].name, sizeof r->cdest[i].name);
		get_addr(rd, &r->cdest[i].addr);
		r->cdest[i].port = rd_u16(rd);
	}
	get_addr(rd, &r->csrc);
	r->csrc_port = rd_u16(rd);
	r->ttl = rd_u8(rd);
	r->priority = rd_u8(rd);
	rd_cstr(rd, r->warrant, sizeof r->warrant);
	r->timeouts.named = rd_u8(rd);
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		r->timeouts.v[i] = rd_u64(rd);
}

int
dtcp_req_decode(struct dtcp_req *r, struct rd *rd)
{
	struct dtcp_req q = {.method = rd_u8(rd), .version = rd_u8(rd), .flags = rd_u8(rd)};
	int err;

	q.seq = rd_u64(rd);
	get_add(&q, rd);
	q.select = rd_u8(rd);
	rd_cstr(rd, q.sel_cdest, sizeof q.sel_cdest);
	err = rd->err;
	if (err == 0 && q.select > DTCP_SEL_CDEST)
		err = -EBADMSG;
	if (err == 0)
		err = get_ids(&q, rd);
	if (err == 0)
		err = criteria_decode(&q.criteria, rd);
	if (err == 0 && dtcp_req_judge(&q))
		err = -EBADMSG;
	if (err < 0) {
		dtcp_req_free(&q);
		q = (struct dtcp_req){0};
	}
	*r = q;
	return err;
}
