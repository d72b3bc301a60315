/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_tags.h - `load replace' and `load merge': statements with a mark before them. */
#ifndef CONF_CONF_TAGS_H
#define CONF_CONF_TAGS_H

#include "conf_tree.h"

/* from, of conf_parse_tree_tagged, becomes part of t, as by conf_edit_merge.  Of what is marked by replace: nothing is
 * left that stood there before; what is marked by delete: is taken out of both.  *missing: how many of the latter were
 * not there. */
int conf_tags_merge(struct conf_tree *t, struct conf_tree *from, unsigned *missing);

#endif
