/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Indices that rest before they are used again: a packet on its way may still
 * hold one.
 *
 * exports: pool_ */
#include <errno.h>

#include "tapset_int.h"

static uint32_t
ms(uint64_t ns)
{
	return (uint32_t)(ns / 1000000);
}

int
pool_init(struct pool *p, uint32_t n)
{
	*p = (struct pool){.n = n, .fresh = 1};
	p->next = calloc(n, sizeof *p->next);
	p->freed_ms = calloc(n, sizeof *p->freed_ms);
	if (p->next == NULL || p->freed_ms == NULL) {
		pool_fini(p);
		return -ENOMEM;
	}
	return 0;
}

void
pool_fini(struct pool *p)
{
	free(TAKE_PTR(p->next));
	free(TAKE_PTR(p->freed_ms));
}

uint32_t
pool_get(struct pool *p, uint64_t now_ns)
{
	uint32_t i = p->head;

	/* The difference is right also after the milliseconds wrapped. */
	if (i != 0 && ms(now_ns) - p->freed_ms[i] >= TAP_QUARANTINE_MS) {
		p->head = p->next[i];
		if (p->head == 0)
			p->tail = 0;
		if (p->unwiped == i)
			p->unwiped = p->head;
	} else if (p->fresh < p->n) {
		i = p->fresh++;
	} else {
		return 0;
	}
	p->next[i] = 0;
	p->used++;
	return i;
}

void
pool_put(struct pool *p, uint32_t i, uint64_t now_ns)
{
	p->freed_ms[i] = ms(now_ns);
	p->next[i] = 0;
	if (p->tail != 0)
		p->next[p->tail] = i;
	else
		p->head = i;
	p->tail = i;
	if (p->unwiped == 0)
		p->unwiped = i;
	p->used--;
}

uint32_t
pool_wipe(struct pool *p, uint64_t now_ns)
{
	uint32_t i = p->unwiped;

	if (i == 0 || ms(now_ns) - p->freed_ms[i] < TAP_QUARANTINE_MS)
		return 0;
	p->unwiped = p->next[i];
	return i;
}
