/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of an ADD (C03 sections 5.4, A.3, B.1.1; Junos).
 *
 * exports: add_check */
#include <errno.h>
#include <string.h>

#include "dtcp_choices.h"
#include "dtcp_line.h"
#include "dtcp_param.h"
#include "filter.h"

struct add {
	const struct params *p;
	struct dtcp_req *req;
	struct dtcp_result *res;
};

/* ---- life, priority, action ---- */

static unsigned
check_life(struct add *a)
{
	struct dtcp_timeouts *t = &a->req->timeouts;
	unsigned code = flags_check(a->p, DTCP_F_STATIC, a->req, a->res);

	if (code != 0 || a->req->flags & DTCP_F_STATIC)
		return code;
	if ((code = timeouts_check(a->p, a->req, a->res)) != 0)
		return code;
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		if (t->v[i] == 0)
			t->named &= (uint8_t) ~(1u << i);
	return t->named ? 0 : refuse(a->res, DTCP_BAD_TIMEOUT, P_FLAGS, "neither Static nor a timeout");
}

static unsigned
check_warrant(struct add *a)
{
	if (a->p->have[P_X_WARRANT] && line_string(a->p->value[P_X_WARRANT], a->req->warrant) < 0)
		return refuse(a->res, DTCP_BAD_REQUEST, P_X_WARRANT, "expected a reference of up to 63 bytes");
	return 0;
}

static unsigned
check_action(struct add *a)
{
	struct slice v = a->p->value[P_ACTION];

	if (!a->p->have[P_ACTION] || slice_eq_nocase(v, "Copy"))
		return 0;
	if (slice_eq_nocase(v, "Redirect") || slice_eq_nocase(v, "Block"))
		return refuse(a->res, DTCP_NOT_IMPLEMENTED, P_ACTION, "only Copy: the traffic is never touched");
	return refuse(a->res, DTCP_BAD_REQUEST, P_ACTION, "expected Copy");
}

static unsigned
check_priority(struct add *a)
{
	uint64_t v = CHOICE_PRIORITY;

	if (a->p->have[P_PRIORITY] && slice_u64(a->p->value[P_PRIORITY], UINT64_MAX, &v) < 0)
		return refuse(a->res, DTCP_BAD_REQUEST, P_PRIORITY, "expected a number");
	a->req->priority = (uint8_t)(v > UINT8_MAX ? UINT8_MAX : v);
	return 0;
}

/* ---- where the filter holds ---- */

static unsigned
check_scope(struct add *a)
{
	const bool *have = a->p->have;
	enum param first = have[P_X_VRF] ? P_X_VRF : have[P_X_INPUT] ? P_X_INPUT : P_X_OUTPUT;

	if (have[P_X_LATER])
		return refuse_name(a->res, CHOICE_NOT_BUILT, a->p->later, "not supported");
	if (have[P_X_VRF] + have[P_X_INPUT] + have[P_X_OUTPUT] > 1)
		return refuse(a->res, DTCP_BAD_FILTER, first, "only one of VRF-Name, Input- and Output-Interface");
	if (have[first])
		return refuse(a->res, CHOICE_NOT_BUILT, first, "not supported");
	return 0;
}

static const struct {
	enum param param;
	const char *word;
	uint8_t family;
} families[] = {
    {P_X_IP_VERSION, "ipv4", 4},
    {P_X_IP_VERSION, "ipv6", 6},
    {P_X_FAMILY, "inet", 4},
    {P_X_FAMILY, "inet6", 6},
};

static unsigned
check_family_of(struct add *a, enum param p)
{
	if (!a->p->have[p])
		return 0;
	if (a->req->version < 8)
		return refuse(a->res, CHOICE_NOT_IN_VERSION, p, "needs DTCP/0.8");
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		if (families[i].param != p || !slice_eq_nocase(a->p->value[p], families[i].word))
			continue;
		if (a->req->criteria.family != 0 && a->req->criteria.family != families[i].family)
			return refuse(a->res, CHOICE_FAMILIES_MIXED, p, "the two name different families");
		a->req->criteria.family = families[i].family;
		return 0;
	}
	if (p == P_X_FAMILY && slice_eq_nocase(a->p->value[p], "ccc"))
		return refuse(a->res, DTCP_NOT_IMPLEMENTED, p, "only inet and inet6");
	return refuse(
	    a->res, DTCP_BAD_REQUEST, p, p == P_X_FAMILY ? "expected inet or inet6" : "expected ipv4 or ipv6");
}

