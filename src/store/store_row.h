/* SPDX-License-Identifier: BSD-2-Clause */
/* store_row.h - a criterion as bytes, before it is sealed and after it was opened: pure. */
#ifndef STORE_STORE_ROW_H
#define STORE_STORE_ROW_H

#include "store.h"

/* All but uid, id, added_ms and priority, which are columns.  Errors are the buffer's. */
void store_row_put(const struct store_row *r, struct buf *out);
/* Fills the rest of *r, criteria owned; reads to the end.  -EBADMSG (also: no copy could be sent of it), -ENOMEM: *r
 * holds nothing to free. */
int store_row_get(struct store_row *r, struct rd *in);

#endif
