/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies in the spelling of Junos, byte for byte.
 *
 * exports: dtcp_reply_ dtcp_time_ */
#include <time.h>

#include "dtcp_choices.h"
#include "dtcp_line.h"

const char *
dtcp_time_format(int64_t unix_ms, char buf[static DTCP_TIME_LEN])
{
	time_t s = (time_t)(unix_ms / 1000);
	int ms = (int)(unix_ms % 1000);
	struct tm tm;
	size_t n;

	if (ms < 0) {
		ms += 1000;
		s--;
	}
	if (localtime_r(&s, &tm) == NULL || (n = strftime(buf, DTCP_TIME_LEN, "%Y-%m-%d %H:%M:%S", &tm)) != 19)
		return "0000-00-00 00:00:00.000";
	buf[n] = '.';
	buf[n + 1] = (char)('0' + ms / 100);
	buf[n + 2] = (char)('0' + ms / 10 % 10);
	buf[n + 3] = (char)('0' + ms % 10);
	buf[n + 4] = '\0';
	return buf;
}

static size_t
begin(struct buf *out, uint8_t version, unsigned code, uint64_t seq)
{
	size_t start = out->len;

	buf_printf(out, "DTCP/%u.%u %u %s\r\nSEQ: %llu\r\n", version / 10u, version % 10u, code, dtcp_code_text(code),
	    (unsigned long long)seq);
	return start;
}

static void
timestamp(struct buf *out, int64_t now_ms)
{
	char t[DTCP_TIME_LEN];

	buf_printf(out, "TIMESTAMP: %s\r\n", dtcp_time_format(now_ms, t));
}

static void
number(struct buf *out, const char *name, uint64_t value)
{
	buf_printf(out, "%s: %llu\r\n", name, (unsigned long long)value);
}

void
dtcp_reply_error(struct buf *out, const char *key, unsigned code, uint8_t version, uint64_t seq, const char *reason)
{
	size_t start;

	/* 0.6 had no codes for limits (C03 A.3). */
	if (version < 7 && (code == DTCP_MAX_CRITERIA || code == DTCP_MAX_CDEST))
		code = DTCP_SERVER_ERROR;
	start = begin(out, version, code, seq);
	if (reason && *reason)
		buf_printf(out, CHOICE_REASON_LINE ": %s\r\n", reason);
	dtcp_sign_reply(out, start, key);
}

void
dtcp_reply_add(struct buf *out, const char *key, uint8_t version, uint64_t seq, uint32_t id, int64_t now_ms)
{
	size_t start = begin(out, version, DTCP_OK, seq);

	number(out, "CRITERIA-ID", id);
	timestamp(out, now_ms);
	dtcp_sign_reply(out, start, key);
}

void
dtcp_reply_count(struct buf *out, const char *key, uint8_t version, uint64_t seq, uint64_t count, int64_t now_ms)
{
	size_t start = begin(out, version, DTCP_OK, seq);

	number(out, "CRITERIA-COUNT", count);
	timestamp(out, now_ms);
	dtcp_sign_reply(out, start, key);
}

void
dtcp_reply_noop(struct buf *out, const char *key, uint8_t version, uint64_t seq, int64_t now_ms)
{
	size_t start = begin(out, version, DTCP_OK, seq);

	timestamp(out, now_ms);
	dtcp_sign_reply(out, start, key);
}

/* ---- LIST ---- */

size_t
dtcp_reply_list_begin(struct buf *out, uint8_t version, uint64_t seq, int64_t now_ms, const char *reason)
{
	size_t start = begin(out, version, DTCP_OK, seq);

	timestamp(out, now_ms);
	if (reason && *reason)
		buf_printf(out, CHOICE_REASON_LINE ": %s\r\n", reason);
	return start;
}

/* Lines that say nothing are left out: clients read a reply into so many bytes for each criterion. */
static void
number_if_any(struct buf *out, const char *name, uint64_t value)
{
	if (value != 0 || !CHOICE_LIST_SHORT)
		number(out, name, value);
}

