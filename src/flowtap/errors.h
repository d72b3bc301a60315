/* SPDX-License-Identifier: BSD-2-Clause */
/* errors.h - what a command says went wrong, as JSON where that is wanted. */
#ifndef FLOWTAP_ERRORS_H
#define FLOWTAP_ERRORS_H

#include <stdbool.h>

/* Ends held_begin.  If code is none of success, what was said becomes {"error": ..., "text": ...} on standard output;
 * else it is said as it was. */
void errors_held(int code);
/* A command line that can't be understood.  Returns EXIT_USAGE. */
int errors_usage(bool json, const char *what);

#endif
