/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_change.h - which statements of two configurations differ, for people and for the record. */
#ifndef CONF_CONF_CHANGE_H
#define CONF_CONF_CHANGE_H

#include "conf_tree.h"

/* "services flow-tap agency lea1 user, system services": the paths of statements that are in one only, or
 * differ, without values; at most about max bytes, then "and N others"; nothing if only comments
 * differ.  0 or -ENOMEM. */
int conf_change_paths(const struct conf_tree *before, const struct conf_tree *after, size_t max, struct buf *out);
/* Calls visit with the path of each statement, values included, that is in one only or differs, with all below it,
 * until it is not 0: that, or -ENOMEM. */
int conf_change_each(const struct conf_tree *before, const struct conf_tree *after,
    int (*visit)(void *arg, const char *path), void *arg);

#endif
