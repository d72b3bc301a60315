/* SPDX-License-Identifier: BSD-2-Clause */
#include "pager.h"

#include <errno.h>
#include <stdio.h>

#include "key.h"

#define MORE "---(more)---"

unsigned
pager_rows(struct slice line, unsigned width)
{
	unsigned columns = 0;

	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] == '\033' && i + 1 < line.len && line.p[i + 1] == '[') {
			for (i += 2; i < line.len && (line.p[i] < '@' || line.p[i] > '~'); i++)
				;
			continue;
		}
		columns += line.p[i] == '\t' ? 8 - columns % 8 : ((uint8_t)line.p[i] & 0xc0) != 0x80;
	}
	return columns == 0 || width == 0 ? 1 : (columns + width - 1) / width;
}

/* 0: go on; -EPIPE: no more. */
static int
more(struct pager *p)
{
	int c;

	fputs(MORE, stdout);
	fflush(stdout);
	c = key_read();
	printf("\r%*s\r", (int)sizeof MORE - 1, "");
	switch (c) {
	case 'q':
	case 'Q':
	case 3: /* Control-C */
	case -1:
		return -EPIPE;
	case '\r':
	case '\n':
	case 'j':
		p->used--;
		break;
	case 'G':
		p->length = 0;
		break;
	default:
		p->used = 0;
	}
	return 0;
}

int
pager_line(struct pager *p, struct slice line)
{
	const unsigned rows = pager_rows(line, p->width);

	while (p->length > 1 && p->used > 0 && p->used + rows > p->length - 1) {
		const unsigned before = p->used;

		if (more(p) < 0)
			return -EPIPE;
		if (p->used == before - 1)
			break;
	}
	p->used += rows;
	fwrite(line.p, 1, line.len, stdout);
	putchar('\n');
	return ferror(stdout) ? -EPIPE : 0;
}
