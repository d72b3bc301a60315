/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_warn.h - statements that are accepted as a Junos router has them, and do nothing here, and dangerous ones. */
#ifndef CONF_CONF_WARN_H
#define CONF_CONF_WARN_H

#include "conf.h"

/* One line for each such statement, however often it is there: "chassis: kept, without effect".  0 or -ENOMEM. */
int conf_warn(const struct conf *c, struct buf *out);

#endif
