/* SPDX-License-Identifier: BSD-2-Clause */
/* loop.h - one event loop per process (epoll), timers included.
 * Register, get a handle, remove with it.  A callback may remove any handle,
 * its own too. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct loop_io;
struct loop_timer;

int loop_new(struct loop **out);
void loop_free(struct loop *l); /* frees what is still registered; closes none of its descriptors */
int loop_run(struct loop *l);   /* until loop_stop: its value, or -errno */
void loop_stop(struct loop *l, int value);

/* events: EPOLLIN, EPOLLOUT.  The descriptor stays the caller's. */
int loop_add(
    struct loop *l, int fd, uint32_t events, void (*cb)(void *arg, uint32_t events), void *arg, struct loop_io **out);
int loop_set(struct loop_io *io, uint32_t events);
void loop_remove(struct loop_io *io); /* NULL is legal */

/* Once after delay_ms; again by loop_timer_set. */
int loop_timer_new(struct loop *l, void (*cb)(void *arg), void *arg, struct loop_timer **out);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms); /* -1 disarms */
bool loop_timer_armed(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is legal */

/* Called once, after the present round of events, before the next wait. */
void loop_defer(struct loop *l, void (*cb)(void *arg), void *arg);

#endif
