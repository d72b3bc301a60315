/* SPDX-License-Identifier: BSD-2-Clause */
/* shell.h - what commands work with: the terminal, the present output, the candidate. */
#ifndef FLOWTAP_SHELL_H
#define FLOWTAP_SHELL_H

#include <jansson.h>
#include <stdio.h>

#include "cmd.h"
#include "ctl.h"
#include "pager.h"
#include "pipe.h"
#include "show.h"

enum shell_display { DISPLAY_TEXT, DISPLAY_SET, DISPLAY_JSON, DISPLAY_XML };

struct candidate; /* candidate.h */

struct shell {
	const char *socket;
	bool json, pretty; /* for the present command */
	bool color;        /* standard output shows colours */
	bool terminal;     /* standard output is one */
	bool asks;         /* a person answers at standard input */
	bool once;         /* the command came as arguments */
	bool quit;
	bool script;      /* commands come from a file, a program or -c */
	unsigned line_no; /* of the script, from 1 */
	unsigned failed;  /* the first of its lines that failed: nothing is committed any more; 0: none did */
	struct candidate *candidate; /* NULL: operational mode */
	unsigned screen_length;      /* of a screen that is not as long as the terminal says; SHELL_AUTO: it is */
	FILE *out;                   /* standard output, as it is outside of the present command */
	/* the present command's pipes */
	struct pipe *pipe;
	bool piped; /* some were given */
	struct pager pager;
	enum shell_display display;
	bool no_more, comparing;
	bool inheritance, plain; /* groups expanded; without comments that say so */
	bool edited;             /* the present command went to another level */
	unsigned compare;        /* with which rollback */
	const char *line;        /* as typed */
	uint32_t hidden;         /* CONF_PERM_...: rights that the user lacks */
	unsigned idle_minutes;   /* after which a session without a key ends; 0: never */
	char *message;           /* owned; of system login; NULL: none */
	const char *save_path;   /* borrowed: of the file below, also before it is open; NULL: none */
	FILE *save;              /* instead of the screen; NULL: none */
	size_t saved;            /* lines of it */
};

#define SHELL_AUTO UINT32_MAX

/* The table of all commands (table.c). */
extern const struct cmd table_commands[];

/* A list, a screen at a time if it is longer; set cli screen-length holds. */
void shell_page(const struct shell *sh, struct slice text);
void shell_context(const struct shell *sh, unsigned where, struct cmd_context *out);
/* Runs a line; the exit code, -1 if it was empty. */
int shell_line(struct shell *sh, const char *line);
/* Prints what may stand where a line of arguments ends: a word, or an argument's type in < >, a tab and its help. */
int shell_complete(struct shell *sh, const char *line);
/* The same of words that a shell has parted. */
int shell_argv(struct shell *sh, int argc, char **argv);
/* The present command's output will go into that file, for its owner only if it is new; path is borrowed while the
 * command runs.  It is not touched before the whole line is understood.  The exit code. */
int shell_save_to(struct shell *sh, const char *path);
/* What is printed now is laid out for so many columns. */
unsigned shell_width(const struct shell *sh);
/* An answer to a person, or as the display is.  The exit code. */
int shell_put(const struct shell *sh, const json_t *o, show_text *text);
int shell_put_json(const struct shell *sh, const json_t *o);   /* or XML, as the display is */
int shell_call(struct shell *sh, const struct cmd_call *call); /* into the present output */
/* Asks which rights the user lacks: what the daemon would call unknown is unknown here, too. */
void shell_rights(struct shell *sh);
/* What is wrong, below the line and the place where. */
void shell_fault(const char *line, const struct cmd_fault *fault);
void shell_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* true: yes, also if nobody can be asked.  With "[yes,no] (yes)", or (no), for what Enter and the input's end mean.
 * Control-C is no. */
bool shell_confirm(const struct shell *sh, const char *question, bool usual);
/* Prompts and lines, until the user leaves.  The exit code of the last command. */
int shell_interact(struct shell *sh);

/*
 * script.c: commands that nobody types.  All lines are run, but from the first that fails on nothing is committed, and
 * what is not committed at the end is an error.  The exit code: of the first line that failed.
 */
int script_file(struct shell *sh, FILE *f);
/* The same with commands parted by ; or a new line, outside of quotation marks. */
int script_text(struct shell *sh, const char *text);

/* configure.c: the candidate and its level; of neither in operational mode. */
struct conf_path configure_level(const struct shell *sh);
struct conf_tree *configure_tree(const struct shell *sh);
int configure_leave(struct shell *sh); /* asks first if need be; EXIT_REFUSED: stays */

/* monitor.c */
int monitor_run(struct shell *sh, const struct cmd_call *call);

#endif
