/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backoff.h - a start that fails again and again.
 *
 * The service manager starts us anew at once, which is right for a daemon that dies and would be a hundred thousand
 * lines a day for one that can't start.  So each failed start is counted in a file of the run directory; the next
 * one waits, twice as long each time, and says nothing again that the one before has said.  The kernel goes on
 * copying meanwhile.  A start that finds the configuration written since then begins anew, without waiting; SIGHUP,
 * and a stop by the service manager, end a wait.
 */
#ifndef FLOWTAPD_BACKOFF_H
#define FLOWTAPD_BACKOFF_H

#include <stdint.h>

#include "notify.h"

/* How long to wait after so many failed starts in a row. */
uint64_t backoff_ms(unsigned failed);
/* Waits as long as it takes.  1: go on; 0: we were told to end instead. */
int backoff_begin(const char *conf_path, const struct notify *n);
void backoff_ready(void);  /* this start has succeeded */
void backoff_failed(void); /* it has not; what the log was told is why */

#endif
