/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipc.h - the three conversations between processes, one table each.  Frames
 * are chan.h's.  Every body is decoded by a pure function that checks lengths
 * and ranges and insists that nothing is left over.
 *
 *   session -> engine     struct dtcp_req, peer identity by SO_PEERCRED
 *   engine  -> dataplane  struct tap_filter by uid; counters back
 *   CLI     -> engine     a command word; JSON text back
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include "dtcp.h"
#include "filter.h"

#define IPC_BODY_MAX (1u << 20)
/* To an operator: 10,000 agencies are in it, and any configuration as JSON, in which an octet may become two. */
#define IPC_ANSWER_MAX (33u << 20)
#define IPC_AUTH_MAX 127
#define IPC_W_UNREAD UINT32_MAX /* the words could not be read */

enum ipc_type {
	/* session -> engine */
	IPC_S_HELLO = 1, /* struct ipc_hello */
	IPC_S_REQUEST,   /* dtcp_req_encode; slice: the request's own words */
	IPC_S_REFUSED,   /* struct ipc_refused: the session refuses it, once it is on record */
	/* engine -> session */
	IPC_S_REPLY = 16, /* struct ipc_reply */
	IPC_S_ENTRIES,    /* some entries of a LIST: u32 n, n * ipc_entry */
	IPC_S_WELCOME,    /* answers HELLO: the agency's name, a string; its Csource-ID */
	/* engine -> dataplane */
	IPC_D_PUT = 32,   /* struct ipc_put */
	IPC_D_DELETE,     /* u32 n, n * u64 uid */
	IPC_D_SYNC,       /* nothing: everything the store holds was put; remove what was not */
	IPC_D_STATS,      /* u32 n, n * u64 uid */
	IPC_D_STATUS,     /* nothing */
	IPC_D_LIFE,       /* struct ipc_life_set */
	IPC_D_BUDGET,     /* struct ipc_budget_set */
	IPC_D_AGENCIES,   /* u32 n, n * u32 agency */
	IPC_D_TEST_BEGIN, /* nothing: put the self-test's criterion */
	IPC_D_TEST_END,   /* nothing: take it out, and say what was counted */
	IPC_D_GRANT,      /* struct ipc_life_set: packets and bytes have been given so far */
	IPC_D_DESTS,      /* u32: content destinations behind this index, from 0 on */
	IPC_D_KEEP,       /* struct ipc_put: accepted long ago, so that it is put whatever packets pay for it */
	/* dataplane -> engine; id as in the request */
	IPC_D_DONE = 48,     /* u32: 0 or errno */
	IPC_D_COUNTS,        /* u32 n, n * struct ipc_count, in the order asked */
	IPC_D_STATE,         /* JSON text */
	IPC_D_AGENCY_COUNTS, /* u32 n, n * struct ipc_agency_count, in the order asked */
	IPC_D_ENDED,         /* unasked, id 0, only after a SYNC: u32 n, n * struct ipc_ended */
	IPC_D_USED,          /* unasked, id 0, only after a SYNC: u32 n, n * struct ipc_use */
	IPC_D_ALARM,         /* unasked, id 0: u8 enum ipc_alarm, u64 uid */
	IPC_D_PART,          /* before a STATE: the text's beginning (ipc_parts.h) */
	/* inventory -> engine */
	IPC_I_ALARM = 56, /* string: what was found */
	/* CLI -> engine */
	IPC_C_SHOW = 64, /* command words, one string; a slice: what goes with them, or empty */
	IPC_C_JSON,      /* engine -> CLI: JSON text */
	IPC_C_ERROR,     /* engine -> CLI: u8 exit code, string */
	IPC_C_LINES,     /* engine -> CLI: some whole lines; more follow, IPC_C_JSON at the end */
	IPC_C_TEXT,      /* before a command: bytes that go with it, as many messages as it takes */
	IPC_C_WRONG,     /* engine -> CLI: struct ipc_wrong: the text that came with it is not accepted */
	/* parent -> child */
	IPC_P_CONFIG = 80, /* struct ipc_config: check and prepare */
	IPC_P_COMMIT,      /* use what was prepared */
	IPC_P_ABORT,       /* forget it */
	IPC_P_STOP,
	IPC_P_INVENTORY, /* to the inventory: see inventory.h */
	IPC_P_KEEPER,    /* to the keeper: string, the configuration's path */
	IPC_P_WRITE,     /* to the keeper: the configuration's new text; READY answers */
	IPC_P_DONE,      /* to the engine, what became of its ASK: u32: 0 or errno, string: why not, or a warning */
	IPC_P_HOOK,      /* to the hook: string, the path of the operator's program */
	IPC_P_ACCOUNTS,  /* to the accounts: string, the configuration's folder */
	IPC_P_ALIVE,     /* nothing; sent back as it is */
	IPC_P_AUX,       /* to the service beside us: struct ipc_aux */
	IPC_P_LOGINS,    /* to the accounts: u8 phase, u8 ssh_legacy, u32 n, n times struct account; READY answers */
	IPC_P_NAMES,     /* to the names: struct ipc_names (ipc_names.h) */
	IPC_P_RELOADED,  /* to the engine, what became of its RELOAD: as DONE */
	IPC_P_NUMBERS,   /* to the engine: struct ipc_numbers (ipc_names.h), in force at once; nothing answers */
	/* child -> parent */
	IPC_P_READY = 96, /* u32: 0 or errno, string: why not */
	IPC_P_ASK,        /* engine -> parent: struct ipc_ask */
	IPC_P_NAMED,      /* names -> parent: struct ipc_named (ipc_names.h), id as in the question */
	IPC_P_WORKING, /* engine -> parent: nothing; the READY that it owes takes longer, because there is much to do */
	IPC_P_RELOAD,  /* engine -> parent: nothing; the configuration's file is to be read again */
	IPC_P_UNCHANGED, /* engine -> parent: nothing; a commit that changes nothing: see FILE */
	/* parent -> keeper: nothing; the file's group and mode are to be those that a commit gives it.
	 * keeper -> parent: u32: 0 or errno */
	IPC_P_FILE,
	/* metrics -> engine, and back */
	IPC_M_ASK = 104, /* nothing */
	IPC_M_TEXT,      /* the metrics, or nothing: they cannot be had */
	IPC_M_PART,      /* before a TEXT: its beginning (ipc_parts.h) */
	/* engine -> canary, and back */
	IPC_T_BEGIN = 108, /* u64: in the packets, so that a former test's are not taken for them */
	IPC_T_DONE,        /* struct ipc_canary */
	/* engine -> reader, and back; id as in the question */
	IPC_W_READ = 120, /* string: the agency's name; slice: a request's words, without their digest */
	IPC_W_SAYS,       /* id as asked; u32: enum dtcp_code, IPC_W_UNREAD, or 0 and dtcp_req_encode's bytes */
	/* engine -> hook */
	IPC_K_EVENT = 112, /* u64 number, u64 Unix time in ms, strings: severity, kind, text */
	/* hook -> engine */
	IPC_K_CLOCK, /* u64: the clock's error in us, or UINT64_MAX: nobody keeps it */
};

