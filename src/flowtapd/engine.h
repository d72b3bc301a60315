/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.h - the engine's own types.  The engine holds agencies, sessions and
 * the store; it has no privilege and no BPF descriptor.
 *
 * Invariants:
 *  1. Every call that touches criteria takes the agency from the session, and the
 *     session's agency is what the kernel said of its peer (SO_PEERCRED).
 *  2. The answers of a session leave in the order of its requests.
 *  3. A change is durable in the store before the data plane hears of it, and both
 *     have it before the answer is sent.
 *  4. Operations sent to the data plane come back in the order they were sent.
 */
#ifndef FLOWTAPD_ENGINE_H
#define FLOWTAPD_ENGINE_H

#include <jansson.h>
#include <sys/queue.h>

#include "append.h"
#include "audit.h"
#include "daemon.h"
#include "engine_disk.h"
#include "engine_late.h"
#include "engine_proof.h"
#include "event.h"
#include "history.h"
#include "journal.h"
#include "record_share.h"
#include "store.h"
#include "wallclock.h"
#include "warrant.h"

#define ENGINE_BATCH_MAX 512            /* requests in one transaction */
#define ENGINE_LIST_CHUNK 256           /* entries asked of the data plane at once */
#define ENGINE_LIST_COUNT 16384         /* entries counted at once */
#define ENGINE_LIST_ITEMS 16384         /* and, but for the last entry, no more than so many items in their lists */
#define ENGINE_SESSION_QUEUE (1u << 20) /* unsent bytes above which a LIST waits */
#define ENGINE_REFUSED_LOGGED 10        /* refused requests of a session that are logged one by one */
#define ENGINE_PART_MAX 1024            /* rows that a request changes in one transaction */
#define ENGINE_OPS_MAX 2048             /* requests of one session not yet answered */
#define ENGINE_OPS_BYTES (1u << 20)     /* and their text, at which no more is read of it */

/* Why the data plane does not take a criterion (-EMLINK). */
#define ENGINE_WOULD_SLOW                                                                                              \
	"would slow the router: too many filters for the same packets, or with prefixes and ports of too many kinds"

#define ENGINE_WATCH_MISSING 3 /* rounds after which what is missing is lost */

struct engine;
struct session;
struct listing;
struct ctl;

/* A user of system login that the system has. */
struct engine_login {
	uint32_t uid, perm; /* CONF_PERM_... */
	const struct conf_login *conf;
};

/* Refused sessions, which are not on record one by one. */
struct knocks {
	uint64_t n, told_ns; /* since the last line, and its time */
};

/* When its last sessions began, for rate-limit. */
#define STARTS_MAX 250
struct starts {
	uint64_t at_ns[STARTS_MAX], n; /* CLOCK_BOOTTIME; n of them so far */
};

struct agency {
	char name[CONF_NAME_MAX + 1];
	uint32_t uid;
	uint32_t no; /* the store's, and the data plane's */
	uint32_t sessions;
	struct knocks knocks;
	struct knocks lies;     /* messages that no session of ours sends */
	struct knocks unproven; /* sessions that did not come by our sshd */
	struct starts *starts;  /* owned; NULL: none */
	uint64_t criteria;      /* it has, those of the open transaction too */
	struct record_share share;
	/* At a start: criteria that stand by the configuration so far, and whether others do not (engine_rejudge.h) */
	uint64_t stood;
	bool fell;
	const struct conf_agency *conf;
};

/* A warrant as the engine goes by it; the store has all of them too. */
struct authority {
	LIST_ENTRY(authority) entry;
	struct warrant warrant;
	uint64_t no;
	bool approved, revoked;
	bool unproved; /* its row is not what the record tells: nothing stands on it */
	/* As it is stored, before the open transaction, and by the record (engine_proof.c). */
	struct proof_state state, before, told;
	bool changed; /* in the open transaction */
};

/* OP_LIED: when its turn comes the session ends; what was asked before it is done and answered first. */
enum op_state { OP_QUEUED, OP_READING, OP_WAITING, OP_LISTING, OP_LIED, OP_DONE };

/* One request on its way.  Owned by its session's list; the data plane's wait list
 * points to it too, so it is freed when both have let go. */
