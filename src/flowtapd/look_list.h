/* SPDX-License-Identifier: BSD-2-Clause */
/* look_list.h - reads the lists that look.h gives, record by record.  Pure. */
#ifndef FLOWTAPD_LOOK_LIST_H
#define FLOWTAPD_LOOK_LIST_H

#include "buf.h"
#include "look_abi.h"

/* 1 and the next one; 0: the end; -EBADMSG: what follows is none.  map: p->nmap of them. */
int look_list_prog(struct rd *r, struct look_prog *p, uint32_t map[static LOOK_MAPS]);
int look_list_link(struct rd *r, struct look_link *l);

#endif
