/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: warrant_covers warrant_allows_dest warrant_measure warrant_rank warrant_end */
#include "warrant.h"

static bool
within(const struct warrant *w, const struct ip_addr *lo, const struct ip_addr *hi)
{
	for (uint32_t i = 0; i < w->nprefix; i++) {
		const struct warrant_prefix *p = &w->prefix[i];
		struct ip_addr first, last;

		if (p->addr.family != lo->family)
			continue;
		first = ip_first(&p->addr, p->len);
		last = ip_last(&p->addr, p->len);
		if (ip_cmp(&first, lo) <= 0 && ip_cmp(hi, &last) <= 0)
			return true;
	}
	return false;
}

bool
warrant_covers(const struct warrant *w, const struct tap_filter *f)
{
	if (w->nprefix == 0)
		return true;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct filter_term *t = &f->term[i];
		bool from = w->direction != WARRANT_TO && within(w, &t->src_lo, &t->src_hi);
		bool to = w->direction != WARRANT_FROM && within(w, &t->dst_lo, &t->dst_hi);

		if (!from && !to)
			return false;
	}
	return true;
}

bool
warrant_allows_dest(const struct warrant *w, const struct ip_addr *addr, uint16_t port)
{
	for (uint32_t i = 0; i < w->ndest; i++) {
		const struct conf_dest *d = &w->dest[i];
		struct ip_addr first = ip_first(addr, d->len);

		if (d->addr.family == addr->family && ip_equal(&first, &d->addr) && port >= d->port_lo &&
		    port <= d->port_hi)
			return true;
	}
	return w->ndest == 0;
}

/* ---- which of several ---- */

#define ALL (~(unsigned __int128)0)

static unsigned __int128
addresses(const struct ip_addr *a, uint8_t len)
{
	unsigned bits = ip_bits(a) - len;

	return bits == 128 ? ALL : (unsigned __int128)1 << bits;
}

static unsigned __int128
sum(unsigned __int128 a, unsigned __int128 b)
{
	return a > ALL - b ? ALL : a + b;
}

/* Whether all of prefix i is in another one; of two that are the same, the first counts. */
static bool
is_named_twice(const struct warrant *w, uint32_t i)
{
	const struct warrant_prefix *p = &w->prefix[i];

	for (uint32_t k = 0; k < w->nprefix; k++) {
		const struct warrant_prefix *o = &w->prefix[k];
		struct ip_addr first;

		if (k == i || o->addr.family != p->addr.family || o->len > p->len || (o->len == p->len && k > i))
			continue;
		first = ip_first(&p->addr, o->len);
		if (ip_equal(&first, &o->addr))
			return true;
	}
	return false;
}

void
warrant_measure(struct warrant *w)
{
	struct warrant_breadth b = {{0, 0}, 0};

	for (uint32_t i = 0; i < w->nprefix; i++) {
		unsigned __int128 *n = &b.addrs[w->prefix[i].addr.family == 6];

		if (!is_named_twice(w, i))
			*n = sum(*n, addresses(&w->prefix[i].addr, w->prefix[i].len));
	}
	for (uint32_t i = 0; i < w->ndest; i++) {
		const struct conf_dest *d = &w->dest[i];
		unsigned __int128 n = addresses(&d->addr, d->len), ports = d->port_hi - d->port_lo + 1u;

		b.dests = sum(b.dests, n > ALL / ports ? ALL : n * ports);
	}
	if (w->nprefix == 0)
		b.addrs[0] = b.addrs[1] = ALL;
	if (w->ndest == 0)
		b.dests = ALL;
	w->breadth = b;
}

static unsigned __int128
named(const struct warrant *w, const struct tap_filter *f)
{
	bool has[2] = {false, false};

	for (uint32_t i = 0; i < f->n; i++)
		has[f->term[i].family == 6] = true;
	return sum(has[0] ? w->breadth.addrs[0] : 0, has[1] ? w->breadth.addrs[1] : 0);
}

static int
less_first(unsigned __int128 a, unsigned __int128 b)
{
	return (a > b) - (a < b);
}

int
warrant_rank(const struct warrant *a, const struct warrant *b, const struct tap_filter *f)
{
	int r = less_first(named(a, f), named(b, f));

	if (r == 0)
		r = (a->direction == WARRANT_BOTH) - (b->direction == WARRANT_BOTH);
	if (r == 0)
		r = less_first(a->breadth.dests, b->breadth.dests);
	if (r == 0)
		r = (b->end_ms > a->end_ms) - (b->end_ms < a->end_ms);
	return r;
}
