/* SPDX-License-Identifier: BSD-2-Clause */
#include "sshsig.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#define MAGIC "SSHSIG"
#define MAGIC_LEN (sizeof MAGIC - 1)
#define VERSION 1
#define ED25519_KEY_LEN 32
#define RSA_BITS_MIN 2048

/* ---- text ---- */

struct slice
sshsig_cut(struct slice *rest)
{
	const char *begin = rest->len ? memmem(rest->p, rest->len, SSHSIG_BEGIN, strlen(SSHSIG_BEGIN)) : NULL, *end;
	struct slice found = {rest->p, 0};

	if (begin == NULL)
		return found;
	end = memmem(begin, rest->len - (size_t)(begin - rest->p), SSHSIG_END, strlen(SSHSIG_END));
	if (end == NULL)
		return found;
	end += strlen(SSHSIG_END);
	found = (struct slice){begin, (size_t)(end - begin)};
	rest->len -= (size_t)(end - rest->p);
	rest->p = end;
	return found;
}

/* To libcrypto a "-" is the end, whatever follows. */
static int
base64_decode(struct slice text, struct buf *out)
{
	EVP_ENCODE_CTX *ctx;
	uint8_t *room;
	int n = 0, last = 0, ok;

	if (text.len && memchr(text.p, '-', text.len))
		return -EINVAL;
	ctx = EVP_ENCODE_CTX_new();
	room = ctx ? buf_room(out, text.len + 64) : NULL;
	if (room == NULL) {
		EVP_ENCODE_CTX_free(ctx);
		return -ENOMEM;
	}
	EVP_DecodeInit(ctx);
	ok = EVP_DecodeUpdate(ctx, room, &n, (const unsigned char *)text.p, (int)text.len) >= 0 &&
	     EVP_DecodeFinal(ctx, room + n, &last) == 1 && n + last > 0;
	EVP_ENCODE_CTX_free(ctx);
	if (!ok)
		return -EINVAL;
	out->len += (size_t)(n + last);
	return 0;
}

int
sshsig_open(struct slice armour, struct buf *raw)
{
	const size_t begin = strlen(SSHSIG_BEGIN), end = strlen(SSHSIG_END);

	if (armour.len > SSHSIG_TEXT_MAX || armour.len < begin + end || memcmp(armour.p, SSHSIG_BEGIN, begin) != 0 ||
	    memcmp(armour.p + armour.len - end, SSHSIG_END, end) != 0)
		return -EINVAL;
	return base64_decode((struct slice){armour.p + begin, armour.len - begin - end}, raw);
}

int
sshsig_key(struct slice line, struct buf *key)
{
	const char *p = line.len ? memchr(line.p, ' ', line.len) : NULL, *end;
	struct slice text;

	if (p == NULL || line.len > SSHSIG_TEXT_MAX)
		return -EINVAL;
	text = slice_trim((struct slice){p, line.len - (size_t)(p - line.p)});
	end = text.len ? memchr(text.p, ' ', text.len) : NULL;
	if (end)
		text.len = (size_t)(end - text.p);
	return base64_decode(text, key);
}

int
sshsig_print(struct slice key, char out[static SSHSIG_PRINT_LEN])
{
	static const char prefix[] = "SHA256:";
	uint8_t digest[EVP_MAX_MD_SIZE];
	char text[64];
	unsigned len;

	if (EVP_Digest(key.p, key.len, digest, &len, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	EVP_EncodeBlock((unsigned char *)text, digest, (int)len);
	memcpy(out, prefix, sizeof prefix);
	memcpy(out + sizeof prefix - 1, text, SSHSIG_PRINT_LEN - sizeof prefix); /* without its "=" */
	out[SSHSIG_PRINT_LEN - 1] = '\0';
	return 0;
}

/* ---- fields ---- */

/* The next field, its length in 4 bytes before it, big-endian; what is wrong once is wrong for ever. */
static struct slice
field(struct slice *rest, bool *bad)
{
	const uint8_t *p = (const uint8_t *)rest->p;
	struct slice v = {rest->p, 0};
	size_t len;

	if (*bad || rest->len < 4) {
		*bad = true;
		return v;
	}
	len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (len > rest->len - 4) {
		*bad = true;
		return v;
	}
	v = (struct slice){rest->p + 4, len};
	rest->p += 4 + len;
	rest->len -= 4 + len;
	return v;
}

static void
field_put(struct buf *b, struct slice v)
{
	const uint8_t len[4] = {(uint8_t)(v.len >> 24), (uint8_t)(v.len >> 16), (uint8_t)(v.len >> 8), (uint8_t)v.len};

	buf_put(b, len, sizeof len);
	buf_put(b, v.p, v.len);
}

int
sshsig_parse(struct slice raw, struct sshsig *out)
{
	static const uint8_t begin[] = {'S', 'S', 'H', 'S', 'I', 'G', 0, 0, 0, VERSION};
	struct sshsig s;
	struct slice signature;
	bool bad = false;

	if (raw.len < sizeof begin || memcmp(raw.p, begin, sizeof begin) != 0)
		return -EINVAL;
	raw.p += sizeof begin;
	raw.len -= sizeof begin;
	s.key = field(&raw, &bad);
	s.name_space = field(&raw, &bad);
	s.reserved = field(&raw, &bad);
	s.hash = field(&raw, &bad);
	signature = field(&raw, &bad);
	s.algorithm = field(&signature, &bad);
	s.value = field(&signature, &bad);
	if (bad || raw.len > 0 || signature.len > 0)
		return -EINVAL;
	*out = s;
	return 0;
}

/* ---- keys ---- */

static EVP_PKEY *
ed25519_load(struct slice rest)
{
	bool bad = false;
	struct slice key = field(&rest, &bad);

	if (bad || rest.len > 0 || key.len != ED25519_KEY_LEN)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)key.p, key.len);
}

