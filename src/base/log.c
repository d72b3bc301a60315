/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: log_ fatal */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static const char *log_role = "flowtap";
static int log_verbose;

void
log_init(const char *role, int verbose)
{
	log_role = role;
	log_verbose = verbose;
}

/* One write per line, so that lines of several processes do not mix. */
__attribute__((format(printf, 2, 0))) static void
put_line(int err, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof text, fmt, ap);
	if (err)
		dprintf(2, "%s: %s: %s\n", log_role, text, strerror(err < 0 ? -err : err));
	else
		dprintf(2, "%s: %s\n", log_role, text);
}

#define PUT_LINE(err)                                                                                                  \
	do {                                                                                                           \
		va_list ap;                                                                                            \
		va_start(ap, fmt);                                                                                     \
		put_line(err, fmt, ap);                                                                                \
		va_end(ap);                                                                                            \
	} while (0)

void
log_debug(const char *fmt, ...)
{
	if (log_verbose > 0)
		PUT_LINE(0);
}

void
log_info(const char *fmt, ...)
{
	PUT_LINE(0);
}

void
log_warnx(const char *fmt, ...)
{
	PUT_LINE(0);
}

void
log_warn(int err, const char *fmt, ...)
{
	PUT_LINE(err);
}

void
fatal(int err, const char *fmt, ...)
{
	PUT_LINE(err);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	PUT_LINE(0);
	exit(1);
}
