/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "gen.h"

enum { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58 };

void
gen_init(struct gen *g, uint64_t seed)
{
	g->state = seed;
}

/* splitmix64 */
uint64_t
gen_u64(struct gen *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t
gen_below(struct gen *g, uint32_t n)
{
	return (uint32_t)((gen_u64(g) >> 32) * n >> 32);
}

bool
gen_chance(struct gen *g, unsigned percent)
{
	return gen_below(g, 100) < percent;
}

/* ---- values ---- */

static struct ip_addr
addr_random(struct gen *g, uint8_t family)
{
	static const uint8_t net4[][3] = {{192, 0, 2}, {198, 51, 100}, {203, 0, 113}, {0, 0, 0}, {255, 255, 255}};
	struct ip_addr a = {.family = family};

	if (family == 4) {
		memcpy(a.b, net4[gen_below(g, ARRAY_LEN(net4))], 3);
		a.b[3] = (uint8_t)(gen_chance(g, 80) ? gen_below(g, 12) : 255 - gen_below(g, 4));
		return a;
	}
	if (gen_chance(g, 10)) {
		memset(a.b, gen_chance(g, 50) ? 0 : 0xff, sizeof a.b);
		return a;
	}
	memcpy(a.b, (uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
	/* Both sides of the boundary between the kernel's two words. */
	a.b[7] = (uint8_t)gen_below(g, 3);
	a.b[8] = gen_chance(g, 20) ? 0xff : 0;
	a.b[15] = (uint8_t)(gen_chance(g, 80) ? gen_below(g, 12) : 255 - gen_below(g, 4));
	return a;
}

static uint16_t
num_random(struct gen *g, enum criteria_field f)
{
	static const uint8_t proto[] = {TCP, UDP, TCP, UDP, TCP, UDP, ICMP, ICMPV6, 47, 50, 0, 255};
	static const uint16_t port[] = {0, 1, 22, 53, 53, 80, 443, 1023, 1024, 32768, 65534, 65535};
	static const uint8_t small[] = {0, 0, 1, 3, 8, 11, 128, 129, 254, 255};

	if (f == CRIT_PROTOCOL)
		return proto[gen_below(g, ARRAY_LEN(proto))];
	if (f == CRIT_SOURCE_PORT || f == CRIT_DEST_PORT)
		return port[gen_below(g, ARRAY_LEN(port))];
	return small[gen_below(g, ARRAY_LEN(small))];
}

/* The neighbour below (by -1) or above (by 1); around the ends of the space. */
static struct ip_addr
addr_step(struct ip_addr a, int by)
{
	for (unsigned i = ip_bits(&a) / 8; i-- > 0;) {
		a.b[i] = (uint8_t)(a.b[i] + by);
		if (a.b[i] != (by > 0 ? 0 : 0xff))
			break;
	}
	return a;
}

/* ---- criteria, written as an agency would ---- */

static enum criteria_form
form_random(struct gen *g)
{
	static const uint8_t form[] = {FORM_ANY, FORM_SINGLE, FORM_SINGLE, FORM_SINGLE, FORM_PREFIX, FORM_PREFIX,
	    FORM_RANGE, FORM_RANGE, FORM_FROM, FORM_UPTO};

	return form[gen_below(g, ARRAY_LEN(form))];
}

static void
addr_item_text(struct gen *g, uint8_t family, struct buf *out)
{
	struct ip_addr a = addr_random(g, family), b = addr_random(g, family), t;
	char lo[IP_STRLEN], hi[IP_STRLEN];
	unsigned bits = ip_bits(&a);

	if (ip_cmp(&a, &b) > 0) {
		t = a;
		a = b;
		b = t;
	}
	ip_format(&a, lo);
	ip_format(&b, hi);
	switch (form_random(g)) {
	case FORM_ANY:
		buf_printf(out, "*");
		break;
	case FORM_SINGLE:
		buf_printf(out, "%s", lo);
		break;
	case FORM_PREFIX:
		buf_printf(out, "%s/%u", lo, gen_chance(g, 20) ? gen_below(g, bits + 1) : bits - gen_below(g, 9));
		break;
	case FORM_RANGE:
		buf_printf(out, "%s-%s", lo, hi);
		break;
	case FORM_FROM:
		buf_printf(out, "%s-*", hi);
		break;
	case FORM_UPTO:
		buf_printf(out, "*-%s", lo);
		break;
	}
}

static void
num_item_text(struct gen *g, enum criteria_field f, struct buf *out)
{
	unsigned a = num_random(g, f), b = num_random(g, f);

	switch (form_random(g)) {
	case FORM_ANY:
		buf_printf(out, "*");
		break;
	case FORM_PREFIX:
	case FORM_SINGLE:
		buf_printf(out, "%u", a);
		break;
	case FORM_RANGE:
		buf_printf(out, "%u-%u", a < b ? a : b, a < b ? b : a);
		break;
	case FORM_FROM:
		buf_printf(out, "%u-*", a);
		break;
	case FORM_UPTO:
		buf_printf(out, "*-%u", a);
		break;
	}
}

/* Other port lists, as pairs. */
static void
pairs_random(struct gen *g, struct criteria *c)
{
	uint32_t n = 2 + gen_below(g, gen_chance(g, 90) ? 4 : 30);

	for (enum criteria_field f = CRIT_SOURCE_PORT; f <= CRIT_DEST_PORT; f++) {
		cleanup_buf struct buf text = {0};

		for (uint32_t i = 0; i < n; i++) {
			buf_printf(&text, "%s", i ? "," : "");
			num_item_text(g, f, &text);
		}
		free(c->num[f - CRIT_PROTOCOL].v);
		c->num[f - CRIT_PROTOCOL] = (struct num_list){0};
		if (text.err || criteria_parse(c, f, (struct slice){(char *)text.p, text.len}, NULL) < 0)
			abort();
	}
	if (!criteria_pair(c))
		abort();
}

void
gen_criteria(struct gen *g, struct criteria *c)
{
	uint8_t family = gen_chance(g, 50) ? 4 : 6;
	bool icmp = gen_chance(g, 30), ports = gen_chance(g, icmp ? 30 : 60), addrs = gen_chance(g, 90);

	*c = (struct criteria){.family = addrs || gen_chance(g, 50) ? family : 0};
	for (enum criteria_field f = 0; f < CRIT_FIELDS; f++) {
		bool address = f == CRIT_SOURCE_ADDRESS || f == CRIT_DEST_ADDRESS;
		uint32_t n = gen_chance(g, 60) ? 1 : 1 + gen_below(g, gen_chance(g, 95) ? 6 : 40);
		cleanup_buf struct buf text = {0};

		if ((address && !addrs) || ((f == CRIT_SOURCE_PORT || f == CRIT_DEST_PORT) && !ports) ||
		    ((f == CRIT_ICMP_TYPE || f == CRIT_ICMP_CODE) && !icmp) || gen_chance(g, 30))
			continue;
		for (uint32_t i = 0; i < n; i++) {
			buf_printf(&text, "%s%s", i ? "," : "", gen_chance(g, 20) ? "!" : "");
			if (address)
				addr_item_text(g, family, &text);
			else
				num_item_text(g, f, &text);
		}
		if (text.err || criteria_parse(c, f, (struct slice){(char *)text.p, text.len}, NULL) < 0) {
			fprintf(stderr, "refused: %.*s\n", (int)text.len, (char *)text.p);
			abort();
		}
	}
	if (ports && gen_chance(g, 40))
		pairs_random(g, c);
}

/* ---- packets ---- */

static struct ip_addr
addr_near(struct gen *g, const struct addr_list *l, uint8_t family)
{
	struct ip_addr a = addr_random(g, family), edge;
	const struct addr_item *it;

	if (l->n == 0 || gen_chance(g, 20))
		return a;
	it = &l->v[gen_below(g, l->n)];
	edge = it->lo;
	if (it->form == FORM_UPTO || (it->form == FORM_RANGE && gen_chance(g, 50)))
		edge = it->hi;
	else if (it->form == FORM_PREFIX && gen_chance(g, 50))
		edge = ip_last(&it->lo, it->plen);
	if (it->form == FORM_ANY || edge.family != family)
		return a;
	return gen_chance(g, 60) ? edge : addr_step(edge, gen_chance(g, 50) ? 1 : -1);
}

static uint16_t
num_near(struct gen *g, const struct criteria *c, enum criteria_field f)
{
	const struct num_list *l = &c->num[f - CRIT_PROTOCOL];
	unsigned max = f == CRIT_SOURCE_PORT || f == CRIT_DEST_PORT ? UINT16_MAX : UINT8_MAX, v;
	const struct num_item *it;

	if (l->n == 0 || gen_chance(g, 25))
		return num_random(g, f);
	it = &l->v[gen_below(g, l->n)];
	if (it->form == FORM_ANY)
		return num_random(g, f);
	v = it->form == FORM_UPTO || (it->form == FORM_RANGE && gen_chance(g, 50)) ? it->hi : it->lo;
	if (gen_chance(g, 40))
		v = gen_chance(g, 50) ? v + 1 : v - 1;
	return (uint16_t)(v & max);
}

static void
packet_near(struct gen *g, const struct criteria *c, struct packet *p)
{
	uint8_t family = gen_chance(g, 50) ? 4 : 6;

	if (c->family != 0 && gen_chance(g, 95))
		family = c->family;
	*p = (struct packet){.family = family};
	p->src = addr_near(g, &c->addr[CRIT_SOURCE_ADDRESS], family);
	p->dst = addr_near(g, &c->addr[CRIT_DEST_ADDRESS], family);
	p->proto = (uint8_t)num_near(g, c, CRIT_PROTOCOL);
	if (c->num[CRIT_ICMP_TYPE - CRIT_PROTOCOL].n + c->num[CRIT_ICMP_CODE - CRIT_PROTOCOL].n > 0 &&
	    gen_chance(g, 50))
		p->proto = family == 4 ? ICMP : ICMPV6;
	if (gen_chance(g, 10)) /* a later fragment, or cut short */
		return;
	p->has_ports = p->proto == TCP || p->proto == UDP;
	p->has_icmp = p->proto == (family == 4 ? ICMP : ICMPV6);
	if (p->has_ports) {
		p->sport = num_near(g, c, CRIT_SOURCE_PORT);
		p->dport = num_near(g, c, CRIT_DEST_PORT);
	}
	if (p->has_icmp) {
		p->itype = (uint8_t)num_near(g, c, CRIT_ICMP_TYPE);
		p->icode = (uint8_t)num_near(g, c, CRIT_ICMP_CODE);
	}
}

void
gen_packet(struct gen *g, const struct criteria *c, struct packet *p)
{
	unsigned tries = gen_chance(g, 50) ? 8 : 1;

	do
		packet_near(g, c, p);
	while (--tries > 0 && !criteria_match(c, p));
}
