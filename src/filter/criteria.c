/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>

#include "criteria.h"
#include "match.h"

static const struct {
	const char *name;
	uint16_t max; /* 0: addresses */
} fields[CRIT_FIELDS] = {
    [CRIT_SOURCE_ADDRESS] = {"Source-Address", 0},
    [CRIT_DEST_ADDRESS] = {"Dest-Address", 0},
    [CRIT_PROTOCOL] = {"Protocol", 255},
    [CRIT_SOURCE_PORT] = {"Source-Port", 65535},
    [CRIT_DEST_PORT] = {"Dest-Port", 65535},
    [CRIT_ICMP_TYPE] = {"ICMP-Type", 255},
    [CRIT_ICMP_CODE] = {"ICMP-Code", 255},
};

static struct addr_list *
addr_list_of(const struct criteria *c, enum criteria_field f)
{
	return (struct addr_list *)&c->addr[f - CRIT_SOURCE_ADDRESS];
}

static struct num_list *
num_list_of(const struct criteria *c, enum criteria_field f)
{
	return (struct num_list *)&c->num[f - CRIT_PROTOCOL];
}

const char *
criteria_field_name(enum criteria_field f)
{
	return fields[f].name;
}

void
criteria_free(struct criteria *c)
{
	for (size_t i = 0; i < ARRAY_LEN(c->addr); i++)
		free(c->addr[i].v);
	for (size_t i = 0; i < ARRAY_LEN(c->num); i++)
		free(c->num[i].v);
	*c = (struct criteria){0};
}

/* ---- text ---- */

/* An item without its '!', taken apart: form and the texts of its one or two values. */
struct parts {
	enum criteria_form form;
	bool negated;
	struct slice lo, hi;
};

static bool
is_star(struct slice s)
{
	return s.len == 1 && s.p[0] == '*';
}

static int
item_split(struct slice s, bool prefixes, struct parts *out)
{
	const char *cut;

	*out = (struct parts){0};
	if (s.len > 0 && s.p[0] == '!') {
		out->negated = true;
		s = slice_trim((struct slice){s.p + 1, s.len - 1});
	}
	if (s.len == 0)
		return -EINVAL;
	if ((cut = memchr(s.p, '-', s.len)) != NULL) {
		out->lo = slice_trim((struct slice){s.p, (size_t)(cut - s.p)});
		out->hi = slice_trim((struct slice){cut + 1, s.len - (size_t)(cut - s.p) - 1});
		if (is_star(out->lo) && is_star(out->hi))
			return -EINVAL;
		out->form = is_star(out->lo) ? FORM_UPTO : is_star(out->hi) ? FORM_FROM : FORM_RANGE;
	} else if (prefixes && (cut = memchr(s.p, '/', s.len)) != NULL) {
		out->lo = (struct slice){s.p, (size_t)(cut - s.p)};
		out->hi = (struct slice){cut + 1, s.len - (size_t)(cut - s.p) - 1};
		out->form = FORM_PREFIX;
	} else {
		out->lo = s;
		out->form = is_star(s) ? FORM_ANY : FORM_SINGLE;
	}
	return 0;
}

static int
addr_value(struct slice s, uint8_t *family, struct ip_addr *out)
{
	int r = ip_parse(s, out);

	if (r < 0)
		return r;
	if (*family != 0 && *family != out->family)
		return -EXDEV;
	*family = out->family;
	return 0;
}

static int
addr_item_parse(struct slice s, uint8_t *family, struct addr_item *out)
{
	struct addr_item it = {0};
	struct parts p;
	uint64_t plen;
	int r = item_split(s, true, &p);

	if (r < 0)
		return r;
	it.form = (uint8_t)p.form;
	it.negated = p.negated;
	if (p.form != FORM_ANY && p.form != FORM_UPTO && (r = addr_value(p.lo, family, &it.lo)) < 0)
		return r;
	if ((p.form == FORM_RANGE || p.form == FORM_UPTO) && (r = addr_value(p.hi, family, &it.hi)) < 0)
		return r;
	if (p.form == FORM_RANGE && ip_cmp(&it.lo, &it.hi) > 0)
		return -ERANGE;
	if (p.form == FORM_PREFIX) {
		if ((r = slice_u64(p.hi, ip_bits(&it.lo), &plen)) < 0)
			return r;
		it.plen = (uint8_t)plen;
		it.lo = ip_first(&it.lo, it.plen);
	}
	*out = it;
	return 0;
}

