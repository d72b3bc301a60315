/* SPDX-License-Identifier: BSD-2-Clause */
/* dtcp_ids.h - the list of a Criteria-ID; within this library only. */
#ifndef DTCP_IDS_H
#define DTCP_IDS_H

#include "dtcp.h"

/* Items of a comma list, empty ones too. */
size_t ids_count(struct slice list);
/*
 * "3, 7-9, !8, 20-*": to *v, owned by the caller, without exclusions: what is excluded is taken out of the others; only
 * exclusions are taken out of everything.  A single id that is excluded is not asked for.
 * 0, -EINVAL, -E2BIG, -ENOMEM: then nothing is changed.
 */
int ids_parse(struct slice list, struct dtcp_ids **v, uint32_t *n);

#endif
