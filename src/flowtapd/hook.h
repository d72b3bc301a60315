/* SPDX-License-Identifier: BSD-2-Clause */
/* hook.h - running the operator's alarm hook, in a child of ours or in a service of its own (aux.h). */
#ifndef FLOWTAPD_HOOK_H
#define FLOWTAPD_HOOK_H

#include <stdbool.h>

/* Until the parent ends: the exit code.  Takes both descriptors over.  path: "" for none.  clock: the engine is
 * told of the clock's error once a second. */
int hook_serve(int parent, int engine, const char *path, bool clock);

#endif
