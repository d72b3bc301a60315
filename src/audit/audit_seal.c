/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as they are kept: sealed, so that who reads the disk or a backup of it reads no
 * target.  AES-256-GCM with a random nonce; the line's number is authenticated too.
 *
 * exports: audit_seal audit_seal_key audit_open */
#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "audit_int.h"

#define NONCE_LEN 12
#define TAG_LEN 16

int
audit_seal_key(const uint8_t seed[static AUDIT_KEY_LEN], uint8_t key[static AUDIT_KEY_LEN])
{
	static const char context[] = "flowtap audit seal 1";
	unsigned n = AUDIT_KEY_LEN;

	if (HMAC(EVP_sha256(), seed, AUDIT_KEY_LEN, (const uint8_t *)context, sizeof context, key, &n) == NULL)
		return -EIO;
	return 0;
}

int
audit_seal(const uint8_t key[static AUDIT_KEY_LEN], uint64_t n, struct slice line, struct buf *out)
{
	const uint64_t aad = htobe64(n);
	size_t start = out->len;
	uint8_t *p = buf_room(out, NONCE_LEN + line.len + TAG_LEN);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int k, ok;

	ok = p && ctx && line.len <= AUDIT_LINE_MAX && RAND_bytes(p, NONCE_LEN) == 1 &&
	     EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, p) == 1 &&
	     EVP_EncryptUpdate(ctx, NULL, &k, (const uint8_t *)&aad, sizeof aad) == 1 &&
	     EVP_EncryptUpdate(ctx, p + NONCE_LEN, &k, (const uint8_t *)line.p, (int)line.len) == 1 &&
	     EVP_EncryptFinal_ex(ctx, p + NONCE_LEN + line.len, &k) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, p + NONCE_LEN + line.len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return out->err ? out->err : -EIO;
	out->len = start + NONCE_LEN + line.len + TAG_LEN;
	return 0;
}

int
audit_open(const uint8_t key[static AUDIT_KEY_LEN], uint64_t n, const uint8_t *sealed, size_t len, struct buf *out)
{
	const uint64_t aad = htobe64(n);
	size_t text = len < NONCE_LEN + TAG_LEN ? 0 : len - NONCE_LEN - TAG_LEN;
	EVP_CIPHER_CTX *ctx;
	uint8_t tag[TAG_LEN], *p;
	int k, ok;

	if (text == 0 || text > AUDIT_LINE_MAX)
		return -EBADMSG;
	if ((p = buf_room(out, text)) == NULL || (ctx = EVP_CIPHER_CTX_new()) == NULL)
		return -ENOMEM;
	memcpy(tag, sealed + NONCE_LEN + text, sizeof tag);
	ok = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
	     EVP_DecryptUpdate(ctx, NULL, &k, (const uint8_t *)&aad, sizeof aad) == 1 &&
	     EVP_DecryptUpdate(ctx, p, &k, sealed + NONCE_LEN, (int)text) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1 &&
	     EVP_DecryptFinal_ex(ctx, p + text, &k) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return -EBADMSG;
	out->len += text;
	return 0;
}
