/* SPDX-License-Identifier: BSD-2-Clause */
/* The digest (C03 section 4.4.2): over the bytes as sent, up to the line that carries it.
 *
 * exports: dtcp_digest dtcp_sign dtcp_sign_reply dtcp_verify */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "dtcp_line.h"

void
dtcp_digest(const char *key, const uint8_t *p, size_t len, char hex[static DTCP_DIGEST_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t mac[EVP_MAX_MD_SIZE] = {0};
	unsigned n = 0;

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
	dtcp_digest(key, out->p + start, out->len - start, hex);
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
