/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ssh_legacy.h - "system services flow-tap-dtcp ssh legacy-algorithms", for our own sshd.
 *
 * sshd reads SSH_LEGACY_DIR/SSH_LEGACY_FILE, which is ours, because sshd_config includes that folder; the service
 * manager makes it read its configuration again when something changes there (flowtap-sshd-reload.path).
 */
#ifndef FLOWTAPD_SSH_LEGACY_H
#define FLOWTAPD_SSH_LEGACY_H

#include <stdbool.h>
#include <stddef.h>

#include "base.h"

#define SSH_LEGACY_CONFIG "sshd_config"
#define SSH_LEGACY_DIR "sshd_config.d"
#define SSH_LEGACY_FILE "flowtapd.conf"

/* Does this text of an sshd_config(5) include the files of conf_dir's SSH_LEGACY_DIR, for everybody: before any Match?
 */
bool ssh_legacy_is_included(struct slice text, const char *conf_dir);
/* Whether it could be switched on.  0 or -errno; why says in words what to do, and is "" where only errno says it. */
int ssh_legacy_check(int conf_dir_fd, const char *conf_dir, char *why, size_t size);
/* Makes the file in dir, which is SSH_LEGACY_DIR, what it is to be; what is so already is not touched, so that sshd is
 * left alone.  0 or -errno. */
int ssh_legacy_set(int dir, bool on);

#endif
