/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_column.h - every column of the database, what it holds and how it is kept.
 *
 * A column's type says who can read it in the file.  Bytes and text reach the database by the functions
 * below only (tools/check-exports looks for others), and these take a column of their own type only, which
 * the compiler sees: what is sealed can't be bound in clear.  test_store_columns compares the table with the
 * database's own list, and looks for what names a target in every column.
 */
#ifndef STORE_STORE_COLUMN_H
#define STORE_STORE_COLUMN_H

#include <sqlite3.h>

#include "buf.h"
#include "seal.h"

struct store_keys;

/* X(table, column, what for) */

/* In clear: numbers and times, which name nobody. */
#define STORE_NUMBER_COLUMNS(X)                                                                                        \
	X(agency, no, "its number, for ever")                                                                          \
	X(agency, next_id, "the Criteria-ID that comes next")                                                          \
	X(agency, generation, "of its key")                                                                            \
	X(agency, reseal_below, "criteria below it may be sealed with the old key")                                    \
	X(cdest, no, "number of a content destination's name")                                                         \
	X(cdest, agency, "whose")                                                                                      \
	X(criterion, uid, "unique over all agencies and time")                                                         \
	X(criterion, agency, "whose")                                                                                  \
	X(criterion, id, "Criteria-ID")                                                                                \
	X(criterion, added_ms, "when")                                                                                 \
	X(criterion, priority, "as asked for")                                                                         \
	X(criterion, static, "whether it has no timeout")                                                              \
	X(criterion, warrant, "on which it stands")                                                                    \
	X(warrant, no, "its number, for ever")                                                                         \
	X(warrant, entered_ms, "when")                                                                                 \
	X(warrant, entered_uid, "by whom")                                                                             \
	X(warrant, approved_ms, "when")                                                                                \
	X(warrant, approved_uid, "by whom")                                                                            \
	X(warrant, revoked_ms, "when")                                                                                 \
	X(warrant, revoked_uid, "by whom")                                                                             \
	X(cdest_use, cdest, "which name")                                                                              \
	X(cdest_use, uid, "is used by which criterion")                                                                \
	X(used, uid, "of which criterion")                                                                             \
	X(used, packets, "given of Timeout-Packets")                                                                   \
	X(used, bytes, "given of Timeout-Bytes")                                                                       \
	X(used, packets_was, "used when that was given")                                                               \
	X(used, bytes_was, "used when that was given")                                                                 \
	X(used, at_ms, "when that was given")                                                                          \
	X(used, seen_ms, "when a packet last matched, roughly, with Timeout-Idle")                                     \
	X(audit, n, "the line's number")                                                                               \
	X(archived, upto, "the last line that has left the record")

/* In clear: names of agencies, of warrants and of releases. */
#define STORE_TEXT_COLUMNS(X)                                                                                          \
	X(agency, name, "as configured")                                                                               \
	X(warrant, agency, "whose")                                                                                    \
	X(warrant, ref, "the court's reference")                                                                       \
	X(machine, software, "which release made the tables as they are")

/* Bytes that show nothing without a key, but are no text that was sealed here. */
#define STORE_MADE_COLUMNS(X)                                                                                          \
	X(agency, key, "its data key, wrapped by the machine key")                                                     \
	X(agency, old_key, "the one before, while rows need it")                                                       \
	X(cdest, tag, "what a name is found by: generation, HMAC")                                                     \
	X(machine, proof, "what the machine key is known by")                                                          \
	X(audit, line, "sealed by src/audit")

/* X(table, column, mark, what for): sealed with the agency's key.  The mark stands for table and column in
 * what a sealed text is bound to, and is never used again. */
#define STORE_SEALED_COLUMNS(X)                                                                                        \
	X(criterion, secret, 'C', "target, destinations, control source, timeouts")                                    \
	X(cdest, bound, 'D', "name, address and port")                                                                 \
	X(warrant, text, 'W', "scope, with the targets' prefixes")                                                     \
	X(warrant, signatures, 'S', "of officers under it; NULL: none")

#define STORE_COLUMN_NAME(table, column, ...) STORE_##table##_##column,
enum store_text_column { STORE_TEXT_COLUMNS(STORE_COLUMN_NAME) };
enum store_made_column { STORE_MADE_COLUMNS(STORE_COLUMN_NAME) };
enum store_sealed_column { STORE_SEALED_COLUMNS(STORE_COLUMN_NAME) };

/* For who has to know all of them. */
enum store_column_type { STORE_NUMBER, STORE_TEXT, STORE_MADE, STORE_SEALED };
struct store_column {
	const char *table, *name, *what;
	enum store_column_type type;
};
extern const struct store_column store_columns[];
extern const unsigned store_ncolumns;

void store_bind_text(
    sqlite3_stmt *st, int at, enum store_text_column c, const char *text); /* borrowed; NULL is legal */
void store_bind_made(sqlite3_stmt *st, int at, enum store_made_column c, const void *p, size_t len); /* borrowed */

/*
 * Which row a sealed text belongs to: the columns beside it, or its key.  Bound to a text are its table and
 * column, its agency, these, and the key's generation, so that it opens in its own place only.
 */
struct store_beside {
	const uint64_t *word;
	unsigned nword; /* at most STORE_BESIDE_WORDS */
	const void *bytes;
	size_t len; /* at most STORE_BESIDE_BYTES */
};
#define STORE_BESIDE_WORDS 10
#define STORE_BESIDE_BYTES 128

/* A sealed text and where it may go. */
struct store_sealed {
	enum store_sealed_column column;
	struct buf b; /* owned */
};
#define cleanup_sealed __attribute__((cleanup(store_sealed_free)))
void store_sealed_free(struct store_sealed *v);

/* Seals with the key in use.  -ENOMEM, -EIO; then *out is empty. */
int store_seal(const struct store_keys *keys, enum store_sealed_column c, const struct store_beside *row,
    const struct buf *plain, struct store_sealed *out);
void store_bind_sealed(sqlite3_stmt *st, int at, const struct store_sealed *v); /* borrowed */
/* Opens result column `at` of the statement's row: appended.  -EBADMSG: not sealed for this place. */
int store_unseal(sqlite3_stmt *st, int at, const struct store_keys *keys, enum store_sealed_column c,
    const struct store_beside *row, struct buf *plain);
/* The generation of the key that a sealed text or a tag names; 0: none. */
uint32_t store_generation(const void *p, size_t len);
/* The first bytes of whatever is sealed with a key before that generation are less than these, as SQLite compares
 * blobs; column: sealed or a tag, as the statement says. */
void store_bind_generation(sqlite3_stmt *st, int at, uint32_t generation);

#endif
