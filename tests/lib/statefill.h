/* SPDX-License-Identifier: BSD-2-Clause */
/* statefill.h - a store with something of everything in it, and the same thing as it has to be found again. */
#ifndef TESTS_STATEFILL_H
#define TESTS_STATEFILL_H

#include "store.h"

#define STATEFILL_A "lea1" /* half way through a rotation of its keys */
#define STATEFILL_B "lea2"
#define STATEFILL_ROWS_A 8 /* ids from 1; 3 was deleted */
#define STATEFILL_ROWS_B 2
#define STATEFILL_GONE 3
#define STATEFILL_WARRANTS 3 /* numbers from 1: entered; approved; approved and revoked.  All of agency A */
#define STATEFILL_SIGNED "signed by the officer Himmelreich\n" /* W-2, twice: by who entered and who approved it */
#define STATEFILL_LINES 4

extern const uint8_t statefill_key[STORE_KEY_LEN];

/* Fills a new store.  0 or -errno. */
int statefill_fill(struct store *s);
/* The criterion of that id as it was added: free it. */
int statefill_row(const char *agency, uint32_t id, struct store_row *out);
/* What names a target in it, as text. */
void statefill_target(const char *agency, uint32_t id, char out[static 64]);
const char *statefill_warrant_text(uint64_t no);

#endif
