/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows that are set aside, in memory: found again at each start.  One that can't be opened gets here by itself, where
 * it is read; one that is refused elsewhere is put here by who knows.
 *
 * exports: store_aside_ store_is_aside store_row_open */
#include <errno.h>
#include <string.h>

#include "store_int.h"

static int
aside_put(struct store *s, const struct store_aside *row)
{
	struct store_asides *a = &s->aside;
	int r = a->at == NULL ? hashmap_new(&a->at) : 0;

	if (r < 0 || hashmap_get(a->at, row->uid) != 0)
		return r;
	if (a->n == a->cap) {
		const size_t cap = a->cap ? a->cap * 2 : 16;
		struct store_aside *v = reallocarray(a->v, cap, sizeof *v);

		if (v == NULL)
			return -ENOMEM;
		a->v = v;
		a->cap = cap;
	}
	if ((r = hashmap_put(a->at, row->uid, (uint32_t)(a->n + 1))) < 0)
		return r;
	a->v[a->n++] = *row;
	return 0;
}

int
store_aside_add(struct store *s, uint32_t agency, uint32_t id, uint64_t uid)
{
	return aside_put(s, &(struct store_aside){.uid = uid, .id = id, .agency = agency});
}

bool
store_is_aside(const struct store *s, uint64_t uid)
{
	return s->aside.at != NULL && hashmap_get(s->aside.at, uid) != 0;
}

void
store_aside_remove(struct store *s, uint64_t uid)
{
	struct store_asides *a = &s->aside;
	uint32_t place = a->at ? hashmap_remove(a->at, uid) : 0;

	if (place == 0)
		return;
	a->v[place - 1] = a->v[--a->n];
	a->look = place - 1 < a->look ? place - 1 : a->look;
	if (place - 1 < a->n)
		(void)hashmap_put(a->at, a->v[place - 1].uid, place); /* it has the key */
}

static int
by_id(const void *a, const void *b)
{
	const struct store_aside *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

int
store_aside_list(const struct store *s, uint32_t agency, struct store_aside **out, size_t *n)
{
	struct store_aside *v = calloc(s->aside.n + 1, sizeof *v);
	size_t k = 0;

	if (v == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->aside.n; i++)
		if (s->aside.v[i].agency == agency)
			v[k++] = s->aside.v[i];
	qsort(v, k, sizeof *v, by_id);
	*out = v;
	*n = k;
	return 0;
}

bool
store_aside_next(struct store *s, struct store_aside *out)
{
	struct store_asides *a = &s->aside;

	while (a->look < a->n && a->v[a->look].told)
		a->look++;
	if (a->look == a->n)
		return false;
	a->v[a->look].told = true;
	*out = a->v[a->look++];
	return true;
}

void
store_aside_free(struct store *s)
{
	hashmap_free(s->aside.at);
	free(s->aside.v);
	s->aside = (struct store_asides){0};
}

int
store_aside_note(struct store *s, sqlite3_stmt *st)
{
	return aside_put(s, &(struct store_aside){.agency = (uint32_t)sqlite3_column_int64(st, 0),
				.uid = (uint64_t)sqlite3_column_int64(st, 1),
				.id = (uint32_t)sqlite3_column_int64(st, 2)});
}

int
store_row_open(struct store *s, sqlite3_stmt *st, const struct store_keys *keys, struct store_row *row)
{
	int r = store_row_read(st, keys, row), rc;

	if (r == -EBADMSG && (rc = store_aside_note(s, st)) < 0)
		return rc;
	return r;
}
