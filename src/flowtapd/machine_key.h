/* SPDX-License-Identifier: BSD-2-Clause */
/* machine_key.h - the key that wraps the agencies' keys, on its way from root to the engine. */
#ifndef FLOWTAPD_MACHINE_KEY_H
#define FLOWTAPD_MACHINE_KEY_H

#include "base.h"

#define MACHINE_KEY_LEN 32
#define MACHINE_KEY_CREDENTIAL "flowtap-machine-key"
#define MACHINE_KEY_FILE "machine-key" /* in the state directory */
#define MACHINE_KEY_STORE "state.db"   /* its presence forbids making a new key */

/* The credential of that name if the service manager gives one; else the file in the state
 * directory, made if there is neither key nor database yet.  64 hexadecimal digits; root's
 * own regular file that nobody else may read or write.  On failure *why says what is wrong
 * with which of them.  -EPERM, -EINVAL, -ENOKEY (a database, but no key), -errno. */
int machine_key_get(const char *state_dir, uint8_t key[static MACHINE_KEY_LEN], const char **why);
/* The same from a file of any name. */
int machine_key_read(const char *path, uint8_t key[static MACHINE_KEY_LEN], const char **why);

/* A pipe that holds the key and then ends: *fd for the reader, close-on-exec. */
int machine_key_pipe(const uint8_t key[static MACHINE_KEY_LEN], int *fd);
/* Reads it from there and closes fd.  -EPROTO: not a key. */
int machine_key_take(int fd, uint8_t key[static MACHINE_KEY_LEN]);

#endif
