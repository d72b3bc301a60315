/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: audit_key_ audit_hex audit_unhex audit_sign audit_signed audit_digest */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "audit_int.h"

int
audit_key_new(uint8_t seed[static AUDIT_KEY_LEN])
{
	return RAND_bytes(seed, AUDIT_KEY_LEN) == 1 ? 0 : -EIO;
}

int
audit_key_public(const uint8_t seed[static AUDIT_KEY_LEN], uint8_t key[static AUDIT_KEY_LEN])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, AUDIT_KEY_LEN);
	size_t len = AUDIT_KEY_LEN;
	int ok = k != NULL && EVP_PKEY_get_raw_public_key(k, key, &len) == 1;

	EVP_PKEY_free(k);
	return ok ? 0 : -EINVAL;
}

void
audit_hex(const uint8_t *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
audit_unhex(struct slice s, uint8_t *out, size_t len)
{
	if (s.len != 2 * len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int hi = digit(s.p[2 * i]), lo = digit(s.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

int
audit_digest(const void *p, size_t len, char hex[static AUDIT_HASH_HEX + 1])
{
	static EVP_MD_CTX *ctx; /* kept: finding an algorithm takes as long as a line's digest */
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n;

	if (ctx == NULL && (ctx = EVP_MD_CTX_new()) == NULL)
		return -ENOMEM;
	if (EVP_DigestInit_ex(ctx, EVP_MD_CTX_get0_md(ctx) ? NULL : EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, p, len) != 1 || EVP_DigestFinal_ex(ctx, md, &n) != 1)
		return -ENOMEM;
	audit_hex(md, AUDIT_HASH_HEX / 2, hex);
	return 0;
}

int
audit_sign(const uint8_t *seed, const void *p, size_t len, uint8_t sig[static AUDIT_SIG_LEN])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, AUDIT_KEY_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = AUDIT_SIG_LEN;
	int ok = k && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k) == 1 &&
		 EVP_DigestSign(ctx, sig, &n, p, len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return ok ? 0 : -EIO;
}

bool
audit_signed(const uint8_t *key, const void *p, size_t len, const uint8_t sig[static AUDIT_SIG_LEN])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, AUDIT_KEY_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = k && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k) == 1 &&
		  EVP_DigestVerify(ctx, sig, AUDIT_SIG_LEN, p, len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return ok;
}
