/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selftest.h - the canary: a packet of our own that comes in by one end of the test
 * device, is tapped like any other, and whose copy is routed to that device again.
 * Everything about it is fixed, so that nobody can ask for anything else by it.
 *
 * The addresses are of 192.0.0.0/24, which is set aside for protocols, and assigned to none.
 */
#ifndef FLOWTAPD_SELFTEST_H
#define FLOWTAPD_SELFTEST_H

#include "buf.h"
#include "kern.h"

#define SELFTEST_FROM 0xc0000041u   /* 192.0.0.65: the packet's source */
#define SELFTEST_TO 0xc0000042u     /* 192.0.0.66: its destination */
#define SELFTEST_SOURCE 0xc0000043u /* 192.0.0.67: the copy's source */
#define SELFTEST_DEST 0xc0000044u   /* 192.0.0.68: the content destination, routed to the test device */
#define SELFTEST_PORT 9
#define SELFTEST_MAC                                                                                                   \
	{                                                                                                              \
		0x02, 0x66, 0x74, 0x00, 0x00, 0x01                                                                     \
	}                             /* nobody's: the kernel's stack takes no such packet */
#define SELFTEST_AGENCY KERN_AGENCIES /* no agency of the store has that number */
#define SELFTEST_UID INT64_MAX        /* nor a row that one */
#define SELFTEST_PACKETS 3            /* of different lengths */
#define SELFTEST_LIFE_MS 5000         /* then the criterion ends by itself, whoever is dead */
#define SELFTEST_WAIT_MS 1000         /* for the copies */

/* What was received is. */
enum selftest_kind { SELFTEST_OTHER /* nobody's business */, SELFTEST_COPY, SELFTEST_BARE, SELFTEST_WRONG };

/* The i-th frame; nonce: of this test. */
void selftest_frame(struct buf *out, unsigned i, uint64_t nonce);
/* What p, which was received, is to a frame that was sent. */
enum selftest_kind selftest_kind(const struct buf *frame, const uint8_t *p, size_t len);

#endif
