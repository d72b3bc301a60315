/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_lex.h - the words of a configuration in Junos braces.
 *
 * Words end at a blank, a quotation mark, `#' or one of { } [ ] ;, but that [ and ] between < and > belong to the
 * word that begins with them: a name with wildcards, as <lea[1-3]*>.  A quoted
 * string stands on one line; in it \" and \\ stand for the second character,
 * any other backslash for itself.  Comments are `#' to the end of the line and
 * C's; they are kept, for the printer.
 */
#ifndef CONF_CONF_LEX_H
#define CONF_CONF_LEX_H

#include "conf_error.h"

enum conf_token {
	CONF_TOKEN_EOF,
	CONF_TOKEN_WORD,
	CONF_TOKEN_STRING,
	CONF_TOKEN_OPEN,       /* { */
	CONF_TOKEN_CLOSE,      /* } */
	CONF_TOKEN_LIST_OPEN,  /* [ */
	CONF_TOKEN_LIST_CLOSE, /* ] */
	CONF_TOKEN_END,        /* ; */
};

struct conf_lex {
	/* the present token; text (without quotation marks) is valid until the next call */
	enum conf_token token;
	struct slice text;
	struct slice raw; /* a string's bytes as written */
	unsigned line, column;
	/* comments passed since they were last taken, each ended by a NUL: those that began on
	 * the line on which the token before them ended, and the others */
	struct buf beside, above;
	/* the rest is private */
	const char *p, *end;
	unsigned p_line, p_column, prev_line;
	struct buf string;
};

void conf_lex_init(struct conf_lex *l, struct slice text); /* text is borrowed */
void conf_lex_fini(struct conf_lex *l);
/* Moves to the next token, again and again CONF_TOKEN_EOF at the end.  -EINVAL with *err, -ENOMEM. */
int conf_lex_next(struct conf_lex *l, struct conf_error *err);
/* The present token's place for an error.  A string is not repeated: it may be a password. */
struct conf_at conf_lex_at(const struct conf_lex *l);
bool conf_lex_is_bare(struct slice s);                /* a word that needs no quotation marks */
void conf_lex_quote(struct buf *out, struct slice s); /* the same string as a token */

/* The text of a token that is, between its quotation marks, written like raw. */
void conf_lex_unquote(struct buf *out, struct slice raw);

#endif
