/* SPDX-License-Identifier: BSD-2-Clause */
/* pager.h - lines to a terminal, a screen at a time. */
#ifndef FLOWTAP_PAGER_H
#define FLOWTAP_PAGER_H

#include "base.h"

struct pager {
	unsigned length, width; /* of the screen; length 0: all at once */
	bool resizes;           /* width is as the terminal says at each line */
	bool grows;             /* and so is length */
	bool folds;             /* lines that are too long are told in several, whatever they were laid out for */
	unsigned used;          /* lines of the present screen */
};

/* 0; -EPIPE: the user has seen enough. */
int pager_line(struct pager *p, struct slice line);
/* How many rows of the screen a line takes: escape sequences take no room, UTF-8 characters one column each. */
unsigned pager_rows(struct slice line, unsigned width);

#endif