struct op {
	TAILQ_ENTRY(op) entry;
	struct session *session; /* NULL: the session is gone, nobody waits for the answer */
	enum op_state state;
	uint32_t id;              /* the session's */
	unsigned waits;           /* messages to the data plane, or to the reader, not yet answered */
	STAILQ_ENTRY(op) reading; /* later: in the list of those that were refused */
	uint32_t read_no;         /* of the question to the reader */
	bool unread;              /* DELETE: its words could not be read, and it is carried out */
	struct dtcp_req req;
	unsigned refused;  /* the session refuses it with this code; req is a NOOP then */
	bool refused_here; /* we do, unseen (engine_share.h): its answer says why */
	char reason[200];
	struct buf text; /* the request's own words, for the record */
	struct ipc_reply reply;
	/* ADD: the row, to take it back if the data plane refuses, session or not */
	uint64_t uid;
	char agency[CONF_NAME_MAX + 1];
	char warrant[WARRANT_REF_MAX + 1]; /* under which it was added; "standing" */
	int dp_error;                      /* first error the data plane gave */
	/* DELETE, REFRESH: how far it came, durably, and in the open transaction */
	struct store_part part, next;
	uint64_t changed;
	struct listing *listing;
};
TAILQ_HEAD(op_list, op);

struct session {
	TAILQ_ENTRY(session) entry;
	struct engine *engine;
	struct agency *agency;
	struct chan *chan;           /* NULL: closed, freed at the end of this round */
	struct ip_addr peer;         /* and auth: as root saw them (engine_peer.h) */
	uint32_t connection;         /* its number (connection.h); 0: unproven */
	bool missed, over;           /* the connection was not there when last looked for; the session ends for it */
	gid_t gid;                   /* primary group of who logged in */
	char auth[IPC_AUTH_MAX + 1]; /* printable ASCII */
	bool unproven;               /* it did not come by our sshd */
	bool opened;                 /* it is on record */
	bool told;                   /* by itself, and in the log; else it is counted with others */
	bool lied;                   /* it sent what no session of ours sends: nothing more is read */
	struct op_list ops;          /* in the order of the requests */
	unsigned nops;
	size_t ops_bytes; /* of their text */
	uint64_t refused; /* requests answered with another code than 200, or not at all for theirs */
	uint64_t requests, opened_ns;
	/* Of answers that wait for it to read (engine_list.c): bytes written, and since when (CLOCK_MONOTONIC; 0: none
	 * waited) no more of them. */
	uint64_t taken, stalled_ms;
};

#define LOGIN_FAILURES 64 /* remembered */

struct login_failure {
	uint64_t at_ns; /* CLOCK_MONOTONIC; 0: none */
	char user[64];
	struct ip_addr peer;
};

/* What an answer of the data plane belongs to, in the order of sending. */
struct dp_wait {
	STAILQ_ENTRY(dp_wait) entry;
	uint32_t id; /* of the request's frame, which the answer has, too */
	void (*done)(struct engine *e, void *arg, uint16_t type, const uint8_t *body, size_t len);
	void *arg;
};

/* Processes of ours without which nothing goes on, and which are not believed everything all the same: engine_lies.c.
 */
enum liar { LIAR_DATAPLANE, LIAR_INVENTORY, LIAR_READER, LIARS };

struct engine_lies {
	struct knocks lies;
	uint64_t paid_ns; /* of what it may put on record by alarms of its own: all until then is paid for */
	uint64_t unsaid;  /* alarms beyond that, since the last one on record */
};

/* What we were told of the clock. */
struct engine_clock {
	int64_t error_us; /* -1: nobody keeps it */
	uint64_t at_ns;   /* CLOCK_MONOTONIC; 0: never */
};

/* The record of every use: engine_audit.c. */
struct engine_audit {
	struct engine_clock clock;
	struct audit_chain chain, saved; /* saved: as of the begin of the transaction */
	int64_t uncertainty_us;          /* the clock's, when the transaction began */
	int64_t last_ms;                 /* the time of the last line that was there at the start; 0: none */
	uint64_t signed_n;               /* the last checkpoint's line */
	uint64_t archived, dropped;      /* the last line that has left the record; that has been deleted */
	uint64_t written;                /* bytes of lines since the start */
	struct buf drop;                 /* checkpoints of this transaction */
	struct append drop_file;         /* those that left: whole lines */
	int drop_fd;
	struct loop_timer *timer;
	uint8_t seed[AUDIT_KEY_LEN], seal[AUDIT_KEY_LEN];
	char key[2 * AUDIT_KEY_LEN + 1]; /* public, in hex */
};