static unsigned
check_family(struct add *a)
{
	unsigned code = check_family_of(a, P_X_IP_VERSION);

	return code ? code : check_family_of(a, P_X_FAMILY);
}

/* ---- the filter ---- */

static const struct {
	int err;
	unsigned code;
	const char *reason;
} filter_errors[] = {
    {-EINVAL, CHOICE_FILTER_SYNTAX, "expected values, ranges lo-hi, prefixes or *, divided by commas"},
    {-ERANGE, DTCP_BAD_FILTER, "out of range, or a range upside down"},
    {-E2BIG, DTCP_BAD_FILTER, "too many items"},
    {-EXDEV, CHOICE_FAMILIES_MIXED, "IPv4 and IPv6 in one criterion"},
};

/* A line that was dropped may have said whom the criterion is about. */
static unsigned
check_dropped(struct add *a)
{
	int r = a->p->dropped[0] ? filter_narrows(&a->req->criteria) : 1;

	if (r == 1)
		return 0;
	if (r < 0)
		return refuse(a->res, DTCP_SERVER_ERROR, P_SOURCE_ADDRESS, "out of memory");
	return refuse_name(a->res, CHOICE_NARROWING_DROPPED, a->p->dropped,
	    "not understood, and without it the filter would match everything");
}

static unsigned
check_filter(struct add *a)
{
	const char *why = "";

	for (enum param p = P_SOURCE_ADDRESS; p <= P_ICMP_CODE; p++) {
		size_t i = 0;
		int r;

		if (!a->p->have[p])
			continue;
		if ((r = criteria_parse(&a->req->criteria, (enum criteria_field)p, a->p->value[p], NULL)) == 0)
			continue;
		while (i < ARRAY_LEN(filter_errors) && filter_errors[i].err != r)
			i++;
		if (i == ARRAY_LEN(filter_errors))
			return refuse(a->res, DTCP_SERVER_ERROR, p, "out of memory");
		return refuse(a->res, filter_errors[i].code, p, filter_errors[i].reason);
	}
	if (CHOICE_PORTS_PAIRED)
		(void)criteria_pair(&a->req->criteria);
	if (criteria_check(&a->req->criteria, &why) < 0)
		return refuse(a->res, DTCP_BAD_FILTER, P_PROTOCOL, why);
	if (a->req->version < 7 && a->req->criteria.family == 6)
		return refuse(a->res, CHOICE_NOT_IN_VERSION, P_SOURCE_ADDRESS, "IPv6 needs DTCP/0.7");
	return check_dropped(a);
}

/* ---- content destinations ---- */

static unsigned
check_address(struct add *a, enum param p, struct slice item, struct ip_addr *out)
{
	if (ip_parse(item, out) < 0 || !dtcp_is_unicast(out))
		return refuse(a->res, DTCP_JTAP_FAILURE, p, "expected a unicast address");
	if (out->family == 6 && a->req->version < 7)
		return refuse(a->res, CHOICE_NOT_IN_VERSION, p, "IPv6 needs DTCP/0.7");
	return 0;
}

static unsigned
check_number(struct add *a, enum param p, struct slice item, uint64_t max, uint16_t *out)
{
	uint64_t v;

	if (slice_u64(item, max, &v) < 0 || v == 0)
		return refuse(a->res, DTCP_JTAP_FAILURE, p, max == 255 ? "expected 1 to 255" : "expected 1 to 65535");
	*out = (uint16_t)v;
	return 0;
}

/* Counts the items of a mandatory list: 1 or 2, else the code. */
static unsigned
check_count(struct add *a, enum param p, unsigned missing, unsigned *n)
{
	struct slice rest = a->p->value[p], item;

	if (!a->p->have[p])
		return refuse(a->res, missing, p, "missing");
	for (*n = 0; line_item(&rest, &item);)
		++*n;
	if (*n > DTCP_CDESTS_MAX)
		return refuse(a->res, DTCP_BAD_REQUEST, p, "at most two content destinations");
	return 0;
}

