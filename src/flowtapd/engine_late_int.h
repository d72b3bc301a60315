/* SPDX-License-Identifier: BSD-2-Clause */
/* engine_late_int.h - what engine_late.c, which takes and files, and engine_late_pay.c have in common. */
#ifndef FLOWTAPD_ENGINE_LATE_INT_H
#define FLOWTAPD_ENGINE_LATE_INT_H

#include "engine.h"

/* An entry that is no item: seq of the file's items are paid, and of the next one id criteria. */
#define KIND_PAID "paid"

struct late_count {
	size_t n, bytes; /* of lines; numbers of criteria, which what is stored bounds, do not count */
};

/* Whose a line or debt is.  What one of them owes takes nothing of the others. */
struct late_share {
	STAILQ_ENTRY(late_share) entry;
	bool is_agency;
	char of[CONF_NAME_MAX + 1];    /* the agency's name, or the kind of line */
	struct late_count ends, other; /* lines with a debt, and without one */
	uint64_t gone;                 /* criteria of debts */
	uint64_t dropped;
	int64_t dropped_since; /* Unix time in ms */
	/* Criteria that have ended and have no line of their own: sum tells of what ended them. */
	uint64_t *bare; /* owned */
	size_t nbare, cap;
	int64_t bare_since; /* Unix time in ms; 0: a former daemon ended them, and its line is lost */
	struct share_sum sum;
};

/* One line that is owed, and what else: as bytes, as in the file. */
struct late_item {
	STAILQ_ENTRY(late_item) entry;
	struct buf b;
	struct late_share *share;
	bool filed;               /* the file has it */
	struct late_count *count; /* of the share, its own kind's */
	size_t nuid, paid;        /* criteria, and those that the store has lost, from the first on */
};

/* Appends an entry.  false: it is not there, which is logged once. */
bool engine_late_file_append(struct engine *e, const struct buf *b);
/* Nothing is owed: both files are empty. */
void engine_late_file_clear(struct engine *e);
/* The store has lost the first `to` criteria of it. */
void engine_late_item_lost(struct engine *e, struct late_item *t, size_t to);
/* The first one: the store and the record have it. */
void engine_late_item_forget(struct engine *e);
/* The store has lost the first n of the share's criteria that have no line. */
void engine_late_bare_lost(struct engine *e, struct late_share *s, size_t n);
/* The first one; nothing is owed of it. */
void engine_late_share_forget(struct engine *e);

#endif
