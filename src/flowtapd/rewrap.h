/* SPDX-License-Identifier: BSD-2-Clause */
/* rewrap.h - flowtapd --rewrap and --undo-upgrade: what is done to the database while no daemon runs. */
#ifndef FLOWTAPD_REWRAP_H
#define FLOWTAPD_REWRAP_H

#include "conf.h"

/* Every agency's key under the machine key in the file, instead of the one in use.  Logs what went
 * wrong.  The exit status. */
int rewrap_run(const struct conf *conf, const char *file);
/* The copy that was kept when a later release changed the schema, in the place of the database.  The exit status. */
int rewrap_put_back(const struct conf *conf);

#endif
