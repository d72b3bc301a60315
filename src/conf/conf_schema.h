/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_schema.h - every statement of the configuration, one row each.
 *
 * The parser, the checks, the printer, the manual page and what a reload must
 * do all come from this table; a shell takes its completion and its `?' help
 * from it.  Rows stand in preorder: a row's children follow it one depth down.
 */
#ifndef CONF_CONF_SCHEMA_H
#define CONF_CONF_SCHEMA_H

#include "conf.h"

struct conf_node;

enum conf_kind {
	CONF_CONTAINER, /* NAME { ... } or NAME; given again it is continued */
	CONF_LIST,      /* NAME KEY { ... } or NAME KEY; one of each key */
	CONF_LEAF,      /* NAME VALUE; once */
	CONF_LEAF_LIST, /* NAME VALUE; or NAME [ VALUE ... ]; given again it is continued */
	CONF_OPAQUE,    /* NAME, words, { anything in braces }, or NAME; kept, not understood */
};

enum conf_type { /* of a leaf's value or a list's key */
	CONF_NONE,
	CONF_NUMBER,  /* min .. max */
	CONF_CHOICE,  /* one of the words of choice */
	CONF_LOGIN,   /* what can be a system user and a DTCP name */
	CONF_NAME,    /* the same characters, longer */
	CONF_DEVICE,  /* a Linux interface */
	CONF_JUNOS,   /* a Junos interface */
	CONF_ADDRESS, /* a unicast IPv4 or IPv6 address */
	CONF_PREFIX,  /* an address, and the length of a prefix after a slash */
	CONF_PORTS,   /* a port or a range of them */
	CONF_PATH,    /* absolute, without . or .., of at most max bytes */
	CONF_HASH,    /* as in shadow(5) */
	CONF_KEY,     /* a public key, as one line of authorized_keys without options */
	CONF_REGEX,   /* a POSIX extended regular expression */
	CONF_GECOS,   /* the name of a person, as in passwd(5) */
	CONF_TEXT,    /* anything */
};

enum conf_inherit { /* rows of groups; CONF_INHERIT_NONE: of something else */
	CONF_INHERIT_NONE,
	CONF_INHERIT_GROUP,  /* groups NAME { what may stand at the top }, printed as groups { NAME { ... } ... } */
	CONF_INHERIT_APPLY,  /* apply-groups */
	CONF_INHERIT_EXCEPT, /* apply-groups-except */
};

struct conf_choice {
	const char *word, *help;
	uint32_t gives;   /* a permission of a class: CONF_PERM_... */
	uint32_t see;     /* who lacks this right does not know the word; 0: everybody does */
	const char *idle; /* NULL, or why the word is kept and does nothing; conf_warn says it */
};

struct conf_schema {
	unsigned depth;
	const char *name; /* NULL ends the table */
	enum conf_kind kind;
	enum conf_type type;
	uint64_t min, max;                /* of a number; max of a path's length; 0: the type's own */
	const struct conf_choice *choice; /* words accepted (too), ended by NULL; a CONF_CHOICE stores the index */
	const char *dflt;                 /* what holds when the statement is absent, or NULL */
	const char *help;                 /* one sentence, without its full stop */
	/* where it goes: size bytes at offset in struct conf, by type (a container: a bool that
	 * says it is there), or set, called with the node once in the order of the tree */
	size_t offset, size;
	int (*set)(struct conf *c, const struct conf_node *n);
	bool secret;      /* the value is not for every eye: conf_print_public hides it */
	const char *once; /* given again it is not continued, but refused for this reason */
	bool restart;     /* a changed value holds from the next start of the daemon */
	/* A branch: which right it takes to see it and to change it; 0: as the row above. */
	uint32_t see, change;
	bool discreet; /* who may not see it does not know the word */
	/* conf_warn says both: NULL, or why the statement is kept and does nothing, or what is dangerous about it. */
	const char *idle, *danger;
	enum conf_inherit inherit;
};

/* The rows directly below row (NULL: the top level), in the table's order; NULL at the end. */
const struct conf_schema *conf_schema_first(const struct conf_schema *row);
const struct conf_schema *conf_schema_next(const struct conf_schema *row);
const struct conf_schema *conf_schema_find(const struct conf_schema *parent, struct slice word);
const struct conf_schema *conf_schema_parent(const struct conf_schema *row); /* NULL at the top */
/* All rows but those of what stands in a group; after NULL the first, after the last NULL. */
const struct conf_schema *conf_schema_walk(const struct conf_schema *row);
/* Whether it is a row of what stands in a group: like the one of the top level, but that a list's key may be a name
 * with wildcards, and that it goes nowhere. */
bool conf_schema_is_grouped(const struct conf_schema *row);
/* Whether one who lacks the rights in hidden knows the row's name. */
bool conf_schema_is_known(const struct conf_schema *row, uint32_t hidden);
/* "services flow-tap maximum-criteria" */
void conf_schema_path(const struct conf_schema *row, struct buf *out);

/*
 * For a command line: the words of a path one by one, as in `set services flow-tap agency lea1',
 * and at every point what may come next.  Start with a zeroed place.
 */
struct conf_place {
	const struct conf_schema *row; /* NULL: the top level */
	bool value;                    /* the row's value or key comes next */
	bool complete;                 /* a statement may end here */
	bool closed;                   /* and nothing more may follow (an opaque subtree: anything may) */
	uint32_t hidden;               /* CONF_PERM_...: the rights that the user lacks; 0: none */
};

struct conf_hint {
	const char *word; /* a keyword, or the name of what goes there: "number" */
	bool value;       /* the latter */
	const char *help;
	const struct conf_schema *row;
};

/* 0; -ENOENT: no such word here; -EINVAL: not a value the row takes.  On failure the place stays. */
int conf_schema_step(struct conf_place *place, struct slice word);
/* The words that begin with prefix, and placeholders if a value is due, one a call; it starts
 * at 0.  false: no more. */
bool conf_schema_hint(const struct conf_place *place, struct slice prefix, size_t *it, struct conf_hint *out);

#endif
