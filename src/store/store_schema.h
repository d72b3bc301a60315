/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_schema.h - the tables of the database, of this and of every earlier release.
 *
 * A new database begins as the first release made it and climbs the same ladder as an old one, so the two
 * cannot differ.  A step is never changed once it was released; what the tables are to be is a new step.
 */
#ifndef STORE_STORE_SCHEMA_H
#define STORE_STORE_SCHEMA_H

#include <sqlite3.h>

#include "store.h"

#define STORE_SCHEMA_FIRST 5 /* of release 0.1.0; what was before it was in no release */

/* What a step has to work with, inside its own transaction. */
struct store_climb {
	sqlite3 *db;
	const uint8_t *machine; /* the machine key */
};

/* Whether it is ours, sound and of today's schema, without writing.  -EROFS: it would have to be changed first. */
int store_schema_check(sqlite3 *db, const uint8_t *machine);
/* path: of the database, beside which a copy is kept.  Makes the tables if it is empty, or brings them to the schema of
 * this release, each step in a transaction of its own.  0, a store_refusal, or -errno; a refused file is as it was. */
int store_schema_obtain(sqlite3 *db, const char *path, const uint8_t *machine);

#endif
