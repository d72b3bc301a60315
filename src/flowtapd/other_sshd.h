/* SPDX-License-Identifier: BSD-2-Clause */
/* other_sshd.h - whether the machine's other sshd keeps agencies out.  Only ours gives them DTCP and nothing else;
 * another one may forward for them. */
#ifndef FLOWTAPD_OTHER_SSHD_H
#define FLOWTAPD_OTHER_SSHD_H

#include "base.h"

#define OTHER_SSHD_CONFIG "/etc/ssh/sshd_config"
#define OTHER_SSHD_DROP_IN "/etc/ssh/sshd_config.d/flowtap.conf" /* of the package: DenyGroups */

/* By the text of its configuration, the package's drop-in being there or not: whether it denies their group, itself or
 * by the drop-in, before any Match.  Pure. */
bool other_sshd_denies(struct slice config, bool drop_in);
/* A warning if it does not; nothing if there is no other sshd's configuration, or it can't be read. */
void other_sshd_warn(void);

#endif
