/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: filter_encode filter_decode */
#include <errno.h>
#include <string.h>

#include "filter.h"

#define TERM_MIN_BYTES 32 /* an IPv4 term */

static void
term_encode(const struct filter_term *t, struct buf *out)
{
	const struct ip_addr *const addr[] = {&t->src_lo, &t->src_hi, &t->dst_lo, &t->dst_hi};
	const uint16_t port[] = {t->sport_lo, t->sport_hi, t->dport_lo, t->dport_hi};
	const uint8_t small[] = {
	    t->family, t->need, t->proto_lo, t->proto_hi, t->itype_lo, t->itype_hi, t->icode_lo, t->icode_hi};

	buf_put(out, small, sizeof small);
	for (size_t i = 0; i < ARRAY_LEN(addr); i++)
		buf_put(out, addr[i]->b, t->family == 6 ? 16 : 4);
	for (size_t i = 0; i < ARRAY_LEN(port); i++)
		buf_put_u16(out, port[i]);
}

void
filter_encode(const struct tap_filter *f, struct buf *out)
{
	buf_put_u32(out, f->n);
	for (uint32_t i = 0; i < f->n; i++)
		term_encode(&f->term[i], out);
}

static void
addr_decode(struct ip_addr *a, uint8_t family, struct rd *r)
{
	const uint8_t *p = rd_bytes(r, family == 6 ? 16 : 4);

	a->family = family;
	if (p)
		memcpy(a->b, p, family == 6 ? 16 : 4);
}

/* What a term does not need is free: whoever builds a key from it may rely on that. */
static bool
term_is_free(const struct filter_term *t)
{
	bool ports = t->sport_lo == 0 && t->sport_hi == UINT16_MAX && t->dport_lo == 0 && t->dport_hi == UINT16_MAX;
	bool icmp = t->itype_lo == 0 && t->itype_hi == UINT8_MAX && t->icode_lo == 0 && t->icode_hi == UINT8_MAX;

	return (ports || t->need == FILTER_NEED_PORTS) && (icmp || t->need == FILTER_NEED_ICMP);
}

static bool
term_is_sound(const struct filter_term *t)
{
	bool proto_ok = t->proto_lo <= t->proto_hi;

	if (t->need == FILTER_NEED_PORTS)
		proto_ok = t->proto_lo == t->proto_hi && (t->proto_lo == 6 || t->proto_lo == 17);
	else if (t->need == FILTER_NEED_ICMP)
		proto_ok = t->proto_lo == t->proto_hi && t->proto_lo == (t->family == 4 ? 1 : 58);
	else if (t->need != 0)
		return false;
	return proto_ok && term_is_free(t) && ip_cmp(&t->src_lo, &t->src_hi) <= 0 &&
	       ip_cmp(&t->dst_lo, &t->dst_hi) <= 0 && t->sport_lo <= t->sport_hi && t->dport_lo <= t->dport_hi &&
	       t->itype_lo <= t->itype_hi && t->icode_lo <= t->icode_hi;
}

static void
term_decode(struct filter_term *t, struct rd *r)
{
	struct ip_addr *const addr[] = {&t->src_lo, &t->src_hi, &t->dst_lo, &t->dst_hi};
	uint16_t *const port[] = {&t->sport_lo, &t->sport_hi, &t->dport_lo, &t->dport_hi};
	uint8_t *const small[] = {
	    &t->family, &t->need, &t->proto_lo, &t->proto_hi, &t->itype_lo, &t->itype_hi, &t->icode_lo, &t->icode_hi};

	for (size_t i = 0; i < ARRAY_LEN(small); i++)
		*small[i] = rd_u8(r);
	if (t->family != 4 && t->family != 6)
		r->err = -EBADMSG;
	for (size_t i = 0; r->err == 0 && i < ARRAY_LEN(addr); i++)
		addr_decode(addr[i], t->family, r);
	for (size_t i = 0; i < ARRAY_LEN(port); i++)
		*port[i] = rd_u16(r);
	if (r->err == 0 && !term_is_sound(t))
		r->err = -EBADMSG;
}

int
filter_decode(struct tap_filter *f, struct rd *r)
{
	struct tap_filter v = {.n = rd_u32(r)};

	if (v.n > FILTER_TERMS_MAX || (r->err == 0 && v.n > (size_t)(r->end - r->p) / TERM_MIN_BYTES))
		r->err = -EBADMSG;
	if (r->err)
		return r->err;
	if ((v.term = calloc((size_t)v.n + 1, sizeof *v.term)) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < v.n; i++)
		term_decode(&v.term[i], r);
	if (r->err) {
		filter_free(&v);
		return r->err;
	}
	*f = v;
	return 0;
}