static int
num_item_parse(struct slice s, uint16_t max, struct num_item *out)
{
	struct num_item it = {0};
	struct parts p;
	uint64_t lo = 0, hi = 0;
	int r = item_split(s, false, &p);

	if (r < 0)
		return r;
	it.form = (uint8_t)p.form;
	it.negated = p.negated;
	if (p.form != FORM_ANY && p.form != FORM_UPTO && (r = slice_u64(p.lo, max, &lo)) < 0)
		return r;
	if ((p.form == FORM_RANGE || p.form == FORM_UPTO) && (r = slice_u64(p.hi, max, &hi)) < 0)
		return r;
	if (p.form == FORM_RANGE && lo > hi)
		return -ERANGE;
	it.lo = (uint16_t)lo;
	it.hi = (uint16_t)hi;
	*out = it;
	return 0;
}

static uint32_t
items_count(struct slice text)
{
	uint32_t n = 1;

	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == ',';
	return n;
}

/* Cuts the next item off the front of *text. */
static struct slice
item_next(struct slice *text)
{
	const char *comma = memchr(text->p, ',', text->len);
	size_t len = comma ? (size_t)(comma - text->p) : text->len;
	struct slice item = {text->p, len};

	text->p += len + (comma != NULL);
	text->len -= len + (comma != NULL);
	return slice_trim(item);
}

static int
addrs_parse(struct criteria *c, enum criteria_field f, struct slice text, uint32_t n, struct slice *bad)
{
	cleanup_free struct addr_item *v = calloc(n, sizeof *v);
	uint8_t family = c->family;
	int r = v ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		*bad = item_next(&text);
		r = addr_item_parse(*bad, &family, &v[i]);
	}
	if (r < 0)
		return r;
	*addr_list_of(c, f) = (struct addr_list){TAKE_PTR(v), n};
	c->family = family;
	return 0;
}

static int
nums_parse(struct criteria *c, enum criteria_field f, struct slice text, uint32_t n, struct slice *bad)
{
	cleanup_free struct num_item *v = calloc(n, sizeof *v);
	int r = v ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		*bad = item_next(&text);
		r = num_item_parse(*bad, fields[f].max, &v[i]);
	}
	if (r < 0)
		return r;
	*num_list_of(c, f) = (struct num_list){TAKE_PTR(v), n};
	return 0;
}

int
criteria_parse(struct criteria *c, enum criteria_field f, struct slice text, struct slice *bad)
{
	struct slice ignored;
	uint32_t n;

	bad = bad ? bad : &ignored;
	text = slice_trim(text);
	*bad = text;
	if (text.len == 0)
		return -EINVAL;
	if ((n = items_count(text)) > CRITERIA_ITEMS_MAX)
		return -E2BIG;
	return fields[f].max ? nums_parse(c, f, text, n, bad) : addrs_parse(c, f, text, n, bad);
}

static void
addr_item_format(const struct addr_item *it, struct buf *out)
{
	char lo[IP_STRLEN], hi[IP_STRLEN];

	buf_printf(out, "%s", it->negated ? "!" : "");
	switch (it->form) {
	case FORM_ANY:
		buf_printf(out, "*");
		break;
	case FORM_SINGLE:
		buf_printf(out, "%s", ip_format(&it->lo, lo));
		break;
	case FORM_PREFIX:
		buf_printf(out, "%s/%u", ip_format(&it->lo, lo), it->plen);
		break;
	case FORM_RANGE:
		buf_printf(out, "%s-%s", ip_format(&it->lo, lo), ip_format(&it->hi, hi));
		break;
	case FORM_FROM:
		buf_printf(out, "%s-*", ip_format(&it->lo, lo));
		break;
	default:
		buf_printf(out, "*-%s", ip_format(&it->hi, hi));
		break;
	}
}

static void
num_item_format(const struct num_item *it, struct buf *out)
{
	buf_printf(out, "%s", it->negated ? "!" : "");
	switch (it->form) {
	case FORM_ANY:
		buf_printf(out, "*");
		break;
	case FORM_SINGLE:
		buf_printf(out, "%u", it->lo);
		break;
	case FORM_RANGE:
		buf_printf(out, "%u-%u", it->lo, it->hi);
		break;
	case FORM_FROM:
		buf_printf(out, "%u-*", it->lo);
		break;
	default:
		buf_printf(out, "*-%u", it->hi);
		break;
	}
}

