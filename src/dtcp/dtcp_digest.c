/* SPDX-License-Identifier: BSD-2-Clause */
/* The digest (C03 section 4.4.2): over the bytes as sent, up to the line that carries it.
 *
 * exports: dtcp_digest dtcp_sign dtcp_sign_reply dtcp_verify */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "dtcp_line.h"

#define KEPT_MAX 64

/* The last key, set in a context: setting it takes twice as long as a request's digest.  Each thread has its own. */
struct kept {
	char key[KEPT_MAX + 1];
	EVP_MAC_CTX *ctx;
};

static once_flag kept_once = ONCE_FLAG_INIT;
static tss_t kept_tss;
static bool kept_ok;

static void
kept_free(void *arg)
{
	struct kept *k = arg;

	EVP_MAC_CTX_free(k->ctx);
	free(k);
}

static void
kept_init(void)
{
	kept_ok = tss_create(&kept_tss, kept_free) == thrd_success;
}

static struct kept *
kept_get(void)
{
	struct kept *k;

	call_once(&kept_once, kept_init);
	if (!kept_ok)
		return NULL;
	if ((k = tss_get(kept_tss)) == NULL && (k = calloc(1, sizeof *k)) != NULL &&
	    tss_set(kept_tss, k) != thrd_success) {
		free(k);
		return NULL;
	}
	return k;
}

static bool
key_set(struct kept *k, const char *key)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string("digest", (char[]){"SHA1"}, 0), OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	EVP_MAC_CTX_free(k->ctx);
	k->ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	if (k->ctx == NULL || EVP_MAC_init(k->ctx, (const uint8_t *)key, strlen(key), params) != 1) {
		EVP_MAC_CTX_free(TAKE_PTR(k->ctx));
		return false;
	}
	memcpy(k->key, key, strlen(key) + 1);
	return true;
}

/* false: make it without. */
static bool
kept_mac(const char *key, const uint8_t *p, size_t len, uint8_t mac[static EVP_MAX_MD_SIZE])
{
	struct kept *k;
	size_t n;

	/* An empty key can't be told from none being set. */
	if (*key == '\0' || strlen(key) > KEPT_MAX || (k = kept_get()) == NULL)
		return false;
	if ((k->ctx == NULL || strcmp(k->key, key) != 0) && !key_set(k, key))
		return false;
	return EVP_MAC_init(k->ctx, NULL, 0, NULL) == 1 && EVP_MAC_update(k->ctx, p, len) == 1 &&
	       EVP_MAC_final(k->ctx, mac, &n, EVP_MAX_MD_SIZE) == 1;
}

void
dtcp_digest(const char *key, const uint8_t *p, size_t len, char hex[static DTCP_DIGEST_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t mac[EVP_MAX_MD_SIZE] = {0};
	unsigned n = 0;

	if (!kept_mac(key, p, len, mac))
		HMAC(EVP_sha1(), key, (int)strlen(key), p, len, mac, &n);
	for (unsigned i = 0; i < DTCP_DIGEST_HEX / 2; i++) {
		hex[2 * i] = digits[mac[i] >> 4];
		hex[2 * i + 1] = digits[mac[i] & 15];
	}
	hex[DTCP_DIGEST_HEX] = '\0';
}

static void
sign_as(struct buf *out, size_t start, const char *key, const char *name)
{
	char hex[DTCP_DIGEST_HEX + 1];

	if (out->err)
		return;
	dtcp_digest(key, out->p ? out->p + start : NULL, out->len - start, hex);
	buf_printf(out, "%s: %s\r\n\r\n", name, hex);
}

void
dtcp_sign(struct buf *out, size_t start, const char *key)
{
	sign_as(out, start, key, "Authentication-Info");
}

void
dtcp_sign_reply(struct buf *out, size_t start, const char *key)
{
	sign_as(out, start, key, "AUTHENTICATION-INFO");
}

int
dtcp_verify(const uint8_t *p, size_t len, const char *key)
{
	struct slice rest = {(const char *)p, len}, line, name, value;
	char want[DTCP_DIGEST_HEX + 1], got[DTCP_DIGEST_HEX];

	for (;;) {
		const char *start = rest.p;

		if (!line_next(&rest, &line))
			return -EBADMSG;
		if (!line_is_auth(line))
			continue;
		dtcp_digest(key, p, (size_t)(start - (const char *)p), want);
		break;
	}
	(void)line_param(line, &name, &value);
	if (value.len != DTCP_DIGEST_HEX)
		return -EACCES;
	for (size_t i = 0; i < DTCP_DIGEST_HEX; i++)
		got[i] = (char)(value.p[i] >= 'A' && value.p[i] <= 'F' ? value.p[i] | 0x20 : value.p[i]);
	return CRYPTO_memcmp(want, got, DTCP_DIGEST_HEX) == 0 ? 0 : -EACCES;
}
