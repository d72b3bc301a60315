/* SPDX-License-Identifier: BSD-2-Clause */
/* state_file.h - whether the state database is one that this release can use, and how to say that it is not. */
#ifndef FLOWTAPD_STATE_FILE_H
#define FLOWTAPD_STATE_FILE_H

#include <stddef.h>

/* Before anything in the kernel is touched: 0; or what store_open will say of the file's schema (enum
 * store_refusal); or -errno.  Reads its head only. */
int state_file_check(const char *path);
/* Whole sentences: what is wrong, that nothing was changed, and what to do.  refusal: enum store_refusal. */
void state_file_explain(const char *path, int refusal, char *out, size_t size);

#endif
