/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: filter_compile filter_free filter_narrows */
/*
 * Lists become sets: sorted, disjoint, inclusive ranges of numbers.  Negation is
 * a subtraction.  The terms are the products of the sets' ranges, and disjoint
 * because the sets' ranges are; port lists that are pairs become several products, with
 * source ports that differ.
 */
#include <errno.h>
#include <string.h>

#include "filter.h"
#include "match.h"
#include "pairs.h"
#include "set.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMPV6 58

/* The items of one list as ranges, and which of them are negated. */
struct items {
	struct range *v;
	bool *negated;
	uint32_t n;
};

static int
items_set(const struct items *in, u128 max, struct set *out)
{
	struct set pos = {.v = calloc((size_t)in->n + 1, sizeof(struct range))},
		   neg = {.v = calloc((size_t)in->n + 1, sizeof(struct range))};
	int r = pos.v && neg.v ? 0 : -ENOMEM;

	if (r == 0) {
		for (uint32_t i = 0; i < in->n; i++) {
			struct set *s = in->negated[i] ? &neg : &pos;

			s->v[s->n++] = in->v[i];
		}
		if (pos.n == 0)
			pos.v[pos.n++] = (struct range){0, max};
		set_normalise(&pos);
		set_normalise(&neg);
		r = set_subtract(&pos, &neg, out);
	}
	set_free(&pos);
	set_free(&neg);
	return r;
}

static u128
addr_number(const struct ip_addr *a)
{
	u128 v = 0;

	for (unsigned i = 0; i < ip_bits(a) / 8; i++)
		v = v << 8 | a->b[i];
	return v;
}

static struct ip_addr
addr_from_number(u128 v, uint8_t family)
{
	struct ip_addr a = {.family = family};

	for (unsigned i = ip_bits(&a) / 8; i-- > 0; v >>= 8)
		a.b[i] = (uint8_t)v;
	return a;
}

static u128
family_max(uint8_t family)
{
	return family == 6 ? ~(u128)0 : (u128)UINT32_MAX;
}

static struct range
addr_item_range(const struct addr_item *it, u128 max)
{
	struct ip_addr last;

	switch (it->form) {
	case FORM_ANY:
		return (struct range){0, max};
	case FORM_PREFIX:
		last = ip_last(&it->lo, it->plen);
		return (struct range){addr_number(&it->lo), addr_number(&last)};
	case FORM_RANGE:
		return (struct range){addr_number(&it->lo), addr_number(&it->hi)};
	case FORM_FROM:
		return (struct range){addr_number(&it->lo), max};
	case FORM_UPTO:
		return (struct range){0, addr_number(&it->hi)};
	default:
		return (struct range){addr_number(&it->lo), addr_number(&it->lo)};
	}
}

static int
items_new(uint32_t n, struct items *out)
{
	*out = (struct items){calloc((size_t)n + 1, sizeof(struct range)), calloc((size_t)n + 1, sizeof(bool)), n};
	return out->v && out->negated ? 0 : -ENOMEM;
}

static void
items_free(struct items *i)
{
	free(i->v);
	free(i->negated);
}

static int
num_set(const struct num_list *l, u128 max, struct set *out)
{
	struct items it;
	int r = items_new(l->n, &it);

	for (uint32_t i = 0; r == 0 && i < l->n; i++) {
		it.v[i] = set_num_range(&l->v[i], max);
		it.negated[i] = l->v[i].negated;
	}
	if (r == 0)
		r = items_set(&it, max, out);
	items_free(&it);
	return r;
}

static int
addr_set(const struct addr_list *l, uint8_t family, struct set *out)
{
	u128 max = family_max(family);
	struct items it;
	int r = items_new(l->n, &it);

	for (uint32_t i = 0; r == 0 && i < l->n; i++) {
		it.v[i] = addr_item_range(&l->v[i], max);
		it.negated[i] = l->v[i].negated;
	}
	if (r == 0)
		r = items_set(&it, max, out);
	items_free(&it);
	return r == 0 ? set_split(out) : r;
}

