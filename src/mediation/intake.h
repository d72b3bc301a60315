/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intake.h - the way of a content packet: socket, batch, strip, count, pen, file.
 *
 * Invariants:
 *  1. Every datagram read is counted once in its port's packets and is either written to
 *     the port's file or counted in unwritten.
 *  2. What was read is written before the loop sleeps again.
 */
#ifndef MEDIATION_INTAKE_H
#define MEDIATION_INTAKE_H

#include "content.h"
#include "early.h"
#include "ip.h"
#include "loop.h"
#include "ports.h"
#include "spool.h"
#include "tally.h"

struct intake_conf {
	const struct ip_addr *addr; /* listening addresses; naddr 0: all of this machine's */
	unsigned naddr;
	struct ports ports;             /* borrowed */
	size_t rcvbuf;                  /* bytes for each socket */
	uint64_t count;                 /* stop after so many packets; 0: never */
	const struct spool_conf *spool; /* borrowed, used from intake_start on; NULL: no files */
	int (*strip)(const uint8_t *p, size_t len, struct content *out);
};

struct intake_pen;

struct intake_port {
	uint16_t port;
	struct tally sum;
	struct spool spool;
	struct intake_pen *pen; /* NULL: nothing waits to be written */
	uint64_t early_lost;    /* as early_lost() said last */
	int write_err;          /* 0, or -errno of the last attempt to write */
};

struct intake;

/* Where intake_open failed. */
struct intake_fault {
	struct ip_addr addr;
	uint16_t port;
};

/* Binds all sockets.  conf is borrowed for the intake's life.  *rcvbuf: the smallest
 * receive buffer the kernel granted. */
int intake_open(const struct intake_conf *conf, struct intake **out, size_t *rcvbuf, struct intake_fault *fault);
void intake_free(struct intake *in); /* NULL is legal */
/* Before intake_start: another source beside the sockets, borrowed for the intake's life. */
void intake_add_early(struct intake *in, struct early *early);

/* Reads from now on; done(arg) is called when count packets were taken. */
int intake_start(struct intake *in, struct loop *l, void (*done)(void *arg), void *arg);
/* Brings the counts of lost packets up to date and ends files that are old enough. */
void intake_tick(struct intake *in);
/* Takes everything that reached the sockets up to until_ns (Unix time), for at most
 * limit_ms.  false: there was more. */
bool intake_drain(struct intake *in, uint64_t until_ns, unsigned limit_ms);
/* Ends all files. */
void intake_stop(struct intake *in);

unsigned intake_nports(const struct intake *in);
const struct intake_port *intake_port(const struct intake *in, unsigned i);

#endif
