/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_archive.h - the beginning of the record leaves it.
 *
 * Nothing does by itself.  An auditor who has proved an export asks for it, and shows that he has it by the hash of the
 * last line that is to go; that line is older than `audit retention` days and stands before the last checkpoint.  What
 * goes is told by a line that stays, and warrants are told again (lines of kind "warrant-kept"), since the lines that
 * told of them go; so what is left proves them (engine_proof.c), and with the archive before it the whole chain.
 *
 * The mark in the database comes first, in one transaction with these lines; then the lines are deleted, some hundred
 * at a time, by whichever daemon is there.  Their room is used again.
 */
#ifndef FLOWTAPD_ENGINE_ARCHIVE_H
#define FLOWTAPD_ENGINE_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

struct engine;

int engine_archive_start(struct engine *e);
/* Goes on deleting, if anything is left. */
void engine_archive_step(void *engine);
/* known: "LINE:HASH".  0, or -errno and why, for the auditor: -EINVAL: it is neither. */
int engine_archive(struct engine *e, uint32_t uid, const char *known, char *why, size_t size);

#endif
