/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Invariants:
 *  1. A removed handle is never called again; it is freed at the end of the round, so
 *     that events already fetched for it can be recognised and skipped.
 *  2. Deferred calls run in the order in which they were given, before the next wait.
 *  3. When it is about to sleep, the stack below it is empty of what callbacks left there.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"
#include "wipe.h"

#define EVENTS_MAX 64
#define NS_PER_MS 1000000u

struct loop_io {
	TAILQ_ENTRY(loop_io) entry;
	struct loop *loop;
	int fd;
	bool removed;
	void (*cb)(void *arg, uint32_t events);
	void *arg;
};

struct loop_timer {
	TAILQ_ENTRY(loop_timer) entry;
	struct loop *loop;
	bool armed;
	uint64_t due_ns;
	void (*cb)(void *arg);
	void *arg;
};

struct deferred {
	TAILQ_ENTRY(deferred) entry;
	void (*cb)(void *arg);
	void *arg;
};

struct loop {
	int epfd;
	bool stopped;
	int value;
	TAILQ_HEAD(, loop_io) ios, removed;
	TAILQ_HEAD(, loop_timer) timers; /* a process has a handful: a list will do */
	TAILQ_HEAD(deferred_list, deferred) deferred;
};

int
loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof *l);

	if (l == NULL)
		return -ENOMEM;
	if ((l->epfd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
		int r = -errno;
		free(l);
		return r;
	}
	TAILQ_INIT(&l->ios);
	TAILQ_INIT(&l->removed);
	TAILQ_INIT(&l->timers);
	TAILQ_INIT(&l->deferred);
	*out = l;
	return 0;
}

static void
removed_free(struct loop *l)
{
	struct loop_io *io;

	while ((io = TAILQ_FIRST(&l->removed)) != NULL) {
		TAILQ_REMOVE(&l->removed, io, entry);
		free(io);
	}
}

static bool
deferred_run_one(struct loop *l, bool call)
{
	struct deferred *d = TAILQ_FIRST(&l->deferred);

	if (d == NULL)
		return false;
	TAILQ_REMOVE(&l->deferred, d, entry);
	if (call)
		d->cb(d->arg);
	free(d);
	return true;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	while (!TAILQ_EMPTY(&l->ios))
		loop_remove(TAILQ_FIRST(&l->ios));
	while (!TAILQ_EMPTY(&l->timers))
		loop_timer_free(TAILQ_FIRST(&l->timers));
	while (deferred_run_one(l, false))
		;
	removed_free(l);
	close(l->epfd);
	free(l);
}

int
loop_add(
    struct loop *l, int fd, uint32_t events, void (*cb)(void *arg, uint32_t events), void *arg, struct loop_io **out)
{
	struct loop_io *io = calloc(1, sizeof *io);
	struct epoll_event ev = {.events = events};

	if (io == NULL)
		return -ENOMEM;
	*io = (struct loop_io){.loop = l, .fd = fd, .cb = cb, .arg = arg};
	ev.data.ptr = io;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = -errno;
		free(io);
		return r;
	}
	TAILQ_INSERT_TAIL(&l->ios, io, entry);
	*out = io;
	return 0;
}

int
loop_set(struct loop_io *io, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = io};

	return epoll_ctl(io->loop->epfd, EPOLL_CTL_MOD, io->fd, &ev) < 0 ? -errno : 0;
}

void
loop_remove(struct loop_io *io)
{
	if (io == NULL || io->removed)
		return;
	(void)epoll_ctl(io->loop->epfd, EPOLL_CTL_DEL, io->fd, NULL);
	io->removed = true;
	TAILQ_REMOVE(&io->loop->ios, io, entry);
	TAILQ_INSERT_TAIL(&io->loop->removed, io, entry);
}

int
loop_timer_new(struct loop *l, void (*cb)(void *arg), void *arg, struct loop_timer **out)
{
	struct loop_timer *t = calloc(1, sizeof *t);

	if (t == NULL)
		return -ENOMEM;
	*t = (struct loop_timer){.loop = l, .cb = cb, .arg = arg};
	TAILQ_INSERT_TAIL(&l->timers, t, entry);
	*out = t;
	return 0;
}

void
loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	t->armed = delay_ms >= 0;
	t->due_ns = clock_mono_ns() + (t->armed ? (uint64_t)delay_ms * NS_PER_MS : 0);
}

bool
loop_timer_armed(const struct loop_timer *t)
{
	return t->armed;
}

void
loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	TAILQ_REMOVE(&t->loop->timers, t, entry);
	free(t);
}

void
loop_defer(struct loop *l, void (*cb)(void *arg), void *arg)
{
	struct deferred *d = calloc(1, sizeof *d);

	if (d == NULL)
		abort(); /* the caller counts on it */
	d->cb = cb;
	d->arg = arg;
	TAILQ_INSERT_TAIL(&l->deferred, d, entry);
}

void
loop_stop(struct loop *l, int value)
{
	l->stopped = true;
	l->value = value;
}

static struct loop_timer *
timer_next(const struct loop *l)
{
	struct loop_timer *t, *first = NULL;

	TAILQ_FOREACH (t, &l->timers, entry)
		if (t->armed && (first == NULL || t->due_ns < first->due_ns))
			first = t;
	return first;
}

static int
wait_ms(const struct loop *l)
{
	const struct loop_timer *t = timer_next(l);
	uint64_t now = clock_mono_ns(), ms;

	if (!TAILQ_EMPTY(&l->deferred))
		return 0;
	if (t == NULL)
		return -1;
	if (t->due_ns <= now)
		return 0;
	ms = (t->due_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	return ms > 3600000 ? 3600000 : (int)ms;
}

static void
timers_run(struct loop *l)
{
	uint64_t now = clock_mono_ns();
	struct loop_timer *t;

	while (!l->stopped && (t = timer_next(l)) != NULL && t->due_ns <= now) {
		t->armed = false;
		t->cb(t->arg);
	}
}

/* Only those that are due now: one that defers again waits for the next round. */
static void
deferred_run(struct loop *l)
{
	struct deferred *last = TAILQ_LAST(&l->deferred, deferred_list), *d;

	while (last != NULL && (d = TAILQ_FIRST(&l->deferred)) != NULL) {
		bool end = d == last;

		deferred_run_one(l, true);
		if (end)
			break;
	}
}

int
loop_run(struct loop *l)
{
	struct epoll_event ev[EVENTS_MAX] = {0}; /* it lies where the start left its locals */

	l->stopped = false;
	while (!l->stopped) {
		int wait = wait_ms(l), n;

		if (wait != 0)
			wipe_stack();
		n = epoll_wait(l->epfd, ev, EVENTS_MAX, wait);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !l->stopped; i++) {
			struct loop_io *io = ev[i].data.ptr;

			if (!io->removed)
				io->cb(io->arg, ev[i].events);
		}
		timers_run(l);
		deferred_run(l);
		removed_free(l);
	}
	return l->value;
}