struct ipc_hello {
	struct ip_addr peer;         /* the mediation device's address, from SSH_CONNECTION; family 0 unknown */
	char auth[IPC_AUTH_MAX + 1]; /* how it proved its login, from SSH_USER_AUTH; printable ASCII; "" unknown */
};

struct ipc_refused {
	uint32_t code;               /* enum dtcp_code, but not OK */
	char field[64], reason[128]; /* printable ASCII */
	struct slice text;           /* borrowed: the request's own words */
};

struct ipc_reply {
	uint16_t code;
	uint64_t value; /* ADD: id; DELETE, REFRESH: count; LIST: number of entries */
	int64_t now_ms;
	char reason[128]; /* for the agency, where the code says too little; "" none */
};

/* Owned strings and criteria: free with ipc_entry_free. */
struct ipc_entry {
	uint32_t id;
	struct ip_addr csource_addr;
	uint8_t ncdest;
	struct dtcp_cdest cdest[DTCP_CDESTS_MAX];
	struct ip_addr csrc;
	uint16_t csrc_port;
	uint8_t ttl;
	int64_t added_ms;
	struct criteria criteria;
	uint64_t bandwidth_bps, packets, bytes;
	struct dtcp_timeouts timeouts;
	uint32_t num_refresh;
	int64_t refreshed_ms;
};

