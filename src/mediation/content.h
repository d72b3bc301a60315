/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content.h - from a content datagram's UDP payload to the intercepted packet.
 * Pure: the result points into the payload, nothing is copied or changed.
 *
 * A packet that is not whole is still handed out, with the reason: what was
 * received is evidence, and whoever writes it down must not drop it.
 */
#ifndef MEDIATION_CONTENT_H
#define MEDIATION_CONTENT_H

#include "base.h"

#define CONTENT_JMIRROR_HEADER 8

struct content {
	const uint8_t *p; /* the packet, from its IP header on; borrowed from the payload */
	size_t len;
	uint8_t family;     /* 4, 6; 0: not IP */
	const char *fault;  /* NULL: exactly one whole IP packet; else a constant sentence */
	bool has_ids;       /* jmirror: */
	uint32_t intercept; /*   30 bits */
	uint32_t session;
};

/* Flow-tap: the payload is the packet.  0, or -EBADMSG with out->fault set; *out is
 * filled in both cases. */
int content_strip(const uint8_t *p, size_t len, struct content *out);

/* Subscriber mirroring: intercept id, session id, then an IPv4 or IPv6 packet or one in
 * PPP framing (FF 03, protocol).  As above. */
int content_strip_jmirror(const uint8_t *p, size_t len, struct content *out);

#endif
