/* SPDX-License-Identifier: BSD-2-Clause */
/* jsonout.h - JSON on standard output: whole objects, or one object with a list of any
 * length that is written as it comes.  Every call takes its json_t over. */
#ifndef TERM_JSONOUT_H
#define TERM_JSONOUT_H

#include <jansson.h>
#include <stdbool.h>

struct jsonout {
	bool pretty;
	bool in_list; /* between the first item and jsonout_list_end */
};

/* {"error": word, "text": text}: word is one of a few for programs, text is for people. */
void jsonout_error(const char *word, const char *text);

void jsonout_object(const struct jsonout *o, json_t *object);

/* {"command": command, name: [item, ...], members of rest} */
void jsonout_list_begin(struct jsonout *o, const char *command, const char *name);
void jsonout_list_item(struct jsonout *o, json_t *item);
void jsonout_list_end(struct jsonout *o, json_t *rest);

#endif
