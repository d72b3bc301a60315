/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "intake.h"
#include "pcapng.h"
#include "rx.h"

_Static_assert(RX_ROOM_BEFORE >= PCAPNG_HEAD && RX_ROOM_AFTER >= PCAPNG_TAIL, "packets are framed where they lie");

struct source {
	struct intake *in;
	struct intake_port *port;
	int fd;
	uint32_t lost; /* as the kernel said last */
	struct loop_io *io;
};

struct intake {
	const struct intake_conf *conf;
	struct rx_batch *batch;
	struct intake_port *port;
	struct source *source;
	unsigned nport, nsource;
	uint64_t left; /* packets still wanted */
	void (*done)(void *arg);
	void *done_arg;
};

/* ---- opening ---- */

static int
source_open(struct intake *in, struct intake_port *port, const struct ip_addr *addr, size_t *rcvbuf)
{
	struct source *s = &in->source[in->nsource];
	size_t got = in->conf->rcvbuf;
	int r;

	*s = (struct source){.in = in, .port = port, .fd = -1};
	if ((r = rx_open(addr, port->port, &got, &s->fd)) < 0)
		return r;
	in->nsource++;
	if (got < *rcvbuf)
		*rcvbuf = got;
	return 0;
}

/* Without IPv6 in the kernel or on this machine, IPv4 is all of it. */
static bool
is_absent_family(const struct intake_conf *conf, const struct ip_addr *addr, int err)
{
	return conf->naddr == 0 && addr->family == 6 && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL);
}

static int
sources_open(struct intake *in, size_t *rcvbuf, struct intake_fault *fault)
{
	static const struct ip_addr any[] = {{.family = 4}, {.family = 6}};
	const struct intake_conf *conf = in->conf;
	const struct ip_addr *addr = conf->naddr ? conf->addr : any;
	unsigned naddr = conf->naddr ? conf->naddr : ARRAY_LEN(any);

	for (unsigned i = 0; i < in->nport; i++)
		for (unsigned k = 0; k < naddr; k++) {
			int r = source_open(in, &in->port[i], &addr[k], rcvbuf);

			if (r < 0 && !is_absent_family(conf, &addr[k], r)) {
				*fault = (struct intake_fault){addr[k], in->port[i].port};
				return r;
			}
		}
	return 0;
}

int
intake_open(const struct intake_conf *conf, struct intake **out, size_t *rcvbuf, struct intake_fault *fault)
{
	struct intake *in = calloc(1, sizeof *in);
	unsigned naddr = conf->naddr ? conf->naddr : 2;
	size_t smallest = SIZE_MAX;
	int r = -ENOMEM;

	if (in == NULL)
		return -ENOMEM;
	in->conf = conf;
	in->left = conf->count ? conf->count : UINT64_MAX;
	in->nport = conf->ports.n;
	in->port = calloc(conf->ports.n, sizeof *in->port);
	in->source = calloc((size_t)conf->ports.n * naddr, sizeof *in->source);
	for (unsigned i = 0; in->port && i < in->nport; i++)
		in->port[i].port = conf->ports.v[i];
	if (in->port == NULL || in->source == NULL || (r = rx_batch_new(&in->batch)) < 0 ||
	    (r = sources_open(in, &smallest, fault)) < 0) {
		intake_free(in);
		return r;
	}
	*rcvbuf = smallest;
	*out = in;
	return 0;
}

void
intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	for (unsigned i = 0; i < in->nsource; i++) {
		loop_remove(in->source[i].io);
		close(in->source[i].fd);
	}
	rx_batch_free(in->batch);
	free(in->source);
	free(in->port);
	free(in);
}

/* ---- the packet's way ---- */

/* What a reader of the file should know about this packet, or NULL. */
static const char *
packet_comment(const struct content *c, char text[static PCAPNG_COMMENT_MAX + 1])
{
	if (c->has_ids)
		snprintf(text, PCAPNG_COMMENT_MAX + 1, "intercept-id %" PRIu32 " session-id %" PRIu32 "%s%s",
		    c->intercept, c->session, c->fault ? " malformed: " : "", c->fault ? c->fault : "");
	else if (c->fault)
		snprintf(text, PCAPNG_COMMENT_MAX + 1, "malformed: %s", c->fault);
	else
		return NULL;
	return text;
}