void
criteria_format(const struct criteria *c, enum criteria_field f, struct buf *out)
{
	bool nums = fields[f].max != 0;
	uint32_t n = nums ? num_list_of(c, f)->n : addr_list_of(c, f)->n;

	if (n == 0)
		buf_printf(out, "*");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0)
			buf_printf(out, ",");
		if (nums)
			num_item_format(&num_list_of(c, f)->v[i], out);
		else
			addr_item_format(&addr_list_of(c, f)->v[i], out);
	}
}

bool
criteria_is_wild(const struct criteria *c, enum criteria_field f)
{
	const struct addr_list *l = addr_list_of(c, f);

	if (fields[f].max != 0)
		return match_num_wild(num_list_of(c, f));
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i].form != FORM_ANY || l->v[i].negated)
			return false;
	return true;
}

/* ---- rules between elements ---- */

int
criteria_check(const struct criteria *c, const char **why)
{
	const struct num_list *proto = num_list_of(c, CRIT_PROTOCOL);
	bool ports = !match_num_wild(num_list_of(c, CRIT_SOURCE_PORT)) ||
		     !match_num_wild(num_list_of(c, CRIT_DEST_PORT));
	bool icmp = !match_num_wild(num_list_of(c, CRIT_ICMP_TYPE)) || !match_num_wild(num_list_of(c, CRIT_ICMP_CODE));

	if (ports && !match_num_list(proto, 6) && !match_num_list(proto, 17)) {
		*why = "a port needs protocol 6 (TCP) or 17 (UDP)";
		return -EINVAL;
	}
	if (icmp && !match_num_list(proto, 1) && !match_num_list(proto, 58)) {
		*why = "an ICMP type or code needs protocol 1 (ICMP) or 58 (ICMPv6)";
		return -EINVAL;
	}
	return 0;
}

static bool
num_list_excludes(const struct num_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i].negated)
			return true;
	return false;
}

bool
criteria_pair(struct criteria *c)
{
	const struct num_list *s = num_list_of(c, CRIT_SOURCE_PORT), *d = num_list_of(c, CRIT_DEST_PORT);

	c->paired = s->n > 1 && s->n == d->n && !num_list_excludes(s) && !num_list_excludes(d);
	return c->paired;
}

/* ---- binary ---- */

#define NEGATED 0x80
#define PAIRED 0x80 /* of the family */

static unsigned
form_values(uint8_t form)
{
	return form == FORM_ANY ? 0 : form == FORM_RANGE ? 2 : 1;
}

static void
addr_item_encode(const struct addr_item *it, size_t size, struct buf *out)
{
	buf_put_u8(out, (uint8_t)(it->form | (it->negated ? NEGATED : 0)));
	if (it->form == FORM_PREFIX)
		buf_put_u8(out, it->plen);
	if (form_values(it->form) > 0)
		buf_put(out, it->form == FORM_UPTO ? it->hi.b : it->lo.b, size);
	if (form_values(it->form) > 1)
		buf_put(out, it->hi.b, size);
}

static void
num_item_encode(const struct num_item *it, struct buf *out)
{
	buf_put_u8(out, (uint8_t)(it->form | (it->negated ? NEGATED : 0)));
	if (form_values(it->form) > 0)
		buf_put_u16(out, it->form == FORM_UPTO ? it->hi : it->lo);
	if (form_values(it->form) > 1)
		buf_put_u16(out, it->hi);
}

void
criteria_encode(const struct criteria *c, struct buf *out)
{
	size_t size = c->family == 6 ? 16 : 4;

	buf_put_u8(out, (uint8_t)(c->family | (c->paired ? PAIRED : 0)));
	for (size_t f = 0; f < ARRAY_LEN(c->addr); f++) {
		buf_put_u16(out, (uint16_t)c->addr[f].n);
		for (uint32_t i = 0; i < c->addr[f].n; i++)
			addr_item_encode(&c->addr[f].v[i], size, out);
	}
	for (size_t f = 0; f < ARRAY_LEN(c->num); f++) {
		buf_put_u16(out, (uint16_t)c->num[f].n);
		for (uint32_t i = 0; i < c->num[f].n; i++)
			num_item_encode(&c->num[f].v[i], out);
	}
}

static void
addr_decode(struct ip_addr *a, uint8_t family, struct rd *r)
{
	size_t size = family == 6 ? 16 : 4;
	const uint8_t *p = rd_bytes(r, size);

	if (p == NULL)
		return;
	a->family = family;
	memcpy(a->b, p, size);
}

