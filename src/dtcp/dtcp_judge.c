/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of a request as a struct: all that dtcp_parse_request makes true of what it accepts, said once more without
 * the text.  Who has only the struct, from a process that may no longer be ours, asks here.
 *
 * exports: dtcp_req_judge dtcp_is_unicast */
#include <string.h>

#include "dtcp_choices.h"

/* Somewhere that one host answers for, and not this one. */
bool
dtcp_is_unicast(const struct ip_addr *a)
{
	static const struct ip_addr any6 = {.family = 6}, loopback6 = {.family = 6, .b = {[15] = 1}};

	if (a->family == 4)
		return a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224;
	/* A link-local address says nothing without its link. */
	return a->family == 6 && a->b[0] != 0xff && !(a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80) &&
	       !ip_equal(a, &any6) && !ip_equal(a, &loopback6);
}

static bool
is_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i] != 0)
			return false;
	return true;
}

/* ---- what belongs to one method only ---- */

static bool
has_criteria(const struct criteria *c)
{
	for (size_t f = 0; f < ARRAY_LEN(c->addr); f++)
		if (c->addr[f].n != 0)
			return true;
	for (size_t f = 0; f < ARRAY_LEN(c->num); f++)
		if (c->num[f].n != 0)
			return true;
	return c->family != 0 || c->paired;
}

static const char *
judge_no_add(const struct dtcp_req *q)
{
	if (q->ncdest != 0 || q->csrc.family != 0 || q->csrc_port != 0 || q->ttl != 0 || q->priority != 0 ||
	    q->warrant[0] != '\0' || has_criteria(&q->criteria))
		return "parameters of an ADD in another request";
	return NULL;
}

static const char *
judge_no_timeouts(const struct dtcp_req *q)
{
	const struct dtcp_timeouts *t = &q->timeouts;

	return t->named == 0 && is_zero(t->v, sizeof t->v) ? NULL : "timeouts where there are none";
}

static const char *
judge_select(const struct dtcp_req *q)
{
	if ((q->select != DTCP_SEL_IDS && (q->nids != 0 || q->ids != NULL)) ||
	    (q->select == DTCP_SEL_CDEST) != (q->sel_cdest[0] != '\0'))
		return "a selection that is not the one it is said to be";
	for (uint32_t i = 0; i < q->nids; i++)
		if (q->ids[i].lo > q->ids[i].hi || (q->ids[i].single && q->ids[i].lo != q->ids[i].hi))
			return "a range of ids upside down";
	return q->nids > DTCP_IDS_MAX ? "too many ids" : NULL;
}

/* ---- an ADD ---- */

static const char *
judge_life(const struct dtcp_req *q)
{
	const struct dtcp_timeouts *t = &q->timeouts;

	if (q->flags & DTCP_F_STATIC)
		return judge_no_timeouts(q);
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		if ((t->v[i] != 0) != (t->named >> i & 1))
			return "a timeout that is not the one it is said to be";
	return t->named != 0 ? NULL : "neither static nor a timeout";
}

static const char *
judge_address(const struct dtcp_req *q, const struct ip_addr *a)
{
	if (!dtcp_is_unicast(a))
		return "a content address that is no unicast address";
	if (a->family == 4 && !is_zero(a->b + 4, sizeof a->b - 4))
		return "an address with bytes that it does not have";
	return a->family == 6 && q->version < 7 ? "IPv6 in a version without it" : NULL;
}

static const char *
judge_dests(const struct dtcp_req *q)
{
	const char *why = judge_address(q, &q->csrc);

	if (q->ncdest == 0 || q->ncdest > (q->version < 7 ? 1 : DTCP_CDESTS_MAX))
		return "no content destination, or too many";
	if (q->csrc_port == 0 || q->ttl == 0)
		return "a content source's port or TTL of 0";
	for (unsigned i = 0; why == NULL && i < q->ncdest; i++) {
		const struct dtcp_cdest *d = &q->cdest[i];

		if (d->addr.family != q->csrc.family)
			return "a content destination that is not of the source's family";
		if (d->port == 0 || d->name[0] == '\0')
			return "a content destination without port or name";
		if (i > 0 && strcmp(d->name, q->cdest[0].name) == 0)
			return "one name for two content destinations";
		why = judge_address(q, &d->addr);
	}
	return why;
}

