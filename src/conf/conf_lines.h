/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_lines.h - a configuration as lines of set, delete, activate and deactivate, as `display set'
 * prints it.  Comments as in braces.
 */
#ifndef CONF_CONF_LINES_H
#define CONF_CONF_LINES_H

#include "conf_tree.h"

/* 1: the text's first word is one of the four; 0; -ENOMEM. */
int conf_lines_are(struct slice text);
/* All lines, of one who lacks the rights in hidden (conf_perm.h; 0: none), change t, which is settled afterwards.
 * -EINVAL with *err, which names the place in the text, -ENOMEM, -E2BIG: some of them have. */
int conf_lines_apply(struct conf_tree *t, struct slice text, uint32_t hidden, struct conf_error *err);

#endif
