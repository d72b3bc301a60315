/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine_sign.h - officers' signatures under warrants.
 *
 * What an officer signs with `ssh-keygen -Y sign -n flowtap-warrant` is not the order's text but a statement, five
 * lines that say which router, what is done, under which name, and the SHA-256 of the whole text.  So a signature is
 * good for nothing else: no other router, no other verb, no other warrant, no other text.
 *
 * Whose keys are taken is asked of the configuration when an officer gives a command.  Who is taken out of it signs
 * nothing more; what stands by earlier signatures stands until it is revoked, as an order does not end with who wrote
 * it.  At each start signatures are verified again, by the keys whose fingerprints the record tells.
 */
#ifndef FLOWTAPD_ENGINE_SIGN_H
#define FLOWTAPD_ENGINE_SIGN_H

#include "conf.h"
#include "sshsig.h"

struct engine;
struct proof_state;
struct store_warrant;

enum sign_verb { SIGN_ENTER, SIGN_APPROVE, SIGN_VERBS };

struct sign_about {
	enum sign_verb verb;
	const char *agency, *ref;
	const char *sha256; /* of the text, in hexadecimal */
};

/* For the record: "alice SHA256:..."; "": nobody. */
#define SIGN_BY_LEN (CONF_NAME_MAX + 1 + SSHSIG_PRINT_LEN)
struct sign_by {
	const char *officer; /* borrowed from the configuration; NULL: it is not signed */
	char text[SIGN_BY_LEN];
};

/* Appends the statement.  0, -ENOMEM. */
int engine_sign_statement(const struct engine *e, const struct sign_about *about, struct buf *out);
/* Whose signature that is; armour empty: nobody's.  0; -EPERM and *why: it is not taken, or one is required; -ENOMEM.
 */
int engine_sign_judge(
    const struct engine *e, const struct sign_about *about, struct slice armour, struct sign_by *out, const char **why);
/* The officer whose key that is, by the configuration in force; NULL: nobody's. */
const char *engine_sign_officer(const struct engine *e, const char *print);
/* out->signer: the keys of those of its signatures that hold for its text, out->text.  0, -ENOMEM. */
int engine_sign_load(const struct engine *e, const struct store_warrant *w, struct proof_state *out);
/* Whether it is signed as that configuration wants it. */
bool engine_sign_suffices(const struct conf *conf, const struct proof_state *s);

#endif