#define ENGINE_EVENTS 256 /* remembered of each kind, so that none washes another away */

/* An alarm calls the operator's hook, and so does the end of what it told of. */
enum engine_severity { ENGINE_NOTICE, ENGINE_WARNING, ENGINE_ALARM, ENGINE_CLEARED, ENGINE_SEVERITIES };

struct engine_event {
	uint64_t number; /* from 1 on, through all kinds */
	int64_t time_ms;
	enum engine_severity severity;
	enum event kind;
	char text[184];
};

#define ENGINE_SPARE_FDS 16
#define ENGINE_WATCHED 12 /* conditions that engine_watch.c may know */

struct engine_events {
	struct engine_event ring[EVENTS][ENGINE_EVENTS];
	uint64_t n, of_kind[EVENTS]; /* since the start */
	uint64_t of[ENGINE_SEVERITIES];
};

struct engine {
	struct loop *loop;
	struct chan *parent, *dp, *inventory;
	struct chan *metrics, *canary, *hook; /* NULL: not there */
	struct chan *reader;
	STAILQ_HEAD(, op) reading; /* in the order in which they were asked */
	uint32_t read_no;          /* the last one's */
	STAILQ_HEAD(, op) refused; /* engine_refused.c */
	struct buf dp_kept;        /* of the data plane's next answer: the beginning */
	struct conf *conf, *next;  /* next: prepared, not committed */
	uint32_t *uid, *next_uid;
	struct agency **agency; /* agency.c */
	uint32_t nagency;
	struct store *store;
	struct engine_audit audit;
	struct engine_disk disk;
	struct engine_late late;
	LIST_HEAD(, authority) authorities;
	struct hashmap *holding; /* warrants that criteria may stand on, by number */
	struct engine_proof proof;
	uint8_t boot[STORE_BOOT_LEN];   /* which boot of the machine this is */
	struct wallclock clock;         /* what authority ends by */
	struct engine_time *time;       /* engine_time.h */
	TAILQ_HEAD(, session) sessions; /* whose turn is next comes first */
	unsigned nsessions;
	uint32_t busy;  /* agencies that have sessions */
	uint32_t alone; /* batches to come that take one request only: a former one was spoilt */
	STAILQ_HEAD(, dp_wait) waits;
	uint32_t dp_no;      /* of the last request to the data plane */
	uint64_t dp_waiting; /* requests to it that were not answered yet */
	struct engine_lies lies[LIARS];
	bool metrics_asked;                           /* they are owed an answer */
	struct login_failure failure[LOGIN_FAILURES]; /* a ring */
	unsigned nfailure;
	uint64_t login_alarm_ns;
	struct knocks strangers; /* of users that are no agency */
	bool batch_due, flush_due, serving;
	/* engine_perm.c: who may do what */
	gid_t gid, auditor_gid, officer_gid, login_gid;
	struct engine_login *login; /* sorted by uid */
	uint32_t nlogin;
	struct loop_timer *tidy;
	bool resealing;       /* steps of a rotation of keys are under way */
	uint64_t reseal_left; /* rows, at most */
	int dtcp_fd, ctl_fd, spare_fd[ENGINE_SPARE_FDS];
	bool fds_short;            /* lately: the spare ones are lent when they are needed */
	struct selftest *selftest; /* under way */
	uint32_t selftests;        /* so far */
	struct rejudge *rejudge;   /* engine_rejudge.h */
	bool fell;                 /* at a start: some agency's criteria did */
	json_t *ends, *starts;     /* what the last commit or check ends and starts, by agency; NULL: none yet */
	struct history history;    /* of the configuration */
	struct config_ask *ask;    /* a commit on its way; NULL: none */
	struct loop_timer *confirm;
	struct loop_timer *at;  /* engine_at.c: a commit that waits for its time */
	json_t *mark;           /* engine_mark.c: the account as it was when an operator began to count; NULL: never */
	TAILQ_HEAD(, ctl) ctls; /* engine_ctl_limit.c: operators' connections */
	struct loop_timer *ctl_timer;
	uint64_t ctl_told_ms;           /* when a refused one was last told of; 0: never */
	struct loop_timer *share_timer; /* engine_share.c: when somebody need not wait any more; NULL: nobody had to */
	struct loop_timer *list_timer;  /* engine_list.c: whether answers are read */
	uint64_t untidy_ns;             /* since when what was deleted can't be erased; 0: it is */
	bool untidy_told;
	struct ctl *reloader;   /* engine_reload.c: who waits for the file that is read again; NULL: nobody */
	const struct ctl *lock; /* engine_lock.c: who has the configuration for themselves; NULL: nobody */
	int64_t started_ms;
	struct engine_events events;
	struct journal journal;
	bool log_is_journal;
	struct engine_watch {
		struct loop_timer *timer;
		uint64_t lost, quiet; /* copies lost so far; rounds since then */
		/* what is missing in the stage device, in the last rounds: some of it may be on its way yet */
		uint64_t missing[ENGINE_WATCH_MISSING];
		unsigned rounds;
		bool unresolved;   /* a next hop did not answer in the last round */
		unsigned raised;   /* a bit for each alarm */
		uint64_t short_ns; /* when a descriptor or memory was last not to be had; 0: never */
		int short_of;      /* which: -EMFILE, -ENOMEM */
		struct engine_event last[ENGINE_WATCHED]; /* what was told when it was raised */
		json_t *untapped; /* {name: why}: what was not tapped when it was looked at last; NULL: nothing yet */
		/* copies a second: in the last round, and in the best one in which none was lost */
		uint64_t sent, at_ns, rate, rate_most;
	} watch;
};

