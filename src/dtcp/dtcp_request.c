/* SPDX-License-Identifier: BSD-2-Clause */
/* A request from the first byte to the last.
 *
 * exports: dtcp_parse_request refuse refuse_name */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dtcp_choices.h"
#include "dtcp_line.h"
#include "dtcp_param.h"

unsigned
refuse_name(struct dtcp_result *res, unsigned code, const char *name, const char *reason)
{
	res->code = code;
	snprintf(res->field, sizeof res->field, "%s", name);
	snprintf(res->reason, sizeof res->reason, "%s", reason);
	return code;
}

unsigned
refuse(struct dtcp_result *res, unsigned code, enum param p, const char *reason)
{
	return refuse_name(res, code, param_name(p), reason);
}

struct start {
	struct slice method;
	unsigned version; /* 10 * major + minor */
	bool ok;
};

static bool
method_ok(struct slice m)
{
	for (size_t i = 0; i < m.len; i++)
		if (!isalnum((unsigned char)m.p[i]) && m.p[i] != '-')
			return false;
	return m.len > 0;
}

/* "DTCP/0.7" as 7; the minor has one digit.  -1: something else. */
static int
version_parse(struct slice v)
{
	const char *dot;
	uint64_t major, minor;

	if (v.len < 5 || strncasecmp(v.p, "DTCP/", 5) != 0)
		return -1;
	v = (struct slice){v.p + 5, v.len - 5};
	if ((dot = memchr(v.p, '.', v.len)) == NULL)
		return -1;
	if (slice_u64((struct slice){v.p, (size_t)(dot - v.p)}, 999, &major) < 0 ||
	    slice_u64((struct slice){dot + 1, v.len - (size_t)(dot - v.p) - 1}, 9, &minor) < 0 ||
	    v.p + v.len - dot != 2)
		return -1;
	return (int)(major * 10 + minor);
}

static struct start
start_parse(struct slice line)
{
	struct start s = {.method = slice_trim(line)};
	struct slice version = s.method;
	size_t n = 0;
	int v;

	while (n < s.method.len && s.method.p[n] != ' ' && s.method.p[n] != '\t')
		n++;
	s.method.len = n;
	version = slice_trim((struct slice){version.p + n, version.len - n});
	v = version_parse(version);
	s.ok = v >= 0 && method_ok(s.method);
	s.version = v < 0 ? 0 : (unsigned)v;
	return s;
}

/* Who is not this login gets no answer, whatever else is wrong. */
static unsigned
check_identity(const struct params *p, const uint8_t *msg, size_t len, const char *key, const char *login)
{
	char name[DTCP_NAME_MAX + 1];

	if (!p->have[P_CSOURCE_ID] || line_string(p->value[P_CSOURCE_ID], name) < 0 || strcmp(name, login) != 0)
		return DTCP_UNKNOWN_CSOURCE;
	return dtcp_verify(msg, len, key) < 0 ? DTCP_INVALID_AUTH : 0;
}

static unsigned
check_version(const struct start *s, struct dtcp_result *res)
{
	if (!s->ok)
		return refuse_name(res, DTCP_BAD_REQUEST, "", "expected METHOD DTCP/n.n");
	if (s->version >= DTCP_VERSION_MIN && s->version <= DTCP_VERSION_MAX) {
		res->version = (uint8_t)s->version;
		return 0;
	}
	res->version = s->version > DTCP_VERSION_MAX ? DTCP_VERSION_MAX : DTCP_VERSION_MIN;
	return refuse_name(res, DTCP_VERSION, "", "expected DTCP/0.6 to DTCP/0.8");
}

static unsigned
check_method(const struct start *s, struct dtcp_req *req, struct dtcp_result *res)
{
	for (enum dtcp_method m = 0; m < DTCP_METHODS; m++) {
		if (!slice_eq_nocase(s->method, dtcp_method_name(m)))
			continue;
		req->method = m;
		if (m != DTCP_ENABLE && m != DTCP_DISABLE)
			return 0;
	}
	return refuse_name(res, DTCP_NOT_IMPLEMENTED, "", "expected ADD, DELETE, REFRESH, LIST or NOOP");
}

