/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_diff.h - what a reload must do to get from one configuration to the next. */
#ifndef CONF_CONF_DIFF_H
#define CONF_CONF_DIFF_H

#include "conf.h"

struct conf_names {
	const char **name; /* the array is owned, the names belong to the configuration that has them */
	uint32_t n;
};

struct conf_diff {
	struct conf_names agency_added, agency_removed;
	struct conf_names agency_changed;         /* anything but its name */
	struct conf_names tap_added, tap_removed; /* tapped interfaces and routing instances; "all" stands for all */
	bool source, family;                      /* source-address, family */
	bool copies, audit;                       /* dscp, socket-priority; checkpoint-interval */
	bool limits;                              /* connection-limit, rate-limit */
	bool warrants;                            /* officers, and whether signatures are required */
};

/* 0 or -ENOMEM.  Both configurations must outlive *out; conf_diff_fini frees what it owns. */
int conf_diff_make(const struct conf *old, const struct conf *next, struct conf_diff *out);
void conf_diff_fini(struct conf_diff *d);
bool conf_diff_is_empty(const struct conf_diff *d);
/* Whether something changed that holds from the next start only; why: the statements by their
 * paths, with commas, cut to size. */
bool conf_diff_restart(const struct conf *old, const struct conf *next, char *why, size_t size);
/* What holds from the next start only stays in next as it is in the configuration that runs; its text and tree, and
 * next->pending, say what was written. */
void conf_diff_hold(const struct conf *running, struct conf *next);
/* "agencies added: 2, families changed" and so on: one line for a log, or "nothing". */
void conf_diff_format(const struct conf_diff *d, struct buf *out);

#endif
