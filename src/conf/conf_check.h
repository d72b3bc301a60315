/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_check.h - a settled tree to the checked struct. */
#ifndef CONF_CONF_CHECK_H
#define CONF_CONF_CHECK_H

#include "conf_tree.h"

/* Fills c, zeroed but for its tree, with the defaults and what the active statements say.
 * 0; -EINVAL, -ENOMEM with *err. */
int conf_check(struct conf *c, struct conf_error *err);

#endif
