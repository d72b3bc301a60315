/* SPDX-License-Identifier: BSD-2-Clause */
/* request.h - a client's requests as text.  Pure. */
#ifndef MEDIATION_REQUEST_H
#define MEDIATION_REQUEST_H

#include "dtcp.h"

#define REQUEST_METHOD_MAX 16

/* What an ADD asks for; texts are borrowed, NULL or 0 means absent. */
struct request_add {
	const char *filter[CRIT_FIELDS]; /* by enum criteria_field */
	struct {
		struct ip_addr addr;
		uint16_t port;
	} to[DTCP_CDESTS_MAX], from;
	unsigned nto;
	const char *cdest; /* as for Cdest-ID; NULL: derived from to */
	const char *ttl, *priority;
	const char *warrant;
	const char *timeout[DTCP_TIMEOUTS]; /* all NULL: static */
	bool ipv6;                          /* X-JTap-IP-Version: ipv6 */
};

/* These append the lines of a request up to, without, Csource-ID, Seq and digest:
 * request_complete does that.  version: 6..8 */
void request_put_add(struct buf *out, const struct request_add *a, unsigned version);
/* selector: "Criteria-ID" or "Cdest-ID" with its value, or NULL; flags: NULL or a word */
void request_put_select(
    struct buf *out, const char *method, unsigned version, const char *selector, const char *value, const char *flags);

/* Whether its filter lets every packet pass: no element, or none that says anything.  A filter that is not understood
 * is not everything. */
bool request_is_everything(const struct request_add *a);

/* The value of its Cdest-ID. */
void request_put_cdest(struct buf *out, const struct request_add *a);

/* "ADDR:PORT" or "[ADDR]:PORT".  0 or -EINVAL. */
int request_parse_dest(const char *text, struct ip_addr *addr, uint16_t *port);

#define REQUEST_CDEST_LEN (3 + IP_STRLEN + 6)
/* The name of a content destination nobody gave a name: cd-192.0.2.10-7890.  The same
 * destination always has the same one. */
const char *request_cdest_name(const struct ip_addr *addr, uint16_t port, char buf[static REQUEST_CDEST_LEN]);

/* What one needs to know about a request that was sent. */
struct request_info {
	char method[REQUEST_METHOD_MAX]; /* as in the start line, cut */
	bool have_seq;
	bool figures; /* of a LIST: its Flags ask for statistics without criteria */
	uint64_t seq;
};

/*
 * Appends to out the whole message made of the lines in raw, as they are (only line ends
 * become CR LF), with Csource-ID behind the start line, Seq and the digest added when the
 * lines have none.  A Seq added is *seq, which then grows by one.  Lines that hold a
 * digest already are not added to.
 *   0, -EINVAL no line at all, -EMSGSIZE longer than DTCP allows, -ENOMEM; then out is as before.
 */
struct request_sign {
	const char *csource, *key;
	uint64_t seq;
};
int request_complete(struct buf *out, struct slice raw, struct request_sign *sign, struct request_info *info);

#endif
