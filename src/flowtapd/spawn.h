/* SPDX-License-Identifier: BSD-2-Clause */
/* spawn.h - starting a role of our own program with exactly the descriptors it is due. */
#ifndef FLOWTAPD_SPAWN_H
#define FLOWTAPD_SPAWN_H

#include <sys/types.h>

struct spawn_opts {
	const char *role;
	int verbose;
	uid_t uid;
	gid_t gid, group; /* group: another one, besides; 0: none */
	const int *caps;  /* CAP_* numbers the role keeps, ended by -1; NULL: none */
	const int *fds;   /* fds[i] becomes number 3 + i in the child */
	unsigned nfds;
};

/* The child starts our own program anew, as uid:gid, with no other descriptor than 0, 1,
 * 2 and fds and with an empty environment.  0, or -errno; a child that could not
 * come that far exits with 127. */
int spawn_role(const struct spawn_opts *o, pid_t *pid);

/* A connected pair of stream sockets, close-on-exec. */
int spawn_pair(int fds[2]);

#endif
