/* SPDX-License-Identifier: BSD-2-Clause */
/* as.h - touching files as the user whose they are, so that nothing asks for power over other users' files.
 * Every other right stays; one thread only. */
#ifndef FLOWTAPD_AS_H
#define FLOWTAPD_AS_H

#include <sys/types.h>

int as_begin(uid_t uid, gid_t gid); /* -EPERM: as ourselves still */
void as_end(void);                  /* as root again */

/* A directory owned by uid:gid with exactly this mode; made if absent.  Where it is so already
 * nothing is done, and no power over others' files is needed.  -errno. */
int as_dir(const char *path, uid_t uid, gid_t gid, mode_t mode);

#endif
