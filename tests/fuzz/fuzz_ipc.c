/* SPDX-License-Identifier: BSD-2-Clause */
/* First byte: which message; the rest: its body. */
#include <errno.h>
#include <string.h>

#include "ipc_recode.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_buf struct buf once = {0}, twice = {0};
	struct rd r;
	int rc;

	if (len == 0)
		return 0;
	r = rd_init(data + 1, len - 1);
	rc = recode[data[0] % RECODE_TYPES](&r, &once);
	if (rc < 0) {
		if (rc != -EBADMSG && rc != -ENOMEM)
			abort();
		return 0;
	}
	if (once.err)
		abort();
	r = rd_init(once.p, once.len);
	if (recode[data[0] % RECODE_TYPES](&r, &twice) < 0)
		abort();
	if (once.len != twice.len || memcmp(once.p, twice.p, once.len) != 0)
		abort();
	return 0;
}
