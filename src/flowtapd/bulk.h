/* SPDX-License-Identifier: BSD-2-Clause */
/* bulk.h - much work at once yields to the rest of the machine, above all to the forwarding of packets. */
#ifndef FLOWTAPD_BULK_H
#define FLOWTAPD_BULK_H

#include <stdbool.h>

/* Before privileges are dropped: children may come back to nice 0. */
void bulk_permit(void);
/* Before the sandbox: bulk work begins here, if its end is permitted. */
void bulk_begin(void);
void bulk_end(void);

#endif
