/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dtcp_choices.h - where the drafts and Junos's manuals are silent or disagree,
 * and what we do.  Change it here and nowhere else.
 */
#ifndef DTCP_CHOICES_H
#define DTCP_CHOICES_H

#include "dtcp.h"

/* Junos's phrase for 901 is not known; clients go by the number. */
#define CHOICE_TEXT_901 "JTap-Failure"
/* What SEQ an error reply names when the request's could not be read. */
#define CHOICE_SEQ_UNKNOWN 0
/* The version of a reply to a request whose own could not be read. */
#define CHOICE_VERSION_UNKNOWN DTCP_VERSION_MAX
/* LIST without Flags: as Junos 14.1R5 and later. */
#define CHOICE_LIST_FLAGS DTCP_F_CRITERIA
/* An entry of LIST has no wildcards, and of the statistics that are zero MATCHING-PACKETS only: the vendor's Python
 * client reads 490 bytes for each criterion and loses what is beyond. */
#define CHOICE_LIST_SHORT true
#define CHOICE_TTL 255
/* Any number is taken for Priority, as on Junos, where nothing comes of it either; kept as 255 at most. */
#define CHOICE_PRIORITY 1
/* \ddd is decimal. */
#define CHOICE_ESCAPE_BASE 10

/* An element that is not of the grammar: 432 says more than 400. */
#define CHOICE_FILTER_SYNTAX DTCP_BAD_FILTER
/* Source-Port and Dest-Port as lists that are as long: pairs, as Junos's manuals have them, and not a product. */
#define CHOICE_PORTS_PAIRED true
/* IPv4 and IPv6 in one ADD: as Junos 12.3 and later. */
#define CHOICE_FAMILIES_MIXED DTCP_BAD_REQUEST
/* Something that the version of the request does not have. */
#define CHOICE_NOT_IN_VERSION DTCP_BAD_REQUEST
#define CHOICE_LIST_NOT_IN_VERSION DTCP_NOT_IMPLEMENTED
/* What a refusal for want of authority says, beside 432: DTCP has no code for it. */
#define CHOICE_REASON_LINE "X-REASON"
/* What binds a filter to a VRF, an interface or a subscriber, and what asks for the header of subscriber mirroring:
 * dropped, as unknown X- parameters are, the criterion would copy other people's packets, or in another form. */
#define CHOICE_NOT_BUILT DTCP_NOT_IMPLEMENTED
/* The draft drops an X- parameter that is not known.  One that could have narrowed the criterion is not dropped when
 * what is left names nobody, that is, when no filter element leaves out any packet. */
#define CHOICE_NARROWING_DROPPED DTCP_NOT_IMPLEMENTED

#endif
