/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dtcp.h - DTCP messages as Junos flow-tap speaks them over SSH ("profile J"):
 * framing, parsing, digest, formatting.  Pure: bytes in, structs or bytes out.
 * Sources: draft-cavuto-dtcp-03 (C03) and the Junos manuals; choices where both
 * are silent are in dtcp_choices.h and nowhere else.
 */
#ifndef DTCP_DTCP_H
#define DTCP_DTCP_H

#include "buf.h"
#include "criteria.h"
#include "ip.h"

#define DTCP_REQUEST_MAX 65536               /* bytes of one request, digest line and empty line included */
#define DTCP_REPLY_MAX (8u << 20)            /* bytes of one reply */
#define DTCP_NAME_MAX 63                     /* Csource-ID, Cdest-ID, VRF and interface names */
#define DTCP_CDESTS_MAX 2                    /* content destinations of one ADD */
#define DTCP_TIMEOUT_MAX 86400               /* seconds */
#define DTCP_SELECTOR_MAX 8192               /* ids and ranges of one request */
#define DTCP_IDS_MAX (DTCP_SELECTOR_MAX + 1) /* what they come to: each exclusion divides a range */
#define DTCP_KEY_JUNOS "Juniper"
#define DTCP_DIGEST_HEX 40

enum dtcp_method { DTCP_ADD, DTCP_DELETE, DTCP_REFRESH, DTCP_LIST, DTCP_NOOP, DTCP_ENABLE, DTCP_DISABLE, DTCP_METHODS };

enum dtcp_code {
	DTCP_OK = 200,
	DTCP_BAD_REQUEST = 400,
	DTCP_UNKNOWN_CDEST = 430,
	DTCP_UNKNOWN_CRITERIA = 431,
	DTCP_BAD_FILTER = 432,
	DTCP_BAD_TIMEOUT = 433,
	DTCP_INVALID_AUTH = 497,    /* never sent */
	DTCP_INVALID_SEQ = 498,     /* never sent */
	DTCP_UNKNOWN_CSOURCE = 499, /* never sent */
	DTCP_SERVER_ERROR = 500,
	DTCP_NOT_IMPLEMENTED = 501,
	DTCP_VERSION = 505,
	DTCP_MAX_CRITERIA = 550,
	DTCP_MAX_CDEST = 551,
	DTCP_JTAP_FAILURE = 901,
};

bool dtcp_code_refuses(unsigned code);       /* one of the above, and no success */
const char *dtcp_code_text(unsigned code);   /* "OK", ...; "Unknown" for others */
const char *dtcp_code_advice(unsigned code); /* a sentence for a person: what it means, what to do */
const char *dtcp_method_name(enum dtcp_method m);

/* Versions are 10 * major + minor: 6, 7, 8 for 0.6 .. 0.8 */
#define DTCP_VERSION_MIN 6
#define DTCP_VERSION_MAX 8

enum dtcp_flag {
	DTCP_F_STATIC = 1,
	DTCP_F_SENDASYNC = 2,
	DTCP_F_STATS = 4,
	DTCP_F_CRITERIA = 8
}; /* BOTH = STATS|CRITERIA */

/* One content destination of an ADD. */
struct dtcp_cdest {
	char name[DTCP_NAME_MAX + 1];
	struct ip_addr addr;
	uint16_t port;
};

/* When a criterion ends by itself, whichever comes first (C03 section 5.4.1). */
enum dtcp_timeout { DTCP_T_IDLE, DTCP_T_TOTAL, DTCP_T_PACKETS, DTCP_T_BYTES, DTCP_TIMEOUTS };

struct dtcp_timeouts {
	uint8_t named;             /* bit 1 << enum dtcp_timeout for each that the request names */
	uint64_t v[DTCP_TIMEOUTS]; /* seconds, seconds, packets, bytes; 0: none of the kind */
};

/* Criteria ids: a single one or an inclusive range. */
struct dtcp_ids {
	uint64_t lo, hi;
	bool single;
};

enum dtcp_select { DTCP_SEL_NONE, DTCP_SEL_IDS, DTCP_SEL_CDEST };

