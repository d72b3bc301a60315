/* SPDX-License-Identifier: BSD-2-Clause */
#include "held.h"

#include <stdio.h>

#define KEPT_MAX 65536

static struct buf kept;
static FILE *real; /* NULL: nothing is held */

/* More than there is room for is dropped: these are messages. */
static ssize_t
keep(void *arg, const char *bytes, size_t len)
{
	(void)arg;
	if (kept.len < KEPT_MAX)
		buf_put(&kept, bytes, len < KEPT_MAX - kept.len ? len : KEPT_MAX - kept.len);
	return (ssize_t)len;
}

void
held_begin(void)
{
	FILE *f;

	if (real || (f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = keep})) == NULL)
		return;
	setvbuf(f, NULL, _IONBF, 0);
	fflush(stderr);
	real = stderr;
	stderr = f;
}

bool
held_is(void)
{
	return real != NULL;
}

struct buf
held_end(void)
{
	struct buf all;

	if (real) {
		fclose(stderr);
		stderr = real;
		real = NULL;
	}
	all = kept;
	kept = (struct buf){0};
	return all;
}

void
held_print(void)
{
	cleanup_buf struct buf b = held_end();

	fwrite(b.p, 1, b.len, stderr);
}

struct slice
held_last(void)
{
	const char *p = (const char *)kept.p;
	size_t end = kept.len, from;

	while (end > 0 && p[end - 1] != '\n')
		end--;
	if (end == 0)
		return (struct slice){"", 0};
	for (from = --end; from > 0 && p[from - 1] != '\n'; from--)
		;
	return (struct slice){p + from, end - from};
}
