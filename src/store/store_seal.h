/* SPDX-License-Identifier: BSD-2-Clause */
/* store_seal.h - AES-256-GCM with a random nonce, and HMAC-SHA256; nothing of the store is
 * known here.  A sealed text is nonce, ciphertext, tag. */
#ifndef STORE_STORE_SEAL_H
#define STORE_STORE_SEAL_H

#include "buf.h"
#include "store.h"

#define STORE_SEAL_EXTRA 28 /* bytes by which a sealed text is longer */
#define STORE_MAC_LEN 32

struct seal_aad { /* bytes that have to be the same when the text is opened; borrowed */
	const void *p;
	size_t len;
};

/* 0 or -EIO. */
int store_seal_random(void *p, size_t len);
int store_seal_mac(
    const uint8_t key[static STORE_KEY_LEN], const void *p, size_t len, uint8_t out[static STORE_MAC_LEN]);
/* Appends the sealed text to out.  0, -ENOMEM, -EIO. */
int store_seal_put(
    const uint8_t key[static STORE_KEY_LEN], struct seal_aad aad, const void *p, size_t len, struct buf *out);
/* out: len - STORE_SEAL_EXTRA bytes, of no meaning after a failure.  -EBADMSG: other key, other aad,
 * changed or too short. */
int store_seal_open(
    const uint8_t key[static STORE_KEY_LEN], struct seal_aad aad, const void *p, size_t len, uint8_t *out);

#endif