enum { SRC, DST, PROTO, SPORT, DPORT, ITYPE, ICODE, SETS };

struct compiler {
	struct set set[SETS];
	struct pairs pairs; /* of the ports; not paired: one, of their two sets */
	bool ports, icmp;   /* some port element, some ICMP element is not a wildcard */
	uint8_t family;
	struct tap_filter *out;
};

static bool
set_has(const struct set *s, u128 v)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (v >= s->v[i].lo && v <= s->v[i].hi)
			return true;
	return false;
}

/* What stands behind the addresses of a term: protocol and the two upper-layer sets. */
struct upper {
	uint8_t proto_lo, proto_hi, need;
	const struct set *a, *b; /* ports or type and code; NULL: free */
};

static const struct set anything = {.n = 1};

static uint32_t
uppers_max(const struct compiler *c)
{
	return c->set[PROTO].n + 2 * c->pairs.n + 1;
}

/* At most the protocol intervals, or TCP and UDP with each group of ports, and ICMP. */
static uint32_t
uppers_list(const struct compiler *c, struct upper *v)
{
	static const uint8_t with_ports[] = {PROTO_TCP, PROTO_UDP};
	uint8_t icmp = c->family == 4 ? PROTO_ICMP : PROTO_ICMPV6;
	const struct set *proto = &c->set[PROTO];
	uint32_t n = 0;

	if (!c->ports && !c->icmp) {
		for (uint32_t i = 0; i < proto->n; i++)
			v[n++] = (struct upper){
			    (uint8_t)proto->v[i].lo, (uint8_t)proto->v[i].hi, 0, &anything, &anything};
		return n;
	}
	for (size_t i = 0; c->ports && i < ARRAY_LEN(with_ports); i++)
		for (uint32_t k = 0; set_has(proto, with_ports[i]) && k < c->pairs.n; k++)
			v[n++] = (struct upper){with_ports[i], with_ports[i], FILTER_NEED_PORTS, &c->pairs.v[k].sport,
			    &c->pairs.v[k].dport};
	if (c->icmp && set_has(proto, icmp))
		v[n++] = (struct upper){icmp, icmp, FILTER_NEED_ICMP, &c->set[ITYPE], &c->set[ICODE]};
	return n;
}

static void
term_upper(struct filter_term *t, const struct upper *u, uint32_t a, uint32_t b)
{
	t->proto_lo = u->proto_lo;
	t->proto_hi = u->proto_hi;
	t->need = u->need;
	t->sport_hi = t->dport_hi = UINT16_MAX;
	t->itype_hi = t->icode_hi = UINT8_MAX;
	if (u->need == FILTER_NEED_PORTS) {
		t->sport_lo = (uint16_t)u->a->v[a].lo;
		t->sport_hi = (uint16_t)u->a->v[a].hi;
		t->dport_lo = (uint16_t)u->b->v[b].lo;
		t->dport_hi = (uint16_t)u->b->v[b].hi;
	} else if (u->need == FILTER_NEED_ICMP) {
		t->itype_lo = (uint8_t)u->a->v[a].lo;
		t->itype_hi = (uint8_t)u->a->v[a].hi;
		t->icode_lo = (uint8_t)u->b->v[b].lo;
		t->icode_hi = (uint8_t)u->b->v[b].hi;
	}
}

static void
emit(struct compiler *c, const struct upper *u)
{
	const struct set *src = &c->set[SRC], *dst = &c->set[DST];

	for (uint32_t s = 0; s < src->n; s++)
		for (uint32_t d = 0; d < dst->n; d++)
			for (uint32_t a = 0; a < u->a->n; a++)
				for (uint32_t b = 0; b < u->b->n; b++) {
					struct filter_term *t = &c->out->term[c->out->n++];

					*t = (struct filter_term){.family = c->family,
					    .src_lo = addr_from_number(src->v[s].lo, c->family),
					    .src_hi = addr_from_number(src->v[s].hi, c->family),
					    .dst_lo = addr_from_number(dst->v[d].lo, c->family),
					    .dst_hi = addr_from_number(dst->v[d].hi, c->family)};
					term_upper(t, u, a, b);
				}
}

