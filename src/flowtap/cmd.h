/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd.h - the grammar of the command line: what a row of the command table accepts, and from it parsing,
 * abbreviations, completion, help and usage.  Pure.
 *
 * A row's syntax is its words, as in "audit export [LINE]": small letters are typed, or as many of them as
 * tell the word from the others; capitals are an argument of the type with that name (cmd_type.c);
 * [ ] may be left out; (a|b) is one of them.  PATH, STATEMENT, COMMAND and others (swallows in cmd.c) take all words
 * that follow, but a keyword or a single argument may end a path: "rename PATH to TARGET", "annotate PATH TEXT".
 */
#ifndef FLOWTAP_CMD_H
#define FLOWTAP_CMD_H

#include <net/if.h>

#include "buf.h"
#include "conf_edit.h"
#include "words.h"

struct cmd_call;
struct shell;
struct json_t; /* jansson's */

enum cmd_where {
	CMD_OPER = 1,  /* at the > prompt */
	CMD_CONF = 2,  /* at the # prompt */
	CMD_ONCE = 4,  /* as arguments of the program */
	CMD_PIPE = 8,  /* after a | */
	CMD_ASIS = 32, /* not a place: its lines are to be copied, or another program's, and stay as they are */
	/* not places: it shows a configuration, also as lines of set; what it shows has a form in JSON and XML */
	CMD_CONFIG = 64,
	CMD_FORMS = 128,
	CMD_TEXT = 16, /* not a place: it prints a text and knows no JSON; in JSON and XML the text is a string */
};

struct cmd {
	unsigned where;
	const char *syntax;                                        /* NULL ends the table */
	const char *help;                                          /* without its full stop */
	int (*run)(struct shell *sh, const struct cmd_call *call); /* the exit code */
	/* instead of run: a command with options of its own; argv[0] is its first word */
	int (*main)(const char *socket, bool json, int argc, char **argv);
	/* for run_ask (table.c): what the daemon is asked, and how its JSON is shown to a person */
	const char *ask;
	void (*text)(const struct json_t *answer, unsigned width, struct buf *out);
	/* CONF_PERM_..., of the shell's own commands only: who lacks one of them does not know the command.  What the
	 * daemon is asked it refuses itself, and an expression of the class may give it. */
	uint32_t needs;
};

struct cmd_context {
	const struct cmd *table;
	unsigned where;
	struct conf_tree *tree;                /* the candidate: its keys are offered; NULL: none */
	struct conf_path level;                /* the [edit ...] level */
	const struct if_nameindex *interfaces; /* the machine's, offered where one is expected; NULL: none */
	uint32_t hidden;                       /* of the schema and the table, from one who lacks these rights */
};

struct cmd_word {
	const char *name; /* in the syntax, name_len bytes: the keyword, or the argument's type */
	size_t name_len;
	const char *text; /* the keyword in full, or what was typed */
};

struct cmd_call {
	const struct cmd *row;
	struct cmd_word word[WORDS_MAX];
	size_t n;
	size_t rest; /* where in the line what a COMMAND swallows begins */
};

struct cmd_fault {
	size_t at; /* byte in the line */
	struct buf text;
};

/* The words from to to-1.  0; -EINVAL with *fault (its text is the caller's to free). */
int cmd_parse(const struct cmd_context *ctx, const struct words *line, size_t from, size_t to, struct cmd_call *out,
    struct cmd_fault *fault);
/* The argument of that type; NULL: not given.  Or the keyword. */
const char *cmd_arg(const struct cmd_call *call, const char *name);
/* The words that a STATEMENT or PATH swallowed, in full. */
struct conf_path cmd_path(const struct cmd_call *call, const char **room);
/* All words of an argument of that type. */
struct conf_path cmd_words(const struct cmd_call *call, const char *name, const char **room);

struct cmd_hint {
	const char *word; /* to be typed; or the argument's type */
	bool arg;         /* the latter */
	const char *help; /* NULL: none */
};

/* What may stand where the line ends: cb for each, each word once.  *prefix: where the word to be completed begins, len
 * if a new one does.  0; 1: the line may end here, too; -EINVAL with *fault: a word before it is wrong. */
int cmd_hints(const struct cmd_context *ctx, const struct words *line, size_t *prefix,
    void (*cb)(void *arg, const struct cmd_hint *hint), void *arg, struct cmd_fault *fault);

/* The first | at or after i, or the number of words. */
size_t cmd_segment(const struct words *line, size_t i);

#endif
