/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "statefill.h"

const uint8_t statefill_key[STORE_KEY_LEN] = "the machine key of all fixtures.";

void
statefill_target(const char *agency, uint32_t id, char out[static 64])
{
	if (strcmp(agency, STATEFILL_A) == 0)
		snprintf(out, 64, "172.29.147.%u", id);
	else
		snprintf(out, 64, "2001:db8:c0de::%x", id);
}

/* Two of one agency share a name. */
static int
destination(const char *agency, uint32_t id, struct dtcp_cdest *d)
{
	snprintf(d->name, sizeof d->name, "box-of-%s-%u", agency, id % 3);
	d->addr = (struct ip_addr){4, {198, 18, 77, (uint8_t)(id % 3)}};
	d->port = (uint16_t)(7000 + id % 3);
	return 0;
}

int
statefill_row(const char *agency, uint32_t id, struct store_row *out)
{
	struct store_row r = {.added_ms = 1764000000000 + id,
	    .csrc = {4, {192, 0, 2, 99}},
	    .csrc_port = 49153,
	    .ttl = 64,
	    .priority = 2,
	    .ncdest = 1};
	char target[64];
	int rc;

	statefill_target(agency, id, target);
	if ((rc = criteria_parse(&r.criteria, CRIT_SOURCE_ADDRESS, (struct slice){target, strlen(target)}, NULL)) < 0 ||
	    (rc = destination(agency, id, &r.cdest[0])) < 0) {
		criteria_free(&r.criteria);
		return rc;
	}
	if (id % 2 == 0) {
		r.timeouts = (struct dtcp_timeouts){
		    .named = 1 << DTCP_T_IDLE | 1 << DTCP_T_PACKETS | 1 << DTCP_T_BYTES};
		r.timeouts.v[DTCP_T_IDLE] = 600;
		r.timeouts.v[DTCP_T_PACKETS] = 100000 + id;
		r.timeouts.v[DTCP_T_BYTES] = 100000000 + id;
		memcpy(r.boot, "some former boot", sizeof r.boot);
	}
	if (strcmp(agency, STATEFILL_A) == 0 && id == 5)
		r.warrant = 2;
	*out = r;
	return 0;
}

const char *
statefill_warrant_text(uint64_t no)
{
	static const char *const text[] = {NULL,
	    "Reference: W-1\nAgency: lea1\nStart: 2026-01-01T00:00:00Z\nEnd: 2027-01-01T00:00:00Z\n"
	    "Prefix: 172.29.201.17/32\n",
	    "Reference: W-2\nAgency: lea1\nStart: 2026-01-01T00:00:00Z\nEnd: 2027-01-01T00:00:00Z\n"
	    "Prefix: 172.29.147.0/24\nMaximum-Criteria: 4\n",
	    "Reference: W-3\nAgency: lea1\nStart: 2026-01-01T00:00:00Z\nEnd: 2027-01-01T00:00:00Z\n"
	    "Prefix: 2001:db8:beef:77::/64\nContent-Destination: 192.0.2.0/24 7000-7999\n"};

	return no <= STATEFILL_WARRANTS ? text[no] : NULL;
}

static int
warrant_add(struct store *s, uint64_t no)
{
	struct store_warrant w = {.agency = STATEFILL_A, .entered_ms = 1764000000000, .entered_uid = 1001};
	const char *text = statefill_warrant_text(no);
	int r;

	snprintf(w.ref, sizeof w.ref, "W-%u", (unsigned)no);
	buf_put(&w.text, text, strlen(text));
	if (no == 2)
		buf_printf(&w.signatures, "%s", STATEFILL_SIGNED);
	r = w.text.err ? w.text.err : store_warrant_enter(s, &w);
	if (r == 0 && no > 1) {
		if (no == 2)
			buf_printf(&w.signatures, "%s", STATEFILL_SIGNED);
		w.approved_ms = 1764000001000;
		w.approved_uid = 1002;
		w.revoked_ms = no > 2 ? 1764000002000 : 0;
		w.revoked_uid = no > 2 ? 1003 : 0;
		r = store_warrant_set(s, &w);
	}
	store_warrant_free(&w);
	return r;
}

static int
rows_add(struct store *s, const char *agency, uint32_t n)
{
	int r = 0;

	for (uint32_t id = 1; r == 0 && id <= n; id++) {
		struct store_row row;

		if ((r = statefill_row(agency, id, &row)) == 0) {
			r = store_add(s, agency, &row);
			store_row_free(&row);
		}
	}
	return r;
}

static void
ignore(void *arg, uint64_t uid, uint32_t id)
{
	(void)arg;
	(void)uid;
	(void)id;
}

static int
row_delete(struct store *s, const char *agency, uint32_t id)
{
	struct dtcp_ids ids = {id, id, true};
	const struct dtcp_req which = {.select = DTCP_SEL_IDS, .ids = &ids, .nids = 1};
	struct store_part part = {.max = 10};
	uint64_t count;

	return store_delete(s, agency, &which, true, &part, ignore, NULL, &count);
}

static int
lines_add(struct store *s)
{
	char line[64];
	int r = 0;

	for (uint64_t n = 1; r == 0 && n <= STATEFILL_LINES; n++) {
		snprintf(line, sizeof line, "sealed line %u, as bytes", (unsigned)n);
		r = store_audit_add(s, n, (struct slice){line, strlen(line)});
	}
	return r;
}

int
statefill_fill(struct store *s)
{
	uint64_t left;
	int r = 0;

	for (uint64_t no = 1; r == 0 && no <= STATEFILL_WARRANTS; no++)
		r = warrant_add(s, no);
	if (r == 0 && (r = rows_add(s, STATEFILL_A, STATEFILL_ROWS_A)) == 0)
		r = rows_add(s, STATEFILL_B, STATEFILL_ROWS_B);
	if (r == 0)
		r = row_delete(s, STATEFILL_A, STATEFILL_GONE);
	if (r == 0)
		r = lines_add(s);
	if (r == 0 && (r = store_rotate(s, STATEFILL_A)) == 0)
		r = store_rotate_step(s, 5, &left);
	return r;
}