static void
addr_item_decode(struct addr_item *it, uint8_t family, struct rd *r)
{
	uint8_t form = rd_u8(r);

	it->negated = (form & NEGATED) != 0;
	it->form = form & (uint8_t)~NEGATED;
	if (it->form > FORM_UPTO || (it->form != FORM_ANY && family == 0))
		r->err = -EBADMSG;
	if (it->form == FORM_PREFIX)
		it->plen = rd_u8(r);
	if (r->err == 0 && form_values(it->form) > 0)
		addr_decode(it->form == FORM_UPTO ? &it->hi : &it->lo, family, r);
	if (r->err == 0 && form_values(it->form) > 1)
		addr_decode(&it->hi, family, r);
	if (r->err)
		return;
	if (it->form == FORM_RANGE && ip_cmp(&it->lo, &it->hi) > 0)
		r->err = -EBADMSG;
	if (it->form == FORM_PREFIX) {
		struct ip_addr first;

		if (it->plen > ip_bits(&it->lo)) {
			r->err = -EBADMSG;
			return;
		}
		first = ip_first(&it->lo, it->plen);
		if (!ip_equal(&first, &it->lo))
			r->err = -EBADMSG;
	}
}

static void
num_item_decode(struct num_item *it, uint16_t max, struct rd *r)
{
	uint8_t form = rd_u8(r);

	it->negated = (form & NEGATED) != 0;
	it->form = form & (uint8_t)~NEGATED;
	if (it->form > FORM_UPTO || it->form == FORM_PREFIX)
		r->err = -EBADMSG;
	if (r->err == 0 && form_values(it->form) > 0)
		*(it->form == FORM_UPTO ? &it->hi : &it->lo) = rd_u16(r);
	if (r->err == 0 && form_values(it->form) > 1)
		it->hi = rd_u16(r);
	if (it->lo > max || it->hi > max || (it->form == FORM_RANGE && it->lo > it->hi))
		r->err = -EBADMSG;
}

/* A list can't have more items than bytes are left. */
static uint32_t
count_decode(struct rd *r)
{
	uint32_t n = rd_u16(r);

	if (n > CRITERIA_ITEMS_MAX || n > (size_t)(r->end - r->p))
		r->err = -EBADMSG;
	return r->err ? 0 : n;
}

static int
addrs_decode(struct addr_list *l, uint8_t family, struct rd *r)
{
	uint32_t n = count_decode(r);

	if (n == 0)
		return r->err;
	if ((l->v = calloc(n, sizeof *l->v)) == NULL)
		return -ENOMEM;
	for (l->n = n; n > 0; n--)
		addr_item_decode(&l->v[l->n - n], family, r);
	return r->err;
}

static int
nums_decode(struct num_list *l, uint16_t max, struct rd *r)
{
	uint32_t n = count_decode(r);

	if (n == 0)
		return r->err;
	if ((l->v = calloc(n, sizeof *l->v)) == NULL)
		return -ENOMEM;
	for (l->n = n; n > 0; n--)
		num_item_decode(&l->v[l->n - n], max, r);
	return r->err;
}

int
criteria_decode(struct criteria *c, struct rd *r)
{
	uint8_t first = rd_u8(r);
	struct criteria v = {.family = first & (uint8_t)~PAIRED};
	int rc = r->err;

	if (rc == 0 && v.family != 0 && v.family != 4 && v.family != 6)
		rc = r->err = -EBADMSG;
	for (size_t f = 0; rc == 0 && f < ARRAY_LEN(v.addr); f++)
		rc = addrs_decode(&v.addr[f], v.family, r);
	for (size_t f = 0; rc == 0 && f < ARRAY_LEN(v.num); f++)
		rc = nums_decode(&v.num[f], fields[CRIT_PROTOCOL + f].max, r);
	if (rc == 0 && first & PAIRED && !criteria_pair(&v))
		rc = r->err = -EBADMSG;
	if (rc < 0) {
		criteria_free(&v);
		*c = v;
		return rc;
	}
	*c = v;
	return 0;
}

bool
criteria_equal(const struct criteria *a, const struct criteria *b)
{
	cleanup_buf struct buf x = {0}, y = {0};

	criteria_encode(a, &x);
	criteria_encode(b, &y);
	return x.err == 0 && y.err == 0 && x.len == y.len && memcmp(x.p, y.p, x.len) == 0;
}
