/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store.h - what survives a restart: criteria and content destinations, per
 * agency, in SQLite (WAL, synchronous=FULL, STRICT tables).
 *
 * Every call that concerns criteria takes the agency first; there is no call
 * that finds a criterion by id alone.  store_each is for start-up only.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "dtcp.h"

struct store;

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
	struct criteria criteria; /* owned by the row */
};
void store_row_free(struct store_row *r);

/* Opens or creates; -EBADMSG: not our database or damaged; -errno otherwise. */
int store_open(const char *path, struct store **out);
void store_close(struct store *s); /* NULL is legal */

/* One transaction over several calls; commit is durable when it returns 0. */
int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/* Sets r->id and r->uid.  A content destination name is bound to its address and
 * port by its first use and stays bound while criteria use it: -EADDRINUSE if this
 * row says otherwise (nothing added).  An unused name may be bound anew. */
int store_add(struct store *s, const char *agency, struct store_row *r);

/* Deletes by ids: -ENOENT if a single one does not exist (nothing deleted); ranges
 * delete what there is.  cb sees each deleted row. */
int store_delete_ids(struct store *s, const char *agency, const struct dtcp_ids *ids, uint32_t nids,
    void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count);
/* Deletes the criteria that use the name: -ENOENT if the agency never used it. */
int store_delete_cdest(struct store *s, const char *agency, const char *cdest,
    void (*cb)(void *arg, uint64_t uid, uint32_t id), void *arg, uint64_t *count);
/* Undo of store_add, by uid (an ADD the data plane refused). */
int store_delete_uid(struct store *s, const char *agency, uint64_t uid);

/* A consistent snapshot of an agency's criteria, in order of id, on a connection of
 * its own: later changes do not show, writers are not held up. */
struct store_list;
/* select as in dtcp.h.  -ENOENT: unknown single id, or name never used. *count: rows to come. */
int store_list_open(struct store *s, const char *agency, enum dtcp_select select, const struct dtcp_ids *ids,
    uint32_t nids, const char *cdest, struct store_list **out, uint64_t *count);
int store_list_next(struct store_list *l, struct store_row *r); /* 1 a row, 0 the end, -errno */
void store_list_close(struct store_list *l);

/* ---- the audit record: only ever added to, in the transaction of what it tells of ---- */

/* n: of the line, one more than the last.  line: without its end. */
int store_audit_add(struct store *s, uint64_t n, struct slice line);
/* The line n, or the last one if n is 0: appended to out; *n its number.  -ENOENT */
int store_audit_get(struct store *s, uint64_t *n, struct buf *out);
/* From line n on as it is now, on a connection of its own. */
struct store_lines;
int store_lines_open(struct store *s, uint64_t n, struct store_lines **out);
int store_lines_next(struct store_lines *l, struct buf *out); /* appends one, with its end: 1; 0 the end; -errno */
void store_lines_close(struct store_lines *l);                /* NULL is legal */

/* Every criterion of every agency, by agency: for start-up and the auditor. */
int store_each(struct store *s, int (*cb)(void *arg, const char *agency, struct store_row *r), void *arg);
int store_count(struct store *s, const char *agency, uint64_t *count); /* agency's own */

#endif
