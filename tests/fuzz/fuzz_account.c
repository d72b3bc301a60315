/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parent may tell the accounts, which are root. */
#include <stdlib.h>
#include <string.h>

#include "accounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What would end a line or a field of the system's tables, or leave a folder. */
static void
nothing_odd(const char *p, size_t len, const char *odd)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)p[i] < ' ' && p[i] != '\n') || strchr(odd, p[i]))
			abort();
}

/* The same bytes as a list of them. */
static void
list(const uint8_t *data, size_t len)
{
	struct rd r = rd_init(data, len);
	struct account_list l = {0};

	if (account_list_get(&l, &r) == 0)
		for (uint32_t i = 0; i < l.n; i++)
			if (!account_is_listed(&l, l.v[i].name) || (i && strcmp(l.v[i - 1].name, l.v[i].name) >= 0))
				abort();
	free(l.v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_buf struct buf again = {0};
	struct rd r = rd_init(data, len);
	struct account a;

	list(data, len);
	if (account_get(&a, &r) < 0)
		return 0;
	if (*a.name == '.' || *a.name == '-' || *a.name == '\0' || (a.uid && a.uid < 100))
		abort();
	nothing_odd(a.name, strlen(a.name), "/:\n ,");
	nothing_odd(a.full_name.p, a.full_name.len, ":,\n");
	nothing_odd(a.hash.p, a.hash.len, ":\n ");
	nothing_odd(a.keys.p, a.keys.len, "\r");
	account_put(&again, &a);
	if (again.err || again.len > len || memcmp(again.p, data, again.len) != 0)
		abort();
	return 0;
}
