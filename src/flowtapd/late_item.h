/* SPDX-License-Identifier: BSD-2-Clause */
/* late_item.h - a line that is owed to the record, and what else is owed with it, as bytes. */
#ifndef FLOWTAPD_LATE_ITEM_H
#define FLOWTAPD_LATE_ITEM_H

#include "audit.h"

/* What else is owed to the store; zero: nothing. */
struct late_debt {
	const uint64_t *uid; /* borrowed: criteria that have ended */
	size_t nuid;
	const char *agency;  /* theirs, or the warrant's */
	const char *revoked; /* reference of a warrant; NULL: none */
	uint32_t revoked_by;
	uint64_t revoked_no; /* the warrant's number: not among the bytes */
};

/* Appends. */
void late_item_put(struct buf *b, const struct audit_event *v, const struct late_debt *d);
/* Strings are borrowed from the bytes; *uids is at d->nuid numbers of eight bytes, and d->uid is NULL.  v->happened_ms
 * is what time_ms was.  0 or -EBADMSG. */
int late_item_get(const struct buf *b, struct audit_event *v, struct late_debt *d, struct rd *uids);

#endif
