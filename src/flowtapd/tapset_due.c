/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A binary heap of criteria by time.
 *
 * exports: dues_ */
#include <errno.h>

#include "tapset_int.h"

int
dues_init(struct dues *d, uint32_t ncrit)
{
	d->heap = calloc((size_t)ncrit + 1, sizeof *d->heap);
	d->pos = calloc(ncrit, sizeof *d->pos);
	d->at = calloc(ncrit, sizeof *d->at);
	if (d->heap != NULL && d->pos != NULL && d->at != NULL)
		return 0;
	dues_fini(d);
	return -ENOMEM;
}

void
dues_fini(struct dues *d)
{
	free(TAKE_PTR(d->heap));
	free(TAKE_PTR(d->pos));
	free(TAKE_PTR(d->at));
}

static void
place(struct dues *d, uint32_t i, uint32_t c)
{
	d->heap[i] = c;
	d->pos[c] = i;
}

static void
up(struct dues *d, uint32_t i, uint32_t c)
{
	for (; i > 1 && d->at[d->heap[i / 2]] > d->at[c]; i /= 2)
		place(d, i, d->heap[i / 2]);
	place(d, i, c);
}

static void
down(struct dues *d, uint32_t i, uint32_t c)
{
	for (uint32_t j; (j = 2 * i) <= d->n; i = j) {
		if (j < d->n && d->at[d->heap[j + 1]] < d->at[d->heap[j]])
			j++;
		if (d->at[d->heap[j]] >= d->at[c])
			break;
		place(d, i, d->heap[j]);
	}
	place(d, i, c);
}

void
dues_set(struct dues *d, uint32_t c, uint64_t at_ns)
{
	uint64_t before = d->at[c];

	d->at[c] = at_ns;
	if (d->pos[c] == 0)
		up(d, ++d->n, c);
	else if (at_ns < before)
		up(d, d->pos[c], c);
	else
		down(d, d->pos[c], c);
}

void
dues_remove(struct dues *d, uint32_t c)
{
	uint32_t i = d->pos[c], last;

	if (i == 0)
		return;
	d->pos[c] = 0;
	last = d->heap[d->n--];
	if (last == c)
		return;
	if (d->at[last] < d->at[c])
		up(d, i, last);
	else
		down(d, i, last);
}

uint32_t
dues_first(const struct dues *d, uint64_t now_ns)
{
	return d->n > 0 && d->at[d->heap[1]] <= now_ns ? d->heap[1] : 0;
}
