/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as text, from the struct.  Between "Csource-ID", "Seq" and a digest it is a request again, and the same
 * one: so nothing of it is left out here.
 *
 * exports: dtcp_req_print */
#include <string.h>

#include "dtcp_choices.h"
#include "dtcp_line.h"
#include "dtcp_param.h"

static void
name_put(struct buf *b, enum param p)
{
	buf_printf(b, "%s: ", param_name(p));
}

static void
number_put(struct buf *b, enum param p, uint64_t v)
{
	buf_printf(b, "%s: %llu\n", param_name(p), (unsigned long long)v);
}

static void
filter_put(struct buf *b, const struct criteria *c)
{
	bool named = false;

	for (enum criteria_field f = 0; f < CRIT_FIELDS; f++) {
		const bool addr = f <= CRIT_DEST_ADDRESS;
		const uint32_t n = addr ? c->addr[f].n : c->num[f - CRIT_PROTOCOL].n;

		for (uint32_t i = 0; addr && i < n; i++)
			named |= c->addr[f].v[i].form != FORM_ANY;
		if (n == 0)
			continue;
		name_put(b, (enum param)f);
		criteria_format(c, f, b);
		buf_put(b, "\n", 1);
	}
	if (c->family != 0 && !named)
		buf_printf(b, "%s: ipv%u\n", param_name(P_X_IP_VERSION), c->family);
}

static void
dests_put(struct buf *b, const struct dtcp_req *q)
{
	char text[IP_STRLEN];

	name_put(b, P_CDEST_ID);
	for (unsigned i = 0; i < q->ncdest; i++) {
		buf_put(b, ",", i > 0);
		line_string_put(b, q->cdest[i].name);
	}
	buf_printf(b, "\n%s: ", param_name(P_X_DEST_ADDRESS));
	for (unsigned i = 0; i < q->ncdest; i++)
		buf_printf(b, "%s%s", i > 0 ? "," : "", ip_format(&q->cdest[i].addr, text));
	buf_printf(b, "\n%s: ", param_name(P_X_DEST_PORT));
	for (unsigned i = 0; i < q->ncdest; i++)
		buf_printf(b, "%s%u", i > 0 ? "," : "", q->cdest[i].port);
	buf_printf(b, "\n%s: %s\n", param_name(P_X_SOURCE_ADDRESS), ip_format(&q->csrc, text));
	number_put(b, P_X_SOURCE_PORT, q->csrc_port);
	number_put(b, P_X_TTL, q->ttl);
}

static void
add_put(struct buf *b, const struct dtcp_req *q)
{
	filter_put(b, &q->criteria);
	dests_put(b, q);
	number_put(b, P_PRIORITY, q->priority);
	if (q->warrant[0] == '\0')
		return;
	name_put(b, P_X_WARRANT);
	line_string_put(b, q->warrant);
	buf_put(b, "\n", 1);
}

static void
ids_put(struct buf *b, const struct dtcp_req *q)
{
	name_put(b, P_CRITERIA_ID);
	if (q->nids == 0)
		buf_printf(b, "!*"); /* all that was named was excluded */
	for (uint32_t i = 0; i < q->nids; i++) {
		const struct dtcp_ids *v = &q->ids[i];

		buf_put(b, ",", i > 0);
		if (v->single)
			buf_printf(b, "%llu", (unsigned long long)v->lo);
		else
			buf_printf(b, "%llu-%llu", (unsigned long long)v->lo, (unsigned long long)v->hi);
	}
	buf_put(b, "\n", 1);
}

static void
flags_put(struct buf *b, uint8_t flags)
{
	static const struct {
		uint8_t flag;
		const char *word;
	} words[] = {{DTCP_F_STATIC, "Static"}, {DTCP_F_SENDASYNC, "SendAsync"}, {DTCP_F_STATS, "Stats"},
	    {DTCP_F_CRITERIA, "Criteria"}};
	const char *between = "";

	if (flags == 0)
		return;
	name_put(b, P_FLAGS);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (flags & words[i].flag) {
			buf_printf(b, "%s%s", between, words[i].word);
			between = ",";
		}
	buf_put(b, "\n", 1);
}

void
dtcp_req_print(const struct dtcp_req *q, struct buf *b)
{
	buf_printf(b, "%s DTCP/%u.%u\n", dtcp_method_name(q->method), q->version / 10u, q->version % 10u);
	if (q->method == DTCP_ADD)
		add_put(b, q);
	if (q->select == DTCP_SEL_IDS)
		ids_put(b, q);
	if (q->select == DTCP_SEL_CDEST) {
		name_put(b, P_CDEST_ID);
		line_string_put(b, q->sel_cdest);
		buf_put(b, "\n", 1);
	}
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		if (q->timeouts.named >> i & 1)
			number_put(b, P_TIMEOUT_IDLE + i, q->timeouts.v[i]);
	flags_put(b, q->flags);
}
