/* SPDX-License-Identifier: BSD-2-Clause */
/* inventory.h - what the parent tells the inventory: the body of IPC_P_INVENTORY. */
#ifndef FLOWTAPD_INVENTORY_H
#define FLOWTAPD_INVENTORY_H

#include "buf.h"

/* The kernel's ids of our maps and programs, and the folder of our pins. */
void inventory_told_put(
    struct buf *b, const uint32_t *map, uint32_t nmap, const uint32_t *prog, uint32_t nprog, const char *pins);

#endif
