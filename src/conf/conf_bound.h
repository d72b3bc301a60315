/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_bound.h - what each part of a configuration may be at most; for conf_perm.c.
 *
 * Parts are what one right changes.  None can become so large that there is no room for another: so nobody learns by
 * what still fits how large a part is that they are not shown.
 */
#ifndef CONF_CONF_BOUND_H
#define CONF_CONF_BOUND_H

#include "conf_tree.h"

#define CONF_BOUND_STATEMENTS (CONF_STATEMENTS_MAX / 4) /* and as many values */
#define CONF_BOUND_TEXT (CONF_TEXT_MAX / 32 * 7)        /* octets, as it is printed */

/* -EINVAL with *err: a part is too large; -ENOMEM. */
int conf_bound_check(const struct conf_tree *t, struct conf_error *err);

#endif
