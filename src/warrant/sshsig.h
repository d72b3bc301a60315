/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sshsig.h - signatures that `ssh-keygen -Y sign` makes: PROTOCOL.sshsig of OpenSSH.  Pure: bytes in,
 * yes or no out; the arithmetic is libcrypto's.
 *
 * Ed25519, and RSA of at least 2,048 bits with SHA-2; the message's digest is SHA-256 or SHA-512.  Whose key may sign
 * what is the caller's to know: a signature holds its public key itself.
 */
#ifndef WARRANT_SSHSIG_H
#define WARRANT_SSHSIG_H

#include "buf.h"

#define SSHSIG_TEXT_MAX 8192 /* bytes; of an RSA key of 16,384 bits it has 6,000 */
#define SSHSIG_BEGIN "-----BEGIN SSH SIGNATURE-----"
#define SSHSIG_END "-----END SSH SIGNATURE-----"
#define SSHSIG_PRINT_LEN 51 /* "SHA256:", 43 characters */

/* Borrowed from the bytes that were parsed. */
struct sshsig {
	struct slice key; /* as in a line of authorized_keys, decoded */
	struct slice name_space, reserved, hash;
	struct slice algorithm, value; /* of the signature */
};

/* The first armoured signature of *rest, with its two marks, which *rest then begins behind; length 0: there is none,
 * and *rest is as before. */
struct slice sshsig_cut(struct slice *rest);
/* What stands between the marks; appended.  0, -EINVAL, -ENOMEM. */
int sshsig_open(struct slice armour, struct buf *raw);
/* 0 or -EINVAL. */
int sshsig_parse(struct slice raw, struct sshsig *out);
/* Whether its key signed that message, in that name space.  0; -EBADMSG: it did not, or by what is not taken; -ENOMEM.
 */
int sshsig_verify(const struct sshsig *s, const char *name_space, struct slice message);

/* The key of a line of authorized_keys without options; appended.  0, -EINVAL, -ENOMEM. */
int sshsig_key(struct slice line, struct buf *key);
/* As ssh-keygen -l prints it.  0 or -ENOMEM. */
int sshsig_print(struct slice key, char out[static SSHSIG_PRINT_LEN]);

#endif
