/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf.h - the configuration: Junos braces in, a checked struct out, canonical
 * text back.  One schema table (conf_schema.c) drives parsing, validation,
 * printing and the words of the manual page; a later set/commit shell builds
 * on the same table and tree.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "buf.h"
#include "ip.h"

#define CONF_NAME_MAX 63
#define CONF_AGENCIES_MAX 10000
#define CONF_RUN_DIR "/run/flowtap" /* where no run-directory is stated */
#define CONF_TEXT_MAX (16u << 20)   /* what conf_load reads */

struct conf_error {
	unsigned line, column; /* from 1; 0: no place, as for a file that cannot be read */
	char word[64];         /* the word at fault, "" at the end of the file */
	char expected[256];    /* "expected ...", or which rule is broken */
};

/* Where an agency may have content sent. */
struct conf_dest {
	struct ip_addr addr;
	uint8_t len;               /* of the prefix */
	uint16_t port_lo, port_hi; /* inclusive */
};

struct conf_agency {
	char name[CONF_NAME_MAX + 1]; /* = Csource-ID = login, unless user says otherwise */
	char user[33];                /* system user whose sessions are this agency's; default: name */
	bool standing;                /* authority standing: criteria need no warrant */
	struct conf_dest *dest;       /* owned; content-destination: nowhere else */
	uint32_t ndest;
	uint32_t max_criteria; /* its own maximum-criteria; default: the router's */
	uint32_t max_sessions; /* maximum-sessions */
	/* copy-limit; 0: none */
	uint64_t packets_per_s, bytes_per_s;
	uint32_t burst_ms;
};

/* A key that an officer signs warrants with; the words are the tree's. */
struct conf_signer {
	const char *officer, *key; /* key: a line of authorized_keys */
};

struct conf_node;

/* A user of system login; the words are the tree's. */
struct conf_login {
	const char *name;
	uint32_t perm;                        /* conf_perm.h: what the user's class gives */
	const struct conf_node *node, *class; /* class: NULL for one that Junos has and nobody defined */
};

enum conf_attach { CONF_ATTACH_AUTO, CONF_ATTACH_TCX, CONF_ATTACH_CLSACT };

struct conf_tree; /* the parsed words, as written, checked against the schema */

struct conf {
	struct conf_tree *tree;   /* owned */
	struct conf_tree *effect; /* what it stands for, groups expanded (conf_groups.h): owned, or tree itself */
	/* services flow-tap */
	bool flow_tap; /* the stanza is present: tapping is on */
	bool tap_all;  /* tapped-interfaces all (also when it and tapped-routing-instances are absent) */
	char (*tapped)[CONF_NAME_MAX + 1]; /* owned; named interfaces (Linux names) */
	uint32_t ntapped;
	struct ip_addr *source; /* owned; source-address: first of each family is the default */
	uint32_t nsource;
	struct conf_agency *agency; /* owned, sorted by name */
	uint32_t nagency;
	bool signatures_required;   /* warrants */
	struct conf_signer *signer; /* owned; keys of its officers, in the order of the text */
	uint32_t nsigner;
	char (*instance)[CONF_NAME_MAX + 1]; /* owned; tapped-routing-instances: VRF devices */
	uint32_t ninstance;
	uint32_t copy_dscp, copy_priority; /* copies: of their outer header; socket priority, 0: as they come */
	uint32_t checkpoint_s;             /* audit checkpoint-interval */
	uint32_t retention_days;           /* audit retention; 0: for ever */
	uint32_t max_criteria;             /* maximum-criteria: 1024 .. 4194304, default 131072 */
	enum conf_attach attach;           /* attach auto | tcx | clsact */
	char state_dir[256];               /* state-directory, default /var/lib/flowtap */
	char run_dir[256];                 /* run-directory, default /run/flowtap */
	struct ip_addr metrics_addr;       /* metrics address; family 0: not over TCP */
	uint16_t metrics_port;             /* metrics port, default 32002 */
	char alarm_hook[256];              /* "": none */
	bool family_inet, family_inet6;    /* both on unless `family` names only one */
	/* Of statements that hold from the next start only: "services flow-tap attach, ..."; "": none (conf_diff_hold)
	 */
	char pending[256];
	/* system login */
	struct conf_login *login; /* owned, sorted by name */
	uint32_t nlogin;
	/* system services flow-tap-dtcp ssh */
	uint16_t ssh_port;         /* port, default 32001 */
	bool ssh_legacy;           /* legacy-algorithms */
	uint32_t connection_limit; /* 1..250 of each agency; 0: none */
	uint32_t rate_limit;       /* 1..250 a minute, of each agency; 0: none */
};

/* 0; -EINVAL with *err filled; -ENOMEM.  *out is left alone on failure. */
int conf_parse(const char *text, size_t len, struct conf **out, struct conf_error *err);
/* The same with a file's text.  -errno of open or read, -EFBIG over CONF_TEXT_MAX: line 0,
 * err->expected says it. */
int conf_load(const char *path, struct conf **out, struct conf_error *err);
void conf_free(struct conf *c);
/* Canonical text: four blanks a level, one statement a line, in the order of the schema, with its
 * comments; conf_parse accepts it and prints the same again.  Words that mean the default are
 * printed only if written. */
void conf_print(const struct conf *c, struct buf *out);
/* The same with "*" for each secret: for processes and people who need not know it. */
void conf_print_public(const struct conf *c, struct buf *out);
/* "file:line:column: word: expected ..." for a person; "file: why" if there is no line. */
void conf_error_format(const struct conf_error *e, const char *path, struct buf *out);
/* "192.0.2.0/24": 0 or -EINVAL.  Host bits are cleared. */
int conf_prefix_parse(struct slice s, struct ip_addr *addr, uint8_t *len);
/* "7000" or "7000-7999": 0 or -EINVAL.  Not 0, not upside down. */
int conf_ports_parse(struct slice s, uint16_t *lo, uint16_t *hi);
bool conf_dest_allowed(const struct conf_agency *a, const struct ip_addr *addr, uint16_t port);
const struct conf_agency *conf_agency_find(const struct conf *c, const char *name);

#endif
