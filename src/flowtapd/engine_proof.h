/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_proof.h - whether warrants are in the state that the record says.
 *
 * Without the agency's key nobody changes a warrant's row (store_warrant.c); but somebody who has the file can put an
 * older row back, one from before its revocation, or take a row out.  So the record has a line of kind "authorities"
 * behind each change of a warrant and before each checkpoint: how many there are, and one digest over all their states.
 * At a start the last one of these is looked for, from the record's end on, and compared: some hundred lines at most,
 * however long the record is.  Where it differs, or a line before it is missing, the whole record is read; a
 * warrant that is not as the record tells has no authority, and is an alarm.
 *
 * Whoever puts back the whole database, with its record, is found out by the checkpoints beside it and elsewhere.
 */
#ifndef FLOWTAPD_ENGINE_PROOF_H
#define FLOWTAPD_ENGINE_PROOF_H

#include "audit.h"
#include "engine_sign.h"

struct authority;
struct engine;
struct store_warrant;

/* What the record tells of a warrant. */
struct proof_state {
	char text[AUDIT_HASH_HEX + 1]; /* SHA-256 of its text; "": it was not entered */
	bool approved, revoked;
	uint32_t entered_uid, approved_uid, revoked_uid;
	char signer[SIGN_VERBS][SSHSIG_PRINT_LEN]; /* fingerprints of the keys that signed; "": it is not signed */
};

#define PROOF_TEXT (AUDIT_HASH_HEX + 48)
#define PROOF_STATE_TEXT 64
#define PROOF_SIGNERS_TEXT (2 * SSHSIG_PRINT_LEN)
struct engine_proof {
	char text[PROOF_TEXT], saved[PROOF_TEXT]; /* of the last line; saved: as of the begin of the transaction */
	bool ready;
	bool touched; /* some warrant's state, in the open transaction or the last one */
};

int engine_proof_state(const struct engine *e, const struct store_warrant *w, struct proof_state *out); /* -ENOMEM */
/* When all are loaded: marks those that differ, with an alarm for each.  -errno: the record can't be read. */
int engine_proof_start(struct engine *e);
/* In the open transaction: that is the warrant's state from now on, and its line. */
int engine_proof_set(struct engine *e, struct authority *a, const struct proof_state *state);
/* In the open transaction: the line as it is, before a checkpoint.  Nothing before engine_proof_start. */
int engine_proof_line(struct engine *e);
/* The state in words, but for the text and who entered it, as a line of kind "warrant-kept" has it. */
void engine_proof_spell(const struct proof_state *s, char out[static PROOF_STATE_TEXT]);
/* The keys that signed, as that line's signer: of the entry and of the approval, "-" for none; "": it is not signed. */
void engine_proof_signers(const struct proof_state *s, char out[static PROOF_SIGNERS_TEXT]);
/* The transaction has begun, or has been undone. */
void engine_proof_begun(struct engine *e);
void engine_proof_undone(struct engine *e);

#endif
