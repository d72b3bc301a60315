/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: engine_sign_ */
#include "engine_sign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

#define NAME_SPACE "flowtap-warrant"

static const char *const verbs[SIGN_VERBS] = {[SIGN_ENTER] = "enter", [SIGN_APPROVE] = "approve"};

int
engine_sign_statement(const struct engine *e, const struct sign_about *about, struct buf *out)
{
	uint8_t key[AUDIT_KEY_LEN];
	char router[2 * AUDIT_KEY_LEN + 1];
	int r = audit_key_public(e->audit.seed, key);

	if (r < 0)
		return r;
	audit_hex(key, sizeof key, router);
	buf_printf(out,
	    "flowtap warrant statement 1\nRouter: %s\nVerb: %s\nAgency: %s\nReference: %s\nText: SHA-256 %s\n", router,
	    verbs[about->verb], about->agency, about->ref, about->sha256);
	return out->err;
}

/* print: of the key that made it.  -EBADMSG: it is no signature under that statement. */
static int
verify(const struct engine *e, const struct sign_about *about, struct slice armour, char print[static SSHSIG_PRINT_LEN])
{
	cleanup_buf struct buf raw = {0}, statement = {0};
	struct sshsig s;
	int r = sshsig_open(armour, &raw);

	if (r == 0)
		r = sshsig_parse((struct slice){(const char *)raw.p, raw.len}, &s);
	if (r < 0)
		return r == -EINVAL ? -EBADMSG : r;
	if ((r = engine_sign_statement(e, about, &statement)) < 0 ||
	    (r = sshsig_verify(&s, NAME_SPACE, (struct slice){(const char *)statement.p, statement.len})) < 0)
		return r;
	return sshsig_print(s.key, print);
}

const char *
engine_sign_officer(const struct engine *e, const char *print)
{
	for (uint32_t i = 0; i < e->conf->nsigner; i++) {
		const struct conf_signer *s = &e->conf->signer[i];
		cleanup_buf struct buf key = {0};
		char own[SSHSIG_PRINT_LEN];

		if (sshsig_key((struct slice){s->key, strlen(s->key)}, &key) == 0 &&
		    sshsig_print((struct slice){(const char *)key.p, key.len}, own) == 0 && strcmp(own, print) == 0)
			return s->officer;
	}
	return NULL;
}

int
engine_sign_judge(
    const struct engine *e, const struct sign_about *about, struct slice armour, struct sign_by *out, const char **why)
{
	char print[SSHSIG_PRINT_LEN];
	int r;

	*out = (struct sign_by){0};
	*why = NULL;
	if (armour.len == 0) {
		if (e->conf->signatures_required)
			*why = "the configuration requires an officer's signature";
		return *why ? -EPERM : 0;
	}
	if ((r = verify(e, about, armour, print)) == -EBADMSG) {
		*why = "the signature is not one under this statement";
		return -EPERM;
	}
	if (r < 0)
		return r;
	if ((out->officer = engine_sign_officer(e, print)) == NULL) {
		*why = "the signature is by a key that the configuration gives no officer";
		return -EPERM;
	}
	snprintf(out->text, sizeof out->text, "%s %s", out->officer, print);
	return 0;
}

int
engine_sign_load(const struct engine *e, const struct store_warrant *w, struct proof_state *out)
{
	struct slice rest = {(const char *)w->signatures.p, w->signatures.len}, armour;

	memset(out->signer, 0, sizeof out->signer);
	while ((armour = sshsig_cut(&rest)).len > 0)
		for (enum sign_verb v = 0; v < SIGN_VERBS; v++) {
			const struct sign_about about = {v, w->agency, w->ref, out->text};
			char print[SSHSIG_PRINT_LEN];
			int r = verify(e, &about, armour, print);

			if (r == 0)
				memcpy(out->signer[v], print, sizeof print);
			else if (r != -EBADMSG)
				return r;
		}
	return 0;
}

bool
engine_sign_suffices(const struct conf *conf, const struct proof_state *s)
{
	const char *entered = s->signer[SIGN_ENTER], *approved = s->signer[SIGN_APPROVE];

	return !conf->signatures_required || (*entered && *approved && strcmp(entered, approved) != 0);
}