struct ipc_dest {
	struct ip_addr src, dst;
	uint16_t sport, dport;
	uint8_t ttl;
};

/*
 * When a criterion is live.  Times are CLOCK_BOOTTIME, which no change of the date moves; 0: no
 * such bound.  The kernel itself keeps all of them, exactly.
 */
struct ipc_life {
	uint64_t start_ns, end_ns; /* live in [start, end) */
	uint64_t idle_ns;          /* ends when nothing matched for so long, since the later of PUT and start */
	uint64_t packets, bytes;   /* ends when so much was matched; what reaches the limit is still copied */
	uint8_t more; /* IPC_LIFE_PACKETS, IPC_LIFE_BYTES: it does not end, for more may be given (IPC_D_GRANT);
		       * what is over it is lost and counted */
};

/* What is gone of a life. */
struct ipc_used {
	uint64_t packets, bytes;
	int64_t seen_ns; /* the idle clock, by this boot's, before which it may have been; 0: begins now */
};

/* What a criterion has used; told when the half of what was given has gone, and of what has Timeout-Idle and matches
 * a few times in that. */
struct ipc_use {
	uint64_t uid;
	uint64_t packets_given, bytes_given; /* 0: no limit */
	struct ipc_used used;
	bool anew; /* used before it was put: says nothing of the traffic */
};

enum ipc_life_bit {
	IPC_LIFE_START = 1,
	IPC_LIFE_END = 2,
	IPC_LIFE_IDLE = 4,
	IPC_LIFE_PACKETS = 8,
	IPC_LIFE_BYTES = 16,
	IPC_LIFE_ALL = 31
};

/* What is named replaces what remains: idleness begins now, packets and bytes are so many more from
 * now on.  DONE: ENOENT if the criterion is gone or has ended, which is for ever. */
struct ipc_life_set {
	uint64_t uid;
	uint8_t which; /* enum ipc_life_bit, at least one */
	struct ipc_life life;
};

/* What the copies of an agency may be together; 0: no limit. */
struct ipc_budget {
	uint64_t packets_per_s, bytes_per_s; /* copies, and their bytes without the outer header */
	uint32_t burst_ms;                   /* so much of it at once */
};

struct ipc_budget_set {
	uint32_t agency;
	struct ipc_budget budget;
};

struct ipc_agency_count {
	uint32_t agency;
	uint64_t matched, due, sent;      /* packets x criteria; copies */
	uint64_t lost_budget, lost_other; /* due = sent + both, when nothing is in flight */
};

/*
 * uid not in the kernel: made live.  There already, left by a dead daemon: confirmed; a life that
 * differs replaces the old one, but what was consumed of it stays consumed; if it has ended it stays so.
 */
struct ipc_put {
	uint64_t uid;
	uint32_t agency; /* its number, from 1: whose budget and account */
	struct ipc_life life;
	struct ipc_used used; /* if it is not in the kernel */
	uint8_t ndest;
	struct ipc_dest dest[DTCP_CDESTS_MAX];
	struct tap_filter filter; /* owned */
};

struct ipc_count {
	uint64_t uid, packets, bytes, copies_due, copies_sent;
	uint64_t bandwidth_bps; /* over the last ten seconds */
};

enum ipc_end { IPC_END_TIME = 1, IPC_END_IDLE, IPC_END_PACKETS, IPC_END_BYTES };

/* Told once by each daemon for each criterion that is no longer live; it stays known until it is deleted. */
struct ipc_ended {
	uint64_t uid;
	uint8_t reason; /* enum ipc_end */
	struct ipc_count count;
};

/* What the data plane found in its tables and did not put there; it copies nothing any more. */
enum ipc_alarm { IPC_ALARM_CRITERION = 1, IPC_ALARM_TERM, IPC_ALARM_CHANGED /* uid: is to be put anew */ };

