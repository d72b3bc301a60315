/* SPDX-License-Identifier: BSD-2-Clause */
/* Encode and decode of each message stand one above the other. */
#include <errno.h>
#include <string.h>

#include "ipc.h"

void
ipc_addr_put(struct buf *b, const struct ip_addr *a)
{
	buf_put_u8(b, a->family);
	buf_put(b, a->b, a->family == 6 ? 16 : a->family == 4 ? 4 : 0);
}

int
ipc_addr_get(struct ip_addr *a, struct rd *r)
{
	struct ip_addr v = {.family = rd_u8(r)};
	size_t len = v.family == 6 ? 16 : v.family == 4 ? 4 : 0;
	const uint8_t *p = rd_bytes(r, len);

	if (r->err == 0 && v.family != 0 && len == 0)
		r->err = -EBADMSG;
	if (r->err)
		return r->err;
	memcpy(v.b, p, len);
	*a = v;
	return 0;
}

void
ipc_config_put(struct buf *b, const struct ipc_config *m)
{
	buf_put_u32(b, (uint32_t)m->text.len);
	buf_put(b, m->text.p, m->text.len);
	buf_put_str(b, m->by);
	buf_put_u32(b, m->nuid);
	for (uint32_t i = 0; i < m->nuid; i++)
		buf_put_u32(b, m->uid[i]);
}

int
ipc_config_get(struct ipc_config *m, struct rd *r)
{
	struct ipc_config v = {0};

	v.text.len = rd_u32(r);
	v.text.p = (const char *)rd_bytes(r, v.text.len);
	rd_cstr(r, v.by, sizeof v.by);
	v.nuid = rd_u32(r);
	if (r->err == 0 && (size_t)(r->end - r->p) != (size_t)v.nuid * 4)
		r->err = -EBADMSG;
	if (r->err)
		return r->err;
	if ((v.uid = calloc((size_t)v.nuid + 1, sizeof *v.uid)) == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < v.nuid; i++)
		v.uid[i] = rd_u32(r);
	*m = v;
	return 0;
}

void
ipc_aux_put(struct buf *b, const struct ipc_aux *m)
{
	buf_put_str(b, m->hook);
	ipc_addr_put(b, &m->addr);
	buf_put_u16(b, m->port);
}

int
ipc_aux_get(struct ipc_aux *m, struct rd *r)
{
	*m = (struct ipc_aux){0};
	rd_cstr(r, m->hook, sizeof m->hook);
	(void)ipc_addr_get(&m->addr, r);
	m->port = rd_u16(r);
	return r->err;
}

void
ipc_ask_put(struct buf *b, const struct ipc_ask *m)
{
	buf_put_u8(b, m->check);
	buf_put_u32(b, m->uid);
	buf_put_u32(b, (uint32_t)m->text.len);
	buf_put(b, m->text.p, m->text.len);
}

int
ipc_ask_get(struct ipc_ask *m, struct rd *r)
{
	uint8_t check = rd_u8(r);

	m->check = check == 1;
	m->uid = rd_u32(r);
	if (check > 1)
		r->err = -EBADMSG;
	m->text.len = rd_u32(r);
	m->text.p = (const char *)rd_bytes(r, m->text.len);
	return r->err;
}

void
ipc_wrong_put(struct buf *b, const struct ipc_wrong *m)
{
	buf_put_u32(b, m->line);
	buf_put_u32(b, m->column);
	buf_put_str(b, m->word);
	buf_put_str(b, m->expected);
}

int
ipc_wrong_get(struct ipc_wrong *m, struct rd *r)
{
	m->line = rd_u32(r);
	m->column = rd_u32(r);
	rd_cstr(r, m->word, sizeof m->word);
	rd_cstr(r, m->expected, sizeof m->expected);
	return r->err;
}

/* What stands in lines of the record beside our own words. */
static bool
is_plain(const char *s)
{
	while (*s >= ' ' && *s <= '~')
		s++;
	return *s == '\0';
}

void
ipc_hello_put(struct buf *b, const struct ipc_hello *m)
{
	ipc_addr_put(b, &m->peer);
	buf_put_str(b, m->auth);
}

int
ipc_hello_get(struct ipc_hello *m, struct rd *r)
{
	struct ipc_hello v;

	(void)ipc_addr_get(&v.peer, r);
	rd_cstr(r, v.auth, sizeof v.auth);
	if (rd_end(r) < 0 || !is_plain(v.auth))
		return -EBADMSG;
	*m = v;
	return 0;
}