/* "agency lea1", as a reason begins that concerns it. */
struct config_place {
	char what[CONF_NAME_MAX + sizeof "system login user "];
	unsigned line;
};

/* One commit, asked for by an operator, or by time for the one that nobody confirmed. */
struct config_ask {
	uint32_t uid, perm; /* perm: CONF_PERM_..., what uid may see and change */
	bool check;
	unsigned minutes;                  /* to be confirmed within; 0: no */
	uint64_t base;                     /* the commit it was made from; 0: never mind */
	char author[HISTORY_USER_MAX + 1]; /* what uid is to be called by the system still; "": never mind */
	char comment[HISTORY_COMMENT_MAX + 1];
	char pending[sizeof((struct conf *)0)->pending]; /* what of it would hold from the next start only */
	/* Called once.  line: of the candidate, 0: none.  why: err is not 0; else of interfaces that are not there, or
	 * "". */
	void (*done)(void *arg, int err, unsigned line, const char *why);
	void *arg;
	/* Where the candidate has its logins, agencies and interfaces, which only the system can judge; owned. */
	struct config_place *place;
	uint32_t nplace;
};

/* engine.c */
void engine_init(struct engine *e); /* of one that is all zero */
/* With a configuration, and confined from here on: what is stored is in the kernel, and all channels are open.  -errno
 * and *why.  The parent's COMMIT is what it serves by. */
int engine_start(struct engine *e, const char **why);
void engine_batch_soon(struct engine *e);
/* Queues a message to the data plane and what to do with its answer. */
int engine_dp_send(struct engine *e, uint16_t type, const struct buf *body,
    void (*done)(struct engine *, void *, uint16_t, const uint8_t *, size_t), void *arg);
/* So many criteria have gone from the store. */
void engine_agency_lost(struct engine *e, const char *name, size_t n);
void engine_agency_recount(struct engine *e, const char *name); /* by the store; nothing if it is not configured */
/* Those that could get no number at the start, since nothing could be written: now, if it can. */
void engine_agencies_again(struct engine *e);
/* 1: it is answered later. */
int engine_prepare(struct engine *e, const uint8_t *body, size_t len, const char **why);

void engine_budget_put(const struct agency *a, struct buf *b);

/* engine_sync.c */
int engine_sync(struct engine *e);

