/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - what survives a restart: criteria and content destinations, per
 * agency, in SQLite (WAL, synchronous=FULL, STRICT tables).
 *
 * Targets, content destinations, their names and warrants' texts are sealed with a key per agency; what a
 * reader of the file sees is agencies' names, ids, times, priorities, warrants' references and sizes.
 *
 * Every call that concerns criteria takes the agency first; there is no call
 * that finds a criterion by id alone.  store_each is for start-up only.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "dtcp.h"

#define STORE_BOOT_LEN 16
#define STORE_KEY_LEN 32

struct store;

/* A moment, on both clocks: the wall's, and that which nobody sets, as long as boot is this boot. */
struct store_moment {
	int64_t wall_ms;  /* 0: none */
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
};

struct store_row {
	uint64_t uid; /* unique over all agencies and time; never shown to an agency */
	uint32_t id;  /* the agency's Criteria-ID, from 1, never reused */
	int64_t added_ms;
	struct ip_addr csource_addr;
	uint8_t ncdest;
	struct dtcp_cdest cdest[DTCP_CDESTS_MAX];
	struct ip_addr csrc;
	uint16_t csrc_port;
	uint8_t ttl, priority;
	uint64_t warrant;                 /* store_warrant's number; 0: none */
	struct dtcp_timeouts timeouts;    /* named 0: static */
	uint8_t boot[STORE_BOOT_LEN];     /* which boot's clock the moments go by */
	struct store_moment start, until; /* the warrant's */
	struct store_moment end;          /* Timeout-Total's */
	uint32_t num_refresh;
	int64_t refreshed_ms;     /* 0: never */
	struct criteria criteria; /* owned by the row */
};
void store_row_free(struct store_row *r);

/* Why a file is not opened.  Nothing of it was changed. */
enum store_refusal {
	STORE_NEWER = 1, /* of a later release's schema */
	STORE_TOO_OLD,   /* of a schema that was in no release */
	STORE_NOT_OURS,  /* no database, or another program's */
	STORE_DAMAGED,
	STORE_OTHER_KEY, /* made with another machine key */
	STORE_NO_COPY,   /* of an earlier schema, and no copy of it could be kept, such as on a full disk */
};

/* Opens or creates; the file of an earlier release is brought to this one's schema, and a sealed copy of it is kept
 * until something that it has ends, or seven days.
 * machine_key (STORE_KEY_LEN bytes) is copied.  0, enum store_refusal or -errno. */
int store_open(const char *path, const uint8_t *machine_key, struct store **out);
void store_close(struct store *s); /* NULL is legal */

/* Of a database that nobody has open: as it was before its schema changed.  -ENOENT: there is no copy. */
int store_copy_put_back(const char *path, const uint8_t *machine_key);

/* What can be known of a file without its key, to say why it was refused. */
struct store_found {
	int schema;        /* 0: empty */
	char software[32]; /* the release that made it so; empty: not told */
};
int store_look(const char *path, struct store_found *out);
int store_schema(void); /* of this release */
/* From the first STORE_HEAD_LEN bytes of a file (len: how many there are): what store_open would say of whose it
 * is and its schema, or 0.  Pure: for who is root and shall not open what others have written. */
#define STORE_HEAD_LEN 100
int store_head(const uint8_t *p, size_t len);

/* What was deleted is then neither in the files (the write-ahead log is emptied) nor in
 * memory.  Outside a transaction.  -EBUSY: somebody lists; nothing has changed on an error. */
int store_tidy(struct store *s);

/*
 * One transaction over several calls; commit is durable when it returns 0.  After a store_add that failed
 * half-way (by more than a refusal) commit rolls back and says -EIO.  Below 0 nothing of it holds, but for
 * STORE_UNKNOWN: it was being written when it failed, and only a store_open after this one can tell whether the disk
 * has it.  Nobody may be told that it was done or refused; every later begin, commit and change fails alike.
 * Calls that are a transaction of their own when none is open (store_add, store_delete, store_update,
 * store_rotate...) return it, too.
 */
#define STORE_UNKNOWN (-ENOTRECOVERABLE)
int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);
int store_checkpoint(
    struct store *s); /* empties the log into the database, outside a transaction; -EBUSY: somebody lists */
bool store_is_reading(const struct store *s); /* opened on a read-only file system: every change is -EROFS */
int store_unknown(const struct store *s);     /* why: -errno; 0: nothing is unknown */

/* Sets r->id and r->uid.  A content destination's name is the mediation device's: each criterion has an address and
 * port of its own under it.  -EADDRINUSE: this row has one name for two places (nothing added). */
int store_add(struct store *s, const char *agency, struct store_row *r);