static void
packet_take(struct intake *in, struct intake_port *port, const struct rx_packet *pkt, struct iovec *block)
{
	char text[PCAPNG_COMMENT_MAX + 1];
	struct content c;
	uint8_t *inner;

	port->sum.malformed += in->conf->strip(pkt->p, pkt->len, &c) < 0;
	port->sum.packets++;
	port->sum.bytes += c.len;
	if (in->conf->spool == NULL)
		return;
	inner = pkt->p + (c.p - pkt->p); /* the same place, but ours to write */
	block->iov_base = inner - PCAPNG_HEAD;
	block->iov_len = pcapng_frame(inner, (uint32_t)c.len, pkt->stamp_ns, packet_comment(&c, text));
}

/* Takes one batch; how many packets it had.  *newest: the last stamp seen. */
static unsigned
source_take(struct source *s, uint64_t *newest)
{
	struct intake *in = s->in;
	struct iovec block[RX_BATCH];
	unsigned max = in->left < RX_BATCH ? (unsigned)in->left : RX_BATCH, n = 0, done;
	int r = max ? rx_batch_read(in->batch, s->fd, max) : 0;

	if (r <= 0)
		return 0;
	for (; n < (unsigned)r; n++) {
		struct rx_packet pkt = rx_batch_packet(in->batch, n);

		*newest = pkt.stamp_ns;
		packet_take(in, s->port, &pkt, &block[n]);
	}
	if (in->conf->spool) {
		s->port->write_err = spool_write(&s->port->spool, block, n, &done);
		s->port->sum.unwritten += n - done;
	}
	in->left -= n;
	return n;
}

static void
source_event(void *arg, uint32_t events)
{
	struct source *s = arg;
	uint64_t newest;

	(void)events;
	if (source_take(s, &newest) && s->in->left == 0)
		s->in->done(s->in->done_arg);
}

int
intake_start(struct intake *in, struct loop *l, void (*done)(void *arg), void *arg)
{
	int r;

	in->done = done;
	in->done_arg = arg;
	for (unsigned i = 0; in->conf->spool && i < in->nport; i++)
		spool_init(&in->port[i].spool, in->conf->spool, in->port[i].port);
	for (unsigned i = 0; i < in->nsource; i++)
		if ((r = loop_add(l, in->source[i].fd, EPOLLIN, source_event, &in->source[i], &in->source[i].io)) < 0)
			return r;
	return 0;
}

static void
source_count_lost(struct source *s)
{
	uint32_t lost;

	if (rx_lost(s->fd, &lost) < 0)
		return;
	s->port->sum.lost += lost - s->lost;
	s->port->spool.lost = s->port->sum.lost;
	s->lost = lost;
}

void
intake_tick(struct intake *in)
{
	for (unsigned i = 0; i < in->nsource; i++)
		source_count_lost(&in->source[i]);
	for (unsigned i = 0; in->conf->spool && i < in->nport; i++)
		spool_tick(&in->port[i].spool);
}

bool
intake_drain(struct intake *in, uint64_t until_ns, unsigned limit_ms)
{
	uint64_t deadline = clock_mono_ns() + limit_ms * UINT64_C(1000000);

	for (unsigned i = 0; i < in->nsource; i++) {
		uint64_t newest = 0;

		while (newest <= until_ns && source_take(&in->source[i], &newest))
			if (clock_mono_ns() >= deadline)
				return false;
	}
	return true;
}

void
intake_stop(struct intake *in)
{
	for (unsigned i = 0; i < in->nsource; i++)
		source_count_lost(&in->source[i]);
	for (unsigned i = 0; in->conf->spool && i < in->nport; i++)
		if (spool_close(&in->port[i].spool) < 0 && in->port[i].write_err == 0)
			in->port[i].write_err = -EIO;
}

unsigned
intake_nports(const struct intake *in)
{
	return in->nport;
}

const struct intake_port *
intake_port(const struct intake *in, unsigned i)
{
	return &in->port[i];
}
