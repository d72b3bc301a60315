/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_tags.h - `load replace': statements marked by replace: take the place of those that are there. */
#ifndef CONF_CONF_TAGS_H
#define CONF_CONF_TAGS_H

#include "conf_tree.h"

/* from, of conf_parse_tree_tagged, becomes part of t, as by conf_edit_merge; of what is marked nothing is left that
 * stood there before. */
int conf_tags_replace(struct conf_tree *t, const struct conf_tree *from);

#endif