static unsigned
check_counts(struct add *a)
{
	static const enum param lists[] = {P_CDEST_ID, P_X_DEST_ADDRESS, P_X_DEST_PORT};
	unsigned n[ARRAY_LEN(lists)], code;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if ((code = check_count(a, lists[i], i == 0 ? DTCP_BAD_REQUEST : DTCP_JTAP_FAILURE, &n[i])) != 0)
			return code;
	for (size_t i = 1; i < ARRAY_LEN(lists); i++)
		if (n[i] != n[0])
			return refuse(a->res, DTCP_BAD_FILTER, lists[i], "as many as there are Cdest-IDs");
	if (n[0] > 1 && a->req->version < 7)
		return refuse(a->res, CHOICE_LIST_NOT_IN_VERSION, P_CDEST_ID, "a list needs DTCP/0.7");
	a->req->ncdest = (uint8_t)n[0];
	return 0;
}

static unsigned
check_cdest(struct add *a, unsigned i, struct slice list[3])
{
	struct dtcp_cdest *d = &a->req->cdest[i];
	struct slice name = {0}, addr = {0}, port = {0};
	unsigned code;

	(void)line_item(&list[0], &name);
	(void)line_item(&list[1], &addr);
	(void)line_item(&list[2], &port);
	if (line_string(name, d->name) < 0)
		return refuse(a->res, DTCP_BAD_REQUEST, P_CDEST_ID, "expected names of up to 63 bytes");
	if ((code = check_address(a, P_X_DEST_ADDRESS, addr, &d->addr)) != 0)
		return code;
	if (d->addr.family != a->req->csrc.family)
		return refuse(a->res, DTCP_BAD_FILTER, P_X_DEST_ADDRESS, "of the family of the source address");
	if (i > 0 && strcmp(d->name, a->req->cdest[0].name) == 0)
		return refuse(a->res, DTCP_BAD_REQUEST, P_CDEST_ID, "the same name twice");
	return check_number(a, P_X_DEST_PORT, port, 65535, &d->port);
}

static unsigned
check_source(struct add *a)
{
	const struct params *p = a->p;
	uint16_t ttl = CHOICE_TTL;
	unsigned code;

	if (!p->have[P_X_SOURCE_ADDRESS])
		return refuse(a->res, DTCP_JTAP_FAILURE, P_X_SOURCE_ADDRESS, "missing");
	if (!p->have[P_X_SOURCE_PORT])
		return refuse(a->res, DTCP_JTAP_FAILURE, P_X_SOURCE_PORT, "missing");
	if ((code = check_address(a, P_X_SOURCE_ADDRESS, p->value[P_X_SOURCE_ADDRESS], &a->req->csrc)) != 0)
		return code;
	if ((code = check_number(a, P_X_SOURCE_PORT, p->value[P_X_SOURCE_PORT], 65535, &a->req->csrc_port)) != 0)
		return code;
	if (p->have[P_X_TTL] && (code = check_number(a, P_X_TTL, p->value[P_X_TTL], 255, &ttl)) != 0)
		return code;
	a->req->ttl = (uint8_t)ttl;
	return 0;
}

static unsigned
check_cdests(struct add *a)
{
	const struct slice *v = a->p->value;
	struct slice list[3] = {v[P_CDEST_ID], v[P_X_DEST_ADDRESS], v[P_X_DEST_PORT]};
	unsigned code;

	if ((code = check_counts(a)) != 0 || (code = check_source(a)) != 0)
		return code;
	for (unsigned i = 0; i < a->req->ncdest; i++)
		if ((code = check_cdest(a, i, list)) != 0)
			return code;
	return 0;
}

unsigned
add_check(const struct params *p, struct dtcp_req *req, struct dtcp_result *res)
{
	static unsigned (*const checks[])(struct add *) = {check_action, check_priority, check_life, check_warrant,
	    check_scope, check_family, check_filter, check_cdests};
	struct add a = {p, req, res};

	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		unsigned code = checks[i](&a);

		if (code != 0)
			return code;
	}
	return 0;
}
