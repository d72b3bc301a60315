/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_pattern.h - names and values of a tree by patterns: `replace pattern', `wildcard delete'. */
#ifndef CONF_CONF_PATTERN_H
#define CONF_CONF_PATTERN_H

#include "conf_edit.h"

#define CONF_PATTERN_MAX 256 /* bytes of a pattern */

/*
 * In names and values below the node, what matches pattern, an extended regular expression, becomes text, in which &
 * is what was matched, \1 to \9 are the pattern's groups, and \& is a &.  At most upto statements are changed (0: all),
 * those of a level before what is below them.  *changed: how many were.  The words are not checked: the tree has to be
 * printed and parsed again.  -EINVAL with why, also if two of a list would have one name; -ENOMEM.
 */
int conf_pattern_replace(struct conf_tree *t, struct conf_node *below, const char *pattern, const char *text,
    unsigned upto, unsigned *changed, char why[static 128]);

/*
 * Statements that a path leads to in which names are patterns: with * ? [ ] as shells have them, or if it has other
 * characters of regular expressions, such as .*, one of these; either is for the whole name.  cb for each.  The
 * number; -EINVAL with why.
 */
int conf_pattern_find(struct conf_tree *t, struct conf_path path, void (*cb)(void *arg, struct conf_node *n), void *arg,
    char why[static 128]);

#endif
