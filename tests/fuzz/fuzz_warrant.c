/* SPDX-License-Identifier: BSD-2-Clause */
/* A warrant from anywhere: what is taken is printed the same for ever. */
#include <string.h>

#include "warrant.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_buf struct buf one = {0}, two = {0};
	struct warrant_error err;
	struct warrant w, again;
	int r = warrant_parse((struct slice){(const char *)data, len}, &w, &err);

	if (r < 0) {
		if (err.expected[0] == '\0')
			abort();
		return 0;
	}
	warrant_format(&w, &one);
	if (warrant_parse((struct slice){(const char *)one.p, one.len}, &again, &err) < 0)
		abort();
	warrant_format(&again, &two);
	if (one.len != two.len || memcmp(one.p, two.p, one.len) != 0)
		abort();
	warrant_free(&w);
	warrant_free(&again);
	return 0;
}
