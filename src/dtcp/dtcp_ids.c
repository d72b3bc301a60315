/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: ids_ */
#include "dtcp_ids.h"

#include <errno.h>
#include <string.h>

#include "dtcp_line.h"

struct list {
	struct dtcp_ids *v; /* owned */
	uint32_t n;
};

size_t
ids_count(struct slice s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == ',';
	return n;
}

/* A number, or "*" for the end that is open. */
static int
end_parse(struct slice s, uint64_t open, uint64_t *out)
{
	if (slice_eq(s, "*")) {
		*out = open;
		return 0;
	}
	return slice_u64(s, UINT64_MAX, out) < 0 ? -EINVAL : 0;
}

static int
item_parse(struct slice item, struct dtcp_ids *out)
{
	const char *dash = item.len ? memchr(item.p, '-', item.len) : NULL;
	struct slice lo = item, hi = item;

	if (dash) {
		lo = slice_trim((struct slice){item.p, (size_t)(dash - item.p)});
		hi = slice_trim((struct slice){dash + 1, item.len - (size_t)(dash - item.p) - 1});
		if (slice_eq(lo, "*") && slice_eq(hi, "*"))
			return -EINVAL;
	}
	if (end_parse(lo, 0, &out->lo) < 0 || end_parse(hi, UINT64_MAX, &out->hi) < 0)
		return -EINVAL;
	out->single = dash == NULL && !slice_eq(item, "*");
	return out->lo <= out->hi ? 0 : -EINVAL;
}

static int
by_lo(const void *a, const void *b)
{
	const struct dtcp_ids *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* Sorts and joins ranges that overlap. */
static void
join(struct list *l)
{
	uint32_t out = 0;

	if (l->n == 0)
		return;
	qsort(l->v, l->n, sizeof *l->v, by_lo);
	for (uint32_t i = 1; i < l->n; i++) {
		if (l->v[i].lo > l->v[out].hi)
			l->v[++out] = l->v[i];
		else if (l->v[i].hi > l->v[out].hi)
			l->v[out].hi = l->v[i].hi;
	}
	l->n = out + 1;
}

static bool
has(const struct list *l, uint64_t id)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->v[i].lo <= id && id <= l->v[i].hi)
			return true;
	return false;
}

/* What is left of a range; out has room: each exclusion makes one piece more at most. */
static void
range_without(struct dtcp_ids r, const struct list *no, struct list *out)
{
	for (uint32_t i = 0; i < no->n && no->v[i].lo <= r.hi; i++) {
		if (no->v[i].hi < r.lo)
			continue;
		if (no->v[i].lo > r.lo)
			out->v[out->n++] = (struct dtcp_ids){.lo = r.lo, .hi = no->v[i].lo - 1};
		if (no->v[i].hi >= r.hi)
			return;
		r.lo = no->v[i].hi + 1;
	}
	out->v[out->n++] = r;
}

/* Takes the items apart: single ids, ranges, exclusions. */
static int
sort_out(struct slice list, struct list *single, struct list *range, struct list *no)
{
	struct slice item;

	while (line_item(&list, &item)) {
		bool excluded = item.len > 0 && *item.p == '!';
		struct dtcp_ids v;
		struct list *to;
		int r;

		if (excluded)
			item = slice_trim((struct slice){item.p + 1, item.len - 1});
		if ((r = item_parse(item, &v)) < 0)
			return r;
		to = excluded ? no : v.single ? single : range;
		to->v[to->n++] = v;
	}
	return 0;
}

static void
combine(const struct list *single, struct list *range, struct list *no, struct list *out)
{
	if (no->n > 0 && single->n + range->n == 0)
		range->v[range->n++] = (struct dtcp_ids){.lo = 0, .hi = UINT64_MAX};
	join(no);
	if (no->n > 0)
		join(range);
	for (uint32_t i = 0; i < single->n; i++)
		if (!has(no, single->v[i].lo))
			out->v[out->n++] = single->v[i];
	for (uint32_t i = 0; i < range->n; i++)
		range_without(range->v[i], no, out);
}

int
ids_parse(struct slice text, struct dtcp_ids **v, uint32_t *n)
{
	size_t max = ids_count(text) + 1;
	struct list part[3] = {{NULL, 0}}, out = {.v = calloc(2 * max, sizeof *out.v)};
	int r = out.v ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		if ((part[i].v = calloc(max, sizeof *out.v)) == NULL)
			r = -ENOMEM;
	if (max - 1 > DTCP_SELECTOR_MAX)
		r = -E2BIG;
	if (r == 0 && (r = sort_out(text, &part[0], &part[1], &part[2])) == 0) {
		combine(&part[0], &part[1], &part[2], &out);
		*v = TAKE_PTR(out.v);
		*n = out.n;
	}
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		free(part[i].v);
	free(out.v);
	return r;
}
