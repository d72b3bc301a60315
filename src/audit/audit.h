/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.h - the record of every use: one line of JSON each, numbered without
 * gaps, each holding the digest of the one before, now and then a line signed
 * with Ed25519.  Pure: lines in and out; where they are kept is the store's.
 *
 *   {"n":1,"time":"2026-11-23T09:30:00.125Z","kind":"add",...,"prev":"H0","hash":"H1"}
 *
 * hash is SHA-256, in hex, over the line's bytes up to and without ,"hash":.
 * prev is the hash of the line before; 64 zeros in the first.  A line of kind
 * "checkpoint" has key and sig: the signature over AUDIT_CONTEXT, n, and prev.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "buf.h"
#include "ip.h"

#define AUDIT_HASH_HEX 64
#define AUDIT_KEY_LEN 32 /* public and private */
#define AUDIT_SIG_LEN 64
#define AUDIT_LINE_MAX 524288 /* holds the longest request, whatever its bytes are */
#define AUDIT_CONTEXT "flowtap audit checkpoint 1\n"

/* Where the chain is. */
struct audit_chain {
	uint64_t n; /* of the last line; 0: none yet */
	char hash[AUDIT_HASH_HEX + 1];
};

void audit_chain_init(struct audit_chain *c);
/* "LINE:HASH", as `audit head` prints it: 0 or -EINVAL. */
int audit_chain_parse(const char *text, struct audit_chain *out);

/* What happened.  Strings borrowed; NULL, 0 and family 0: left out. */
struct audit_event {
	const char *kind;       /* letters and "-" */
	int64_t time_ms;        /* Unix time of the line */
	int64_t happened_ms;    /* when it could not be written at once: its own time; 0: the line's */
	int64_t uncertainty_us; /* how far that may be off; below 0: the clock is not synchronised */
	const char *agency;
	uint32_t uid; /* system user that asked */
	bool have_uid;
	struct ip_addr peer;
	const char *auth; /* how the login was proved: "password", or a key's type and fingerprint */
	const char *method;
	uint64_t seq;
	bool have_seq;
	uint64_t id;          /* Criteria-ID */
	struct slice ids;     /* several of them, as "1-3,7" */
	const char *warrant;  /* its reference */
	const char *signer;   /* of it: an officer, and the fingerprint of the key */
	unsigned code;        /* of the answer */
	const char *reason;   /* ours, for a refusal or an end */
	struct slice request; /* in its own words */
	struct slice parsed;  /* what they were taken to say, and what was done where code is 200: from the struct */
};

/* Appends the event's line, with its end, and moves the chain on.  0, -ENOMEM, -EMSGSIZE
 * (over AUDIT_LINE_MAX); then chain and buffer are as before. */
int audit_append(struct audit_chain *c, const struct audit_event *e, struct buf *out);
/* A checkpoint: seed is the private key. */
int audit_checkpoint(struct audit_chain *c, int64_t time_ms, const uint8_t seed[static AUDIT_KEY_LEN], struct buf *out);

/* ---- proving it ---- */

struct audit_verifier {
	struct audit_chain chain;       /* what has been proved so far */
	uint64_t checkpoints, signed_n; /* up to which line a signature reaches */
	uint8_t key[AUDIT_KEY_LEN];     /* the public key the auditor holds */
	/* A line the auditor knows from elsewhere: it has to be there. */
	struct audit_chain known; /* n 0: none */
	bool known_seen;
};

void audit_verify_init(struct audit_verifier *v, const uint8_t key[static AUDIT_KEY_LEN]);
/* One line without its end: 0, or -EBADMSG with the reason. */
int audit_verify_line(struct audit_verifier *v, struct slice line, const char **why);
/* After the last line: -EBADMSG if the known line has not been seen. */
int audit_verify_end(const struct audit_verifier *v, const char **why);

/* ---- keeping it ---- */

int audit_seal_key(const uint8_t seed[static AUDIT_KEY_LEN], uint8_t key[static AUDIT_KEY_LEN]);
/* Appends.  0, -EIO, -ENOMEM; *out as before on failure. */
int audit_seal(const uint8_t key[static AUDIT_KEY_LEN], uint64_t n, struct slice line, struct buf *out);
/* Appends.  -EBADMSG: not line n, or changed, or sealed with another key. */
int audit_open(const uint8_t key[static AUDIT_KEY_LEN], uint64_t n, const uint8_t *sealed, size_t len, struct buf *out);

/* ---- keys ---- */

int audit_key_new(uint8_t seed[static AUDIT_KEY_LEN]);
int audit_key_public(const uint8_t seed[static AUDIT_KEY_LEN], uint8_t key[static AUDIT_KEY_LEN]);
/* SHA-256 in hex: 0, -ENOMEM */
int audit_digest(const void *p, size_t len, char hex[static AUDIT_HASH_HEX + 1]);
void audit_hex(const uint8_t *p, size_t len, char *out);   /* 2 * len + 1 bytes */
int audit_unhex(struct slice s, uint8_t *out, size_t len); /* 0 or -EINVAL */

#endif
