/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: late_item_ */
#include <errno.h>
#include <string.h>

#include "late_item.h"

/* Longer than a u16 can tell: requests. */
static void
put_text(struct buf *b, struct slice s)
{
	buf_put_u32(b, (uint32_t)s.len);
	buf_put(b, s.p, s.len);
}

static void
put_str(struct buf *b, const char *s)
{
	put_text(b, (struct slice){s, s ? strlen(s) + 1 : 0}); /* its end, too */
}

static struct slice
get_text(struct rd *r)
{
	uint32_t len = rd_u32(r);
	const uint8_t *p = rd_bytes(r, len);

	return (struct slice){p && len ? (const char *)p : NULL, p ? len : 0};
}

static const char *
get_str(struct rd *r)
{
	struct slice s = get_text(r);

	return s.len && s.p[s.len - 1] == '\0' ? s.p : NULL;
}

void
late_item_put(struct buf *b, const struct audit_event *v, const struct late_debt *d)
{
	put_str(b, v->kind);
	buf_put_u64(b, (uint64_t)v->time_ms);
	buf_put_u64(b, (uint64_t)v->uncertainty_us);
	put_str(b, v->agency);
	buf_put_u8(b, v->have_uid);
	buf_put_u32(b, v->uid);
	buf_put(b, &v->peer, sizeof v->peer);
	put_str(b, v->auth);
	buf_put_u8(b, v->have_seq);
	buf_put_u64(b, v->seq);
	buf_put_u64(b, v->id);
	put_text(b, v->ids);
	put_str(b, v->warrant);
	buf_put_u32(b, v->code);
	put_str(b, v->reason);
	put_text(b, v->request);
	put_str(b, d->agency);
	put_str(b, d->revoked);
	buf_put_u32(b, d->revoked_by);
	buf_put_u32(b, (uint32_t)d->nuid);
	for (size_t i = 0; i < d->nuid; i++)
		buf_put_u64(b, d->uid[i]);
	put_text(b, v->parsed);
}

int
late_item_get(const struct buf *b, struct audit_event *v, struct late_debt *d, struct rd *uids)
{
	struct rd r = rd_init(b->p, b->len);
	const uint8_t *p;

	*v = (struct audit_event){.kind = get_str(&r)};
	*d = (struct late_debt){0};
	v->happened_ms = (int64_t)rd_u64(&r);
	v->uncertainty_us = (int64_t)rd_u64(&r);
	v->agency = get_str(&r);
	v->have_uid = rd_u8(&r);
	v->uid = rd_u32(&r);
	if ((p = rd_bytes(&r, sizeof v->peer)) != NULL)
		memcpy(&v->peer, p, sizeof v->peer);
	v->auth = get_str(&r);
	v->have_seq = rd_u8(&r);
	v->seq = rd_u64(&r);
	v->id = rd_u64(&r);
	v->ids = get_text(&r);
	v->warrant = get_str(&r);
	v->code = rd_u32(&r);
	v->reason = get_str(&r);
	v->request = get_text(&r);
	d->agency = get_str(&r);
	d->revoked = get_str(&r);
	d->revoked_by = rd_u32(&r);
	d->nuid = rd_u32(&r);
	*uids = r;
	if (rd_bytes(&r, d->nuid * sizeof(uint64_t)) == NULL && d->nuid)
		return -EBADMSG;
	if (r.p != r.end) /* a former release did without */
		v->parsed = get_text(&r);
	return rd_end(&r) < 0 || v->kind == NULL ? -EBADMSG : 0;
}
