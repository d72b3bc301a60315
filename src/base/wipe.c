/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: wipe_ free$ realloc$ */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "sanitized.h"
#include "wipe.h"

__attribute__((noinline)) void
wipe_stack(void)
{
#ifndef SANITIZED
	char gone[WIPE_STACK_DEPTH];

	explicit_bzero(gone, sizeof gone);
#endif
}

#ifndef SANITIZED
/* glibc's own, which it exports for this purpose; with ASan the heap is its business. */
void __libc_free(void *p);

void
free(void *p)
{
	int keep = errno;

	if (p == NULL)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	__libc_free(p);
	errno = keep;
}

/* Never in glibc's way, which would leave the old bytes behind. */
void *
realloc(void *p, size_t size)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	void *q;

	if (p && size == 0) {
		free(p);
		return NULL;
	}
	if (p && size <= old && size >= old / 2) {
		explicit_bzero((char *)p + size, old - size);
		return p;
	}
	if ((q = malloc(size)) == NULL)
		return NULL;
	if (p) {
		memcpy(q, p, old < size ? old : size);
		free(p);
	}
	return q;
}
#endif
