/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: inherited_ */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "inherited.h"
#include "log.h"

static const struct need {
	int what;
	rlim_t least;
	bool must; /* there is no going on below it */
	const char *name, *unit;
} needs[] = {
    {RLIMIT_NOFILE, 1024, true, "LimitNOFILE", "descriptors"},
    /* The largest use of a process of ours is a third of it. */
    {RLIMIT_STACK, 2 << 20, true, "LimitSTACK", "bytes"},
    {RLIMIT_CPU, RLIM_INFINITY, true, "LimitCPU", "seconds"},
    {RLIMIT_AS, RLIM_INFINITY, false, "LimitAS", "bytes"},
    {RLIMIT_DATA, RLIM_INFINITY, false, "LimitDATA", "bytes"},
    {RLIMIT_FSIZE, RLIM_INFINITY, false, "LimitFSIZE", "bytes"},
};

static bool
is_less(rlim_t a, rlim_t b)
{
	return a != RLIM_INFINITY && (b == RLIM_INFINITY || a < b);
}

/* As much as is needed; of what root gave us, if we may not have more, all. */
static int
raise_to(const struct need *n, struct rlimit *l)
{
	struct rlimit want = *l;

	if (!is_less(l->rlim_cur, n->least))
		return 0;
	want.rlim_cur = n->least;
	if (is_less(want.rlim_max, n->least))
		want.rlim_max = n->least;
	if (setrlimit((__rlimit_resource_t)n->what, &want) == 0) {
		*l = want;
		return 0;
	}
	if (errno != EPERM)
		return -errno;
	want = (struct rlimit){l->rlim_max, l->rlim_max};
	if (setrlimit((__rlimit_resource_t)n->what, &want) == 0)
		*l = want;
	return 0;
}

int
inherited_limits(void)
{
	int worst = 0;

	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		const struct need *n = &needs[i];
		struct rlimit l;
		int r;

		if (getrlimit((__rlimit_resource_t)n->what, &l) < 0)
			return -errno;
		if ((r = raise_to(n, &l)) < 0)
			return r;
		if (!is_less(l.rlim_cur, n->least))
			continue;
		if (n->must && n->least != RLIM_INFINITY)
			log_warnx("%s is %" PRIuMAX " %s, and %" PRIuMAX " are needed", n->name, (uintmax_t)l.rlim_cur,
			    n->unit, (uintmax_t)n->least);
		else
			log_warnx("%s is %" PRIuMAX " %s: %s", n->name, (uintmax_t)l.rlim_cur, n->unit,
			    n->must ? "a daemon can't have one"
				    : "beyond it new requests are refused, as if memory or the disk were full");
		if (n->must)
			worst = -EPERM;
	}
	return worst;
}

/* What is opened later would be taken for standard input, output or error. */
static int
descriptors_put_right(void)
{
	int fd;

	/* The lowest that is free is given: below three, until none of these is. */
	do {
		if ((fd = open("/dev/null", O_RDWR)) < 0)
			return -errno;
	} while (fd < 3);
	close(fd);
	return 0;
}

static void
signals_set(void (*broken)(int))
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL); /* some can't be set, and are as they should be */
	signal(SIGPIPE, broken);
	signal(SIGXFSZ, broken);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void
inherited_signals_usual(void)
{
	signals_set(SIG_DFL);
}

int
inherited_put_right(void)
{
	int r = descriptors_put_right();

	if (r < 0)
		return r;
	/* Ignored, they are an error of the write that met them. */
	signals_set(SIG_IGN);
	umask(077);
	return 0;
}
