/* SPDX-License-Identifier: BSD-2-Clause */
/* Which criteria a DELETE or LIST means, and the flags of any method.
 *
 * exports: select_check flags_check timeouts_check */
#include <errno.h>
#include <string.h>

#include "dtcp_choices.h"
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

static int
id_parse(struct slice item, struct dtcp_ids *out)
{
	const char *dash = item.len ? memchr(item.p, '-', item.len) : NULL;
	struct slice lo = item, hi;

	out->single = dash == NULL;
	if (dash == NULL) {
		if (slice_u64(lo, UINT64_MAX, &out->lo) < 0)
			return -EINVAL;
		out->hi = out->lo;
		return 0;
	}
	lo = slice_trim((struct slice){item.p, (size_t)(dash - item.p)});
	hi = slice_trim((struct slice){dash + 1, item.len - (size_t)(dash - item.p) - 1});
	if (slice_u64(lo, UINT64_MAX, &out->lo) < 0 || slice_u64(hi, UINT64_MAX, &out->hi) < 0)
		return -EINVAL;
	return out->lo <= out->hi ? 0 : -ERANGE;
}

static size_t
count_items(struct slice s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == ',';
	return n;
}

static unsigned
ids_check(struct slice value, struct dtcp_req *req, struct dtcp_result *res)
{
	size_t n = count_items(value);
	struct slice item;

	if (n > DTCP_SELECTOR_MAX)
		return refuse(res, DTCP_BAD_REQUEST, P_CRITERIA_ID, "too many ids");
	if ((req->ids = calloc(n, sizeof *req->ids)) == NULL)
		return refuse(res, DTCP_SERVER_ERROR, P_CRITERIA_ID, "out of memory");
	req->select = DTCP_SEL_IDS;
	while (line_item(&value, &item)) {
		if (id_parse(item, &req->ids[req->nids]) < 0)
			return refuse(res, DTCP_BAD_REQUEST, P_CRITERIA_ID, "expected ids or ranges lo-hi");
		req->nids++;
	}
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
	if (count_items(p->value[P_CDEST_ID]) > 1 || line_string(p->value[P_CDEST_ID], req->sel_cdest) < 0)
		return refuse(res, DTCP_BAD_REQUEST, P_CDEST_ID, "expected one name of up to 63 bytes");
	req->select = DTCP_SEL_CDEST;
	return 0;
}
