/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.h - whether a criterion may be, by the configuration alone.  Pure.
 *
 * The same rules hold for one that is about to be added and for all that are there when the rules change; what a
 * warrant allows is engine_warrant.c's.
 */
#ifndef FLOWTAPD_JUDGE_H
#define FLOWTAPD_JUDGE_H

#include "conf.h"
#include "store.h"

/* The first rule that is broken, in the order in which an ADD is told. */
enum judge_fault {
	JUDGE_OK,
	JUDGE_FAMILY,   /* an address family that is not tapped */
	JUDGE_SOURCE,   /* copies would leave with a source address that is not the router's */
	JUDGE_DEST,     /* a content destination that is not the agency's */
	JUDGE_MANY,     /* beyond maximum-criteria */
	JUDGE_STANDING, /* without a warrant, of an agency without standing authority */
	JUDGE_WARRANT,  /* its warrant is not in force: engine_warrant.c says so */
	JUDGE_FAULTS
};

/* What a request leaves open: of the families the only one that is tapped, and the source address, which is the one
 * asked for (row->csrc) only if it is configured, or none is. */
void judge_settle(const struct conf *conf, struct store_row *row);
/* Without the authority; before: criteria the agency has beside this one, or which come before it. */
enum judge_fault judge_place(
    const struct conf *conf, const struct conf_agency *a, uint64_t before, const struct store_row *row);
/* Whether the agency may have criteria without a warrant. */
bool judge_standing(const struct conf_agency *a);
/* All of it: of a criterion that is there.  A family or source address that is left open has to be allowed, too. */
enum judge_fault judge_row(
    const struct conf *conf, const struct conf_agency *a, uint64_t before, const struct store_row *row);
/* Whether what stands by one configuration may fall by the other; was: NULL if the agency is new. */
bool judge_narrows(
    const struct conf *was_conf, const struct conf_agency *was, const struct conf *conf, const struct conf_agency *a);

int judge_errno(enum judge_fault f);          /* as engine_op.c answers it; 0 for JUDGE_OK */
const char *judge_reason(enum judge_fault f); /* for the record: names no target; NULL for JUDGE_OK */

#endif