static EVP_PKEY *
rsa_make(const BIGNUM *n, const BIGNUM *e)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (build && ctx && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
	    (params = OSSL_PARAM_BLD_to_param(build)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
rsa_load(struct slice rest)
{
	bool bad = false;
	const struct slice exponent = field(&rest, &bad), modulus = field(&rest, &bad);
	EVP_PKEY *key = NULL;
	BIGNUM *e, *n;

	if (bad || rest.len > 0)
		return NULL;
	e = BN_bin2bn((const unsigned char *)exponent.p, (int)exponent.len, NULL);
	n = BN_bin2bn((const unsigned char *)modulus.p, (int)modulus.len, NULL);
	if (e && n && BN_num_bits(n) >= RSA_BITS_MIN && BN_num_bits(e) <= 64)
		key = rsa_make(n, e);
	BN_free(e);
	BN_free(n);
	return key;
}

/* How a key of that type signs: the digest is the algorithm's, which Ed25519 has within itself. */
static const struct {
	const char *algorithm, *type;
	EVP_PKEY *(*load)(struct slice rest);
	const EVP_MD *(*digest)(void);
} algorithms[] = {
    {"ssh-ed25519", "ssh-ed25519", ed25519_load, NULL},
    {"rsa-sha2-256", "ssh-rsa", rsa_load, EVP_sha256},
    {"rsa-sha2-512", "ssh-rsa", rsa_load, EVP_sha512},
};

static bool
value_holds(EVP_PKEY *key, const EVP_MD *digest, struct slice value, const struct buf *signed_bytes)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key) == 1 &&
			EVP_DigestVerify(
			    ctx, (const unsigned char *)value.p, value.len, signed_bytes->p, signed_bytes->len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* What is signed instead of the message. */
static int
signed_make(const struct sshsig *s, struct slice message, struct buf *out)
{
	const EVP_MD *md = slice_eq(s->hash, "sha512")   ? EVP_sha512()
			   : slice_eq(s->hash, "sha256") ? EVP_sha256()
							 : NULL;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (md == NULL)
		return -EBADMSG;
	if (EVP_Digest(message.p, message.len, digest, &len, md, NULL) != 1)
		return -ENOMEM;
	buf_put(out, MAGIC, MAGIC_LEN);
	field_put(out, s->name_space);
	field_put(out, s->reserved);
	field_put(out, s->hash);
	field_put(out, (struct slice){(const char *)digest, len});
	return out->err;
}

int
sshsig_verify(const struct sshsig *s, const char *name_space, struct slice message)
{
	cleanup_buf struct buf bytes = {0};
	struct slice rest = s->key;
	bool bad = false, ok = false;
	const struct slice type = field(&rest, &bad);
	int r;

	if (bad || !slice_eq(s->name_space, name_space))
		return -EBADMSG;
	if ((r = signed_make(s, message, &bytes)) < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
		EVP_PKEY *key;

		if (!slice_eq(s->algorithm, algorithms[i].algorithm) || !slice_eq(type, algorithms[i].type))
			continue;
		if ((key = algorithms[i].load(rest)) == NULL)
			return -EBADMSG;
		ok = value_holds(key, algorithms[i].digest ? algorithms[i].digest() : NULL, s->value, &bytes);
		EVP_PKEY_free(key);
	}
	return ok ? 0 : -EBADMSG;
}
