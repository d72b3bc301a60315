/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: criteria_match filter_match match_ */
/*
 * The oracle: lists are walked item by item, exactly as their meaning is
 * written in filter.h.  It shares no code with compile.c, on purpose.
 */
#include "filter.h"
#include "match.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMPV6 58

static bool
addr_item_has(const struct addr_item *it, const struct ip_addr *a)
{
	struct ip_addr masked;

	if (it->form == FORM_ANY)
		return true;
	if ((it->form == FORM_UPTO ? it->hi.family : it->lo.family) != a->family)
		return false;
	switch (it->form) {
	case FORM_SINGLE:
		return ip_cmp(a, &it->lo) == 0;
	case FORM_PREFIX:
		masked = ip_first(a, it->plen);
		return ip_cmp(&masked, &it->lo) == 0;
	case FORM_RANGE:
		return ip_cmp(a, &it->lo) >= 0 && ip_cmp(a, &it->hi) <= 0;
	case FORM_FROM:
		return ip_cmp(a, &it->lo) >= 0;
	default:
		return ip_cmp(a, &it->hi) <= 0;
	}
}

static bool
addr_list_has(const struct addr_list *l, const struct ip_addr *a)
{
	bool positive = false, hit = false;

	for (uint32_t i = 0; i < l->n; i++) {
		bool in = addr_item_has(&l->v[i], a);

		if (l->v[i].negated && in)
			return false;
		positive = positive || !l->v[i].negated;
		hit = hit || (!l->v[i].negated && in);
	}
	return hit || !positive;
}

static bool
num_item_has(const struct num_item *it, unsigned v)
{
	switch (it->form) {
	case FORM_ANY:
		return true;
	case FORM_SINGLE:
		return v == it->lo;
	case FORM_RANGE:
		return v >= it->lo && v <= it->hi;
	case FORM_FROM:
		return v >= it->lo;
	default:
		return v <= it->hi;
	}
}

bool
match_num_list(const struct num_list *l, unsigned v)
{
	bool positive = false, hit = false;

	for (uint32_t i = 0; i < l->n; i++) {
		bool in = num_item_has(&l->v[i], v);

		if (l->v[i].negated && in)
			return false;
		positive = positive || !l->v[i].negated;
		hit = hit || (!l->v[i].negated && in);
	}
	return hit || !positive;
}

bool
match_num_wild(const struct num_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i].form != FORM_ANY || l->v[i].negated)
			return false;
	return true;
}

#define NUM(c, f) (&(c)->num[(f)-CRIT_PROTOCOL])

static bool
ports_match(const struct criteria *c, const struct packet *p)
{
	const struct num_list *sport = NUM(c, CRIT_SOURCE_PORT), *dport = NUM(c, CRIT_DEST_PORT);

	if (!c->paired)
		return match_num_list(sport, p->sport) && match_num_list(dport, p->dport);
	for (uint32_t i = 0; i < sport->n; i++)
		if (num_item_has(&sport->v[i], p->sport) && num_item_has(&dport->v[i], p->dport))
			return true;
	return false;
}

static bool
upper_layer_match(const struct criteria *c, const struct packet *p)
{
	const struct num_list *sport = NUM(c, CRIT_SOURCE_PORT), *dport = NUM(c, CRIT_DEST_PORT),
			      *type = NUM(c, CRIT_ICMP_TYPE), *code = NUM(c, CRIT_ICMP_CODE);
	bool ports = !match_num_wild(sport) || !match_num_wild(dport),
	     icmp = !match_num_wild(type) || !match_num_wild(code);

	if (!ports && !icmp)
		return true;
	if (p->proto == PROTO_TCP || p->proto == PROTO_UDP)
		return ports && p->has_ports && ports_match(c, p);
	if (p->proto == (p->family == 4 ? PROTO_ICMP : PROTO_ICMPV6))
		return icmp && p->has_icmp && match_num_list(type, p->itype) && match_num_list(code, p->icode);
	return false;
}

bool
criteria_match(const struct criteria *c, const struct packet *p)
{
	if (c->family != 0 && c->family != p->family)
		return false;
	return addr_list_has(&c->addr[CRIT_SOURCE_ADDRESS], &p->src) &&
	       addr_list_has(&c->addr[CRIT_DEST_ADDRESS], &p->dst) && match_num_list(NUM(c, CRIT_PROTOCOL), p->proto) &&
	       upper_layer_match(c, p);
}

static bool
term_match(const struct filter_term *t, const struct packet *p)
{
	if (t->family != p->family || p->proto < t->proto_lo || p->proto > t->proto_hi)
		return false;
	if (ip_cmp(&p->src, &t->src_lo) < 0 || ip_cmp(&p->src, &t->src_hi) > 0 || ip_cmp(&p->dst, &t->dst_lo) < 0 ||
	    ip_cmp(&p->dst, &t->dst_hi) > 0)
		return false;
	if ((t->need & FILTER_NEED_PORTS) && (!p->has_ports || p->sport < t->sport_lo || p->sport > t->sport_hi ||
						 p->dport < t->dport_lo || p->dport > t->dport_hi))
		return false;
	return !(t->need & FILTER_NEED_ICMP) || (p->has_icmp && p->itype >= t->itype_lo && p->itype <= t->itype_hi &&
						    p->icode >= t->icode_lo && p->icode <= t->icode_hi);
}

bool
filter_match(const struct tap_filter *f, const struct packet *p)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (term_match(&f->term[i], p))
			return true;
	return false;
}
