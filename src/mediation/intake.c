/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "clock.h"
#include "intake.h"
#include "pcapng.h"
#include "rx.h"

#define PENS 32              /* ports whose blocks are gathered at a time */
#define PEN_SIZE (256 << 10) /* bytes of blocks written in one piece */
#define TURN 4096            /* packets that one source has before the others */
#define PACE_MS 1
#define PACE_MIN 8             /* packets in a turn that make a pause worth it */
#define PACE_RCVBUF (4u << 20) /* holds what comes in a pause */

_Static_assert(PEN_SIZE >= PCAPNG_ROOM(65535), "a pen has room for any packet");

struct source {
	struct intake *in;
	struct intake_port *port; /* NULL: many, the source is early */
	int fd;
	uint32_t lost; /* as the kernel said last */
	bool roomy;    /* its buffer holds what comes in a pause */
	bool paced;
	struct loop_io *io;
};

/* Blocks of one port, waiting for the end of the round. */
struct intake_pen {
	struct intake_port *port;
	uint8_t *mem;
	size_t len;
	unsigned n;
};

struct intake {
	const struct intake_conf *conf;
	struct rx_batch *batch;
	struct intake_port *port;
	struct early *early; /* borrowed, may be NULL */
	struct source *source, **paced;
	unsigned nport, nsource, npaced;
	struct intake_pen pen[PENS];
	uint8_t *pen_mem; /* only touched pages exist */
	unsigned npen;
	struct loop *loop;
	struct loop_timer *pace;
	bool flush_due;
	uint64_t left;         /* packets still wanted */
	uint64_t early_newest; /* stamp of the last packet that came early */
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
	s->roomy = got >= PACE_RCVBUF;
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

static int
pens_new(struct intake *in)
{
	in->pen_mem = mmap(
	    NULL, (size_t)PENS * PEN_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (in->pen_mem == MAP_FAILED) {
		in->pen_mem = NULL;
		return -ENOMEM;
	}
	for (unsigned i = 0; i < PENS; i++)
		in->pen[i].mem = in->pen_mem + (size_t)i * PEN_SIZE;
	return 0;
}

int
intake_open(const struct intake_conf *conf, struct intake **out, size_t *rcvbuf, struct intake_fault *fault)
{
	struct intake *in = calloc(1, sizeof *in);
	size_t sources = (size_t)conf->ports.n * (conf->naddr ? conf->naddr : 2) + 1, smallest = SIZE_MAX;
	int r = -ENOMEM;

	if (in == NULL)
		return -ENOMEM;
	in->conf = conf;
	in->left = conf->count ? conf->count : UINT64_MAX;
	in->nport = conf->ports.n;
	in->port = calloc(conf->ports.n, sizeof *in->port);
	in->source = calloc(sources, sizeof *in->source);
	in->paced = calloc(sources, sizeof(struct source *));
	for (unsigned i = 0; in->port && i < in->nport; i++)
		in->port[i].port = conf->ports.v[i];
	if (in->port == NULL || in->source == NULL || in->paced == NULL || (r = pens_new(in)) < 0 ||
	    (r = rx_batch_new(&in->batch)) < 0 || (r = sources_open(in, &smallest, fault)) < 0) {
		intake_free(in);
		return r;
	}
	*rcvbuf = smallest;
	*out = in;
	return 0;
}

void
intake_add_early(struct intake *in, struct early *early)
{
	in->early = early;
	in->source[in->nsource++] = (struct source){.in = in, .fd = early_fd(early), .roomy = true};
}

void
intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	for (unsigned i = 0; i < in->nsource; i++) {
		loop_remove(in->source[i].io);
		if (in->source[i].port)
			close(in->source[i].fd);
	}
	rx_batch_free(in->batch);
	loop_timer_free(in->pace);
	if (in->pen_mem)
		munmap(in->pen_mem, (size_t)PENS * PEN_SIZE);
	free(in->paced);
	free(in->source);
	free(in->port);
	free(in);
}

/* ---- pens ---- */

static void
pen_write(struct intake_pen *pen)
{
	struct intake_port *port = pen->port;
	unsigned done;

	if (pen->n == 0)
		return;
	port->write_err = spool_write(&port->spool, pen->mem, pen->len, &done);
	port->sum.unwritten += pen->n - done;
	pen->len = pen->n = 0;
}

static void
pens_flush(struct intake *in)
{
	for (unsigned i = 0; i < in->npen; i++) {
		pen_write(&in->pen[i]);
		in->pen[i].port->pen = NULL;
	}
	in->npen = 0;
}

/* The port's pen, with room for so many bytes. */
static struct intake_pen *
pen_of(struct intake *in, struct intake_port *port, size_t room)
{
	if (port->pen == NULL) {
		if (in->npen == PENS)
			pens_flush(in);
		port->pen = &in->pen[in->npen++];
		port->pen->port = port;
	} else if (port->pen->len + room > PEN_SIZE) {
		pen_write(port->pen);
	}
	return port->pen;
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
packet_take(struct intake *in, struct intake_port *port, const struct rx_packet *pkt)
{
	char text[PCAPNG_COMMENT_MAX + 1];
	struct intake_pen *pen;
	struct content c;

	port->sum.malformed += in->conf->strip(pkt->p, pkt->len, &c) < 0;
	port->sum.packets++;
	port->sum.bytes += c.len;
	in->left--;
	if (in->conf->spool == NULL)
		return;
	pen = pen_of(in, port, PCAPNG_ROOM(c.len));
	pen->len += pcapng_frame(pen->mem + pen->len, c.p, (uint32_t)c.len, pkt->stamp_ns, packet_comment(&c, text));
	pen->n++;
}

static void
on_early(void *arg, unsigned index, const struct rx_packet *pkt)
{
	struct intake *in = arg;

	packet_take(in, &in->port[index], pkt);
	in->early_newest = pkt->stamp_ns;
}

/* Takes one batch; how many packets it had.  *newest: the last stamp seen. */
static unsigned
source_take(struct source *s, uint64_t *newest)
{
	struct intake *in = s->in;
	unsigned max = in->left < RX_BATCH ? (unsigned)in->left : RX_BATCH, n = 0;
	int r;

	if (s->port == NULL) {
		n = early_take(in->early, max, on_early, in);
		*newest = in->early_newest;
		return n;
	}
	r = max ? rx_batch_read(in->batch, s->fd, max) : 0;
	for (; (int)n < r; n++) {
		struct rx_packet pkt = rx_batch_packet(in->batch, n);

		*newest = pkt.stamp_ns;
		packet_take(in, s->port, &pkt);
	}
	return n;
}

/* Takes what is there, at most a turn's worth. */
static unsigned
source_turn(struct source *s)
{
	unsigned n = 0, k;
	uint64_t newest;

	do {
		k = source_take(s, &newest);
		n += k;
	} while (k == RX_BATCH && n < TURN);
	return n;
}

static void
round_end(struct intake *in)
{
	pens_flush(in);
	if (in->left == 0)
		in->done(in->done_arg);
}

/* ---- pauses ----
 *
 * Waking up for every few packets costs more than the packets.  A source with much to read is
 * not waited for but read again after a pause, which gathers larger batches and larger writes.
 */

static void
on_pace(void *arg)
{
	struct intake *in = arg;
	unsigned still = 0;

	for (unsigned i = 0; i < in->npaced; i++) {
		struct source *s = in->paced[i];

		if (source_turn(s) >= PACE_MIN)
			in->paced[still++] = s;
		else
			s->paced = loop_set(s->io, EPOLLIN) < 0;
	}
	in->npaced = still;
	if (still)
		loop_timer_set(in->pace, PACE_MS);
	round_end(in);
}

static void
source_pace(struct source *s)
{
	struct intake *in = s->in;

	if (s->paced || loop_set(s->io, 0) < 0)
		return;
	s->paced = true;
	in->paced[in->npaced++] = s;
	if (!loop_timer_armed(in->pace))
		loop_timer_set(in->pace, PACE_MS);
}

static void
on_flush(void *arg)
{
	struct intake *in = arg;

	in->flush_due = false;
	round_end(in);
}

static void
source_event(void *arg, uint32_t events)
{
	struct source *s = arg;

	(void)events;
	if (source_turn(s) >= PACE_MIN && s->roomy)
		source_pace(s);
	if (!s->in->flush_due)
		loop_defer(s->in->loop, on_flush, s->in);
	s->in->flush_due = true;
}

int
intake_start(struct intake *in, struct loop *l, void (*done)(void *arg), void *arg)
{
	int r;

	in->loop = l;
	in->done = done;
	in->done_arg = arg;
	for (unsigned i = 0; in->conf->spool && i < in->nport; i++)
		spool_init(&in->port[i].spool, in->conf->spool, in->port[i].port);
	for (unsigned i = 0; i < in->nsource; i++)
		if ((r = loop_add(l, in->source[i].fd, EPOLLIN, source_event, &in->source[i], &in->source[i].io)) < 0)
			return r;
	return loop_timer_new(l, on_pace, in, &in->pace);
}

static void
early_count_lost(struct intake *in)
{
	for (unsigned i = 0; i < in->nport; i++) {
		struct intake_port *p = &in->port[i];
		uint64_t lost = early_lost(in->early, p->port);

		p->sum.lost += lost - p->early_lost;
		p->spool.lost = p->sum.lost;
		p->early_lost = lost;
	}
}

static void
source_count_lost(struct source *s)
{
	uint32_t lost;

	if (s->port == NULL) {
		early_count_lost(s->in);
		return;
	}
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
	pens_flush(in);
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