/* A request whose syntax and rules were checked.  The noun that goes from the
 * session to the engine.  It has no field that names the asker: Csource-ID was
 * compared with the login by the session and is not passed on. */
struct dtcp_req {
	enum dtcp_method method;
	uint8_t version; /* the client's, 6..8 */
	uint8_t flags;   /* enum dtcp_flag */
	uint64_t seq;
	/* ADD */
	struct criteria criteria; /* owned */
	uint8_t ncdest;
	struct dtcp_cdest cdest[DTCP_CDESTS_MAX];
	struct ip_addr csrc; /* X-JTap-Cdest-Source-Address */
	uint16_t csrc_port;
	uint8_t ttl;                     /* default 255 */
	uint8_t priority;                /* default 1 */
	char warrant[DTCP_NAME_MAX + 1]; /* X-Warrant-Id, ours; "" none */
	struct dtcp_timeouts timeouts;   /* all zero: static.  REFRESH too */
	/* DELETE, REFRESH, LIST */
	enum dtcp_select select;
	struct dtcp_ids *ids; /* owned */
	uint32_t nids;
	char sel_cdest[DTCP_NAME_MAX + 1];
};

void dtcp_req_free(struct dtcp_req *r);
/*
 * Whether it keeps every rule that dtcp_parse_request holds a request to: NULL, or the rule that it breaks, a
 * constant.  What keeps them can be stored, printed, compiled and encapsulated, whoever made it.
 */
const char *dtcp_req_judge(const struct dtcp_req *r);
/* Whether content may be sent to a, or come from it: one host's address, and not that of a loopback or of one link. */
bool dtcp_is_unicast(const struct ip_addr *a);
/* Appends it as text, from the struct: every parameter, in one order and spelling.  With "Csource-ID", "Seq" and a
 * digest dtcp_parse_request makes the same of it.  Printable ASCII and line feeds but for bytes above 127 in names. */
void dtcp_req_print(const struct dtcp_req *r, struct buf *out);
void dtcp_req_encode(const struct dtcp_req *r, struct buf *out);
/* 0; -EBADMSG: not what dtcp_req_encode makes of a request that dtcp_req_judge accepts; -ENOMEM.  *r empty on failure
 */
int dtcp_req_decode(struct dtcp_req *r, struct rd *rd);

/* ---- framing (C03 section 8; "Framing on a byte stream") ---- */

struct dtcp_framer {
	size_t max;
	size_t scanned; /* bytes of the message known to hold no end */
	bool auth_seen, server;
	bool resync;  /* what comes belongs to a message too long to be kept */
	bool midline; /* and the first of it to a line already begun */
};

void dtcp_framer_init(struct dtcp_framer *f, size_t max, bool server);
/*
 * Looks at the unread input.  Returns
 *   1  a whole message: *skip bytes of leading empty lines, then *len bytes of message
 *  -EBADMSG  (server only) an empty line before any digest line: drop *skip + *len bytes, say nothing
 *  -EMSGSIZE  over max: drop *skip + *len bytes.  Until that message's end everything
 *             is -EBADMSG
 *   0  more input is needed
 * After anything but 0 the caller drops the bytes before it calls again.
 */
int dtcp_frame(struct dtcp_framer *f, const uint8_t *p, size_t n, size_t *skip, size_t *len);

/* Whether what came last is a digest's line, whole or without its end: where nothing more can come, and a message needs
 * an empty line behind it, it is not needed. */
bool dtcp_frame_ends_in_digest(const uint8_t *p, size_t n);

/* ---- requests (server side) ---- */

/* Outcome of a request's parse: code 0 = fine.  497 and 499 are answered by
 * silence.  seq and version are set whenever they could be read. */
struct dtcp_result {
	unsigned code; /* 0 or enum dtcp_code */
	uint8_t version;
	bool have_seq;
	uint64_t seq;
	char field[64];   /* the parameter at fault, "" if none */
	char reason[128]; /* what was expected; no bytes of the request in it */
};

