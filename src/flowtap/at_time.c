/* SPDX-License-Identifier: BSD-2-Clause */
#include "at_time.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* mktime takes 25 o'clock for one in the morning. */
static bool
same_moment(const struct tm *a, const struct tm *b)
{
	return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday &&
	       a->tm_hour == b->tm_hour && a->tm_min == b->tm_min && a->tm_sec == b->tm_sec;
}

static const char *
take(const char *text, const char *format, struct tm *tm)
{
	const char *end = strptime(text, format, tm);

	return end && *end == '\0' ? end : NULL;
}

int
at_time_parse(const char *text, time_t now, time_t *out)
{
	static const char *const formats[] = {"%H:%M:%S", "%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"};
	struct tm today, tm, made;
	time_t t;

	if (localtime_r(&now, &today) == NULL)
		return -EINVAL;
	today.tm_hour = today.tm_min = today.tm_sec = 0;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		tm = today;
		if (take(text, formats[i], &tm) == NULL)
			continue;
		tm.tm_isdst = -1;
		made = tm;
		if ((t = mktime(&made)) <= now || !same_moment(&made, &tm))
			return -EINVAL;
		*out = t;
		return 0;
	}
	return -EINVAL;
}
