/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: param_ */
#include "dtcp_param.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dtcp_line.h"

#define ADD (1u << DTCP_ADD)
#define DELETE (1u << DTCP_DELETE)
#define LIST (1u << DTCP_LIST)
#define NOOP (1u << DTCP_NOOP)
#define REFRESH (1u << DTCP_REFRESH)
#define ALL (ADD | DELETE | REFRESH | LIST | NOOP)

static const struct {
	const char *name;
	enum param param;
	unsigned methods;
} table[] = {
    {"Source-Address", P_SOURCE_ADDRESS, ADD},
    {"Dest-Address", P_DEST_ADDRESS, ADD},
    {"Protocol", P_PROTOCOL, ADD},
    {"Source-Port", P_SOURCE_PORT, ADD},
    {"Dest-Port", P_DEST_PORT, ADD},
    {"ICMP-Type", P_ICMP_TYPE, ADD},
    {"ICMP-Code", P_ICMP_CODE, ADD},
    {"Csource-ID", P_CSOURCE_ID, ALL},
    {"Seq", P_SEQ, ALL},
    {"Cdest-ID", P_CDEST_ID, ADD | DELETE | REFRESH | LIST},
    {"Criteria-ID", P_CRITERIA_ID, DELETE | REFRESH | LIST},
    {"Flags", P_FLAGS, ALL},
    {"Action", P_ACTION, ADD},
    {"Priority", P_PRIORITY, ADD},
    {"Timeout-Idle", P_TIMEOUT_IDLE, ADD | REFRESH},
    {"Timeout-Total", P_TIMEOUT_TOTAL, ADD | REFRESH},
    {"Timeout-Packets", P_TIMEOUT_PACKETS, ADD | REFRESH},
    {"Timeout-Bytes", P_TIMEOUT_BYTES, ADD | REFRESH},
    {"X-JTap-Cdest-Dest-Address", P_X_DEST_ADDRESS, ADD},
    {"X-JTap-Cdest-Dest-Port", P_X_DEST_PORT, ADD},
    {"X-JTap-Cdest-Source-Address", P_X_SOURCE_ADDRESS, ADD},
    {"X-JTap-Cdest-Source-Port", P_X_SOURCE_PORT, ADD},
    {"X-JTap-Cdest-TTL", P_X_TTL, ADD},
    {"X-JTap-VRF-Name", P_X_VRF, ADD},
    {"X-JTap-Input-Interface", P_X_INPUT, ADD},
    {"X-JTap-Output-Interface", P_X_OUTPUT, ADD},
    {"X-JTap-IP-Version", P_X_IP_VERSION, ADD},
    {"X-JTap-Filter-Family", P_X_FAMILY, ADD},
    {"X-Warrant-Id", P_X_WARRANT, ADD},
};

/* Lines of Junos that choose whom or what is copied, in the spellings of its manuals and clients, or ask for the
 * header of subscriber mirroring: without them the criterion would be another.  "-" at the end: any that begins so. */
static const char *const later[] = {
    "X-MD-Intercept-Id",
    "X-Act-Sess-Id",
    "X-Acct-Session-Id",
    "X-Acct-Sess-Id",
    "X-Interface-Id",
    "X-UserName",
    "X-User-Name",
    "X-IP-Addr",
    "X-NAS-Port-Id",
    "X-Call-Sta-Id",
    "X-Calling-Station-Id",
    "X-Router-Instance",
    "X-Logical-System",
    "X-Drop-Policy",
    "X-Drop",
    "X-RM-",
    "X-JTap-Input-Interfaces",
    "X-JTap-Output-Interfaces",
};

const char *
param_name(enum param p)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].param == p)
			return table[i].name;
	return "";
}

bool
param_allowed(enum param p, enum dtcp_method m)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].param == p)
			return table[i].methods >> m & 1;
	return false;
}

/* The first thing wrong is the one told. */
static void
bad_line(struct params *out, unsigned code, struct slice name)
{
	if (out->code != 0)
		return;
	out->code = code;
	snprintf(out->field, sizeof out->field, "%.*s", (int)name.len, name.len ? name.p : "");
}

static bool
is_later(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		size_t n = strlen(later[i]);

		if (slice_eq_nocase(name, later[i]) ||
		    (later[i][n - 1] == '-' && name.len > n && strncasecmp(name.p, later[i], n) == 0))
			return true;
	}
	return false;
}

/* The first of them is the one told. */
static void
note_name(char out[static 64], struct slice name)
{
	if (out[0] == '\0')
		snprintf(out, 64, "%.*s", (int)name.len, name.p);
}

static void
sort_known(struct params *out, enum param p, struct slice name, struct slice value)
{
	if (!out->have[p])
		out->value[p] = value;
	else if (p <= P_ICMP_CODE)
		note_name(out->dropped, name);
	out->have[p] = true;
}

static void
sort_line(struct params *out, struct slice name, struct slice value)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (slice_eq_nocase(name, table[i].name)) {
			sort_known(out, table[i].param, name, value);
			return;
		}
	if (is_later(name)) {
		out->have[P_X_LATER] = true;
		note_name(out->later, name);
	} else if (name.len >= 2 && strncasecmp(name.p, "X-", 2) == 0)
		note_name(out->dropped, name);
	else
		bad_line(out, DTCP_NOT_IMPLEMENTED, name);
}

void
param_collect(struct slice lines, struct params *out)
{
	struct slice line, name, value;

	memset(out, 0, sizeof *out);
	while (line_next(&lines, &line) && !line_is_auth(line)) {
		if (line_param(line, &name, &value) < 0)
			bad_line(out, DTCP_BAD_REQUEST, (struct slice){0});
		else
			sort_line(out, name, value);
	}
}
