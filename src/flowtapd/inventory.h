/* SPDX-License-Identifier: BSD-2-Clause */
/* inventory.h - what the parent tells the inventory: the body of IPC_P_INVENTORY. */
#ifndef FLOWTAPD_INVENTORY_H
#define FLOWTAPD_INVENTORY_H

#include "buf.h"

#define INVENTORY_IDS 64

struct inventory_ids {
	uint32_t v[INVENTORY_IDS];
	uint32_t n;
};

/* The kernel's ids of our maps, our programs and the stage device's links, and the folder of our pins. */
struct inventory_told {
	struct inventory_ids map, prog, link;
	char pins[264];
};

void inventory_told_put(struct buf *b, const struct inventory_told *t);

#endif
