/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "hashmap.h"

#define FIRST_SLOTS 64u

struct slot {
	uint64_t key;
	uint32_t value; /* 0: empty */
	uint32_t zero;
};

struct hashmap {
	struct slot *slot;
	size_t n, mask; /* mask: slots - 1 */
};

static size_t
home(const struct hashmap *m, uint64_t key)
{
	key *= 0x9E3779B97F4A7C15ull;
	return (size_t)(key ^ key >> 32) & m->mask;
}

int
hashmap_new(struct hashmap **out)
{
	struct hashmap *m = calloc(1, sizeof *m);

	if (m == NULL || (m->slot = calloc(FIRST_SLOTS, sizeof *m->slot)) == NULL) {
		free(m);
		return -ENOMEM;
	}
	m->mask = FIRST_SLOTS - 1;
	*out = m;
	return 0;
}

void
hashmap_free(struct hashmap *m)
{
	if (m == NULL)
		return;
	free(m->slot);
	free(m);
}

/* The key's slot, or the empty one where it would go. */
static struct slot *
seek(const struct hashmap *m, uint64_t key)
{
	size_t i = home(m, key);

	while (m->slot[i].value != 0 && m->slot[i].key != key)
		i = (i + 1) & m->mask;
	return &m->slot[i];
}

static int
grow(struct hashmap *m)
{
	struct hashmap big = {.mask = m->mask * 2 + 1};

	if ((big.slot = calloc(big.mask + 1, sizeof *big.slot)) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i <= m->mask; i++)
		if (m->slot[i].value)
			*seek(&big, m->slot[i].key) = m->slot[i];
	free(m->slot);
	m->slot = big.slot;
	m->mask = big.mask;
	return 0;
}

int
hashmap_put(struct hashmap *m, uint64_t key, uint32_t value)
{
	struct slot *s;
	int r;

	if (key == 0 || value == 0)
		return -EINVAL;
	if ((m->n + 1) * 4 > (m->mask + 1) * 3 && (r = grow(m)) < 0)
		return r;
	s = seek(m, key);
	if (s->value == 0)
		m->n++;
	s->key = key;
	s->value = value;
	return 0;
}

uint32_t
hashmap_get(const struct hashmap *m, uint64_t key)
{
	return seek(m, key)->value;
}

/* Closes the gap by moving back what would no longer be found. */
uint32_t
hashmap_remove(struct hashmap *m, uint64_t key)
{
	struct slot *s = seek(m, key);
	uint32_t old = s->value;
	size_t gap = (size_t)(s - m->slot), i = gap;

	if (old == 0)
		return 0;
	for (;;) {
		size_t h;

		i = (i + 1) & m->mask;
		if (m->slot[i].value == 0)
			break;
		h = home(m, m->slot[i].key);
		if (((i - h) & m->mask) >= ((i - gap) & m->mask)) {
			m->slot[gap] = m->slot[i];
			gap = i;
		}
	}
	m->slot[gap] = (struct slot){0};
	m->n--;
	return old;
}

size_t
hashmap_count(const struct hashmap *m)
{
	return m->n;
}

bool
hashmap_next(const struct hashmap *m, size_t *it, uint64_t *key, uint32_t *value)
{
	for (; *it <= m->mask; (*it)++)
		if (m->slot[*it].value) {
			*key = m->slot[*it].key;
			*value = m->slot[*it].value;
			(*it)++;
			return true;
		}
	return false;
}
