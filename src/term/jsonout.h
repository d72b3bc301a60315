/* SPDX-License-Identifier: BSD-2-Clause */
/* jsonout.h - JSON on standard output: whole objects, or one object with a list of any
 * length that is written as it comes.  Every call takes its json_t over, unless it says so. */
#ifndef TERM_JSONOUT_H
#define TERM_JSONOUT_H

#include <jansson.h>

#include "base.h"

struct jsonout {
	bool pretty;
	bool in_list; /* between the first item and jsonout_list_end */
};

/*
 * The names of members are in one style in all programs and in what the daemon answers: small letters and digits, words
 * joined by hyphens, as in the configuration and in DTCP.  (The record of every use keeps its one name with an
 * underscore: its lines are signed, and old ones stay.)  Something that went wrong is an object with "error", a word
 * for programs, and "text", for people.
 */

#define JSONOUT_KEY_MAX 64
/* Another protocol's name in that style: "Criteria-ID" is "criteria-id".  Returns key. */
const char *jsonout_key(struct slice name, char key[static JSONOUT_KEY_MAX]);

/* {"error": word, "text": text}: word is one of a few for programs, text is for people. */
void jsonout_error(const char *word, const char *text);

/* text as a string, also if it is not UTF-8: then what is not ASCII is "?". */
json_t *jsonout_string(const char *text);

/* v, borrowed, as a text, which is the caller's to free; NULL if there is no memory.  As all JSON of ours it has no
 * more digits of a number with a fraction than were measured: 1.005, not 1.0049999999999999. */
char *jsonout_dumps(const json_t *v, bool pretty);

void jsonout_object(const struct jsonout *o, json_t *object);

/* JSON that another process wrote, as it is but for bytes that a terminal would obey (foreign.h). */
void jsonout_text(struct slice text);

/* For text for people: a copy in which all strings and names are as foreign.h shows them in a line.  v is borrowed,
 * the copy the caller's; NULL if there is no memory. */
json_t *jsonout_shown(const json_t *v);

/* {"command": command, name: [item, ...], members of rest} */
void jsonout_list_begin(struct jsonout *o, const char *command, const char *name);
void jsonout_list_item(struct jsonout *o, json_t *item);
void jsonout_list_end(struct jsonout *o, json_t *rest);

#endif
