/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: warrant_covers warrant_allows_dest warrant_end */
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

bool
warrant_ended(const struct warrant *w, uint64_t end_ns, int64_t wall_ms, uint64_t boot_ns)
{
	return wall_ms >= w->end_ms || boot_ns >= end_ns;
}
