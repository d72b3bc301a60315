/* SPDX-License-Identifier: BSD-2-Clause */
#include "grant.h"

#define PARTS 8
#define RATE_MS 2000
#define RATE_OVER_MS 500 /* at least: a burst is no rate */

/* In RATE_MS, as it went since the last part was given. */
static uint64_t
rate(const struct grant *g, uint64_t used)
{
	const uint64_t n = used > g->was ? used - g->was : 0,
		       ms = (uint64_t)(g->passed_ms > RATE_OVER_MS ? g->passed_ms : RATE_OVER_MS);
	const double v = (double)n * RATE_MS / (double)ms;

	return v < (double)g->limit ? (uint64_t)v : g->limit;
}

uint64_t
grant_next(const struct grant *g, uint64_t used)
{
	uint64_t part = g->limit / PARTS, r = rate(g, used), left = g->given > used ? g->given - used : 0;

	if (part < r)
		part = r;
	if (part < g->least)
		part = g->least;
	if (left > part / 2 || g->given >= g->limit)
		return g->given;
	/* A rest that is too small for a part of its own comes with this one. */
	if (used >= g->limit || g->limit - used <= part || g->limit - used - part < g->least)
		return g->limit;
	return used + part > g->given ? used + part : g->given;
}
