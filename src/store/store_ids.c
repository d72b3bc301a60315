/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_int.h"

bool
store_ids_has_single(const struct dtcp_ids *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (ids[i].single)
			return true;
	return false;
}

static int
ids_order(const void *a, const void *b)
{
	const struct dtcp_ids *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* Thousands of overlapping ranges must not cost thousands of walks over the same rows. */
int
store_ids_normalise(const struct dtcp_ids *ids, uint32_t n, struct dtcp_ids **out, uint32_t *nout)
{
	struct dtcp_ids *v = calloc((size_t)n + 1, sizeof *v);
	uint32_t fit = 0, last = 0;

	if (v == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (ids[i].lo <= ids[i].hi && ids[i].lo <= UINT32_MAX) {
			v[fit] = ids[i];
			if (v[fit].hi > UINT32_MAX)
				v[fit].hi = UINT32_MAX;
			fit++;
		}
	qsort(v, fit, sizeof *v, ids_order);
	for (uint32_t i = 1; i < fit; i++) {
		if (v[i].lo > v[last].hi)
			v[++last] = v[i];
		else if (v[i].hi > v[last].hi)
			v[last].hi = v[i].hi;
	}
	*out = v;
	*nout = fit ? last + 1 : 0;
	return 0;
}

int
store_ids_of_uid(struct store *s, uint64_t uid, char agency[static DTCP_NAME_MAX + 1], uint32_t *id)
{
	sqlite3_stmt *st = store_stmt(s, ST_UID_GET);
	int r;

	sqlite3_bind_int64(st, 1, (int64_t)uid);
	if ((r = store_step(st)) <= 0)
		return r < 0 ? r : -ENOENT;
	*id = (uint32_t)sqlite3_column_int64(st, 2);
	snprintf(agency, DTCP_NAME_MAX + 1, "%s", (const char *)sqlite3_column_text(st, STORE_ROW_NCOLUMNS));
	store_done(st);
	return 0;
}