/* The product, known before anything is allocated for it. */
static int
room(struct compiler *c, const struct upper *u, uint32_t n)
{
	uint64_t addrs = (uint64_t)c->set[SRC].n * c->set[DST].n, terms = c->out->n;
	struct filter_term *v;

	for (uint32_t i = 0; i < n; i++) {
		terms += addrs * u[i].a->n * u[i].b->n;
		if (addrs > FILTER_TERMS_MAX || terms > FILTER_TERMS_MAX)
			return -E2BIG;
	}
	if ((v = reallocarray(c->out->term, terms + 1, sizeof *v)) == NULL)
		return -ENOMEM;
	c->out->term = v;
	return 0;
}

static int
compile_family(struct compiler *c, const struct criteria *in, uint8_t family)
{
	cleanup_free struct upper *u = calloc(uppers_max(c), sizeof *u);
	uint32_t n;
	int r;

	if (u == NULL)
		return -ENOMEM;

	c->family = family;
	if ((r = addr_set(&in->addr[CRIT_SOURCE_ADDRESS], family, &c->set[SRC])) == 0 &&
	    (r = addr_set(&in->addr[CRIT_DEST_ADDRESS], family, &c->set[DST])) == 0) {
		n = uppers_list(c, u);
		if ((r = room(c, u, n)) == 0)
			for (uint32_t i = 0; i < n; i++)
				emit(c, &u[i]);
	}
	set_free(&c->set[SRC]);
	set_free(&c->set[DST]);
	return r;
}

static int
sets_prepare(struct compiler *c, const struct criteria *in)
{
	int r = 0;

	for (int i = PROTO; r == 0 && i < SETS; i++) {
		u128 max = i == SPORT || i == DPORT ? UINT16_MAX : UINT8_MAX;

		r = num_set(&in->num[i - PROTO], max, &c->set[i]);
	}
	c->ports = !match_num_wild(&in->num[SPORT - PROTO]) || !match_num_wild(&in->num[DPORT - PROTO]);
	c->icmp = !match_num_wild(&in->num[ITYPE - PROTO]) || !match_num_wild(&in->num[ICODE - PROTO]);
	if (r == 0)
		r = in->paired ? pairs_split(&in->num[SPORT - PROTO], &in->num[DPORT - PROTO], &c->pairs)
			       : pairs_of_sets(&c->set[SPORT], &c->set[DPORT], &c->pairs);
	return r;
}

static bool
is_everything(const struct set *s, u128 max)
{
	return s->n == 1 && s->v[0].lo == 0 && s->v[0].hi == max;
}

/* The list of element f. */
static int
element_narrows(const struct criteria *c, int f)
{
	bool addr = f <= DST, wide = f == SPORT || f == DPORT;
	uint8_t family = c->family == 6 ? 6 : 4;
	u128 max = addr ? family_max(family) : wide ? UINT16_MAX : UINT8_MAX;
	struct set s = {0};
	int r = addr ? addr_set(&c->addr[f], family, &s) : num_set(&c->num[f - PROTO], max, &s);

	if (r == 0)
		r = !is_everything(&s, max);
	set_free(&s);
	return r;
}

int
filter_narrows(const struct criteria *c)
{
	int r = 0;

	for (int f = 0; r == 0 && f < SETS; f++)
		r = element_narrows(c, f);
	return r;
}

int
filter_compile(const struct criteria *in, struct tap_filter *out)
{
	struct tap_filter f = {0};
	struct compiler c = {.out = &f};
	int r = sets_prepare(&c, in);

	if (r == 0 && in->family != 6)
		r = compile_family(&c, in, 4);
	if (r == 0 && in->family != 4)
		r = compile_family(&c, in, 6);
	for (int i = 0; i < SETS; i++)
		set_free(&c.set[i]);
	pairs_free(&c.pairs);
	if (r < 0) {
		filter_free(&f);
		return r;
	}
	*out = f;
	return 0;
}

void
filter_free(struct tap_filter *f)
{
	free(f->term);
	*f = (struct tap_filter){0};
}