void
ipc_refused_put(struct buf *b, const struct ipc_refused *m)
{
	buf_put_u32(b, m->code);
	buf_put_str(b, m->field);
	buf_put_str(b, m->reason);
	buf_put_slice(b, m->text);
}

int
ipc_refused_get(struct ipc_refused *m, struct rd *r)
{
	struct ipc_refused v = {.code = rd_u32(r)};

	rd_cstr(r, v.field, sizeof v.field);
	rd_cstr(r, v.reason, sizeof v.reason);
	v.text = rd_slice(r);
	if (rd_end(r) < 0 || !dtcp_code_refuses(v.code) || !is_plain(v.field) || !is_plain(v.reason))
		return -EBADMSG;
	*m = v;
	return 0;
}

void
ipc_reply_put(struct buf *b, const struct ipc_reply *m)
{
	buf_put_u16(b, m->code);
	buf_put_u64(b, m->value);
	buf_put_u64(b, (uint64_t)m->now_ms);
	buf_put_str(b, m->reason);
}

int
ipc_reply_get(struct ipc_reply *m, struct rd *r)
{
	struct ipc_reply v;

	v.code = rd_u16(r);
	v.value = rd_u64(r);
	v.now_ms = (int64_t)rd_u64(r);
	rd_cstr(r, v.reason, sizeof v.reason);
	if (rd_end(r) < 0 || v.code < 100 || v.code > 999)
		return -EBADMSG;
	*m = v;
	return 0;
}

static void
cdest_put(struct buf *b, const struct dtcp_cdest *d)
{
	buf_put_str(b, d->name);
	ipc_addr_put(b, &d->addr);
	buf_put_u16(b, d->port);
}

static void
cdest_get(struct dtcp_cdest *d, struct rd *r)
{
	rd_cstr(r, d->name, sizeof d->name);
	(void)ipc_addr_get(&d->addr, r);
	d->port = rd_u16(r);
}

void
ipc_entry_put(struct buf *b, const struct ipc_entry *m)
{
	buf_put_u32(b, m->id);
	ipc_addr_put(b, &m->csource_addr);
	buf_put_u8(b, m->ncdest);
	for (unsigned i = 0; i < m->ncdest; i++)
		cdest_put(b, &m->cdest[i]);
	ipc_addr_put(b, &m->csrc);
	buf_put_u16(b, m->csrc_port);
	buf_put_u8(b, m->ttl);
	buf_put_u64(b, (uint64_t)m->added_ms);
	criteria_encode(&m->criteria, b);
	buf_put_u64(b, m->bandwidth_bps);
	buf_put_u64(b, m->packets);
	buf_put_u64(b, m->bytes);
	buf_put_u8(b, m->timeouts.named);
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		buf_put_u64(b, m->timeouts.v[i]);
	buf_put_u32(b, m->num_refresh);
	buf_put_u64(b, (uint64_t)m->refreshed_ms);
}

int
ipc_entry_get(struct ipc_entry *m, struct rd *r)
{
	struct ipc_entry v = {.id = rd_u32(r)};
	int rc;

	(void)ipc_addr_get(&v.csource_addr, r);
	v.ncdest = rd_u8(r);
	if (v.id == 0 || v.ncdest == 0 || v.ncdest > DTCP_CDESTS_MAX)
		return r->err = -EBADMSG;
	for (unsigned i = 0; i < v.ncdest; i++)
		cdest_get(&v.cdest[i], r);
	(void)ipc_addr_get(&v.csrc, r);
	v.csrc_port = rd_u16(r);
	v.ttl = rd_u8(r);
	v.added_ms = (int64_t)rd_u64(r);
	if (r->err)
		return r->err;
	if ((rc = criteria_decode(&v.criteria, r)) < 0)
		return rc;
	v.bandwidth_bps = rd_u64(r);
	v.packets = rd_u64(r);
	v.bytes = rd_u64(r);
	v.timeouts.named = rd_u8(r);
	for (unsigned i = 0; i < DTCP_TIMEOUTS; i++)
		v.timeouts.v[i] = rd_u64(r);
	v.num_refresh = rd_u32(r);
	v.refreshed_ms = (int64_t)rd_u64(r);
	if (r->err == 0 && v.timeouts.named >= 1 << DTCP_TIMEOUTS)
		r->err = -EBADMSG;
	if (r->err) {
		criteria_free(&v.criteria);
		return r->err;
	}
	*m = v;
	return 0;
}

void
ipc_entry_free(struct ipc_entry *m)
{
	criteria_free(&m->criteria);
}

