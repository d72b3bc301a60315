/* SPDX-License-Identifier: BSD-2-Clause */
/* make.c - writes a state database as this tree's release makes it: see README.md beside it. */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "statefill.h"

int
main(int argc, char **argv)
{
	struct store *s;
	int r;

	if (argc != 2)
		errx(2, "usage: schema_make FILE");
	if ((r = store_open(argv[1], statefill_key, &s)) != 0)
		errx(1, "%s: %d", argv[1], r);
	if ((r = statefill_fill(s)) < 0)
		errx(1, "%s: %s", argv[1], strerror(-r));
	store_close(s);
	return 0;
}
