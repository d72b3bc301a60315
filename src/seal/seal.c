/* SPDX-License-Identifier: BSD-2-Clause */
#include "seal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#define NONCE_LEN 12
#define TAG_LEN 16
_Static_assert(SEAL_EXTRA == NONCE_LEN + TAG_LEN, "what a sealed text is longer by");
#define NONCES_AT_ONCE 64
#define KEPT 4 /* contexts, by turns: what is sealed together takes two keys */

static struct kept {
	uint8_t key[SEAL_KEY_LEN];
	EVP_CIPHER_CTX *ctx; /* NULL: free */
	bool encrypts;
} kept[KEPT];
static unsigned kept_next;

static struct {
	uint8_t bytes[NONCES_AT_ONCE * NONCE_LEN];
	size_t left;
} nonces;

int
seal_random(void *p, size_t len)
{
	return len <= INT_MAX && RAND_bytes(p, (int)len) == 1 ? 0 : -EIO;
}

static int
nonce_take(uint8_t *out)
{
	int r;

	if (nonces.left == 0) {
		if ((r = seal_random(nonces.bytes, sizeof nonces.bytes)) < 0)
			return r;
		nonces.left = sizeof nonces.bytes;
	}
	nonces.left -= NONCE_LEN;
	memcpy(out, nonces.bytes + nonces.left, NONCE_LEN);
	return 0;
}

int
seal_mac(const uint8_t key[static SEAL_KEY_LEN], const void *p, size_t len, uint8_t out[static SEAL_MAC_LEN])
{
	unsigned n = SEAL_MAC_LEN;

	return HMAC(EVP_sha256(), key, SEAL_KEY_LEN, p, len, out, &n) ? 0 : -EIO;
}

static void
forget(struct kept *k)
{
	EVP_CIPHER_CTX_free(k->ctx); /* wipes the key schedule */
	explicit_bzero(k, sizeof *k);
}

void
seal_forget(void)
{
	for (unsigned i = 0; i < KEPT; i++)
		forget(&kept[i]);
}

/* A context with the key set; NULL: no memory. */
static EVP_CIPHER_CTX *
context(const uint8_t *key, bool encrypts)
{
	struct kept *k;

	for (unsigned i = 0; i < KEPT; i++)
		if (kept[i].ctx && kept[i].encrypts == encrypts && memcmp(kept[i].key, key, SEAL_KEY_LEN) == 0)
			return kept[i].ctx;
	k = &kept[kept_next++ % KEPT];
	forget(k);
	if ((k->ctx = EVP_CIPHER_CTX_new()) == NULL ||
	    EVP_CipherInit_ex(k->ctx, EVP_aes_256_gcm(), NULL, key, NULL, encrypts) != 1) {
		forget(k);
		return NULL;
	}
	memcpy(k->key, key, SEAL_KEY_LEN);
	k->encrypts = encrypts;
	return k->ctx;
}

/* to: NONCE_LEN bytes, then len, then TAG_LEN */
static int
encrypt(EVP_CIPHER_CTX *ctx, struct seal_aad aad, const uint8_t *p, int len, uint8_t *to)
{
	uint8_t *text = to + NONCE_LEN;
	int n;

	if (nonce_take(to) < 0 || EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, to) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.len) != 1 ||
	    (len > 0 && EVP_EncryptUpdate(ctx, text, &n, p, len) != 1) ||
	    EVP_EncryptFinal_ex(ctx, text + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, text + len) != 1)
		return -EIO;
	return 0;
}

int
seal_put(const uint8_t key[static SEAL_KEY_LEN], struct seal_aad aad, const void *p, size_t len, struct buf *out)
{
	uint8_t *to = len <= INT_MAX / 2 ? buf_room(out, len + SEAL_EXTRA) : NULL;
	EVP_CIPHER_CTX *ctx;
	int r;

	if (to == NULL || (ctx = context(key, true)) == NULL)
		return -ENOMEM;
	if ((r = encrypt(ctx, aad, p, (int)len, to)) == 0)
		out->len += len + SEAL_EXTRA;
	return r;
}

static int
decrypt(EVP_CIPHER_CTX *ctx, struct seal_aad aad, const uint8_t *p, int len, uint8_t *out)
{
	const uint8_t *text = p + NONCE_LEN;
	int n;

	if (EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, p) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, aad.p, (int)aad.len) != 1 ||
	    (len > 0 && EVP_DecryptUpdate(ctx, out, &n, text, len) != 1) ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, (void *)(text + len)) != 1)
		return -EIO;
	return EVP_DecryptFinal_ex(ctx, out + len, &n) == 1 ? 0 : -EBADMSG;
}

int
seal_open(const uint8_t key[static SEAL_KEY_LEN], struct seal_aad aad, const void *p, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;

	if (p == NULL || len < SEAL_EXTRA || len > INT_MAX)
		return -EBADMSG;
	if ((ctx = context(key, false)) == NULL)
		return -ENOMEM;
	return decrypt(ctx, aad, p, (int)(len - SEAL_EXTRA), out);
}
