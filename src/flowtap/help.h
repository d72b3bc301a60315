/* SPDX-License-Identifier: BSD-2-Clause */
/* help.h - the table of commands and the schema of the configuration as a text for people.  Pure.  What the reader may
 * not know is not there. */
#ifndef FLOWTAP_HELP_H
#define FLOWTAP_HELP_H

#include "cmd.h"

struct help {
	const struct cmd *table;
	uint32_t hidden; /* CONF_PERM_...: rights that the reader lacks */
	unsigned width;
};

/* All commands of where. */
void help_commands(const struct help *h, unsigned where, struct buf *out);
/* All commands and statements that have the word.  Whether there is any. */
bool help_topic(const struct help *h, const char *word, struct buf *out);
/* All words that help_topic knows, but those that are only values. */
void help_topics(const struct help *h, struct buf *out);
/* Commands and statements in whose name or help the text is, of any case.  Whether there is any. */
bool help_apropos(const struct help *h, const char *text, struct buf *out);
/* One statement. */
void help_reference(const struct help *h, const struct conf_schema *row, struct buf *out);

#endif
