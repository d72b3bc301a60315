/* SPDX-License-Identifier: BSD-2-Clause */
/* Which criteria a DELETE or LIST means, and the flags of any method.
 *
 * exports: select_check flags_check timeouts_check */
#include <errno.h>
#include <string.h>

#include "dtcp_choices.h"
#include "dtcp_ids.h"
#include "dtcp_line.h"
#include "dtcp_param.h"

static const struct {
	const char *word;
	unsigned flag;
} words[] = {
    {"Static", DTCP_F_STATIC},
    {"SendAsync", DTCP_F_SENDASYNC},
    {"Stats", DTCP_F_STATS},
    {"Criteria", DTCP_F_CRITERIA},
    {"Both", DTCP_F_STATS | DTCP_F_CRITERIA},
};

unsigned
flags_check(const struct params *p, unsigned allowed, struct dtcp_req *req, struct dtcp_result *res)
{
	struct slice rest = p->value[P_FLAGS], item;

	while (p->have[P_FLAGS] && line_item(&rest, &item)) {
		size_t i = 0;

		while (i < ARRAY_LEN(words) && !slice_eq_nocase(item, words[i].word))
			i++;
		if (i == ARRAY_LEN(words))
			return refuse(res, DTCP_BAD_REQUEST, P_FLAGS, "not a flag");
		if (words[i].flag & ~allowed)
			return refuse(res, DTCP_BAD_REQUEST, P_FLAGS, "not a flag of this method");
		req->flags |= (uint8_t)words[i].flag;
	}
	return 0;
}

unsigned
timeouts_check(const struct params *p, struct dtcp_req *req, struct dtcp_result *res)
{
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++) {
		enum param t = P_TIMEOUT_IDLE + i;

		if (!p->have[t])
			continue;
		if (slice_u64(p->value[t], i <= DTCP_T_TOTAL ? DTCP_TIMEOUT_MAX : UINT64_MAX, &req->timeouts.v[i]) < 0)
			return refuse(res, DTCP_BAD_TIMEOUT, t, "expected a number; of seconds up to 86400");
		req->timeouts.named |= (uint8_t)(1u << i);
	}
	return 0;
}

static unsigned
ids_check(struct slice value, struct dtcp_req *req, struct dtcp_result *res)
{
	int r = ids_parse(value, &req->ids, &req->nids);

	if (r == -ENOMEM)
		return refuse(res, DTCP_SERVER_ERROR, P_CRITERIA_ID, "out of memory");
	if (r == -E2BIG)
		return refuse(res, DTCP_BAD_REQUEST, P_CRITERIA_ID, "too many ids");
	if (r < 0)
		return refuse(res, DTCP_BAD_REQUEST, P_CRITERIA_ID, "expected ids, ranges lo-hi, lo-* or *-hi, or *");
	req->select = DTCP_SEL_IDS;
	return 0;
}

unsigned
select_check(const struct params *p, struct dtcp_req *req, struct dtcp_result *res)
{
	if (p->have[P_CRITERIA_ID] && p->have[P_CDEST_ID])
		return refuse(res, DTCP_BAD_REQUEST, P_CDEST_ID, "only one of Criteria-ID and Cdest-ID");
	if (p->have[P_CRITERIA_ID])
		return ids_check(p->value[P_CRITERIA_ID], req, res);
	if (!p->have[P_CDEST_ID]) {
		if (req->method == DTCP_DELETE || req->method == DTCP_REFRESH)
			return refuse(res, DTCP_BAD_REQUEST, P_CRITERIA_ID, "missing: which criteria?");
		return 0;
	}
	if (ids_count(p->value[P_CDEST_ID]) > 1 || line_string(p->value[P_CDEST_ID], req->sel_cdest) < 0)
		return refuse(res, DTCP_BAD_REQUEST, P_CDEST_ID, "expected one name of up to 63 bytes");
	req->select = DTCP_SEL_CDEST;
	return 0;
}
