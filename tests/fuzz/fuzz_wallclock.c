/* SPDX-License-Identifier: BSD-2-Clause */
/* The file that remembers the clock: what is read is what was written, and a start takes whatever it says. */
#include <stdlib.h>

#include "wallclock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint64_t boot_ns = 1000000000000;
	static const int64_t wall_ms = 1700000000000;
	cleanup_buf struct buf text = {0}, again = {0};
	struct wallclock_kept k, now;
	struct wallclock w;

	if (wallclock_parse((struct slice){(const char *)data, len}, &k) < 0)
		return 0;
	wallclock_put(&text, &k);
	if (text.err || text.len != len || memcmp(text.p, data, len) != 0)
		abort();
	clock_override(&boot_ns, &wall_ms);
	wallclock_start(&w, k.boot, &k, 0);
	(void)wallclock_look(&w);
	if (wallclock_ms(&w) < wall_ms || wallclock_end_ns(&w, wallclock_ms(&w)) > boot_ns ||
	    wallclock_behind_ms(&w) < 0)
		abort();
	now = wallclock_keep(&w);
	wallclock_put(&again, &now);
	if (again.err || wallclock_parse((struct slice){(const char *)again.p, again.len}, &k) < 0)
		abort();
	clock_override(NULL, NULL);
	return 0;
}
