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

static int
add_prefix(struct criteria *c, enum criteria_field field, uint32_t addr, unsigned plen, bool v6)
{
	char text[64];

	if (plen == 0)
		return 0;
	if (v6)
		snprintf(text, sizeof text, "2001:db8:%x:%x::%u/%u", addr >> 16, addr & 0xffff, SPACE_V6_LOW,
		    plen == 32 ? 128 : 32 + plen);
	else
		snprintf(text, sizeof text, "%u.%u.%u.%u/%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255,
		    plen);
	return criteria_parse(c, field, (struct slice){text, strlen(text)}, NULL);
}

int
mix_filter(const struct mix *m, uint32_t i, struct tap_filter *out)
{
	const bool v6 = m->v6 && (!m->v4 || i / m->npair % 2);
	const struct mix_pair *p = &m->pair[i % m->npair];
	const uint32_t j = i / m->npair;
	struct criteria c = {0};
	int r;

	/* Source and destination of one criterion are neighbours in number, not in place. */
	if ((r = add_prefix(&c, CRIT_SOURCE_ADDRESS, space_addr(&m->space, j), p->src, v6)) == 0 &&
	    (r = add_prefix(&c, CRIT_DEST_ADDRESS, space_addr(&m->space, p->src ? j + 1 : j), p->dst, v6)) == 0 &&
	    p->dports && (r = criteria_parse(&c, CRIT_PROTOCOL, (struct slice){"17", 2}, NULL)) == 0)
		r = criteria_parse(&c, CRIT_DEST_PORT, (struct slice){p->dports, strlen(p->dports)}, NULL);
	if (r == 0)
		r = filter_compile(&c, out);
	criteria_free(&c);
	return r;
}
