/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of the protocol.
 *
 * exports: dtcp_code_ dtcp_method_ */
#include <assert.h>

#include "dtcp_choices.h"

static const struct {
	unsigned code;
	const char *text, *advice;
} codes[] = {
    {DTCP_OK, "OK", "Done."},
    {DTCP_BAD_REQUEST, "Bad Request",
	"The router could not read the request, or something mandatory is missing: check the spelling of each line, "
	"that not more than two destinations and not more than one selector are named, and that the addresses are of "
	"one family."},
    {DTCP_UNKNOWN_CDEST, "Unknown Content Destination",
	"No ADD of yours has named this Cdest-ID: check its spelling; or, on ADD, copies to that address and port "
	"are not permitted to you."},
    {DTCP_UNKNOWN_CRITERIA, "Unknown Criteria ID",
	"One of the ids is not one of your criteria: LIST shows those there are.  Nothing was changed."},
    {DTCP_BAD_FILTER, "Improper Filter Specification",
	"A filter element is wrong: a number or prefix out of range, a range upside down, ports without TCP or UDP, "
	"ICMP "
	"elements without ICMP; or Cdest-IDs, their addresses and their ports differ in number."},
    {DTCP_BAD_TIMEOUT, "Improper Timeout Specification",
	"The criterion would never end and does not say Static, or a timeout is no number or over 86400 seconds: add "
	"Flags: STATIC, or a Timeout above zero."},
    {DTCP_INVALID_AUTH, "Invalid Authentication", "The digest is wrong; never sent."},
    {DTCP_INVALID_SEQ, "Invalid Sequence Number", "The sequence number was used before; never sent."},
    {DTCP_UNKNOWN_CSOURCE, "Unknown Control Source Identifier", "The Csource-ID is not the login; never sent."},
    {DTCP_SERVER_ERROR, "Server Internal Error",
	"The router failed, not the request: nothing was changed.  Try again, and tell its operator."},
    {DTCP_NOT_IMPLEMENTED, "Not Implemented",
	"The router does not know this method, parameter or value: it takes ADD, DELETE, REFRESH, LIST and "
	"NOOP, and criteria with Action Copy."},
    {DTCP_VERSION, "DTCP Version not supported", "The router speaks DTCP/0.6 to DTCP/0.8: use one of them."},
    {DTCP_MAX_CRITERIA, "Max Criteria Limit Exceeded",
	"The router holds as many criteria as it may: delete some first."},
    {DTCP_MAX_CDEST, "Max Content Destination Exceeded",
	"You use as many content destinations as you may: delete the criteria of one first."},
    {DTCP_JTAP_FAILURE, CHOICE_TEXT_901,
	"An X-JTap value is missing or can't be used: destination and source address and port are mandatory; the "
	"addresses must be unicast, of one family; VRFs and interfaces must exist on the router."},
};

static size_t
code_find(unsigned code)
{
	size_t i = 0;

	while (i < ARRAY_LEN(codes) && codes[i].code != code)
		i++;
	return i;
}

bool
dtcp_code_refuses(unsigned code)
{
	return code != DTCP_OK && code_find(code) < ARRAY_LEN(codes);
}

const char *
dtcp_code_text(unsigned code)
{
	size_t i = code_find(code);

	return i < ARRAY_LEN(codes) ? codes[i].text : "Unknown";
}

const char *
dtcp_code_advice(unsigned code)
{
	size_t i = code_find(code);

	return i < ARRAY_LEN(codes) ? codes[i].advice : "The router answered with a code that DTCP does not define.";
}

const char *
dtcp_method_name(enum dtcp_method m)
{
	static const char *const names[] = {"ADD", "DELETE", "REFRESH", "LIST", "NOOP", "ENABLE", "DISABLE"};

	static_assert(ARRAY_LEN(names) == DTCP_METHODS, "one name a method");
	return m < DTCP_METHODS ? names[m] : "?";
}
