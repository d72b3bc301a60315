/* SPDX-License-Identifier: BSD-2-Clause */
/* confine.h - what is left of flowtap-collect's power once its sockets are bound: writing
 * into one folder. */
#ifndef MEDIATION_CONFINE_H
#define MEDIATION_CONFINE_H

#include "base.h"

struct confine_opts {
	const char *user; /* to become; NULL: stay who we are, without any capability */
	const char *dir;  /* may be written; NULL: nothing may */
	int dir_fd;
};

/* 0, or -errno; *step (a constant) says what could not be done.  A kernel without
 * landlock is no failure: then *step is "landlock" on success, else NULL. */
int confine_self(const struct confine_opts *o, const char **step);

#endif