/* The agency's number, from 1, the same for ever; made if it is new. */
int store_agency(struct store *s, const char *agency, uint32_t *no);
int store_agency_known(
    struct store *s, const char *agency, uint32_t *no); /* -ENOENT: it never had one; nothing is made */

/* What is done to many rows is done in parts, each in a transaction of its own, so that nobody waits long
 * and memory stays small.  Zero but for max before the first; not to be touched between them. */
struct store_part {
	uint32_t max;    /* rows in one part */
	bool more;       /* there may be others: again with the same arguments */
	bool begun;      /* what was added since then is not concerned */
	uint64_t after;  /* done up to here */
	uint64_t before; /* what is new begins here */
};

/* which: select, ids or sel_cdest.  Ids: -ENOENT if a single one does not exist; ranges concern what there
 * is.  A name: -ENOENT if the agency never used it.  On an error nothing of this part is changed. */

/* static_too: also criteria without a timeout.  cb sees each deleted row. */
int store_delete(struct store *s, const char *agency, const struct dtcp_req *which, bool static_too,
    struct store_part *part, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count);
/* The same rows, and nothing is deleted: for a database that can't be written. */
int store_select(struct store *s, const char *agency, const struct dtcp_req *which, bool static_too,
    struct store_part *part, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count);
/* Changes rows that have timeouts: cb changes the row (not its keys, nor what names the target) and returns
 * 0, or -errno, which undoes this part. */
int store_update(struct store *s, const char *agency, const struct dtcp_req *which, struct store_part *part,
    int (*cb)(void *arg, struct store_row *r), void *arg, uint64_t *count);
/* By uid alone: for the engine's own use, when the data plane says that a criterion has ended. -ENOENT */
int store_find_uid(struct store *s, uint64_t uid, char agency[static DTCP_NAME_MAX + 1], struct store_row *r);
/* Whose it is and its Criteria-ID, of one that can't be opened, too.  -ENOENT */
int store_ids_of_uid(struct store *s, uint64_t uid, char agency[static DTCP_NAME_MAX + 1], uint32_t *id);
/* Undo of store_add, by uid (an ADD the data plane refused). */
int store_delete_uid(struct store *s, const char *agency, uint64_t uid);

/* A consistent snapshot of an agency's criteria, in order of id, on a connection of
 * its own: later changes do not show, writers are not held up. */
struct store_list;
/* select as in dtcp.h.  -ENOENT: unknown single id, or name never used. */
int store_list_open(struct store *s, const char *agency, enum dtcp_select select, const struct dtcp_ids *ids,
    uint32_t nids, const char *cdest, struct store_list **out);
/* Goes on counting the rows, at most max: 1 there are more, 0 that is all and *count, -errno. */
int store_list_count(struct store_list *l, uint32_t max, uint64_t *count);
/* 1 a row, 0 the end, -errno; -EBADMSG: this one can't be opened, and is set aside from now on */
int store_list_next(struct store_list *l, struct store_row *r);
void store_list_close(struct store_list *l);

/* ---- what criteria have used of their limits ---- */

/* Given is what the kernel may have used, whether it has or not. */
struct store_used {
	uint64_t packets, bytes;         /* given so far */
	uint64_t packets_was, bytes_was; /* used when that was given, */
	int64_t at_ms;                   /* which was then */
	int64_t seen_ms;                 /* it last matched then, or later */
};
int store_used_get(struct store *s, uint64_t uid, struct store_used *out);     /* -ENOENT: no entry */
int store_used_set(struct store *s, uint64_t uid, const struct store_used *u); /* uid: of a criterion that is there */

/* ---- warrants ---- */

struct store_warrant {
	uint64_t no;
	char agency[DTCP_NAME_MAX + 1], ref[DTCP_NAME_MAX + 1];
	struct buf text;                             /* owned; warrant_format's */
	struct buf signatures;                       /* owned; of officers, as they gave them; empty: none */
	int64_t entered_ms, approved_ms, revoked_ms; /* 0: not (yet) */
	uint32_t entered_uid, approved_uid, revoked_uid;
	bool damaged; /* store_warrant_each: it was changed, by somebody without the key; no text, and the rest as it
			 stands */
};
void store_warrant_free(struct store_warrant *w);

/* agency, ref, text, signatures, entered_*: sets w->no.  -EEXIST: that agency has one of that reference. */
int store_warrant_enter(struct store *s, struct store_warrant *w);
int store_warrant_get(struct store *s, const char *agency, const char *ref, struct store_warrant *out); /* -ENOENT */
/* signatures, approved_* and revoked_* as they are in w, all else as store_warrant_get gave it. */
int store_warrant_set(struct store *s, const struct store_warrant *w);
/* In the order of entry; agency NULL: all, those that can't be opened too.  Nonzero from cb stops, and is returned. */
int store_warrant_each(
    struct store *s, const char *agency, int (*cb)(void *arg, const struct store_warrant *w), void *arg);
