/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: log_ fatal */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "foreign.h"
#include "log.h"

static const char *log_role = "flowtap";
static int log_verbose;
static bool log_in_journal;

/* What this process has said, and what a former one has: the latter is not said again. */
static char told[LOG_TOLD_MAX], known[LOG_TOLD_MAX];

/* Both are lines, each with its end. */
static bool
is_known(const char *line)
{
	const size_t len = strlen(line);

	for (const char *s = known; len && (s = strstr(s, line)) != NULL; s++)
		if ((s == known || s[-1] == '\n') && s[len] == '\n')
			return true;
	return false;
}

static void
told_add(const char *line)
{
	const size_t len = strlen(told);

	if (len + strlen(line) + 2 <= sizeof told)
		snprintf(told + len, sizeof told - len, "%s\n", line);
}

void
log_known(const char *lines)
{
	snprintf(known, sizeof known, "%s", lines);
}

void
log_told(char out[LOG_TOLD_MAX])
{
	strcpy(out, told);
}

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

/* One write per line, so that lines of several processes do not mix; and one line, whatever is in it. */
__attribute__((format(printf, 3, 0))) static void
put_line(int priority, int err, const char *fmt, va_list ap)
{
	char text[1024], shown[1536], prefix[8] = "";
	int n = vsnprintf(text, sizeof text, fmt, ap);

	if (err && n >= 0 && (size_t)n < sizeof text)
		snprintf(text + n, sizeof text - (size_t)n, ": %s", strerror(err < 0 ? -err : err));
	if (log_in_journal)
		snprintf(prefix, sizeof prefix, "<%d>", priority);
	foreign_text(slice_of(text), shown, sizeof shown);
	told_add(shown);
	if (!is_known(shown))
		dprintf(2, "%s%s: %s\n", prefix, log_role, shown);
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