static void
entry_filter(struct buf *out, const struct criteria *c)
{
	static const char *const names[CRIT_FIELDS] = {[CRIT_SOURCE_ADDRESS] = "SOURCE-ADDRESS",
	    [CRIT_DEST_ADDRESS] = "DEST-ADDRESS",
	    [CRIT_PROTOCOL] = "PROTOCOL",
	    [CRIT_SOURCE_PORT] = "SOURCE-PORT",
	    [CRIT_DEST_PORT] = "DEST-PORT",
	    [CRIT_ICMP_TYPE] = "ICMP-TYPE",
	    [CRIT_ICMP_CODE] = "ICMP-CODE"};

	for (unsigned f = 0; f < CRIT_FIELDS; f++) {
		if (CHOICE_LIST_SHORT && criteria_is_wild(c, f))
			continue;
		buf_printf(out, "%s: ", names[f]);
		criteria_format(c, f, out);
		buf_printf(out, "\r\n");
	}
}

static void
entry_timeouts(struct buf *out, const struct dtcp_timeouts *t)
{
	static const char *const names[DTCP_TIMEOUTS] = {
	    "TIMEOUT-IDLE", "TIMEOUT-TOTAL", "TIMEOUT-PACKETS", "TIMEOUT-BYTES"};

	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		if (t->named >> i & 1)
			number(out, names[i], t->v[i]);
}

static void
entry_stats(struct buf *out, const struct dtcp_entry *e)
{
	char t[DTCP_TIME_LEN];

	number_if_any(out, "AVERAGE-BANDWIDTH", e->bandwidth_bps);
	number(out, "MATCHING-PACKETS", e->packets);
	number_if_any(out, "MATCHING-BYTES", e->bytes);
	number_if_any(out, "NUM-REFRESH", e->num_refresh);
	buf_printf(out, "LAST-REFRESH: %s\r\n", dtcp_time_format(e->refreshed_ms ? e->refreshed_ms : e->added_ms, t));
}

static void
entry_names(struct buf *out, const struct dtcp_entry *e)
{
	buf_printf(out, "CDEST-ID: ");
	for (unsigned i = 0; i < e->ncdest; i++) {
		buf_printf(out, "%s", i ? "," : "");
		line_string_put(out, e->cdest[i].name);
	}
	buf_printf(out, "\r\n");
}

static void
entry_dests(struct buf *out, const struct dtcp_entry *e)
{
	char a[IP_STRLEN];

	buf_printf(out, "X-JTAP-CDEST-DEST-ADDRESS: ");
	for (unsigned i = 0; i < e->ncdest; i++)
		buf_printf(out, "%s%s", i ? "," : "", ip_format(&e->cdest[i].addr, a));
	buf_printf(out, "\r\nX-JTAP-CDEST-DEST-PORT: ");
	for (unsigned i = 0; i < e->ncdest; i++)
		buf_printf(out, "%s%u", i ? "," : "", e->cdest[i].port);
	buf_printf(out, "\r\nX-JTAP-CDEST-SOURCE-ADDRESS: %s\r\n", ip_format(&e->csrc, a));
	number(out, "X-JTAP-CDEST-SOURCE-PORT", e->csrc_port);
	number(out, "X-JTAP-CDEST-TTL", e->ttl);
}

void
dtcp_reply_list_entry(struct buf *out, const struct dtcp_entry *e, uint8_t flags, uint64_t num, uint64_t count)
{
	char a[IP_STRLEN];

	number(out, "CRITERIA-ID", e->id);
	buf_printf(out, "CSOURCE-ID: ");
	line_string_put(out, e->csource);
	buf_printf(out, "\r\n");
	entry_names(out, e);
	if (e->csource_addr.family != 0)
		buf_printf(out, "CSOURCE-ADDRESS: %s\r\n", ip_format(&e->csource_addr, a));
	if (e->timeouts.named == 0)
		buf_printf(out, "FLAGS: Static\r\n");
	else if (flags & DTCP_F_CRITERIA)
		entry_timeouts(out, &e->timeouts);
	if (flags & DTCP_F_CRITERIA)
		entry_filter(out, e->criteria);
	if (flags & DTCP_F_STATS)
		entry_stats(out, e);
	entry_dests(out, e);
	number(out, "CRITERIA-NUM", num);
	number(out, "CRITERIA-COUNT", count);
}

void
dtcp_reply_list_end(struct buf *out, size_t start, const char *key)
{
	dtcp_sign_reply(out, start, key);
}
