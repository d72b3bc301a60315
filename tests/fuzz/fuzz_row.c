/* SPDX-License-Identifier: BSD-2-Clause */
/* A criterion's bytes after they were opened: what is accepted is what would have been written. */
#include <errno.h>
#include <string.h>

#include "store_row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_buf struct buf once = {0}, twice = {0};
	struct store_row row = {0}, again = {0};
	struct rd r = rd_init(data, len);
	int rc = store_row_get(&row, &r);

	if (rc < 0) {
		if (rc != -EBADMSG)
			abort();
		return 0;
	}
	store_row_put(&row, &once);
	r = rd_init(once.p, once.len);
	if (once.err || once.len != len || store_row_get(&again, &r) < 0)
		abort();
	store_row_put(&again, &twice);
	if (twice.err || once.len != twice.len || memcmp(once.p, twice.p, once.len) != 0)
		abort();
	if (row.ncdest > DTCP_CDESTS_MAX || !criteria_equal(&row.criteria, &again.criteria))
		abort();
	store_row_free(&row);
	store_row_free(&again);
	return 0;
}
