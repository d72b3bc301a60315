/* SPDX-License-Identifier: BSD-2-Clause */
/* at_time.h - a moment to come, as `commit at' takes it. */
#ifndef FLOWTAP_AT_TIME_H
#define FLOWTAP_AT_TIME_H

#include <time.h>

/* "hh:mm", "hh:mm:ss" today, or "yyyy-mm-dd hh:mm[:ss]", by the local clock, which now is the present moment of.
 * -EINVAL: another form, no such moment, or not after now. */
int at_time_parse(const char *text, time_t now, time_t *out);

#endif
