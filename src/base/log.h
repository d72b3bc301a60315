/* SPDX-License-Identifier: BSD-2-Clause */
/* log.h - one line per event to standard error, as foreign.h shows it; with its priority, where that is the journal's.
 * Never a target: agency, session and criterion id only. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#define LOG_STREAM "JOURNAL_STREAM" /* systemd.exec(5): device and inode of its standard error */

void log_init(const char *role, int verbose); /* role borrowed for the process's life */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* err: -errno; text appended */
/* The first of what this process has said, lines without the role. */
#define LOG_TOLD_MAX 2000
void log_told(char out[LOG_TOLD_MAX]);
/* Lines that are not said again, as they were told by a former process; "": none. */
void log_known(const char *lines);
void fatal(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
void fatalx(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