/*
 * Checks, in this order: start line, Csource-ID == login, digest, Seq, version,
 * method, parameters.  key: HMAC key.  On code 0 *out is filled and owned by the
 * caller; otherwise it is left alone.
 */
struct dtcp_result dtcp_parse_request(
    const uint8_t *p, size_t len, const char *key, const char *login, struct dtcp_req *out);

/* ---- replies ---- */

/* One entry of a LIST reply.  Strings borrowed. */
struct dtcp_entry {
	uint32_t id;
	const char *csource;
	struct ip_addr csource_addr; /* where the ADD came from; family 0: omitted */
	uint8_t ncdest;
	struct dtcp_cdest cdest[DTCP_CDESTS_MAX];
	struct ip_addr csrc;
	uint16_t csrc_port;
	uint8_t ttl;
	int64_t added_ms; /* Unix time, ms */
	const struct criteria *criteria;
	uint64_t bandwidth_bps, packets, bytes;
	struct dtcp_timeouts timeouts; /* named 0: static */
	uint32_t num_refresh;
	int64_t refreshed_ms; /* 0: never */
};

/* TIMESTAMP text, local time, "YYYY-MM-DD HH:MM:SS.mmm" */
#define DTCP_TIME_LEN 24
const char *dtcp_time_format(int64_t unix_ms, char buf[static DTCP_TIME_LEN]);

/* Each appends one whole reply: digest line and empty line included. */
/* reason: ours, for a refusal that DTCP has no code for: a line "X-Reason"; NULL or "": none. */
void dtcp_reply_error(
    struct buf *out, const char *key, unsigned code, uint8_t version, uint64_t seq, const char *reason);
void dtcp_reply_add(struct buf *out, const char *key, uint8_t version, uint64_t seq, uint32_t id, int64_t now_ms);
void dtcp_reply_count(struct buf *out, const char *key, uint8_t version, uint64_t seq, uint64_t count, int64_t now_ms);
void dtcp_reply_noop(struct buf *out, const char *key, uint8_t version, uint64_t seq, int64_t now_ms);
/* A LIST reply in steps: begin remembers where the message starts in out.  reason: why some of them are not listed, a
 * line "X-Reason"; NULL or "": none. */
size_t dtcp_reply_list_begin(struct buf *out, uint8_t version, uint64_t seq, int64_t now_ms, const char *reason);
void dtcp_reply_list_entry(struct buf *out, const struct dtcp_entry *e, uint8_t flags, uint64_t num, uint64_t count);
void dtcp_reply_list_end(struct buf *out, size_t start, const char *key);

/* ---- client side ---- */

/* Appends "Authentication-Info: ..." and the empty line to the message that starts at start. */
void dtcp_sign(struct buf *out, size_t start, const char *key);
/* Checks the digest of a whole message in constant time: 0, -EBADMSG (no digest line), -EACCES. */
int dtcp_verify(const uint8_t *p, size_t len, const char *key);
/* HMAC-SHA1 in lower-case hex, NUL terminated. */
void dtcp_digest(const char *key, const uint8_t *p, size_t len, char hex[static DTCP_DIGEST_HEX + 1]);

/* A reply taken apart, leniently: any order, any case, fields unknown are skipped. */
struct dtcp_reply_entry {
	uint64_t id;
	uint64_t num;
	struct slice name[40], value[40]; /* borrowed: every line of the entry as it stands */
	unsigned n;
};

struct dtcp_reply {
	unsigned code;
	uint8_t version;
	struct slice text; /* of the status line */
	bool have_seq;
	uint64_t seq, id, count;        /* CRITERIA-ID, CRITERIA-COUNT; 0 when absent */
	struct slice timestamp, reason; /* X-Reason, ours */
	struct dtcp_reply_entry *entry; /* owned */
	uint32_t nentries;
};

/* 0, -EBADMSG, -ENOMEM.  Does not check the digest (dtcp_verify does). */
int dtcp_parse_reply(const uint8_t *p, size_t len, struct dtcp_reply *out);
void dtcp_reply_free(struct dtcp_reply *r);

#endif