static bool
names_address(const struct criteria *c)
{
	for (size_t f = 0; f < ARRAY_LEN(c->addr); f++)
		for (uint32_t i = 0; i < c->addr[f].n; i++)
			if (c->addr[f].v[i].form != FORM_ANY)
				return true;
	return false;
}

static const char *
judge_filter(const struct dtcp_req *q)
{
	struct criteria pairs = q->criteria; /* lent */
	const char *why;

	if (criteria_check(&q->criteria, &why) < 0)
		return why;
	if (q->criteria.family == 6 && q->version < 7)
		return "IPv6 in a version without it";
	if (q->criteria.family != 0 && q->version < 8 && !names_address(&q->criteria))
		return "a family in a version without it";
	if (q->criteria.paired != (CHOICE_PORTS_PAIRED && criteria_pair(&pairs)))
		return "port lists that are pairs, or are not, against the rule";
	return NULL;
}

static const char *
judge_add(const struct dtcp_req *q)
{
	static const char *(*const judges[])(const struct dtcp_req *) = {judge_life, judge_filter, judge_dests};
	const char *why = q->select == DTCP_SEL_NONE ? judge_select(q) : "an ADD that selects";

	for (size_t i = 0; why == NULL && i < ARRAY_LEN(judges); i++)
		why = judges[i](q);
	return why;
}

/* ---- the others ---- */

static const char *
judge_delete(const struct dtcp_req *q)
{
	return q->select == DTCP_SEL_NONE ? "no selection" : judge_no_timeouts(q);
}

static const char *
judge_refresh(const struct dtcp_req *q)
{
	const struct dtcp_timeouts *t = &q->timeouts;

	if (q->select == DTCP_SEL_NONE)
		return "no selection";
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		if (t->v[i] != 0 && !(t->named >> i & 1))
			return "a timeout that is not named";
	return t->named != 0 ? NULL : "no timeout";
}

static const char *
judge_list(const struct dtcp_req *q)
{
	return q->flags == 0 ? "a LIST of nothing" : judge_no_timeouts(q);
}

static const char *
judge_noop(const struct dtcp_req *q)
{
	return q->select != DTCP_SEL_NONE ? "a NOOP that selects" : judge_no_timeouts(q);
}

static const struct {
	uint8_t flags; /* that it may have */
	const char *(*judge)(const struct dtcp_req *);
} methods[DTCP_METHODS] = {
    [DTCP_ADD] = {DTCP_F_STATIC, judge_add},
    [DTCP_DELETE] = {DTCP_F_STATIC, judge_delete},
    [DTCP_REFRESH] = {0, judge_refresh},
    [DTCP_LIST] = {DTCP_F_STATS | DTCP_F_CRITERIA, judge_list},
    [DTCP_NOOP] = {DTCP_F_SENDASYNC, judge_noop},
};

const char *
dtcp_req_judge(const struct dtcp_req *q)
{
	const struct dtcp_timeouts *t = &q->timeouts;
	const char *why;

	if (q->method >= DTCP_METHODS || methods[q->method].judge == NULL)
		return "a method that is not built";
	if (q->version < DTCP_VERSION_MIN || q->version > DTCP_VERSION_MAX)
		return "a version that is not ours";
	if (q->flags & ~methods[q->method].flags)
		return "a flag that is not the method's";
	if (t->named >= 1 << DTCP_TIMEOUTS || t->v[DTCP_T_IDLE] > DTCP_TIMEOUT_MAX ||
	    t->v[DTCP_T_TOTAL] > DTCP_TIMEOUT_MAX)
		return "a timeout out of range";
	if (q->method != DTCP_ADD && ((why = judge_no_add(q)) != NULL || (why = judge_select(q)) != NULL))
		return why;
	return methods[q->method].judge(q);
}
