/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_level.h - text that stands at a level below the top, as if it stood in the whole. */
#ifndef CONF_CONF_LEVEL_H
#define CONF_CONF_LEVEL_H

#include "conf_edit.h"

/* The text between the braces that lead to the level, on one line with its first, so that its lines keep their
 * numbers. */
void conf_level_wrap(struct conf_path level, struct slice text, struct buf *out);
/* "services flow-tap agency lea1" as a path; the words are parts of store, which is changed.  The number; -E2BIG. */
int conf_level_words(char *store, const char **word, size_t max);
/* The level above: a key belongs to the level of its list.  How many words are left. */
size_t conf_level_above(struct conf_path level);

#endif