/* engine_events.c */
void engine_events_start(struct engine *e); /* before the process is confined */
/* Never a target.  true: the log has it; a line there would be the same again. */
bool engine_event(struct engine *e, enum engine_severity severity, enum event kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Those that are remembered, in the order in which they happened. */
void engine_events_each(const struct engine *e, void (*cb)(void *arg, const struct engine_event *k), void *arg);
const char *engine_severity_name(enum engine_severity s);
int engine_hook_start(struct engine *e);

/* engine_metrics.c */
int engine_metrics_start(struct engine *e);

/* engine_selftest.c */
int engine_selftest_start(struct engine *e);

/* engine_fds.c */
void engine_fds_start(struct engine *e);
/* As accept4(2), an operator with the help of what is kept; whom there is no descriptor for, they are closed at once.
 */
int engine_fds_accept(struct engine *e, int listener, bool operator);
/* Around what opens files: what is kept is given up if there was none lately, and taken again.  true: all of it is
 * there. */
void engine_fds_lend(struct engine *e);
bool engine_fds_back(struct engine *e);

/* engine_watch.c: looks at the data plane and at the disk now and then, and raises and clears alarms */
int engine_watch_start(struct engine *e);
/* A descriptor or memory was not to be had. */
void engine_watch_short(struct engine *e, int err);
/* NULL, or why nothing new is done, in words for agencies and operators: the disk, memory. */
const char *engine_refuses(struct engine *e);

/* engine_alarm.c */
int engine_alarm_start(struct engine *e);               /* listens to the inventory */
int engine_alarm_found(struct engine *e, struct rd *r); /* IPC_D_ALARM */
/* On record and in the log. */
void engine_alarm(struct engine *e, const char *text);

/* engine_lies.c */
/* The process said what it should not, and was not believed: an alarm, once a minute. */
void engine_lie(struct engine *e, enum liar who);
/* An alarm that it raises: as engine_alarm, but for those beyond its share of the record, which are counted. */
void engine_lies_alarm(struct engine *e, enum liar who, const char *text);

/* engine_place.c: agencies that come and go */
/* Takes the criterion out of the data plane and puts it in again as it is stored. */
int engine_place_anew(struct engine *e, uint64_t uid);
int engine_place_budget(struct engine *e, const struct agency *a);
/* Gives the kernel what is stored, with what is left of its limits. */
int engine_place_put(struct engine *e, uint32_t agency, const struct store_row *row);
/* Takes out the criteria of agencies that only the former configuration, was, has. */
int engine_place_gone(struct engine *e, const struct conf *was, const struct conf *conf);

/* engine_login.c: text is the login's name, a line feed, the address it came from */
int engine_login_failed(struct engine *e, struct slice text);

/* engine_session.c */
void session_accept(struct engine *e, int fd); /* takes fd */
void session_free(struct session *s);
void session_lied(struct op *op, bool unread); /* its words do not say what it wants done: the session ends */
void session_unread(struct op *op);            /* an alarm: its words can't be read, and it goes on */
void session_flush(struct session *s);         /* sends what is done, in order; starts a LIST that is next */
void session_flush_soon(struct session *s);    /* once for all that is done in this round of the loop */
void op_done(struct op *op, unsigned code, uint64_t value);
void op_unref(struct op *op); /* frees it once neither session nor data plane hold it */

/* engine_op.c */
/* all but the filter */
void put_from_row(const struct engine *e, struct ipc_put *put, uint32_t agency, const struct store_row *row);
/* one transaction over what all sessions asked for */
void engine_batch(struct engine *e);
unsigned op_error_code(int err);        /* what DTCP calls it */
void op_refuse(struct op *op, int err); /* it is done; its answer says what err (-errno) means */

/* engine_refused.c: ADDs that are stored, and that the data plane did not take */
void engine_refused_note(struct engine *e, struct op *op); /* it waits until it is out of the store */
void engine_refused(struct engine *e);                     /* takes out all that wait */

/* engine_audit.c: every transaction goes through these, so that record and store agree */
int engine_txn_begin(struct engine *e);
/* On failure nothing of it holds.  Where nobody can know (STORE_UNKNOWN) it does not return: the process ends. */
int engine_txn_commit(struct engine *e);
/* r as it is, unless the store's last change is there or not and only a new start can tell: ends the process. */
int engine_txn_known(const struct engine *e, int r);
void engine_txn_rollback(struct engine *e);
/* Into the open transaction; time is filled in. */
int engine_audit_add(struct engine *e, const struct audit_event *event);
/* In a transaction of its own. */
int engine_audit_now(struct engine *e, const struct audit_event *event);
/* Who: from the session; the rest empty. */
void engine_audit_of(struct audit_event *v, const struct session *s, const char *kind);
int engine_audit_start(struct engine *e, const char **why);
/* Appends the record's line n.  -ENOENT, -EBADMSG */
int engine_audit_line(struct engine *e, uint64_t n, struct buf *out);
/* Its number and hash; its time, to the second.  -EBADMSG, too. */
int engine_audit_line_chain(struct engine *e, uint64_t n, struct audit_chain *out);
int engine_audit_line_ms(struct engine *e, uint64_t n, int64_t *out);
/* An IPC_K_CLOCK's body. */
int engine_clock_told(struct engine *e, const uint8_t *body, size_t len);
void engine_audit_stop(struct engine *e);

/* engine_grant.c: what of their limits criteria have been given */

/* The first parts of limits that are new, those whose bits (enum ipc_life_bit) are in which, in the open transaction:
 * life's limits are set to what was given.  IPC_LIFE_ALL: of a criterion that was just added. */
int engine_grant_begin(struct engine *e, const struct store_row *row, uint8_t which, struct ipc_life *life);
/* Of a criterion that may have been in the kernel before: what was given, and that new tables take it as used. */
int engine_grant_resume(struct engine *e, const struct store_row *row, struct ipc_put *put);
int engine_grant_uses(struct engine *e, struct rd *r); /* IPC_D_USED */

/* engine_life.c: when criteria begin and end */
int engine_life_start(struct engine *e);
/* From the warrant (NULL: standing authority) and the row's timeouts. */
void engine_life_set(const struct engine *e, struct store_row *row, const struct authority *a);
void engine_life_put(const struct engine *e, const struct store_row *row, struct ipc_life *out);
/* Whether the wall's clock has to do with when it begins or ends. */
bool engine_life_is_dated(const struct engine *e, const struct store_row *row);
/* What a REFRESH changes; -EDOM: no timeout would be left. */
int engine_life_refresh(
    const struct engine *e, struct store_row *row, const struct dtcp_timeouts *t, struct ipc_life_set *out);
int engine_life_ended(struct engine *e, struct rd *r); /* IPC_D_ENDED */

/* engine_warrant.c */
int engine_warrant_start(struct engine *e);
/* Whether criteria may stand on that number: it is approved, not revoked, what the record tells, and signed as conf
 * wants it. */
bool engine_warrant_holds(const struct engine *e, const struct conf *conf, uint64_t no);
struct authority *engine_warrant_by_ref(struct engine *e, const char *agency, const char *ref); /* NULL: none */
/* A revocation that was owed is in the open transaction's row. */
int engine_warrant_paid(struct engine *e, const struct store_warrant *w);
/*
 * Under which authority the agency may have this: 0 and *out (NULL: its standing one) and why, for the record, if we
 * chose among several (NULL: there was nothing to choose); or -EPERM and why, in words for the agency.
 */
int engine_warrant_find(struct engine *e, const struct agency *a, const struct dtcp_req *q, const struct tap_filter *f,
    const struct authority **out, const char **why);
/* An officer's command; why: for the officer; of what was entered, its fingerprint. -EPERM, -ENOENT, -EEXIST, -EINVAL.
 * text: of the order, and behind it a signature (engine_sign.h) if it is signed. */
int engine_warrant_enter(struct engine *e, uint32_t uid, struct slice text, char *why, size_t size);
struct warrant_decision {
	uint32_t uid;
	bool approve; /* or revoke */
	char agency[CONF_NAME_MAX + 1], ref[WARRANT_REF_MAX + 1];
	char print[128];        /* approve: the fingerprint of the text, as typed */
	struct slice signature; /* approve: empty, or the officer's */
};
int engine_warrant_decide(struct engine *e, const struct warrant_decision *d, char *why, size_t size);
/* What an officer signs to have that order entered, by its text; or to approve what is entered.  Appended; as above. */
int engine_warrant_to_enter(struct engine *e, struct slice text, struct buf *out, char *why, size_t size);
int engine_warrant_to_approve(struct engine *e, const char *agency, const char *ref, struct buf *out);

/* engine_warrant_show.c: JSON */
int engine_warrant_show(struct engine *e, struct buf *out);
/* With the text of the order, which is on record first.  -ENOENT, -EBADMSG: it can't be read; -errno: nothing is shown.
 */
int engine_warrant_text(struct engine *e, uint32_t uid, const char *agency, const char *ref, struct buf *out);

/* engine_aside.c: criteria that are set aside (store.h) */
/* Of those that are new: an alarm, a line on record; they are taken out of the data plane. */
void engine_aside_tell(struct engine *e);
/* Which of the agency's there are, for it to read; out as it was if there are none. */
void engine_aside_reason(const struct engine *e, const struct agency *a, char *out, size_t size);
/* Whether one of them is asked for by its number. */
bool engine_aside_named(const struct engine *e, const struct agency *a, const struct dtcp_req *q);

/* engine_reader.c: whether requests' words say what is to be done */
int engine_reader_start(struct engine *e);
int engine_reader_ask(struct engine *e, struct op *op); /* it is queued when the answer has come */

/* engine_list.c */
int engine_list_start(struct engine *e);
void listing_start(struct op *op);
void listing_resume(struct session *s); /* its output has drained */
void listing_free(struct listing *l);
/* So many answers wait for the session that no more is read of it: if it goes on reading none it is ended. */
void engine_list_watch(struct engine *e);

/* engine_keys.c */
int keys_start(struct engine *e);  /* goes on with a rotation that a former daemon began */
int keys_rotate(struct engine *e); /* -EALREADY: one is under way */

/* engine_config.c: commits, and the history of the configuration */
int engine_config_start(struct engine *e);
void engine_config_look(struct engine *e); /* at the clock, which was set: the commit that is to be confirmed */
/*
 * Hands the text on.  *ask is copied.  0: done() is called later.  -EINVAL with *err; -EALREADY: it is what
 * is in force, which it confirms unless check; -EBUSY, -ESTALE, -EFBIG, -errno with err->expected.
 */
int engine_config_commit(struct engine *e, const struct config_ask *ask, struct slice text, struct conf_error *err);
/* Whether the text may become the configuration as things are: 0; -EINVAL, -EPERM or -ESTALE with *err; -ENOMEM. */
int engine_config_judge(
    const struct engine *e, const struct config_ask *ask, struct slice text, struct conf_error *err);
int engine_config_confirm(struct engine *e, uint32_t uid); /* -ENOENT: nothing waits for it */
/* On record: which configuration is in force from now on.  -ENOMEM. */
int engine_config_record(struct engine *e, const struct conf *conf);
/* r as it is, unless it is REPLACE_UNKNOWN: logs "whether WHAT shows at the next start" and ends the process. */
int engine_config_known(int r, const char *what);
/* On record: a commit that the parent has not heard of, or has refused. */
void engine_config_refused(struct engine *e, uint32_t uid, const char *comment, const char *why);
/* What the parent says: the candidate is there; it is in force; it is not to be; what became of it. */
int engine_config_prepare(struct engine *e, const char *by, const char **why);
void engine_config_committed(struct engine *e);
void engine_config_abort(struct engine *e);
int engine_config_done(struct engine *e, const uint8_t *body, size_t len);

/* engine_ctl.c */
void ctl_accept(struct engine *e, int fd); /* takes fd */

/* engine_op.c, too */
void engine_delete_uids(struct engine *e, const uint64_t *uid, size_t n); /* from the data plane alone */

/* agency.c: *out has them in the order of their users, and behind that in the order of their names */
int agency_build(const struct conf *conf, const uint32_t *uid, struct agency ***out, uint32_t *n);
void agency_free(struct agency **v, uint32_t n);
bool agency_configured(const struct conf *conf, const char *name);
struct agency *agency_find(struct agency **v, uint32_t n, uint32_t uid);
struct agency *agency_named(struct agency **v, uint32_t n, const char *name); /* NULL: not configured */

#endif
