/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge.h"

#include <errno.h>
#include <string.h>

static const struct {
	int err;
	const char *reason;
} faults[JUDGE_FAULTS] = {
    [JUDGE_FAMILY] = {-EAFNOSUPPORT, "an address family that is not tapped"},
    [JUDGE_SOURCE] = {-EADDRNOTAVAIL, "a source address that is not the router's"},
    [JUDGE_DEST] = {-EACCES, "a content destination that is not the agency's"},
    [JUDGE_MANY] = {-ENOSPC, "as many criteria as it may have"},
    [JUDGE_STANDING] = {-EPERM, "no warrant, and the agency has no standing authority"},
    [JUDGE_WARRANT] = {-EKEYREJECTED, "its warrant is not in force"},
};

int
judge_errno(enum judge_fault f)
{
	return faults[f].err;
}

const char *
judge_reason(enum judge_fault f)
{
	return faults[f].reason;
}

static bool
has_source(const struct conf *conf, const struct ip_addr *a)
{
	for (uint32_t i = 0; i < conf->nsource; i++)
		if (ip_equal(&conf->source[i], a))
			return true;
	return false;
}

/* The first one of the destination's family. */
void
judge_settle(const struct conf *conf, struct store_row *row)
{
	if (row->criteria.family == 0 && !(conf->family_inet && conf->family_inet6))
		row->criteria.family = conf->family_inet ? 4 : 6;
	if (has_source(conf, &row->csrc))
		return;
	for (uint32_t i = 0; i < conf->nsource; i++)
		if (conf->source[i].family == row->csrc.family) {
			row->csrc = conf->source[i];
			return;
		}
}

static bool
family_tapped(const struct conf *conf, uint8_t family)
{
	return (family == 6 || conf->family_inet) && (family == 4 || conf->family_inet6);
}

static bool
dests_allowed(const struct conf_agency *a, const struct store_row *row)
{
	for (unsigned i = 0; i < row->ncdest; i++)
		if (!conf_dest_allowed(a, &row->cdest[i].addr, row->cdest[i].port))
			return false;
	return true;
}

static uint64_t
maximum(const struct conf *conf, const struct conf_agency *a)
{
	return a->max_criteria ? a->max_criteria : conf->max_criteria;
}

enum judge_fault
judge_place(const struct conf *conf, const struct conf_agency *a, uint64_t before, const struct store_row *row)
{
	if (!family_tapped(conf, row->criteria.family))
		return JUDGE_FAMILY;
	if (conf->nsource > 0 && !has_source(conf, &row->csrc))
		return JUDGE_SOURCE;
	if (!dests_allowed(a, row))
		return JUDGE_DEST;
	return before < maximum(conf, a) ? JUDGE_OK : JUDGE_MANY;
}

bool
judge_standing(const struct conf_agency *a)
{
	return a->standing;
}

enum judge_fault
judge_row(const struct conf *conf, const struct conf_agency *a, uint64_t before, const struct store_row *row)
{
	enum judge_fault f = judge_place(conf, a, before, row);

	return f == JUDGE_OK && row->warrant == 0 && !judge_standing(a) ? JUDGE_STANDING : f;
}

/* ---- what a change may end ---- */

static bool
same_dest(const struct conf_dest *a, const struct conf_dest *b)
{
	return ip_equal(&a->addr, &b->addr) && a->len == b->len && a->port_lo == b->port_lo && a->port_hi == b->port_hi;
}

/* Whether each of was is there still, as it was. */
static bool
dests_kept(const struct conf_agency *was, const struct conf_agency *a)
{
	for (uint32_t i = 0; i < was->ndest; i++) {
		uint32_t k = 0;

		while (k < a->ndest && !same_dest(&was->dest[i], &a->dest[k]))
			k++;
		if (k == a->ndest)
			return false;
	}
	return true;
}

static bool
sources_kept(const struct conf *was, const struct conf *conf)
{
	if (was->nsource == 0 && conf->nsource > 0)
		return false;
	for (uint32_t i = 0; conf->nsource > 0 && i < was->nsource; i++)
		if (!has_source(conf, &was->source[i]))
			return false;
	return true;
}

bool
judge_narrows(
    const struct conf *was_conf, const struct conf_agency *was, const struct conf *conf, const struct conf_agency *a)
{
	return was == NULL || (was_conf->family_inet && !conf->family_inet) ||
	       (was_conf->family_inet6 && !conf->family_inet6) || !sources_kept(was_conf, conf) ||
	       !dests_kept(was, a) || maximum(conf, a) < maximum(was_conf, was) ||
	       (judge_standing(was) && !judge_standing(a)) ||
	       (!was_conf->signatures_required && conf->signatures_required);
}
