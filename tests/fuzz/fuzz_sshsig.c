/* SPDX-License-Identifier: BSD-2-Clause */
/* A signature from anywhere, or a line with a key: what proves one message proves no other, and no other name space. */
#include <stdlib.h>

#include "sshsig.h"

#define MESSAGE(text) ((struct slice){text, sizeof(text) - 1})

static void
signature(struct slice armour)
{
	cleanup_buf struct buf raw = {0};
	char print[SSHSIG_PRINT_LEN];
	struct sshsig s;

	if (sshsig_open(armour, &raw) < 0 || sshsig_parse((struct slice){(const char *)raw.p, raw.len}, &s) < 0)
		return;
	if (sshsig_verify(&s, "flowtap-warrant", MESSAGE("hello\n")) == 0 &&
	    (sshsig_verify(&s, "flowtap-warrant", MESSAGE("hello")) == 0 ||
		sshsig_verify(&s, "flowtap-revoke", MESSAGE("hello\n")) == 0))
		abort();
	if (sshsig_print(s.key, print) < 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct slice rest = {(const char *)data, len}, armour;
	cleanup_buf struct buf key = {0};
	size_t before = len + 1;

	while ((armour = sshsig_cut(&rest)).len > 0) {
		if (rest.len >= before)
			abort();
		before = rest.len;
		signature(armour);
	}
	if (before > len)
		(void)sshsig_key(rest, &key);
	return 0;
}
