/* SPDX-License-Identifier: BSD-2-Clause */
#include "login.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

#define LINE_MAX_BYTES 8192

struct ip_addr
login_address(const char *env)
{
	struct ip_addr a = {0};
	struct slice s = {env, env ? strcspn(env, " ") : 0};

	/* A link-local address names its link. */
	if (env && memchr(s.p, '%', s.len))
		s.len = strcspn(env, "%");
	if (env == NULL || ip_parse(s, &a) < 0)
		return (struct ip_addr){0};
	return a;
}

/* A key as "ssh-ed25519 SHA256:...", as ssh-keygen -l and sshd's log name it. */
static int
key_fingerprint(const char *type, const char *blob, char *out, size_t size)
{
	uint8_t key[LINE_MAX_BYTES], md[EVP_MAX_MD_SIZE];
	char hash[2 * EVP_MAX_MD_SIZE];
	size_t len = strlen(blob), pad = len > 1 ? (blob[len - 1] == '=') + (blob[len - 2] == '=') : 0;
	unsigned n;
	int k;

	if (len / 4 * 3 > sizeof key || (k = EVP_DecodeBlock(key, (const uint8_t *)blob, (int)len)) < (int)pad ||
	    EVP_Digest(key, (size_t)k - pad, md, &n, EVP_sha256(), NULL) != 1)
		return -EINVAL;
	k = EVP_EncodeBlock((uint8_t *)hash, md, (int)n);
	while (k > 0 && hash[k - 1] == '=')
		k--;
	snprintf(out, size, "publickey %.32s SHA256:%.*s", type, k, hash);
	return 0;
}

static void
line_read(const char *line, char *out, size_t size)
{
	char type[64], blob[LINE_MAX_BYTES];

	if (sscanf(line, "publickey %63s %8191s", type, blob) != 2 || key_fingerprint(type, blob, out, size) < 0)
		snprintf(out, size, "%.64s", line);
}

void
login_proof(struct slice file, char *out, size_t size)
{
	out[0] = '\0';
	while (file.len) {
		const char *end = memchr(file.p, '\n', file.len);
		size_t len = end ? (size_t)(end - file.p) : file.len, use = len;
		char line[LINE_MAX_BYTES];

		if (use >= sizeof line)
			use = sizeof line - 1;
		memcpy(line, file.p, use);
		line[use] = '\0';
		line[strcspn(line, "\r")] = '\0';
		line_read(line, out, size);
		len += end != NULL;
		file = (struct slice){file.p + len, file.len - len};
	}
	for (char *c = out; *c != '\0'; c++)
		*c = *c >= ' ' && *c <= '~' ? *c : '?';
}

int
login_seen(struct slice file, uint32_t *uid, struct ip_addr *peer, char *auth, size_t size)
{
	const char *nl = file.len ? memchr(file.p, '\n', file.len) : NULL;
	char head[CONNECTION_HEAD_MAX], *end;
	size_t len = nl ? (size_t)(nl - file.p) : sizeof head;
	unsigned long n;

	if (len >= sizeof head || memchr(file.p, '\0', len) != NULL)
		return -EINVAL;
	memcpy(head, file.p, len);
	head[len] = '\0';
	errno = 0;
	n = strtoul(head, &end, 10);
	if (head[0] < '0' || head[0] > '9' || *end != ' ' || errno != 0 || n >= UINT32_MAX)
		return -EINVAL;
	*uid = (uint32_t)n;
	*peer = login_address(end + 1);
	login_proof((struct slice){nl + 1, file.len - len - 1}, auth, size);
	return 0;
}
