/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inherited.h - what a process has from whoever started it: limits, signals, descriptors, the mask of new files.
 *
 * A service manager gives them as the unit says; a drop-in of somebody's, a shell with `ulimit`, nohup(1) or a
 * supervisor of another kind give something else, which would end us later by a signal and without a word.
 */
#ifndef FLOWTAPD_INHERITED_H
#define FLOWTAPD_INHERITED_H

/* Puts descriptors, signals and the mask right, for this process and its children: once, before anything is opened.
 * -errno. */
int inherited_put_right(void);

/*
 * Likewise the limits, as root.  What we may not put right is said in the log: -EPERM if nothing can be done with it,
 * 0 if we can go on.  Other errors: -errno.
 */
int inherited_limits(void);

/* In a child, before another program than ours is executed there: no signal is ignored or blocked. */
void inherited_signals_usual(void);

#endif
