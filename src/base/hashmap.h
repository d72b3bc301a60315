/* SPDX-License-Identifier: BSD-2-Clause */
/* hashmap.h - u64 -> u32, open addressing; slots of 16 bytes, at most
 * three quarters full.
 * Key 0 and value 0 are not stored. */
#ifndef BASE_HASHMAP_H
#define BASE_HASHMAP_H

#include "base.h"

struct hashmap;

int hashmap_new(struct hashmap **out);
void hashmap_free(struct hashmap *m);
int hashmap_put(struct hashmap *m, uint64_t key, uint32_t value); /* replaces; -ENOMEM, -EINVAL */
uint32_t hashmap_get(const struct hashmap *m, uint64_t key);      /* 0 = absent */
uint32_t hashmap_remove(struct hashmap *m, uint64_t key);         /* old value; 0 = absent */
size_t hashmap_count(const struct hashmap *m);
/* All entries in no order; it starts at 0 and is moved on.  false at the end. */
bool hashmap_next(const struct hashmap *m, size_t *it, uint64_t *key, uint32_t *value);

#endif
