/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_annotate.h - the comment above a statement. */
#ifndef CONF_CONF_ANNOTATE_H
#define CONF_CONF_ANNOTATE_H

#include "conf_edit.h"

/* Replaces what stands above the statement; "" takes it away.  -ENOENT: no such statement; -EINVAL: the text has a
 * control character or the end of a comment in it. */
int conf_annotate(struct conf_tree *t, struct conf_path path, const char *text);

#endif
