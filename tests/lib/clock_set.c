/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A wall's clock that a test can set, for all programs of the lab's router (/etc/ld.so.preload): it is off by as many
 * nanoseconds as the file says, which is looked at anew each time, from inside any sandbox, since it is mapped at the
 * program's start.  The machine's own clock is never touched, and the others go as they do.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "/etc/flowtap/clock-set"
#define NS_PER_S 1000000000

static const volatile int64_t *off_ns;

static void __attribute__((constructor)) begin(void)
{
	const int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *off_ns, PROT_READ, MAP_SHARED, fd, 0);

	if (p != MAP_FAILED)
		off_ns = p;
	if (fd >= 0)
		close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
	int64_t ns;

	if (syscall(SYS_clock_gettime, id, t) < 0)
		return -1;
	if (off_ns == NULL || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return 0;
	ns = (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec + *off_ns;
	t->tv_sec = ns / NS_PER_S;
	t->tv_nsec = ns % NS_PER_S;
	return 0;
}

int
gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec t;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	*tv = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}
