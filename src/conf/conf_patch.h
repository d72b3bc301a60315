/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_patch.h - what conf_compare_trees prints, applied: `load patch'. */
#ifndef CONF_CONF_PATCH_H
#define CONF_CONF_PATCH_H

#include "conf_tree.h"

/*
 * [edit LEVEL] names a level that is there; - takes out statements that are there as printed, + adds, ! activates and
 * deactivates; lines that begin with a blank say nothing but
 * which statement the comments above them belong to; comments with nothing behind them are the level's last.  hidden:
 * rights that the user lacks. t is settled afterwards.  -EINVAL with *err, -ENOMEM, -E2BIG: some of it has been
 * applied.
 */
int conf_patch_apply(struct conf_tree *t, struct slice text, uint32_t hidden, struct conf_error *err);

#endif
