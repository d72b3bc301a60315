/* SPDX-License-Identifier: BSD-2-Clause */
/* What sshd tells of a login: the file that SSH_USER_AUTH names, SSH_CONNECTION, and what its PAM module has written.
 */
#include <stdlib.h>
#include <string.h>

#include "login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
printable(const char *p, size_t size)
{
	if (strlen(p) >= size)
		abort();
	for (; *p; p++)
		if (*p < ' ' || *p > '~')
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *env = malloc(len + 1);
	char seen[128];
	struct ip_addr a;
	uint32_t uid;

	if (env == NULL)
		return 0;
	for (size_t size = 1; size < 256; size += 127) {
		char out[256];

		login_proof((struct slice){(const char *)data, len}, out, size);
		printable(out, size);
	}
	if (login_seen((struct slice){(const char *)data, len}, &uid, &a, seen, sizeof seen) == 0) {
		printable(seen, sizeof seen);
		if (uid == UINT32_MAX || (a.family != 0 && a.family != 4 && a.family != 6))
			abort();
	}
	memcpy(env, data, len);
	env[len] = '\0';
	a = login_address(env);
	if (a.family != 0 && a.family != 4 && a.family != 6)
		abort();
	free(env);
	return 0;
}
