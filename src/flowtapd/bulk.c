/* SPDX-License-Identifier: BSD-2-Clause */
#include "bulk.h"

#include <sys/resource.h>

#define NICE 12      /* a fifteenth of what others get that want the processor too */
#define NICE_BACK 20 /* RLIMIT_NICE counts from 20 downwards: nice 0 */

void
bulk_permit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NICE, &l) < 0 || l.rlim_cur >= NICE_BACK)
		return;
	l.rlim_cur = NICE_BACK;
	if (l.rlim_max < NICE_BACK)
		l.rlim_max = NICE_BACK;
	(void)setrlimit(RLIMIT_NICE, &l);
}

void
bulk_begin(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NICE, &l) == 0 && l.rlim_cur >= NICE_BACK)
		(void)setpriority(PRIO_PROCESS, 0, NICE);
}

void
bulk_end(void)
{
	(void)setpriority(PRIO_PROCESS, 0, 0);
}