int store_warrant_criteria(struct store *s, uint64_t no, uint64_t *count); /* criteria under it */
int store_select_warrant(
    struct store *s, uint64_t no, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count);
int store_delete_warrant(
    struct store *s, uint64_t no, void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count);

/* ---- the audit record: only ever added to, in the transaction of what it tells of, but for what was archived ---- */

/* n: of the line, one more than the last.  line: as it is kept. */
int store_audit_add(struct store *s, uint64_t n, struct slice line);
/* The line n, or the last one if n is 0: appended to out; *n its number.  -ENOENT */
int store_audit_get(struct store *s, uint64_t *n, struct buf *out);
/* From line n on as it is now, on a connection of its own. */
struct store_lines;
int store_lines_open(struct store *s, uint64_t n, struct store_lines **out);
int store_lines_next(struct store_lines *l, uint64_t *n, struct buf *out); /* appends one: 1; 0 the end; -errno */
void store_lines_close(struct store_lines *l);                             /* NULL is legal */
/* The last line that has left; 0: none.  Lines up to it may still be there. */
int store_archived(struct store *s, uint64_t *upto);
/* In the transaction of the line that tells of it; upto: more than before. */
int store_archive(struct store *s, uint64_t upto);
/* Deletes the first ones of those that have left, so many at most: how many, or -errno. */
int store_archived_drop(struct store *s, uint32_t most);

/*
 * Rows that are set aside: what is stored of them can't be opened, or the data plane can't take it.  Listings,
 * store_update, store_load and a rotation of keys pass over them; they count, and are deleted as ever.  Known in memory
 * only, by every call that comes upon one (which says -EBADMSG) and by store_aside_add.
 */
struct store_aside {
	uint64_t uid;
	uint32_t id, agency; /* agency: its number */
	bool told;           /* store_aside_next has had it */
};
int store_aside_add(struct store *s, uint32_t agency, uint32_t id, uint64_t uid); /* 0, also if it is; -ENOMEM */
void store_aside_remove(struct store *s, uint64_t uid);                           /* it was deleted */
bool store_is_aside(const struct store *s, uint64_t uid);
bool store_aside_next(struct store *s, struct store_aside *out); /* each once, in no order; false: no more */
/* The agency's, in the order of their ids: *out, owned by the caller.  -ENOMEM */
int store_aside_list(const struct store *s, uint32_t agency, struct store_aside **out, size_t *n);

/* Every criterion of every agency, by agency: for start-up.  Those that can't be opened are set aside. */
int store_load(struct store *s, int (*cb)(void *arg, const char *agency, struct store_row *r), void *arg);
/* The same for the auditor: -EBADMSG if one can't be opened. */
int store_each(struct store *s, int (*cb)(void *arg, const char *agency, struct store_row *r), void *arg);
int store_count(struct store *s, const char *agency, uint64_t *count); /* agency's own */
/* The rows of the next part, in the order of id; nothing if the agency never had any.  cb sees each, NULL for one that
 * can't be opened, or all of them if the agency's key can't, which are set aside from now on; it may write, but not to
 * criteria.  Nonzero from it stops and is returned, with the part as before. */
int store_rows(struct store *s, const char *agency, struct store_part *part,
    int (*cb)(void *arg, uint32_t id, const struct store_row *row), void *arg);
/* The same without a look into them: whatever is damaged, all of them. */
int store_row_uids(
    struct store *s, const char *agency, struct store_part *part, int (*cb)(void *arg, uint64_t uid), void *arg);

/* ---- keys ---- */

/* A new key for the agency, or for every one (NULL): what is added from now on is sealed with
 * it.  -EALREADY: one is under way (nothing done); -ENOENT: the agency never added anything. */
int store_rotate(struct store *s, const char *agency);
/* Seals at most max_rows old rows anew, in a transaction of its own.  *left: so many rows remain
 * at most; 0: nothing is under way and the old keys are erased. */
int store_rotate_step(struct store *s, uint32_t max_rows, uint64_t *left);
int store_rotate_left(struct store *s, uint64_t *left); /* the same number, without doing anything */
/* Every key under another machine key, in one transaction. */
int store_rewrap(struct store *s, const uint8_t *machine_key);
/* Wipes the agency's keys from memory; they are unwrapped again when needed. */
void store_keys_forget(struct store *s, const char *agency);

#endif
