/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_move.h - objects of a tree renamed, copied and put into another order: `rename', `copy', `insert'.
 *
 * An object is an entry of a list, or a statement within an opaque subtree.  Its new name is given as Junos takes
 * it, relative to where the object stands: "agency lea9"; within an opaque subtree all words of the statement.
 * -ENOENT: there is no such object; -EINVAL with err->expected: why it can't be.  Nothing has changed then.
 */
#ifndef CONF_CONF_MOVE_H
#define CONF_CONF_MOVE_H

#include "conf_edit.h"

int conf_move_rename(
    struct conf_tree *t, struct conf_path path, struct conf_path to, uint32_t hidden, struct conf_error *err);
/* With all that is below it. */
int conf_move_copy(
    struct conf_tree *t, struct conf_path path, struct conf_path to, uint32_t hidden, struct conf_error *err);
/* Before or behind another of the same kind. */
int conf_move_insert(
    struct conf_tree *t, struct conf_path path, bool before, struct conf_path to, struct conf_error *err);

#endif