/* What became of the self-test's packets. */
struct ipc_canary {
	uint8_t sent, received;
	uint8_t bare;   /* came as they were sent, without an outer header */
	uint8_t wrong;  /* came with other bytes in or in front of them, or once more */
	uint32_t error; /* of the last one that could not be sent */
};

/* The configuration as the parent gives it to a child: canonical text, and the
 * numbers of its users, in the order of struct conf, and of our groups (daemon.h). */
struct ipc_config {
	struct slice text; /* borrowed */
	char by[33];       /* the login that asked for it; "": it was read from its file */
	uint32_t nuid;
	uint32_t *uid; /* owned by the receiver: free() */
};

/* A configuration that somebody wants to have in force. */
struct ipc_ask {
	bool check;        /* only whether it could be */
	uint32_t uid;      /* who asks */
	struct slice text; /* borrowed; canonical */
};

/* What the service beside the daemon is to do (aux.h). */
struct ipc_aux {
	char hook[256];      /* the operator's program; "": none */
	struct ip_addr addr; /* where metrics are read; family 0: nowhere */
	uint16_t port;
};

/* Where a configuration's text is wrong. */
struct ipc_wrong {
	uint32_t line, column; /* from 1; 0: no place */
	char word[64], expected[256];
};

void ipc_config_put(struct buf *b, const struct ipc_config *m);
int ipc_config_get(struct ipc_config *m, struct rd *r);
void ipc_aux_put(struct buf *b, const struct ipc_aux *m);
int ipc_aux_get(struct ipc_aux *m, struct rd *r);
void ipc_ask_put(struct buf *b, const struct ipc_ask *m);
int ipc_ask_get(struct ipc_ask *m, struct rd *r);
void ipc_wrong_put(struct buf *b, const struct ipc_wrong *m);
int ipc_wrong_get(struct ipc_wrong *m, struct rd *r);
void ipc_hello_put(struct buf *b, const struct ipc_hello *m);
int ipc_hello_get(struct ipc_hello *m, struct rd *r);
void ipc_refused_put(struct buf *b, const struct ipc_refused *m);
int ipc_refused_get(struct ipc_refused *m, struct rd *r);
void ipc_reply_put(struct buf *b, const struct ipc_reply *m);
int ipc_reply_get(struct ipc_reply *m, struct rd *r);
void ipc_entry_put(struct buf *b, const struct ipc_entry *m);
int ipc_entry_get(struct ipc_entry *m, struct rd *r);
void ipc_entry_free(struct ipc_entry *m);
void ipc_put_put(struct buf *b, const struct ipc_put *m);
int ipc_put_get(struct ipc_put *m, struct rd *r);
void ipc_put_free(struct ipc_put *m);
void ipc_count_put(struct buf *b, const struct ipc_count *m);
int ipc_count_get(struct ipc_count *m, struct rd *r);
void ipc_life_put(struct buf *b, const struct ipc_life *m);
int ipc_life_get(struct ipc_life *m, struct rd *r);
void ipc_use_put(struct buf *b, const struct ipc_use *m);
int ipc_use_get(struct ipc_use *m, struct rd *r);
void ipc_life_set_put(struct buf *b, const struct ipc_life_set *m);
int ipc_life_set_get(struct ipc_life_set *m, struct rd *r);
void ipc_budget_set_put(struct buf *b, const struct ipc_budget_set *m);
int ipc_budget_set_get(struct ipc_budget_set *m, struct rd *r);
void ipc_agency_count_put(struct buf *b, const struct ipc_agency_count *m);
int ipc_agency_count_get(struct ipc_agency_count *m, struct rd *r);
void ipc_canary_put(struct buf *b, const struct ipc_canary *m);
int ipc_canary_get(struct ipc_canary *m, struct rd *r);
void ipc_ended_put(struct buf *b, const struct ipc_ended *m);
int ipc_ended_get(struct ipc_ended *m, struct rd *r);

void ipc_addr_put(struct buf *b, const struct ip_addr *a);
int ipc_addr_get(struct ip_addr *a, struct rd *r);

#endif
