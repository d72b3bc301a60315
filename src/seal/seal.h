/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seal.h - AES-256-GCM with a random nonce, and HMAC-SHA256.  A sealed text is nonce, ciphertext, tag.
 *
 * Made for many short texts: the last keys used stay set in contexts of this process until
 * seal_forget, and randomness for nonces is fetched for many at once.
 */
#ifndef SEAL_SEAL_H
#define SEAL_SEAL_H

#include "buf.h"

#define SEAL_KEY_LEN 32
#define SEAL_EXTRA 28 /* bytes by which a sealed text is longer */
#define SEAL_MAC_LEN 32

struct seal_aad { /* bytes that have to be the same when the text is opened; borrowed */
	const void *p;
	size_t len;
};

/* 0 or -EIO. */
int seal_random(void *p, size_t len);
int seal_mac(const uint8_t key[static SEAL_KEY_LEN], const void *p, size_t len, uint8_t out[static SEAL_MAC_LEN]);
/* Appends the sealed text to out.  0, -ENOMEM, -EIO; then out is as before. */
int seal_put(const uint8_t key[static SEAL_KEY_LEN], struct seal_aad aad, const void *p, size_t len, struct buf *out);
/* out: len - SEAL_EXTRA bytes, of no meaning after a failure.  -EBADMSG: other key, other aad,
 * changed or too short. */
int seal_open(const uint8_t key[static SEAL_KEY_LEN], struct seal_aad aad, const void *p, size_t len, uint8_t *out);
/* No key stays in memory here. */
void seal_forget(void);

#endif