static void
dest_put(struct buf *b, const struct ipc_dest *d)
{
	ipc_addr_put(b, &d->src);
	ipc_addr_put(b, &d->dst);
	buf_put_u16(b, d->sport);
	buf_put_u16(b, d->dport);
	buf_put_u8(b, d->ttl);
}

/* Source and destination of one family: anything else cannot be encapsulated. */
static void
dest_get(struct ipc_dest *d, struct rd *r)
{
	(void)ipc_addr_get(&d->src, r);
	(void)ipc_addr_get(&d->dst, r);
	d->sport = rd_u16(r);
	d->dport = rd_u16(r);
	d->ttl = rd_u8(r);
	if (r->err == 0 && (d->src.family == 0 || d->src.family != d->dst.family || d->dport == 0 || d->ttl == 0))
		r->err = -EBADMSG;
}

void
ipc_life_put(struct buf *b, const struct ipc_life *m)
{
	buf_put_u64(b, m->start_ns);
	buf_put_u64(b, m->end_ns);
	buf_put_u64(b, m->idle_ns);
	buf_put_u64(b, m->packets);
	buf_put_u64(b, m->bytes);
	buf_put_u8(b, m->more);
}

int
ipc_life_get(struct ipc_life *m, struct rd *r)
{
	struct ipc_life v;

	v.start_ns = rd_u64(r);
	v.end_ns = rd_u64(r);
	v.idle_ns = rd_u64(r);
	v.packets = rd_u64(r);
	v.bytes = rd_u64(r);
	v.more = rd_u8(r);
	if (r->err == 0 && v.more & ~(IPC_LIFE_PACKETS | IPC_LIFE_BYTES))
		r->err = -EBADMSG;
	if (r->err)
		return r->err;
	*m = v;
	return 0;
}

static void
used_put(struct buf *b, const struct ipc_used *m)
{
	buf_put_u64(b, m->packets);
	buf_put_u64(b, m->bytes);
	buf_put_u64(b, (uint64_t)m->seen_ns);
}

static void
used_get(struct ipc_used *m, struct rd *r)
{
	m->packets = rd_u64(r);
	m->bytes = rd_u64(r);
	m->seen_ns = (int64_t)rd_u64(r);
	if (r->err == 0 && (m->packets > INT64_MAX || m->bytes > INT64_MAX || m->seen_ns == -1))
		r->err = -EBADMSG;
}

void
ipc_use_put(struct buf *b, const struct ipc_use *m)
{
	buf_put_u64(b, m->uid);
	buf_put_u64(b, m->packets_given);
	buf_put_u64(b, m->bytes_given);
	used_put(b, &m->used);
	buf_put_u8(b, m->anew);
}

int
ipc_use_get(struct ipc_use *m, struct rd *r)
{
	struct ipc_use v;
	uint8_t anew;

	v.uid = rd_u64(r);
	v.packets_given = rd_u64(r);
	v.bytes_given = rd_u64(r);
	used_get(&v.used, r);
	anew = rd_u8(r);
	if (r->err == 0 && (v.uid == 0 || anew > 1))
		r->err = -EBADMSG;
	v.anew = anew != 0;
	if (r->err)
		return r->err;
	*m = v;
	return 0;
}

void
ipc_life_set_put(struct buf *b, const struct ipc_life_set *m)
{
	buf_put_u64(b, m->uid);
	buf_put_u8(b, m->which);
	ipc_life_put(b, &m->life);
}

int
ipc_life_set_get(struct ipc_life_set *m, struct rd *r)
{
	struct ipc_life_set v;

	v.uid = rd_u64(r);
	v.which = rd_u8(r);
	(void)ipc_life_get(&v.life, r);
	if (rd_end(r) < 0 || v.uid == 0 || v.which == 0 || v.which > IPC_LIFE_ALL)
		return r->err = -EBADMSG;
	*m = v;
	return 0;
}

void
ipc_budget_set_put(struct buf *b, const struct ipc_budget_set *m)
{
	buf_put_u32(b, m->agency);
	buf_put_u64(b, m->budget.packets_per_s);
	buf_put_u64(b, m->budget.bytes_per_s);
	buf_put_u32(b, m->budget.burst_ms);
}

int
ipc_budget_set_get(struct ipc_budget_set *m, struct rd *r)
{
	struct ipc_budget_set v;

	v.agency = rd_u32(r);
	v.budget.packets_per_s = rd_u64(r);
	v.budget.bytes_per_s = rd_u64(r);
	v.budget.burst_ms = rd_u32(r);
	if (rd_end(r) < 0 || v.agency == 0)
		return r->err = -EBADMSG;
	*m = v;
	return 0;
}

