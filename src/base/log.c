/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: log_ fatal */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "log.h"

static const char *log_role = "flowtap";
static int log_verbose;
static bool log_in_journal;

static bool
is_journal(void)
{
	const char *said = getenv(LOG_STREAM);
	unsigned long long dev, ino;
	struct stat st;

	return said && sscanf(said, "%llu:%llu", &dev, &ino) == 2 && fstat(2, &st) == 0 && st.st_dev == dev &&
	       st.st_ino == ino;
}

void
log_init(const char *role, int verbose)
{
	log_role = role;
	log_verbose = verbose;
	log_in_journal = is_journal();
}

/* One write per line, so that lines of several processes do not mix. */
__attribute__((format(printf, 3, 0))) static void
put_line(int priority, int err, const char *fmt, va_list ap)
{
	char text[1024], prefix[8] = "";

	vsnprintf(text, sizeof text, fmt, ap);
	if (log_in_journal)
		snprintf(prefix, sizeof prefix, "<%d>", priority);
	if (err)
		dprintf(2, "%s%s: %s: %s\n", prefix, log_role, text, strerror(err < 0 ? -err : err));
	else
		dprintf(2, "%s%s: %s\n", prefix, log_role, text);
}

#define PUT_LINE(priority, err)                                                                                        \
	do {                                                                                                           \
		va_list ap;                                                                                            \
		va_start(ap, fmt);                                                                                     \
		put_line(priority, err, fmt, ap);                                                                      \
		va_end(ap);                                                                                            \
	} while (0)

void
log_debug(const char *fmt, ...)
{
	if (log_verbose > 0)
		PUT_LINE(LOG_DEBUG, 0);
}

void
log_info(const char *fmt, ...)
{
	PUT_LINE(LOG_INFO, 0);
}

void
log_warnx(const char *fmt, ...)
{
	PUT_LINE(LOG_WARNING, 0);
}

void
log_warn(int err, const char *fmt, ...)
{
	PUT_LINE(LOG_WARNING, err);
}

void
fatal(int err, const char *fmt, ...)
{
	PUT_LINE(LOG_ERR, err);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	PUT_LINE(LOG_ERR, 0);
	exit(1);
}
