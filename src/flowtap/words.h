/* SPDX-License-Identifier: BSD-2-Clause */
/* words.h - a command line as words.  Blanks part them; "..." is one word, in which \" and \\ stand for the
 * second character; [ and ] are words of their own, and so is |, unless in quotation marks. */
#ifndef FLOWTAP_WORDS_H
#define FLOWTAP_WORDS_H

#include "base.h"

#define WORDS_MAX 1024
#define WORDS_LINE_MAX 65536

struct word {
	const char *text;
	size_t at, end; /* its bytes in the line */
	bool quoted;
	bool pipe; /* it is | */
};

struct words {
	struct word w[WORDS_MAX];
	size_t n;
	size_t len;      /* of the line */
	bool open_quote; /* the last word's string does not end */
	char *store;     /* owned */
};

/* 0; -E2BIG; -ENOMEM.  words_free after each outcome.  A NUL ends the line. */
int words_split(struct slice line, struct words *out);
/* The same of words that a shell has parted already; quoted if they hold blanks.  *line, owned by the caller, is how
 * they would be typed. */
int words_of_argv(int argc, char *const *argv, struct words *out, char **line);
void words_free(struct words *w);

#endif
