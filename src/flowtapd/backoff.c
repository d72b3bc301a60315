/* SPDX-License-Identifier: BSD-2-Clause */
#include "backoff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"

#define FIRST_MS 200
#define LONGEST_MS 60000
#define AT_ONCE 2       /* failures after which nobody waits yet */
#define RECORD_LEN 2048 /* of the file, always: it is written over, by a process that may not cut it */

static int record_fd = -1; /* of this run, for its end, when files can't be opened any more */
static unsigned failed_before;

uint64_t
backoff_ms(unsigned failed)
{
	uint64_t ms = FIRST_MS;

	if (failed < AT_ONCE)
		return 0;
	for (unsigned i = AT_ONCE; i < failed && ms < LONGEST_MS; i++)
		ms *= 2;
	return ms < LONGEST_MS ? ms : LONGEST_MS;
}

static void
record_write(unsigned failed, const char *said)
{
	char text[RECORD_LEN];
	int n = snprintf(text, sizeof text, "%u\n%s", failed, said);

	if (record_fd < 0 || n < 0)
		return;
	if ((size_t)n < sizeof text)
		memset(text + n, '\n', sizeof text - (size_t)n);
	if (lseek(record_fd, 0, SEEK_SET) != 0 || write(record_fd, text, sizeof text) < 0)
		log_debug("the record of failed starts can't be written");
}

/* A record that is not ours, or older than the configuration, says nothing. */
static unsigned
record_read(const char *conf_path, char said[static RECORD_LEN])
{
	struct stat st, conf;
	char text[RECORD_LEN];
	unsigned failed = 0;
	char *end;
	ssize_t n;

	said[0] = '\0';
	if (fstat(record_fd, &st) < 0 || st.st_size != RECORD_LEN || stat(conf_path, &conf) < 0 ||
	    conf.st_mtime > st.st_mtime || (n = read(record_fd, text, sizeof text)) != RECORD_LEN)
		return 0;
	text[sizeof text - 1] = '\0';
	if (sscanf(text, "%5u", &failed) != 1 || (end = strchr(text, '\n')) == NULL)
		return 0;
	strcpy(said, end + 1);
	return failed;
}

/* 1: the time is over; 0: stop. */
static int
wait_ms(uint64_t ms)
{
	const struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	sigset_t set, old;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	sig = sigtimedwait(&set, NULL, &t);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return sig != SIGTERM && sig != SIGINT;
}

int
backoff_begin(const char *conf_path, const struct notify *n)
{
	char said[RECORD_LEN], status[160];
	uint64_t ms;

	record_fd = open(CONF_RUN_DIR "/failed-starts", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (record_fd < 0)
		return 1; /* there is no such folder yet: a first start */
	failed_before = record_read(conf_path, said);
	log_known(said);
	if ((ms = backoff_ms(failed_before)) == 0)
		return 1;
	snprintf(status, sizeof status,
	    "STATUS=%u starts in a row have failed: waiting %" PRIu64 " s\nEXTEND_TIMEOUT_USEC=%" PRIu64, failed_before,
	    (ms + 999) / 1000, ms * 1000 + 60000000);
	notify_send(n, status);
	if (wait_ms(ms))
		return 1;
	record_write(0, "");
	return 0;
}

void
backoff_ready(void)
{
	failed_before = 0;
	log_known("");
	record_write(0, "");
	/* What ends later is no start that failed. */
	if (record_fd >= 0)
		close(record_fd);
	record_fd = -1;
}

void
backoff_failed(void)
{
	char said[LOG_TOLD_MAX];
	const unsigned failed = failed_before + 1;
	const uint64_t ms = backoff_ms(failed);

	log_told(said);
	if (failed > 1)
		log_warnx("%u starts in a row have failed, for the reason that was said; the next one waits %" PRIu64
			  ".%" PRIu64 " s",
		    failed, ms / 1000, ms % 1000 / 100);
	record_write(failed, said);
}
