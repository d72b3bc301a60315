/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines as they are kept: sealed, so that who reads the disk or a backup of it reads no
 * target.  The line's number is authenticated too.
 *
 * exports: audit_seal audit_seal_key audit_open */
#include <assert.h>
#include <endian.h>
#include <errno.h>

#include "audit_int.h"
#include "seal.h"

static_assert(AUDIT_KEY_LEN == SEAL_KEY_LEN && AUDIT_KEY_LEN == SEAL_MAC_LEN, "keys of one length");

int
audit_seal_key(const uint8_t seed[static AUDIT_KEY_LEN], uint8_t key[static AUDIT_KEY_LEN])
{
	static const char context[] = "flowtap audit seal 1";

	return seal_mac(seed, context, sizeof context, key);
}

int
audit_seal(const uint8_t key[static AUDIT_KEY_LEN], uint64_t n, struct slice line, struct buf *out)
{
	const uint64_t aad = htobe64(n);

	if (line.len > AUDIT_LINE_MAX)
		return -EIO;
	return seal_put(key, (struct seal_aad){&aad, sizeof aad}, line.p, line.len, out);
}

int
audit_open(const uint8_t key[static AUDIT_KEY_LEN], uint64_t n, const uint8_t *sealed, size_t len, struct buf *out)
{
	const uint64_t aad = htobe64(n);
	size_t text = len < SEAL_EXTRA ? 0 : len - SEAL_EXTRA;
	uint8_t *p;
	int r;

	if (text == 0 || text > AUDIT_LINE_MAX)
		return -EBADMSG;
	if ((p = buf_room(out, text)) == NULL)
		return -ENOMEM;
	if ((r = seal_open(key, (struct seal_aad){&aad, sizeof aad}, sealed, len, p)) < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	out->len += text;
	return 0;
}
