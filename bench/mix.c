/* SPDX-License-Identifier: BSD-2-Clause */
#include "mix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Prefix lengths of source and destination; 0: not in the filter.  One of them is at least 24, so
 * that no criterion names an address of the other class. */
struct mix_pair {
	uint8_t src, dst;
	const char *dports;
};

static const struct mix_pair pairs_dst[] = {{0, 32, NULL}};
static const struct mix_pair pairs_fields[] = {{0, 32, "5000-6000"}, {16, 32, NULL}};
static const struct mix_pair pairs_4[] = {{32, 0, NULL}, {0, 32, NULL}, {32, 24, NULL}, {24, 32, NULL}};
static const struct mix_pair pairs_16[] = {{32, 0, NULL}, {0, 32, NULL}, {32, 32, NULL}, {32, 24, NULL}, {24, 32, NULL},
    {28, 0, NULL}, {0, 28, NULL}, {32, 16, NULL}, {16, 32, NULL}, {28, 28, NULL}, {28, 24, NULL}, {24, 28, NULL},
    {30, 0, NULL}, {0, 30, NULL}, {30, 24, NULL}, {24, 30, NULL}};

static const struct {
	const char *name;
	const struct mix_pair *pair;
	uint32_t n;
} mixes[] = {
    {"dst", pairs_dst, 1},
    {"fields", pairs_fields, ARRAY_LEN(pairs_fields)},
    {"hosts", pairs_4, 2},
    {"masks4", pairs_4, ARRAY_LEN(pairs_4)},
    {"masks16", pairs_16, ARRAY_LEN(pairs_16)},
};

int
mix_find(const char *name, struct mix *m)
{
	for (size_t i = 0; i < ARRAY_LEN(mixes); i++)
		if (strcmp(mixes[i].name, name) == 0) {
			m->pair = mixes[i].pair;
			m->npair = mixes[i].n;
			return 0;
		}
	return -EINVAL;
}

static void
prefix_text(char text[MIX_TEXT], uint32_t addr, unsigned plen, bool v6)
{
	if (plen == 0)
		snprintf(text, MIX_TEXT, "*");
	else if (v6)
		snprintf(text, MIX_TEXT, "2001:db8:%x:%x::%u/%u", addr >> 16, addr & 0xffff, SPACE_V6_LOW,
		    plen == 32 ? 128 : 32 + plen);
	else
		snprintf(
		    text, MIX_TEXT, "%u.%u.%u.%u/%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255, plen);
}

void
mix_words(const struct mix *m, uint32_t i, struct mix_words *out)
{
	const bool both = m->v4 && m->v6, v6 = both ? i / m->npair % 2 : m->v6;
	const struct mix_pair *p = &m->pair[i % m->npair];
	const uint32_t j = i / m->npair / (both ? 2 : 1);

	/* Source and destination of one criterion are neighbours in number, not in place. */
	prefix_text(out->src, space_addr(&m->space, j), p->src, v6);
	prefix_text(out->dst, space_addr(&m->space, p->src ? j + 1 : j), p->dst, v6);
	out->proto = p->dports ? "17" : "*";
	out->dports = p->dports ? p->dports : "*";
}

int
mix_filter(const struct mix *m, uint32_t i, struct tap_filter *out)
{
	struct criteria c = {0};
	struct mix_words w;
	int r = 0;

	mix_words(m, i, &w);
	const struct {
		enum criteria_field field;
		const char *text;
	} row[] = {{CRIT_SOURCE_ADDRESS, w.src}, {CRIT_DEST_ADDRESS, w.dst}, {CRIT_PROTOCOL, w.proto},
	    {CRIT_DEST_PORT, w.dports}};

	for (size_t f = 0; f < ARRAY_LEN(row) && r == 0; f++)
		r = criteria_parse(&c, row[f].field, (struct slice){row[f].text, strlen(row[f].text)}, NULL);
	if (r == 0)
		r = filter_compile(&c, out);
	criteria_free(&c);
	return r;
}
