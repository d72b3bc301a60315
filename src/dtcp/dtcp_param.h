/* SPDX-License-Identifier: BSD-2-Clause */
/* dtcp_param.h - the parameters of a request; within this library only. */
#ifndef DTCP_PARAM_H
#define DTCP_PARAM_H

#include "dtcp.h"

enum param {
	/* The filter elements first, numbered as enum criteria_field. */
	P_SOURCE_ADDRESS,
	P_DEST_ADDRESS,
	P_PROTOCOL,
	P_SOURCE_PORT,
	P_DEST_PORT,
	P_ICMP_TYPE,
	P_ICMP_CODE,
	P_CSOURCE_ID,
	P_SEQ,
	P_CDEST_ID,
	P_CRITERIA_ID,
	P_FLAGS,
	P_ACTION,
	P_PRIORITY,
	P_TIMEOUT_IDLE,
	P_TIMEOUT_TOTAL,
	P_TIMEOUT_PACKETS,
	P_TIMEOUT_BYTES,
	P_X_DEST_ADDRESS,
	P_X_DEST_PORT,
	P_X_SOURCE_ADDRESS,
	P_X_SOURCE_PORT,
	P_X_TTL,
	P_X_VRF,
	P_X_INPUT,
	P_X_OUTPUT,
	P_X_IP_VERSION,
	P_X_FAMILY,
	P_X_WARRANT,
	P_X_LATER, /* known, and not built: whom or where it concerns would be lost without it */
	PARAMS
};

/* The lines of a request, sorted; values borrowed. */
struct params {
	struct slice value[PARAMS];
	bool have[PARAMS];
	char later[64];   /* the name of the first P_X_LATER */
	char dropped[64]; /* of the first line of an ADD that is dropped and could have narrowed it */
	unsigned code;    /* what is wrong with the lines themselves: 0, 400, 501 */
	char field[64];
};

/* Sorts every line up to the digest's: the first of a name counts, unknown X- lines are dropped. */
void param_collect(struct slice lines, struct params *out);
const char *param_name(enum param p);
/* Whether the method takes it. */
bool param_allowed(enum param p, enum dtcp_method m);

/* ---- dtcp_add.c, dtcp_select.c: the rules; 0 or the code, with res->field and ->reason ---- */

unsigned add_check(const struct params *p, struct dtcp_req *req, struct dtcp_result *res);
unsigned select_check(const struct params *p, struct dtcp_req *req, struct dtcp_result *res);
/* Into req->timeouts: those that are named; 433 for a value that is none. */
unsigned timeouts_check(const struct params *p, struct dtcp_req *req, struct dtcp_result *res);
/* Allowed: enum dtcp_flag. */
unsigned flags_check(const struct params *p, unsigned allowed, struct dtcp_req *req, struct dtcp_result *res);

/* Notes what is at fault; returns code. */
unsigned refuse(struct dtcp_result *res, unsigned code, enum param p, const char *reason);
unsigned refuse_name(struct dtcp_result *res, unsigned code, const char *name, const char *reason);

#endif
