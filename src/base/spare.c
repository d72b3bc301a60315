/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: spare_ malloc$ calloc$ */
#include "spare.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sanitized.h"

/* glibc's own, which it exports for this purpose. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);

#define PIECE 122880 /* less than what glibc maps by itself */
#define PIECES 128

static struct {
	void *piece[PIECES], *guard;
	unsigned n; /* pieces wanted; 0: nothing is kept */
	bool gone;
} spare;

__attribute__((noinline)) void
spare_stack(void)
{
#ifndef SANITIZED
	volatile size_t size = SPARE_STACK_BYTES;
	char room[size];

	explicit_bzero(room, size);
#endif
}

static void
give_up(void)
{
	for (unsigned i = 0; i < spare.n; i++) {
		free(spare.piece[i]);
		spare.piece[i] = NULL;
	}
	spare.gone = true;
}

static bool
take(void)
{
	unsigned i = 0;

#ifndef SANITIZED
	while (i < spare.n && (spare.piece[i] = __libc_malloc(PIECE)) != NULL)
		i++;
	/* Behind them, so that free() never takes them for the heap's end and gives them to the kernel. */
	if (i == spare.n && spare.guard == NULL)
		spare.guard = __libc_malloc(64);
#else
	i = spare.n;
#endif
	if (i < spare.n) {
		give_up();
		return false;
	}
	spare.gone = false;
	return true;
}

int
spare_keep(size_t bytes)
{
	spare.n = (unsigned)(bytes / PIECE + 1);
	if (spare.n > PIECES)
		spare.n = PIECES;
	if (take())
		return 0;
	spare.n = 0;
	spare.gone = false;
	return -ENOMEM;
}

bool
spare_is_gone(void)
{
	return spare.gone;
}

bool
spare_again(void)
{
	return !spare.gone || take();
}

#ifndef SANITIZED
/* Once: what has come to its end a second time has no memory. */
static bool
give(size_t size)
{
	if (spare.n == 0 || spare.gone || size > spare.n * (size_t)PIECE)
		return false;
	give_up();
	return true;
}

void *
malloc(size_t size)
{
	void *p = __libc_malloc(size);

	return p == NULL && give(size) ? __libc_malloc(size) : p;
}

void *
calloc(size_t n, size_t size)
{
	void *p = __libc_calloc(n, size);

	return p == NULL && size && give(n > SIZE_MAX / size ? SIZE_MAX : n * size) ? __libc_calloc(n, size) : p;
}
#endif