void
ipc_agency_count_put(struct buf *b, const struct ipc_agency_count *m)
{
	buf_put_u32(b, m->agency);
	buf_put_u64(b, m->matched);
	buf_put_u64(b, m->due);
	buf_put_u64(b, m->sent);
	buf_put_u64(b, m->lost_budget);
	buf_put_u64(b, m->lost_other);
}

int
ipc_agency_count_get(struct ipc_agency_count *m, struct rd *r)
{
	struct ipc_agency_count v;

	v.agency = rd_u32(r);
	v.matched = rd_u64(r);
	v.due = rd_u64(r);
	v.sent = rd_u64(r);
	v.lost_budget = rd_u64(r);
	v.lost_other = rd_u64(r);
	if (r->err)
		return r->err;
	*m = v;
	return 0;
}

void
ipc_put_put(struct buf *b, const struct ipc_put *m)
{
	buf_put_u64(b, m->uid);
	buf_put_u8(b, m->ndest);
	for (unsigned i = 0; i < m->ndest; i++)
		dest_put(b, &m->dest[i]);
	buf_put_u32(b, m->agency);
	ipc_life_put(b, &m->life);
	used_put(b, &m->used);
	filter_encode(&m->filter, b);
}

int
ipc_put_get(struct ipc_put *m, struct rd *r)
{
	struct ipc_put v = {0};
	int rc;

	v.uid = rd_u64(r);
	v.ndest = rd_u8(r);
	if (r->err == 0 && (v.uid == 0 || v.ndest == 0 || v.ndest > DTCP_CDESTS_MAX))
		r->err = -EBADMSG;
	if (r->err)
		return r->err;
	for (unsigned i = 0; i < v.ndest; i++)
		dest_get(&v.dest[i], r);
	v.agency = rd_u32(r);
	(void)ipc_life_get(&v.life, r);
	used_get(&v.used, r);
	if (r->err == 0 && v.agency == 0)
		r->err = -EBADMSG;
	if (r->err)
		return r->err;
	if ((rc = filter_decode(&v.filter, r)) < 0)
		return rc;
	if ((rc = rd_end(r)) < 0) {
		filter_free(&v.filter);
		return rc;
	}
	*m = v;
	return 0;
}

void
ipc_put_free(struct ipc_put *m)
{
	filter_free(&m->filter);
}

void
ipc_count_put(struct buf *b, const struct ipc_count *m)
{
	buf_put_u64(b, m->uid);
	buf_put_u64(b, m->packets);
	buf_put_u64(b, m->bytes);
	buf_put_u64(b, m->copies_due);
	buf_put_u64(b, m->copies_sent);
	buf_put_u64(b, m->bandwidth_bps);
}

int
ipc_count_get(struct ipc_count *m, struct rd *r)
{
	struct ipc_count v;

	v.uid = rd_u64(r);
	v.packets = rd_u64(r);
	v.bytes = rd_u64(r);
	v.copies_due = rd_u64(r);
	v.copies_sent = rd_u64(r);
	v.bandwidth_bps = rd_u64(r);
	if (r->err)
		return r->err;
	*m = v;
	return 0;
}

void
ipc_ended_put(struct buf *b, const struct ipc_ended *m)
{
	buf_put_u64(b, m->uid);
	buf_put_u8(b, m->reason);
	ipc_count_put(b, &m->count);
}

int
ipc_ended_get(struct ipc_ended *m, struct rd *r)
{
	struct ipc_ended v;

	v.uid = rd_u64(r);
	v.reason = rd_u8(r);
	(void)ipc_count_get(&v.count, r);
	if (r->err == 0 && (v.uid == 0 || v.reason < IPC_END_TIME || v.reason > IPC_END_BYTES))
		r->err = -EBADMSG;
	if (r->err)
		return r->err;
	*m = v;
	return 0;
}

void
ipc_canary_put(struct buf *b, const struct ipc_canary *m)
{
	buf_put_u8(b, m->sent);
	buf_put_u8(b, m->received);
	buf_put_u8(b, m->bare);
	buf_put_u8(b, m->wrong);
	buf_put_u32(b, m->error);
}

int
ipc_canary_get(struct ipc_canary *m, struct rd *r)
{
	struct ipc_canary v;

	v.sent = rd_u8(r);
	v.received = rd_u8(r);
	v.bare = rd_u8(r);
	v.wrong = rd_u8(r);
	v.error = rd_u32(r);
	if (r->err)
		return r->err;
	*m = v;
	return 0;
}
