/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * early.h - content taken from network interfaces before the kernel makes packets of it:
 * bpf/early.bpf.c copies whole datagrams into a ring buffer, which is read without system
 * calls.  What it does not take arrives at the UDP sockets as ever.
 */
#ifndef MEDIATION_EARLY_H
#define MEDIATION_EARLY_H

#include "ip.h"
#include "ports.h"
#include "rx.h"

struct early_conf {
	const char *const *link; /* names of interfaces */
	unsigned nlink;
	const struct ip_addr *addr; /* naddr 0: all of this machine's */
	unsigned naddr;
	const struct ports *ports;
	size_t ring; /* bytes; rounded up to a power of two */
};

struct early;

/* Loads the program and attaches it to the interfaces until early_free.  -ENODEV: *name is no
 * Ethernet interface; other -errno: not permitted, or the kernel or a driver can't; *name is
 * then NULL or the interface. */
int early_open(const struct early_conf *conf, struct early **out, const char **name);
void early_free(struct early *e); /* NULL is legal */

int early_fd(const struct early *e); /* readable when there are datagrams; borrowed */
/* Calls back for each datagram that is there, at most max; index is that of its port in
 * conf->ports.  How many. */
unsigned early_take(
    struct early *e, unsigned max, void (*cb)(void *arg, unsigned index, const struct rx_packet *pkt), void *arg);
/* Datagrams to the port that were lost so far because the ring was full. */
uint64_t early_lost(const struct early *e, uint16_t port);

/* A record of the ring, size bytes.  0, or -EBADMSG if it is none; *index < nports. */
int early_record(const void *rec, size_t size, unsigned nports, unsigned *index, struct rx_packet *out);

#endif