static unsigned
check_lines(const struct params *p, const struct dtcp_req *req, struct dtcp_result *res)
{
	if (p->code != 0)
		return refuse_name(res, p->code, p->field,
		    p->code == DTCP_BAD_REQUEST ? "expected Name: value" : "no parameter of DTCP");
	for (enum param i = 0; i < PARAMS; i++)
		if (p->have[i] && !param_allowed(i, req->method) && i < P_X_DEST_ADDRESS)
			return refuse(res, DTCP_BAD_REQUEST, i, "not a parameter of this method");
	return 0;
}

static unsigned
check_params(const struct params *p, struct dtcp_req *req, struct dtcp_result *res)
{
	unsigned code;

	switch (req->method) {
	case DTCP_ADD:
		return add_check(p, req, res);
	case DTCP_DELETE:
		code = flags_check(p, DTCP_F_STATIC, req, res);
		return code ? code : select_check(p, req, res);
	case DTCP_REFRESH:
		if ((code = flags_check(p, 0, req, res)) != 0 || (code = select_check(p, req, res)) != 0 ||
		    (code = timeouts_check(p, req, res)) != 0)
			return code;
		if (req->timeouts.named == 0)
			return refuse(res, DTCP_BAD_TIMEOUT, P_TIMEOUT_TOTAL, "missing: which timeout?");
		return 0;
	case DTCP_LIST:
		if ((code = flags_check(p, DTCP_F_STATS | DTCP_F_CRITERIA, req, res)) != 0)
			return code;
		if (req->flags == 0)
			req->flags = CHOICE_LIST_FLAGS;
		return select_check(p, req, res);
	default:
		return flags_check(p, DTCP_F_SENDASYNC, req, res);
	}
}

static unsigned
check_all(const struct start *s, const struct params *p, struct dtcp_req *req, struct dtcp_result *res)
{
	unsigned code;

	res->have_seq = p->have[P_SEQ] && slice_u64(p->value[P_SEQ], UINT64_MAX, &res->seq) == 0;
	if (!res->have_seq) {
		res->seq = CHOICE_SEQ_UNKNOWN;
		if (s->ok && s->version >= DTCP_VERSION_MIN && s->version <= DTCP_VERSION_MAX)
			res->version = (uint8_t)s->version;
		return refuse(res, DTCP_BAD_REQUEST, P_SEQ, "expected a number of up to 64 bits");
	}
	if ((code = check_version(s, res)) != 0 || (code = check_method(s, req, res)) != 0)
		return code;
	req->version = res->version;
	req->seq = res->seq;
	if ((code = check_lines(p, req, res)) != 0)
		return code;
	return check_params(p, req, res);
}

struct dtcp_result
dtcp_parse_request(const uint8_t *p, size_t len, const char *key, const char *login, struct dtcp_req *out)
{
	struct slice rest = {(const char *)p, len}, line = {0};
	struct dtcp_result res = {.version = CHOICE_VERSION_UNKNOWN};
	struct dtcp_req req = {0};
	struct params params;
	struct start start;
	const char *why;

	(void)line_next(&rest, &line);
	start = start_parse(line);
	param_collect(rest, &params);
	res.code = check_identity(&params, p, len, key, login);
	if (res.code == 0)
		res.code = check_all(&start, &params, &req, &res);
	/* The same rules once more, as others apply them who do not see the text. */
	if (res.code == 0 && (why = dtcp_req_judge(&req)) != NULL)
		refuse_name(&res, DTCP_SERVER_ERROR, "", why);
	if (res.code == 0)
		*out = req;
	else
		dtcp_req_free(&req);
	return res;
}
