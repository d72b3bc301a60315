/* SPDX-License-Identifier: BSD-2-Clause */
/* rx.h - receiving datagrams in batches, each with the kernel's time stamp. */
#ifndef MEDIATION_RX_H
#define MEDIATION_RX_H

#include "ip.h"

#define RX_BATCH 256

/* A bound UDP socket, non-blocking, with stamps on.  *rcvbuf: bytes of receive buffer
 * wanted; what the kernel gave on return.  An IPv6 socket takes no IPv4.  -errno. */
int rx_open(const struct ip_addr *addr, uint16_t port, size_t *rcvbuf, int *fd);

/* Datagrams this socket has lost so far because its buffer was full (or their checksum
 * wrong), modulo 2^32: the kernel's own count, exact also when nothing follows. */
int rx_lost(int fd, uint32_t *lost);

struct rx_batch;

struct rx_packet {
	const uint8_t *p; /* borrowed until the next read */
	size_t len;
	uint64_t stamp_ns; /* Unix time */
};

int rx_batch_new(struct rx_batch **out);
void rx_batch_free(struct rx_batch *b); /* NULL is legal */
/* Reads what is there, at most max and RX_BATCH datagrams.  Their number, 0 if there are
 * none, -errno. */
int rx_batch_read(struct rx_batch *b, int fd, unsigned max);
struct rx_packet rx_batch_packet(const struct rx_batch *b, unsigned i);

#endif
