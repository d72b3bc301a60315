/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "store_seal.h"

#define NONCE_LEN 12
#define TAG_LEN 16
_Static_assert(STORE_SEAL_EXTRA == NONCE_LEN + TAG_LEN, "what a sealed text is longer by");

int
store_seal_random(void *p, size_t len)
{
	return len <= INT_MAX && RAND_bytes(p, (int)len) == 1 ? 0 : -EIO;
}

int
store_seal_mac(const uint8_t key[static STORE_KEY_LEN], const void *p, size_t len, uint8_t out[static STORE_MAC_LEN])
{
	unsigned n = STORE_MAC_LEN;

	return HMAC(EVP_sha256(), key, STORE_KEY_LEN, p, len, out, &n) ? 0 : -EIO;
}

/* to: NONCE_LEN bytes, then len, then TAG_LEN */
static int
encrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, struct seal_aad aad, const uint8_t *p, int len, uint8_t *to)
{
	uint8_t *text = to + NONCE_LEN;
	int n;

	if (store_seal_random(to, NONCE_LEN) < 0 || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, to) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.len) != 1 ||
	    (len > 0 && EVP_EncryptUpdate(ctx, text, &n, p, len) != 1) ||
	    EVP_EncryptFinal_ex(ctx, text + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, text + len) != 1)
		return -EIO;
	return 0;
}

int
store_seal_put(const uint8_t key[static STORE_KEY_LEN], struct seal_aad aad, const void *p, size_t len, struct buf *out)
{
	uint8_t *to = len <= INT_MAX / 2 ? buf_room(out, len + STORE_SEAL_EXTRA) : NULL;
	EVP_CIPHER_CTX *ctx;
	int r;

	if (to == NULL || (ctx = EVP_CIPHER_CTX_new()) == NULL)
		return -ENOMEM;
	if ((r = encrypt(ctx, key, aad, p, (int)len, to)) == 0)
		out->len += len + STORE_SEAL_EXTRA;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

static int
decrypt(EVP_CIPHER_CTX *ctx, const uint8_t *key, struct seal_aad aad, const uint8_t *p, int len, uint8_t *out)
{
	const uint8_t *text = p + NONCE_LEN;
	int n;

	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, p) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, aad.p, (int)aad.len) != 1 ||
	    (len > 0 && EVP_DecryptUpdate(ctx, out, &n, text, len) != 1) ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, (void *)(text + len)) != 1)
		return -EIO;
	return EVP_DecryptFinal_ex(ctx, out + len, &n) == 1 ? 0 : -EBADMSG;
}

int
store_seal_open(const uint8_t key[static STORE_KEY_LEN], struct seal_aad aad, const void *p, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;
	int r;

	if (p == NULL || len < STORE_SEAL_EXTRA || len > INT_MAX)
		return -EBADMSG;
	if ((ctx = EVP_CIPHER_CTX_new()) == NULL)
		return -ENOMEM;
	r = decrypt(ctx, key, aad, p, (int)(len - STORE_SEAL_EXTRA), out);
	EVP_CIPHER_CTX_free(ctx); /* wipes the key schedule */
	return r;
}
